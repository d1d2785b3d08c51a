"""Dockerfiles and the builds that files describe -> images: which calls are one image, its tags, context, arguments."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bakegen.adopt import names
from bakegen.adopt.contexts import context_of
from bakegen.adopt.discover import Readable, shown, unnameable
from bakegen.adopt.model import Call, Fact, Use
from bakegen.adopt.tags import Settler
from bakegen.errors import Problem, Where
from bakegen.refs import ImageRef
from bakegen.tree import Tree


@dataclass(slots=True)
class Draft:
    """An image in the making; ``tags`` with the places that give them."""

    dockerfile: str
    context: str
    args: dict[str, str]
    stage: str
    tags: dict[str, list[Where]] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    secrets: tuple[tuple[tuple[str, str], ...], ...] = ()
    calls: list[Call] = field(default_factory=list)
    why: dict[Fact, str] = field(default_factory=dict)
    name: str = ""

    @property
    def built_at(self) -> Where | None:
        """Where its first build stands, if any does."""
        return self.calls[0].where if self.calls else None


def drafts(
    dockerfiles: Sequence[Readable], calls: Iterable[Call], uses: Iterable[Use], settler: Settler, tree: Tree
) -> tuple[list[Draft], list[Problem]]:
    """Return an image for each Dockerfile and each way in which it is built, and what is not clear about them."""
    made = _Maker(settler)
    readable = {item.path: item for item in dockerfiles}
    for call in calls:
        if call.dockerfile in readable:
            made.take(call)
    uses = tuple(uses)
    made.alias(uses)
    made.confirm(uses)
    built = {draft.dockerfile for draft in made.drafts}
    for item in dockerfiles:
        if item.path not in built:
            context, why = context_of(item, tree)
            made.drafts.append(Draft(item.path, context, {}, "", why={"context": why}))
    return made.drafts, made.notes


class _Maker:
    """Sorts calls into images."""

    def __init__(self, settler: Settler) -> None:
        self.settler = settler
        self.drafts: list[Draft] = []
        self.notes: list[Problem] = []
        self.owner: dict[str, Draft] = {}

    def take(self, call: Call) -> None:
        """Give a call to the image that it builds, which may be a new one."""
        if unnameable(call.context):
            what = f"a build in {shown(call.context)}: bake cannot find a directory of this name"
            self.notes.append(Problem(what, call.where))
            return
        tags = [tag for text in call.tags if (tag := self.settler.settled(text, call.where))]
        own = [tag for tag in tags if self._free(tag, call)]
        draft = self._same(call, own, had_none=not tags)
        if draft is None:
            draft = Draft(call.dockerfile, call.context, dict(call.args), call.stage)
            self.drafts.append(draft)
        else:
            self._compare(draft, call)
        draft.calls.append(call)
        draft.platforms = draft.platforms or call.platforms
        draft.secrets = draft.secrets or call.secrets
        for tag in own:
            draft.tags.setdefault(tag, []).append(call.where)
            self.owner.setdefault(key(tag), draft)

    def _free(self, tag: str, call: Call) -> bool:
        """Return whether a tag is not yet that of another Dockerfile; if it is, say so."""
        other = self.owner.get(key(tag))
        if other is None or (other.dockerfile, other.stage) == (call.dockerfile, call.stage):
            return True
        what = f"{tag} is built from {call.dockerfile}{_stage(call.stage)} here"
        why = f"and from {other.dockerfile}{_stage(other.stage)} at {other.built_at}, which keeps the name"
        self.notes.append(Problem(what, call.where, why, "rename one of them, in bakegen.yaml too"))
        return False

    def _same(self, call: Call, tags: Sequence[str], *, had_none: bool) -> Draft | None:
        near = [d for d in self.drafts if (d.dockerfile, d.stage) == (call.dockerfile, call.stage)]
        keys = {key(tag) for tag in tags}
        sharing = [d for d in near if keys & {key(tag) for tag in d.tags}]
        equal = [d for d in near if d.context == call.context and d.args == dict(call.args)]
        nameless = [d for d in near if not d.tags]
        return next(iter([*sharing, *equal, *(near if had_none else nameless)]), None)

    def _compare(self, draft: Draft, call: Call) -> None:
        """Say in what a second build of an image differs from the first, whose values are taken."""
        first = draft.built_at
        if draft.context != call.context:
            what = f"{call.dockerfile} is built in {call.context} here, in {draft.context} at {first}"
            self.notes.append(Problem(what, call.where, f"{draft.context} is taken"))
        given = dict(call.args)
        for name in sorted(draft.args.keys() & given.keys()):
            if draft.args[name] != given[name]:
                what = f"{call.dockerfile} gets {name}={given[name]} here, {name}={draft.args[name]} at {first}"
                self.notes.append(Problem(what, call.where, f"{draft.args[name]} is taken"))
        draft.args = {**given, **draft.args}

    def alias(self, uses: Iterable[Use]) -> None:
        """Take the second names that ``docker tag`` gives."""
        for use in (use for use in uses if use.source):
            source, new = (self.settler.settled(text, use.where) for text in (use.source, use.reference))
            draft = self.owner.get(key(source)) if source else None
            if draft and new and self.owner.setdefault(key(new), draft) is draft:
                draft.tags.setdefault(new, []).append(use.where)

    def confirm(self, uses: Iterable[Use]) -> None:
        """Note where else an image's name is written: what runs it."""
        for use in (use for use in uses if not use.source):
            tag = self.settler.settled(use.reference, use.where)
            draft = self.owner.get(key(tag)) if tag else None
            if draft:
                written = next(own for own in draft.tags if key(own) == key(tag))
                draft.tags[written].append(use.where)


def _stage(name: str) -> str:
    return f" (stage {name})" if name else ""


def key(tag: str) -> str:
    """Return a tag as BuildKit compares it with a FROM."""
    return ImageRef.parse(tag).context_name


def name_all(found: Sequence[Draft], taken: Iterable[str], top: str) -> None:
    """Give every image its name, and say where it is not simply that of its tag."""
    choices = {str(index): _choices(draft, top) for index, draft in enumerate(found)}
    chosen = names.distinct(choices, taken)
    for index, draft in enumerate(found):
        draft.name = chosen[str(index)]
        if not draft.tags:
            draft.why["name"] = "called like its directory: no file names it"


def _choices(draft: Draft, top: str) -> tuple[str, ...]:
    by_place = names.of_dockerfile(draft.dockerfile, top)
    whole = names.valid(posixpath.dirname(draft.dockerfile).replace("/", "-") or by_place)
    first = next(iter(draft.tags), "")
    by_tag = (*names.of_tag(first), names.valid(ImageRef.parse(first).name.replace("/", "-"))) if first else ()
    service = tuple(names.valid(call.service) for call in draft.calls if call.service)[:1]
    if service and first.endswith(f"-{service[0]}") and "/" not in first:  # named by compose
        by_tag = (*service, *by_tag)
    staged = (f"{by_place}-{names.valid(draft.stage)}",) if draft.stage else ()
    return tuple(dict.fromkeys((*by_tag, *service, *(() if first else (*staged, by_place, whole)))))
