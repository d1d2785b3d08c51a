"""Who stands on whom: the references of Dockerfiles, matched to the tags that the project's own images have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakegen import graph
from bakegen.adopt.discover import Readable
from bakegen.adopt.images import Draft
from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.parser import Dockerfile, DockerfileError
from bakegen.dockerfile.references import External, Unclear, externals, stage_names
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import list_words
from bakegen.errors import Problem, Where
from bakegen.refs import ImageRef

DEFAULT_PLATFORM = "linux/amd64"
_PREFIX = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-[^}]*)?\})/(.+)")


@dataclass(slots=True)
class Links:
    """What an image's Dockerfile names: its ``parents`` in the family by all names that it has for them, and its base.

    ``parents`` has the one that the built stage stands on first, if that is one of the family.
    """

    parents: dict[str, dict[str, None]] = field(default_factory=dict)
    base: str = ""
    where: Where | None = None


def linked(found: Sequence[Draft], readable: Mapping[str, Readable]) -> tuple[dict[str, Links], list[Problem]]:
    """Return what each image names, by image, and what cannot be told. Arguments that make a match are put in."""
    owners = {ImageRef.parse(tag).context_name: draft for draft in found for tag in draft.tags}
    repositories: dict[str, list[Draft]] = {}
    for draft in found:
        for path in {ImageRef.parse(tag).path for tag in draft.tags}:
            repositories.setdefault(path, []).append(draft)
    notes: list[Problem] = []
    links: dict[str, Links] = {}
    for draft in found:
        linker = _Linker(draft, readable[draft.dockerfile].parsed, owners, notes)
        linker.repositories = repositories
        links[draft.name] = linker.links()
    _break_cycles(links, notes)
    return links, list(dict.fromkeys(notes))


class _Linker:
    """Looks at one image's Dockerfile."""

    def __init__(self, draft: Draft, dockerfile: Dockerfile, owners: Mapping[str, Draft], notes: list[Problem]) -> None:
        self.draft, self.dockerfile, self.owners, self.notes = draft, dockerfile, owners, notes
        self.repositories: Mapping[str, Sequence[Draft]] = {}

    def links(self) -> Links:
        try:
            outside, unclear = self._externals()
            root = self._root()
        except DockerfileError as error:
            self.notes.append(
                Problem(f"its images cannot be told: {error.what}", self._where(error.line, error.column))
            )
            return Links()
        if self._adjusted():
            outside, unclear = self._externals()
        for item in unclear:
            if item.why:
                self.notes.append(
                    Problem(f"{item.text} cannot be told: {item.why}", self._where(item.line, item.column))
                )
        return self._sorted(outside, root)

    def _where(self, line: int, column: int) -> Where:
        return Where(self.draft.dockerfile, line, column)

    def _externals(self) -> tuple[tuple[External, ...], tuple[Unclear, ...]]:
        platform = self.draft.platforms[0] if self.draft.platforms else DEFAULT_PLATFORM
        return externals(self.dockerfile, self.draft.args, platform)

    def _root(self) -> tuple[int, int]:
        """Return line and column of the reference that the built stage stands on in the end."""
        stages: list[tuple[str, str, tuple[int, int]]] = []
        for one in (i for i in self.dockerfile.instructions if i.name == "FROM"):
            words = list_words(one.text, one.command.start, one.command.end)
            place = self.dockerfile.where(one.source(words[0].start))
            stages.append((words[-1].text.lower() if len(words) > 1 else "", self._expanded(words[0].text), place))
        if not stages:
            return (0, 0)
        named = [n for n, stage in enumerate(stages) if stage[0] == self.draft.stage.lower()]
        index = named[-1] if self.draft.stage and named else len(stages) - 1
        if self.draft.stage and not named and not self.draft.stage.isdecimal():
            what = f"it has no stage {self.draft.stage}, which {self.draft.built_at} builds"
            self.notes.append(Problem(what, Where(self.draft.dockerfile)))
        while below := [n for n in range(index) if stages[n][0] and stages[n][0] == stages[index][1]]:
            index = below[-1]
        return stages[index][2]

    def _expanded(self, text: str) -> str:
        """Return a FROM as stages are compared with it."""
        try:
            return expand(text, self._values(), self.dockerfile.escape).text.lower()
        except ShellError:
            return text.lower()

    def _adjusted(self) -> bool:
        """Give the build an argument for a registry in FROM, where only that keeps it from an image of the family."""
        changed = False
        for one in (i for i in self.dockerfile.instructions if i.name == "FROM"):
            base = list_words(one.text, one.command.start, one.command.end)[0]
            match = _PREFIX.fullmatch(base.text)
            place = self._where(*self.dockerfile.where(one.source(base.start)))
            if match and (value := self._registry(match[1] or match[2], match[3], place)):
                name = match[1] or match[2]
                self.draft.args[name] = value
                self.draft.why["args"] = f"{name}: so that FROM at {place} meets the image's tag"
                changed = True
        return changed

    def _registry(self, name: str, rest: str, place: Where) -> str:
        """Return the registry with which ``rest`` is the tag of one image of the family; "" if none is needed or fits."""
        values = self._values()
        try:
            tail = ImageRef.parse(expand(rest, values, self.dockerfile.escape).text)
            now = expand(f"${{{name}}}", values, self.dockerfile.escape).text
        except (ShellError, ValueError):
            return ""
        if now and f"{now}/{tail.context_name}" in self.owners:
            return ""
        own = {key for key in self.owners if key.endswith(f"/{tail.context_name}")}
        fitting = sorted({key.removesuffix(f"/{tail.context_name}") for key in own})
        if not fitting:
            return ""
        if len(fitting) > 1:
            what = f"${name}/{tail} may be an image of this project under {', '.join(fitting)}"
            self.notes.append(Problem(what, place, next=f"say which: bakegen adopt --set {name}=REGISTRY"))
            return ""
        if name in self.draft.args:
            what = f"${name}/{tail} is {now}/{tail} by {self.draft.built_at}, while {fitting[0]}/{tail} is built here"
            self.notes.append(Problem(what, place, "it is taken from the registry, as it was"))
            return ""
        return fitting[0]

    def _values(self) -> Mapping[str, str]:
        return global_arguments(self.dockerfile, self.draft.args, DEFAULT_PLATFORM, self.draft.stage).values

    def _sorted(self, outside: Sequence[External], root: tuple[int, int]) -> Links:
        links = Links()
        for item in sorted(outside, key=lambda i: (i.line, i.column) != root):
            owner = self.owners.get(ImageRef.parse(item.written).context_name)
            at_root = item.kind == "from" and (item.line, item.column) == root
            if at_root:
                links.where = self._where(item.line, item.column)
            if owner is self.draft:
                what = f"{item.written} is this image itself: an older one is taken from the registry"
                self.notes.append(Problem(what, self._where(item.line, item.column)))
            if owner and owner is not self.draft and item.kind != "syntax" and not self._hidden(item, owner):
                links.parents.setdefault(owner.name, {})[item.written] = None
            elif at_root and not owner:
                links.base = item.written
            if owner is None:
                self._near_miss(item)
        return links

    def _near_miss(self, item: External) -> None:
        """Say which image of the family has the same repository under another tag."""
        ref = ImageRef.parse(item.written)
        near = [tag for draft in self.repositories.get(ref.path, ()) for tag in draft.tags]
        same = [
            tag for tag in near if ImageRef.parse(tag).path == ref.path and ImageRef.parse(tag).registry == ref.registry
        ]
        if same and not ref.digest:
            what = f"{item.written} is taken from the registry: what is built here is {', '.join(same)}"
            self.notes.append(Problem(what, self._where(item.line, item.column)))

    def _hidden(self, item: External, owner: Draft) -> bool:
        """Return whether a stage hides an image of the family: BuildKit would take the image in the stage's place."""
        if ImageRef.parse(item.written).context_name not in stage_names(self.dockerfile):
            return False
        what = f"a stage has the name of {item.written}, so the image {owner.name} cannot be led there"
        tip = "give the stage another name, then adopt: until then that image comes from the registry"
        self.notes.append(Problem(what, self._where(item.line, item.column), next=tip))
        return True


def _break_cycles(links: dict[str, Links], notes: list[Problem]) -> None:
    """Say which images are built from each other, and take the last step of each such circle away."""
    while chain := graph.cycle({name: tuple(one.parents) for name, one in links.items()}):
        child, parent = chain[0], next(p for p in chain[1:] if p in links[chain[0]].parents)
        what = f"images are built from each other: {' -> '.join(chain)}"
        references = ", ".join(links[child].parents.pop(parent))
        why = f"{child} takes {references} from the registry, so that the rest can be built"
        notes.append(Problem(what, links[child].where, why, "one of them must stand on something else"))
