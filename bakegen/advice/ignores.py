"""Comments that hide findings: ``# bakegen: ignore BG012 because ...`` above an instruction, or at the head of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bakegen.advice.look import Look
from bakegen.advice.model import Finding
from bakegen.advice.rules import RULES
from bakegen.advice.rules.texts import IGNORE_UNKNOWN, IGNORE_WITHOUT_REASON

_COMMENT = re.compile(
    r"[ \t]*#[ \t]*bakegen:[ \t]*ignore\b[ \t]*(?P<file>file\b)?[ \t:]*(?P<ids>\w+(?:[ \t]*,[ \t]*\w+)*)?(?P<rest>[^\r\n]*)"
)
_REASON = re.compile(r"[ \t]+(?:because|as|since)\b[ \t]*(\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment: the rules it hides in the lines from ``first`` to ``last``, and the stretch of the file where it stands."""

    rules: frozenset[str]
    first: int
    last: int
    span: tuple[int, int]
    reason: str


def without_ignored(look: Look, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings that no comment hides, and what is wrong with the comments."""
    ignores = list(_ignores(look))
    for finding in findings:
        hidden = any(
            finding.rule in ignore.rules and ignore.first <= finding.line <= ignore.last and ignore.reason
            for ignore in ignores
        )
        if not hidden:
            yield finding
    for ignore in ignores:
        if not ignore.reason:
            yield look.finding(IGNORE_WITHOUT_REASON, ignore.span, "this comment hides nothing: it gives no reason")
        for name in sorted(ignore.rules - RULES.keys()):
            yield look.finding(IGNORE_UNKNOWN, ignore.span, f"there is no rule {name}")
        if not ignore.rules:
            yield look.finding(IGNORE_UNKNOWN, ignore.span, "this comment names no rule")


def _ignores(look: Look) -> Iterator[Ignore]:
    """Yield the comments; one stands above the instruction that it is for, or ahead of all of them for the whole file."""
    lines = look.dockerfile.text.split("\n")
    instructions = look.dockerfile.instructions
    inside = {line for i in instructions for heredoc in i.heredocs for line in _lines(look, heredoc.span)}
    for number, line in enumerate(lines, 1):
        match = _COMMENT.match(line.removeprefix("\ufeff") if number == 1 else line)
        if not match or number in inside:
            continue
        start = look.dockerfile.starts[number - 1] + line.index("#")
        ids = frozenset(re.findall(r"\w+", match["ids"] or ""))
        reason = _REASON.match(match["rest"])
        around = next((i for i in instructions if i.start_line < number <= i.end_line), None)
        after = next((i for i in instructions if i.start_line > number), None)
        target = around or after
        first, last = (target.start_line, target.end_line) if target else (number, number)
        if not around and after is instructions[0] and (match["file"] or after.name != "RUN"):
            first, last = 1, len(lines)
        yield Ignore(
            ids, first, last, (start, start + len(line.rstrip("\r")) - line.index("#")), reason[1] if reason else ""
        )


def _lines(look: Look, span: tuple[int, int]) -> range:
    first, _ = look.dockerfile.where(span[0])
    last, _ = look.dockerfile.where(span[1])
    return range(first, last)
