"""All that a repository tells -> the family that it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bakegen.adopt import compose, names
from bakegen.adopt.arguments import needed
from bakegen.adopt.directories import named_by_directory
from bakegen.adopt.discover import Readable
from bakegen.adopt.images import Draft, drafts, name_all
from bakegen.adopt.model import AdoptedImage, Adoption, Call, Discovery, Fact
from bakegen.adopt.parents import Links, linked
from bakegen.adopt.tags import Settler, common_tag, registry_of
from bakegen.dockerfile.arguments import global_arguments
from bakegen.family.bases import guess_target
from bakegen.family.fields import Target
from bakegen.refs import ImageRef
from bakegen.tree import Tree

_CUDA = re.compile(r"(^|[-_])(gpu|cuda|cu1[0-9]{2})([-_]|$)", re.IGNORECASE)
_CPU = re.compile(r"(^|[-_])cpu([-_]|$)", re.IGNORECASE)


def planned(
    found: Discovery, readable: Sequence[Readable], tree: Tree, top: str, given: Mapping[str, str] | None = None
) -> Adoption:
    """Return the family; ``top`` is what its directory is called, ``given`` are values for variables that no file has."""
    settler = Settler(_values(readable, given or {}))
    calls = [compose.named(call, top) for call in found.calls]
    made, notes = drafts(readable, calls, found.uses, settler, tree)
    by_path = {item.path: item for item in readable}
    notes += named_by_directory(made, found.uses, by_path, settler, top)
    name_all(made, (), top)
    links, more = linked(made, by_path)
    bases = _bases(links, {draft.name for draft in made})
    for draft in made:
        draft.args = needed(draft, by_path[draft.dockerfile].parsed)
    images = [_image(draft, links, bases) for draft in made]
    tags = [tag for draft in made for tag in draft.tags]
    order = _read_order(images)
    return Adoption(
        family=names.valid(top.lower()),
        registry=registry_of(tags),
        tag=common_tag(tags),
        images=tuple(_targeted(image, images) for image in order),
        bases=tuple(sorted((name, ref) for ref, name in bases.items())),
        notes=tuple(dict.fromkeys([*found.notes, *settler.problems(), *notes, *more])),
    )


def _values(readable: Iterable[Readable], given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return values for variables that files leave open: what the user gives, and defaults that all ARGs agree on."""
    defaults: dict[str, dict[str, str]] = {}
    for item in readable:
        found = global_arguments(item.parsed, {}, "linux/amd64", "")
        for name, value in found.values.items():
            if name in found.gaps and value:  # declared in the file, not one of BuildKit's own
                defaults.setdefault(name, {}).setdefault(value, item.path)
    agreed = {name: next(iter(values.items())) for name, values in defaults.items() if len(values) == 1}
    told = {name: (value, f"ARG {name} in {path}") for name, (value, path) in agreed.items()}
    return told | {name: (value, "") for name, value in given.items()}


def _read_order(images: Sequence[AdoptedImage]) -> list[AdoptedImage]:
    """Return the images so that one reads from parents to children, else in the order in which they were built."""
    children: dict[str, list[AdoptedImage]] = {}
    for image in images:
        children.setdefault(image.parents[0] if image.parents else "", []).append(image)
    order: dict[str, AdoptedImage] = {}
    late: dict[str, AdoptedImage] = {}
    queue = list(reversed(children.get("", [])))
    while queue:
        image = queue.pop()
        if not all(parent in order for parent in image.parents):
            late[image.name] = image  # it stands on one that comes later as well
            continue
        order[image.name] = image
        ready = [other for other in late.values() if all(parent in order for parent in other.parents)]
        for other in ready:
            del late[other.name]
        queue += [*reversed(children.get(image.name, [])), *ready]
    return list(order.values())


def _bases(links: Mapping[str, Links], taken: Iterable[str]) -> dict[str, str]:
    """Return a name for each external image that images stand on."""
    refs = dict.fromkeys(link.base for link in links.values() if link.base)
    parsed = {ref: ImageRef.parse(ref) for ref in refs}
    choices = {ref: _base_names(one) for ref, one in parsed.items()}
    return names.distinct(choices, taken)


def _base_names(ref: ImageRef) -> tuple[str, ...]:
    tag = ref.tag or (ref.digest or "").removeprefix("sha256:")[:12]
    whole = names.valid(f"{ref.repository}-{tag}") if tag else names.valid(ref.repository)
    return names.valid(ref.repository), whole, names.valid(f"{ref.name}-{tag}".replace("/", "-"))


def _image(draft: Draft, links: Mapping[str, Links], bases: Mapping[str, str]) -> AdoptedImage:
    link = links[draft.name]
    why: dict[Fact, str] = dict(draft.why)
    if draft.tags:
        places = dict.fromkeys(str(where) for wheres in draft.tags.values() for where in wheres)
        why.setdefault("tags", ", ".join(places))
    if draft.calls:
        why.setdefault("dockerfile", ", ".join(dict.fromkeys(str(call.where) for call in draft.calls)))
        if draft.args:
            why.setdefault("args", _tellers(draft.calls))
    if link.where:
        why["from"] = f"{link.where.path}:{link.where.line}"
    base = link.base and bases[link.base]
    return AdoptedImage(
        name=draft.name,
        dockerfile=draft.dockerfile,
        context=draft.context,
        tags=tuple(draft.tags),
        args=tuple(sorted(draft.args.items())),
        stage=draft.stage,
        platforms=draft.platforms,
        secrets=draft.secrets,
        parents=tuple(link.parents),
        base=base if not link.parents else "",
        links=tuple((parent, name) for parent, names in link.parents.items() for name in names),
        why=tuple(why.items()),
        reference=link.base,
    )


def _tellers(calls: Iterable[Call]) -> str:
    return ", ".join(dict.fromkeys(str(call.where) for call in calls if call.args))


def _targeted(image: AdoptedImage, images: Sequence[AdoptedImage]) -> AdoptedImage:
    """Return an image with its target, where its own name says another one than what it stands on."""
    by_name = {one.name: one for one in images}
    below = image
    while below.parents:
        below = by_name[below.parents[0]]
    told = guess_target(ImageRef.parse(below.reference)) if below.reference else Target.CPU
    words = [image.name, *(ImageRef.parse(tag).repository for tag in image.tags)]
    says = Target.CUDA if any(map(_CUDA.search, words)) else Target.CPU if any(map(_CPU.search, words)) else told
    chain = _chain_target(image, by_name, told)
    if says == chain:
        return image
    return replace(image, target=says, why=(*image.why, ("target", f"its name says {says}")))


def _chain_target(image: AdoptedImage, by_name: Mapping[str, AdoptedImage], told: Target) -> Target:
    """Return what an image inherits: the word of the nearest name below it, else the base's."""
    while image.parents:
        image = by_name[image.parents[0]]
        words = [image.name, *(ImageRef.parse(tag).repository for tag in image.tags)]
        if any(map(_CUDA.search, words)):
            return Target.CUDA
        if any(map(_CPU.search, words)):
            return Target.CPU
    return told
