"""The Dockerfiles of a plan -> the same with the edits of the rules, parents first, and what is left for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from bakegen.advice import Finding, Improved, Surroundings, improved
from bakegen.plan import Plan
from bakegen.surroundings import surroundings
from bakegen.tree import Kind, Tree

#: Passes over all files; each edit can make another certain, up and down a chain of images.
_ROUNDS = 6


@dataclass(slots=True)
class Outcome:
    """New texts by path, where they differ, and findings: those whose edits are made, and those that are left."""

    texts: dict[str, str] = field(default_factory=dict)
    applied: list[Finding] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)


def improve(plan: Plan, exact: Tree, real: Mapping[str, str], only: frozenset[str] | None = None) -> Outcome:
    """Return what the rules make of a plan's hand-written Dockerfiles.

    ``exact`` gives texts to the byte, ``real`` where each path leads, links followed. It goes over all of them until
    nothing changes any more: a variable can leave a parent once the children have their mounts, and what is gone from a
    parent counts for its children.
    """
    written = {image.dockerfile for image in plan.images if not image.generated and image.dockerfile}
    texts = {real.get(path, path): text for path in written if (text := exact.text(path)) is not None}
    outcome = Outcome()
    before: dict[str, tuple[Surroundings, Improved]] = {}
    for _ in range(_ROUNDS):
        done = _round(plan, Edited(exact, texts, real), only, before)
        outcome.applied += [finding for result in done.values() for finding in result.applied]
        outcome.left = [finding for result in done.values() for finding in result.left]
        changed = {path: result.text for path, result in done.items() if result.text != texts[path]}
        texts |= changed
        if not changed:
            break
    outcome.texts = {path: text for path, text in texts.items() if text != exact.text(path)}
    return outcome


def _round(
    plan: Plan, tree: Edited, only: frozenset[str] | None, before: dict[str, tuple[Surroundings, Improved]]
) -> dict[str, Improved]:
    """Return what one pass over all files makes of each, parents first.

    ``before`` is what it was made of in the last pass: where that is the same again, a second run changes nothing.
    """
    done: dict[str, Improved] = {}

    def edit(path: str, text: str, around: Surroundings) -> str:
        at = tree.real.get(path, path)
        if at not in tree.texts:
            return text
        if at not in done:
            last, result = before.get(at, (None, None))
            if result is None or last != around or result.text != text:
                result = improved(at, text, around, only)
            else:
                result = Improved(text, (), result.left)
            done[at], before[at] = result, (around, result)
        return done[at].text

    surroundings(plan, tree, edit)
    return done


@dataclass(frozen=True, slots=True)
class Edited:
    """A tree in which some files have other texts, by where they really are."""

    under: Tree
    texts: Mapping[str, str]
    real: Mapping[str, str] = field(default_factory=dict)

    def kind(self, path: str) -> Kind:
        """Return what stands at ``path``."""
        return "file" if self._at(path) in self.texts else self.under.kind(path)

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths that match ``pattern``."""
        return self.under.glob(pattern)

    def text(self, path: str) -> str | None:
        """Return the text of a file."""
        return self.texts.get(self._at(path)) if self._at(path) in self.texts else self.under.text(path)

    def _at(self, path: str) -> str:
        return self.real.get(path, path)


def as_before(findings: Iterable[Finding], old: Mapping[str, str], new: Mapping[str, str]) -> list[Finding]:
    """Return findings of edited texts with the lines that they have in the texts as they still are."""
    lines: dict[str, dict[int, int]] = {}
    for path, text in new.items():
        matcher = SequenceMatcher(None, old[path].split("\n"), text.split("\n"), autojunk=False)
        lines[path] = {}
        for _, start, end, first, last in matcher.get_opcodes():
            lines[path] |= {n + 1: min(start + n - first, max(end - 1, start)) + 1 for n in range(first, last)}
    nowhere: dict[int, int] = {}
    return [
        replace(one, line=at.get(one.line, one.line), end_line=at.get(one.end_line, one.end_line))
        for one in findings
        for at in [lines.get(one.path, nowhere)]
    ]
