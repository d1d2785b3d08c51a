"""A file's text -> its findings; and the same text with those edits made that are certain to mean the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bakegen.advice.ignores import without_ignored
from bakegen.advice.look import Look
from bakegen.advice.model import Finding, Improved, Surroundings
from bakegen.advice.rules import SEARCHES
from bakegen.advice.rules.texts import UNREADABLE
from bakegen.advice.verify import same_but_for
from bakegen.dockerfile.parser import Dockerfile, DockerfileError, Edit, parse
from bakegen.dockerfile.references import stage_names

_NOTHING = Surroundings()
_ROUNDS = 3  # of one rule: what one edit makes possible for the next


def check(path: str, text: str, around: Surroundings = _NOTHING) -> tuple[Finding, ...]:
    """Return what the rules find in a Dockerfile, in the order of its lines; ignored findings are left out."""
    try:
        dockerfile = _parsed(text)
    except DockerfileError as error:
        what = f"BuildKit would not take it: {error.what}"
        place = (error.line, error.column, error.line, error.column)
        return (Finding(UNREADABLE.id, path, *place, what, UNREADABLE.why, UNREADABLE.fix),)
    look = Look(path, dockerfile, around)
    found = [finding for search in SEARCHES.values() for finding in search(look)]
    return tuple(sorted(without_ignored(look, found), key=lambda f: (f.line, f.column, f.rule, f.what)))


def improved(path: str, text: str, around: Surroundings = _NOTHING, only: Collection[str] | None = None) -> Improved:
    """Return a Dockerfile with the edits of its findings made, those of the rules ``only`` if given; again, nothing changes.

    After each rule the text is parsed again, and an edit that changed more than its rule names is not made.
    """
    try:
        look = Look(path, _parsed(text), around)
    except DockerfileError:
        return Improved(text, (), check(path, text, around))
    applied: list[Finding] = []
    for rule, search in SEARCHES.items():
        for _ in range(_ROUNDS if only is None or rule in only else 0):
            todo = [finding for finding in without_ignored(look, list(search(look))) if finding.edits]
            new, done = _made(look.dockerfile, todo)
            if not done:
                break
            applied += done
            look = Look(path, new, around)
    return Improved(look.dockerfile.text, tuple(applied), check(path, look.dockerfile.text, around))


def _parsed(text: str) -> Dockerfile:
    """Return the Dockerfile; its FROMs are looked at too."""
    dockerfile = parse(text)
    stage_names(dockerfile)
    return dockerfile


def _made(before: Dockerfile, findings: Iterable[Finding]) -> tuple[Dockerfile, list[Finding]]:
    """Return the file with the edits of findings made, and which these are; edits that several share are made once."""
    edits: dict[Edit, None] = {}
    done: list[Finding] = []
    after = before
    for finding in findings:
        more = edits | dict.fromkeys(finding.edits)
        try:
            new = parse(before.replace(more))
        except (DockerfileError, ValueError):
            continue
        if same_but_for(before, new, tuple(more)):
            edits, after = more, new
            done.append(finding)
    return after, done
