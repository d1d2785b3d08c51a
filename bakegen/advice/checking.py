"""A file's text -> its findings; and the same text with those edits made that are certain to mean the same."""

from __future__ import annotations

from collections.abc import Collection

from bakegen.advice.ignores import without_ignored
from bakegen.advice.look import Look
from bakegen.advice.model import Finding, Improved, Surroundings
from bakegen.advice.rules import SEARCHES
from bakegen.advice.rules.packages import CLEAN
from bakegen.advice.rules.texts import UNREADABLE
from bakegen.advice.verify import same_but_for
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Edit, parse
from bakegen.dockerfile.references import stage_names

_NOTHING = Surroundings()
_MOST = 10_000  # edits of a file; more means that a rule finds what it has made


def check(path: str, text: str, around: Surroundings = _NOTHING) -> tuple[Finding, ...]:
    """Return what the rules find in a Dockerfile, in the order of its lines; ignored findings are left out."""
    try:
        dockerfile = _parsed(text)
    except DockerfileError as error:
        what = f"BuildKit would not take it: {error.what}"
        place = (error.line, error.column, error.line, error.column)
        return (Finding(UNREADABLE.id, path, *place, what, UNREADABLE.why, UNREADABLE.fix),)
    return _findings(Look(path, dockerfile, around))


def _findings(look: Look) -> tuple[Finding, ...]:
    found = [finding for search in SEARCHES.values() for finding in search(look)]
    return tuple(sorted(without_ignored(look, found), key=lambda f: (f.line, f.column, f.rule, f.what)))


def improved(path: str, text: str, around: Surroundings = _NOTHING, only: Collection[str] | None = None) -> Improved:
    """Return a Dockerfile with the edits of its findings made, those of the rules ``only`` if given; again, nothing changes.

    After the edits of a rule the text is parsed again; one that changed more than its rule names is not made.
    """
    try:
        look = Look(path, _parsed(text), around)
    except DockerfileError:
        return Improved(text, (), check(path, text, around))
    applied: list[Finding] = []
    for rule, search in SEARCHES.items():
        if only is not None and rule not in only:
            continue
        refused: set[tuple[Edit, ...]] = set()
        while todo := [f for f in without_ignored(look, list(search(look))) if f.edits and f.edits not in refused]:
            done = _together(todo)
            new = _edited(look.dockerfile, done)
            if new is None:
                done = todo[:1]
                new = _edited(look.dockerfile, done)
            if new is None:
                refused.add(todo[0].edits)
                continue
            look = Look(path, new, around)
            applied += done
            refused.clear()
            if len(applied) > _MOST:
                raise AssertionError(f"{rule} finds no end in {path}")
    return Improved(look.dockerfile.text, tuple(applied), _findings(look))


def _parsed(text: str) -> Dockerfile:
    """Return the Dockerfile; its FROMs are looked at too."""
    dockerfile = parse(text)
    stage_names(dockerfile)
    return dockerfile


def _together(findings: list[Finding]) -> list[Finding]:
    """Return the findings to make in one go: of those that set apt up only the first, as the next steps may not need to."""
    first = next((finding for finding in findings if _sets_up(finding)), None)
    return [finding for finding in findings if finding is first or not _sets_up(finding)]


def _sets_up(finding: Finding) -> bool:
    return any(CLEAN in new for _, _, new in finding.edits)


def _edited(before: Dockerfile, findings: list[Finding]) -> Dockerfile | None:
    """Return the file with the edits of findings made, shared ones once; None if that changed more than they say."""
    edits = tuple(dict.fromkeys(edit for finding in findings for edit in finding.edits))
    try:
        after = parse(before.replace(edits))
    except (DockerfileError, ValueError):
        return None
    return after if same_but_for(before, after, edits) else None
