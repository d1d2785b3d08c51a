"""The rules, in the order in which their edits are made: the table that `check`, `adopt` and docs/rules.md go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from bakegen.advice.look import Look, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules import inert, texts
from bakegen.advice.rules.missing import missing
from bakegen.advice.rules.texts import IGNORE_UNKNOWN, IGNORE_WITHOUT_REASON, MISSING, UNREADABLE
from bakegen.advice.tools import TOOLS

#: What a rule does: a look at a file -> its findings.
Search: TypeAlias = Callable[[Look], Iterator[Finding]]

_INERT = {
    texts.OFF: inert.turned_off,
    texts.EMPTIED: inert.emptied,
    texts.MISPLACED: inert.misplaced,
    texts.SHARING: inert.sharing,
    texts.WHOLE: inert.whole,
    texts.BUSY: inert.busy,
    texts.SHARED: inert.shared,
    texts.CLEANED: inert.cleaned,
}
SEARCHES: dict[str, Search] = {
    **{MISSING[tool.name].id: partial(missing, rule=MISSING[tool.name], tool=tool) for tool in TOOLS},
    **{rule.id: partial(search, rule=rule) for rule, search in _INERT.items()},
}
#: Every rule by its id, in that order.
RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in sorted(
        (UNREADABLE, *MISSING.values(), *_INERT, IGNORE_WITHOUT_REASON, IGNORE_UNKNOWN),
        key=lambda rule: rule.id,
    )
}
