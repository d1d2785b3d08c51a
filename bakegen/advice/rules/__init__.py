"""The rules, in the order in which their edits are made: the table that `check`, `adopt` and docs/rules.md go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from bakegen.advice.look import Look, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules.missing import missing
from bakegen.advice.rules.texts import IGNORE_UNKNOWN, IGNORE_WITHOUT_REASON, MISSING, UNREADABLE
from bakegen.advice.tools import TOOLS

#: What a rule does: a look at a file -> its findings.
Search: TypeAlias = Callable[[Look], Iterator[Finding]]

SEARCHES: dict[str, Search] = {
    MISSING[tool.name].id: partial(missing, rule=MISSING[tool.name], tool=tool) for tool in TOOLS
}
#: Every rule by its id, in that order.
RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in sorted(
        (UNREADABLE, *MISSING.values(), IGNORE_WITHOUT_REASON, IGNORE_UNKNOWN),
        key=lambda rule: rule.id,
    )
}
