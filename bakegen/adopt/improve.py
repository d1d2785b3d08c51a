"""The Dockerfiles of a plan -> the same with the edits of the rules, parents first, and what is left for a person."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakegen.advice import Finding, Improved, State, Surroundings, improved
from bakegen.advice.state import handed_down
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.references import externals
from bakegen.family import Family
from bakegen.plan import Plan, PlannedImage, references
from bakegen.refs import ImageRef
from bakegen.tree import Tree


@dataclass(slots=True)
class Outcome:
    """New texts by path, where they differ, and findings: those whose edits are made, and those that are left."""

    texts: dict[str, str] = field(default_factory=dict)
    applied: list[Finding] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)


def improve(plan: Plan, exact: Tree, real: Mapping[str, str], only: frozenset[str] | None = None) -> Outcome:
    """Return what the rules make of a plan's hand-written Dockerfiles.

    ``exact`` gives texts to the byte, ``real`` where each path leads, links followed. A Dockerfile that several images
    share gets the edits that are right for all of them. What a parent's edits change, such as a variable that is gone,
    counts for its children.
    """
    return _Improver(plan, exact, real, only).run()


class _Improver:
    def __init__(self, plan: Plan, exact: Tree, real: Mapping[str, str], only: frozenset[str] | None) -> None:
        self.plan, self.exact, self.real, self.only = plan, exact, real, only
        own = [image for image in plan.images if not image.generated and image.dockerfile]
        self.texts = {image.dockerfile: text for image in own if (text := exact.text(image.dockerfile)) is not None}
        self.images = [image for image in own if image.dockerfile in self.texts]
        self.names = _names(plan.family, plan.images)
        self.states: dict[str, State] = {}
        self.outcome = Outcome()

    def run(self) -> Outcome:
        done: dict[str, Improved] = {}
        for image in self.images:
            path = self.real.get(image.dockerfile, image.dockerfile)
            if path not in done:
                sharing = [i for i in self.images if self.real.get(i.dockerfile, i.dockerfile) == path]
                done[path] = self._shared(path, self.texts[image.dockerfile], sharing)
            self._hand_down(image, path, done[path].text)
        for path, result in done.items():
            if result.text != self.exact.text(path):
                self.outcome.texts[path] = result.text
            self.outcome.applied += result.applied
            self.outcome.left += result.left
        return self.outcome

    def _shared(self, path: str, text: str, images: Sequence[PlannedImage]) -> Improved:
        """Return what the rules make of a file for all images that are built from it."""
        arounds = [self._around(image) for image in images]
        results = [improved(path, text, around, self.only) for around in arounds]
        first = results[0]
        if all(result.text == first.text for result in results):
            return first
        agreed = frozenset(
            rule
            for rule in {finding.rule for result in results for finding in result.applied}
            if len({improved(path, text, around, frozenset({rule})).text for around in arounds}) == 1
        )
        edited = improved(path, text, arounds[0], agreed)
        rest = [f for result in results for f in (*result.applied, *result.left) if f.rule not in agreed]
        return Improved(edited.text, edited.applied, tuple(dict.fromkeys((*edited.left, *rest))))

    def _around(self, image: PlannedImage) -> Surroundings:
        children = [other for other in self.images if image.name in other.parents]
        return Surroundings(
            parents=self._parents(image),
            args=dict(image.args),
            platforms=image.platforms,
            ignore=self._ignore(image),
            images=frozenset(self.names),
            children=tuple(dict.fromkeys(self.texts[child.dockerfile] for child in children)),
        )

    def _parents(self, image: PlannedImage) -> dict[str, State]:
        """Return what the images hand down that a Dockerfile names, by all names that it may have for them."""
        found: dict[str, State] = {}
        linked = dict(image.bake.contexts) if image.bake else {}
        for name, target in linked.items():
            parent = target.removeprefix("target:")
            if parent != target and parent in self.states:
                found[name] = self.states[parent]
        for written in self._written(image):
            owner = self.names.get(ImageRef.parse(written).context_name)
            if owner in self.states:
                found[written] = self.states[owner]
        if image.parent in self.states:
            found[image.parent] = self.states[image.parent]
        return found

    def _written(self, image: PlannedImage) -> list[str]:
        platform = image.platforms[0] if image.platforms else "linux/amd64"
        try:
            return [
                item.written for item in externals(parse(self.texts[image.dockerfile]), dict(image.args), platform)[0]
            ]
        except DockerfileError:
            return []

    def _ignore(self, image: PlannedImage) -> tuple[str, ...] | None:
        """Return the lines of the .dockerignore that holds for an image: its own, or that of its context."""
        for path in (f"{image.dockerfile}.dockerignore", posixpath.join(image.context, ".dockerignore")):
            text = self.exact.text(path) if self.exact.kind(path) == "file" else None
            if text is not None:
                return tuple(text.splitlines())
        return None

    def _hand_down(self, image: PlannedImage, path: str, text: str) -> None:
        target = (image.bake.target or "") if image.bake else ""
        try:
            self.states[image.name] = handed_down(parse(text), path, self._around(image), target)
        except DockerfileError:
            self.states.pop(image.name, None)


def _names(family: Family, images: Sequence[PlannedImage]) -> dict[str, str]:
    """Return the images of a family by the names under which BuildKit looks them up."""
    found: dict[str, str] = {}
    for image in images:
        for reference in references(family, image):
            try:
                found[ImageRef.parse(reference).context_name] = image.name
            except ValueError:
                continue  # bake takes any text for a tag
    return found
