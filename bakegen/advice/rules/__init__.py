"""The rules, in the order in which their edits are made: the table that `check`, `adopt` and docs/rules.md go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from bakegen.advice.look import Look, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules import files, inert, texts
from bakegen.advice.rules.missing import missing
from bakegen.advice.rules.texts import IGNORE_UNKNOWN, IGNORE_WITHOUT_REASON, MISSING, UNREADABLE
from bakegen.advice.tools import TOOLS

#: What a rule does: a look at a file -> its findings.
Search: TypeAlias = Callable[[Look], Iterator[Finding]]

_OTHERS = {
    texts.OFF: inert.turned_off,
    texts.EMPTIED: inert.emptied,
    texts.MISPLACED: inert.misplaced,
    texts.SHARING: inert.sharing,
    texts.WHOLE: inert.whole,
    texts.BUSY: inert.busy,
    texts.SHARED: inert.shared,
    texts.CLEANED: inert.cleaned,
    texts.UNPINNED: files.unpinned,
    texts.UNTAGGED: files.untagged,
    texts.REDIRECTED: files.redirected,
    texts.LATE: files.late_dependencies,
    texts.OWNED: files.owned_again,
    texts.LEFT_OUT: files.left_out,
    texts.RELIANT: files.without_update,
}
SEARCHES: dict[str, Search] = {
    **{MISSING[tool.name].id: partial(missing, rule=MISSING[tool.name], tool=tool) for tool in TOOLS},
    **{rule.id: partial(search, rule=rule) for rule, search in _OTHERS.items()},
}
#: Every rule by its id, in that order.
RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in sorted(
        (UNREADABLE, *MISSING.values(), *_OTHERS, IGNORE_WITHOUT_REASON, IGNORE_UNKNOWN),
        key=lambda rule: rule.id,
    )
}
