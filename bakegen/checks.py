"""What must hold between the values of a manifest. Each check yields every fault it finds; none raises."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bakegen import graph
from bakegen.family import Family, Target
from bakegen.family.bases import BaseFacts
from bakegen.family.expand import Variant
from bakegen.family.fields import is_requirement_path
from bakegen.family.load import nearest
from bakegen.family.requirements import included, lost_bounds
from bakegen.family.source import Loc
from bakegen.layers import ARCH
from bakegen.plan import Ground, PlannedImage, full_reference, generated_dockerfile, match
from bakegen.refs import ImageRef
from bakegen.tree import Tree

#: Groups that the bake file always has; bake prefers a group to a bake target of its name.
RESERVED = {"default": "everything", "cpu": "the CPU images", "gpu": "the CUDA images"}
_GENERATED_ONLY = (
    "installer",
    "apt",
    "torch",
    "pip",
    "run",
    "copy_",
    "cache",
    "unfreeze",
    "env",
    "user",
    "workdir",
    "entrypoint",
    "cmd",
)


#: Parts of a manifest whose invalid values concern no image, or only those that name them.
_LOCAL = {"version", "family", "description", "$schema", "dockerignore", "images", "bases", "groups"}
#: Build arguments of generated Dockerfiles that carry meaning.
OWN_ARGS = frozenset({"FRESH", "PYPI_INDEX_URL", "TARGETARCH", "TORCH_INDEX_URL"})
#: https://learn.microsoft.com/windows/win32/fileio/naming-a-file: no file or directory can have these names.
_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, at a location of the manifest's tree."""

    loc: Loc
    what: str
    next: str = ""
    why: str = ""
    on_key: bool = False


def _at(variant: Variant, field: str | None = None, *more: str | int) -> Loc:
    return ("images", variant.origin, *((field,) if field else ()), *more)


# --- between names -------------------------------------------------------------------------------------------------


def structure(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield faults between values: names taken twice, reserved, unknown or in a circle; fields without effect."""
    yield from _names(family, variants)
    yield from _tags(family, variants)
    yield from _froms(family, variants)
    yield from _group_members(family, variants)
    yield from _dockerfiles(variants)
    yield from _idle(variants)


def _names(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    seen: dict[str, Variant] = {}
    for variant in variants:
        name, key = variant.name, _at(variant)
        if name in RESERVED:
            yield Fault(
                key,
                f"an image cannot be called {name!r}",
                "take another name",
                f"bake's group {name} is {RESERVED[name]}",
                on_key=True,
            )
        elif name in family.groups:
            yield Fault(
                key,
                f"{name!r} is an image and a group",
                "rename one of them",
                "bake would build the group only",
                on_key=True,
            )
        if _WINDOWS.fullmatch(name):
            why = "each image has a directory, and Windows can have none of that name"
            yield Fault(key, f"an image cannot be called {name!r}", "take another name", why, on_key=True)
        if name in family.bases:
            yield Fault(
                key, f"{name!r} is an image and a base", "rename one of them, so that 'from' is clear", on_key=True
            )
        twin = seen.setdefault(name.lower(), variant)
        if twin is not variant:
            how = "twice" if twin.name == name else f"beside {twin.name!r}"
            yield Fault(
                key,
                f"the image {name!r} exists {how}",
                "names must differ in more than case: each has a directory",
                on_key=True,
            )
    names = {variant.name for variant in variants}
    for origin in dict.fromkeys(variant.origin for variant in variants if variant.name != variant.origin):
        other = "an image" if origin in names else "a group" if origin in {*family.groups, *RESERVED} else ""
        if other:
            what = f"{origin!r} is the group of its variants and {other}"
            yield Fault(("images", origin), what, "rename one of them", on_key=True)
    for origin in family.images.keys() - {variant.origin for variant in variants}:
        yield Fault(
            ("images", origin, "variants"),
            f"{origin} has variants but none is left",
            "give an axis (target, cuda or python), or exclude less",
        )


def _tags(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    seen: dict[str, Variant] = {}
    if family.registry is not None and not _valid_registry(family.registry):
        what = f"{family.registry!r} is not a registry"
        yield Fault(("registry",), what, "write host/path, such as ghcr.io/example, without a tag")
        family = family.model_copy(update={"registry": None})
    for variant in variants:
        for index, tag in enumerate(variant.fields.tag or (variant.name,)):
            loc = _at(variant, "tag", index) if variant.fields.tag else _at(variant)
            try:
                ref = ImageRef.parse(full_reference(family, tag))
            except ValueError as error:
                yield Fault(
                    loc,
                    f"the tag of {variant.name}: {error}",
                    "write tag: repository or repository:tag; registry: host/path stands at the top",
                )
                continue
            if ref.digest:
                yield Fault(loc, f"{tag!r} is a digest; an image is tagged by name", "write tag: repository:tag")
            twin = seen.setdefault(str(ref), variant)
            if twin.name != variant.name:
                yield Fault(
                    loc,
                    f"{variant.name} has the tag {tag!r} of {twin.name}",
                    "the last one built would win; give each its own",
                )


def _froms(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    images = _by_word(variants)
    for variant in variants:
        name = variant.fields.from_
        if name is None:
            if variant.fields.dockerfile is None:
                yield Fault(
                    _at(variant),
                    f"{variant.name} does not say what it is built from",
                    "add from: a base or another image",
                    on_key=True,
                )
            continue
        if name in family.bases:
            continue
        candidates = _candidates(variant, name, images)
        if not candidates:
            known = [*family.bases, *family.images]
            close = nearest(name, known)
            tip = f"did you mean {close}?" if close else f"bases and images are: {', '.join(known)}"
            yield Fault(_at(variant, "from"), f"{variant.name} is built from {name!r}, which does not exist", tip)
        elif len(candidates) > 1:
            yield Fault(
                _at(variant, "from"),
                f"{variant.name} could be built from {' or '.join(candidates)}",
                "name one of them, or give this image the same axes",
            )
    if chain := graph.cycle(parents_of(family, variants)):
        origin = next(variant for variant in variants if variant.name == chain[0])
        yield Fault(
            _at(origin, "from"),
            f"images are built from each other: {' -> '.join(chain)}",
            "one of them must be built from a base",
        )


def _by_word(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Return what each name may stand for: the image of that name, else all variants of the definition of that name."""
    found: dict[str, list[Variant]] = defaultdict(list)
    for variant in variants:
        found[variant.origin].append(variant)
    return found | {variant.name: [variant] for variant in variants}


def _candidates(variant: Variant, name: str, known: Mapping[str, list[Variant]]) -> list[str]:
    """Return the images that ``from: name`` can mean: the one of that name, or the variants of it that agree on every axis."""
    return [
        other.name
        for other in known.get(name, ())
        if other.name == name or all(variant.axis(axis) in (None, value) for axis, value in other.axes)
    ]


def parents_of(family: Family, variants: Sequence[Variant]) -> dict[str, tuple[str, ...]]:
    """Return the parent of each image, where it is an image and clear."""
    found: dict[str, tuple[str, ...]] = {}
    known = _by_word(variants)
    for variant in variants:
        name = variant.fields.from_
        candidates = _candidates(variant, name, known) if name and name not in family.bases else []
        found[variant.name] = tuple(candidates) if len(candidates) == 1 else ()
    return found


def _group_members(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    names = [variant.name for variant in variants]
    known = {*names, *family.images, *family.groups, *RESERVED}
    for group, model in family.groups.items():
        for index, word in enumerate(model.images):
            if word not in known and not match(word, names):
                close = nearest(word, sorted(known))
                loc: Loc = ("groups", group, "images", index)
                yield Fault(
                    loc,
                    f"the group {group} names {word!r}, which matches nothing",
                    f"did you mean {close}?" if close else "",
                )
        if not (model.images or model.target or model.all):
            yield Fault(("groups", group), f"the group {group} selects nothing", "give images, target or all: true")
    edges = {name: tuple(w for w in group.images if w in family.groups) for name, group in family.groups.items()}
    if chain := graph.cycle(edges):
        yield Fault(("groups", chain[0]), f"groups contain each other: {' -> '.join(chain)}")


def members(
    group: str, family: Family, targets: Mapping[str, Target], automatic: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the images of one of the family's groups, in the order of ``targets``."""
    found: set[str] = set()
    seen, queue = {group}, [group]
    for word in queue:  # grows as it is walked; each word is asked once
        model = family.groups.get(word)
        if model is None:
            found.update(automatic.get(word) or match(word, targets))
            continue
        found.update(name for name, target in targets.items() if model.all or target == model.target)
        queue += [inner for inner in model.images if inner not in seen]
        seen.update(model.images)
    return tuple(name for name in targets if name in found)


def sound(rest: Family, variants: Sequence[Variant], cut: Iterable[Loc]) -> frozenset[str]:
    """Return the definitions that no cut concerns: not their own fields, nor those of anything they are built from."""
    cut = set(cut)
    if any(loc[0] not in _LOCAL for loc in cut):
        return frozenset()
    of_images = {loc for loc in cut if loc[0] in {"images", "bases"}}
    names = {name: variant.origin for variant in variants for name in (variant.name, variant.origin)}
    some_gone = any(len(loc) <= 2 or "variants" in loc for loc in of_images)  # noqa: PLR2004 - section and name
    hurt = {str(loc[1]) for loc in of_images if loc[0] == "images" and len(loc) > 1}
    hurt_bases = {str(loc[1]) for loc in of_images if loc[0] == "bases" and len(loc) > 1}
    while True:
        more = {
            variant.origin
            for variant in variants
            if (name := variant.fields.from_)
            and variant.origin not in hurt
            and (name in hurt_bases or names.get(name) in hurt or (some_gone and name not in {*names, *rest.bases}))
        }
        if not more:
            return frozenset(rest.images.keys() - hurt)
        hurt |= more


# --- within an image -----------------------------------------------------------------------------------------------


def values(variants: Sequence[Variant], tree: Tree) -> Iterator[Fault]:
    """Yield faults of single values, whatever else the manifest says: files that are missing, commands that mean something else."""
    for variant in variants:
        yield from _files(variant, tree)
        yield from _commands(variant)
        yield from _secrets(variant)


def _idle(variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield fields that have no effect, or another one, beside the others of their image."""
    for variant in variants:
        name, given = variant.name, variant.fields.model_fields_set
        if variant.fields.dockerfile:
            for field in (field.rstrip("_") for field in _GENERATED_ONLY if field in given):
                what = f"{name} has a hand-written Dockerfile, so {field!r} has no effect"
                tip = "write it into the Dockerfile, or leave 'dockerfile' out"
                yield Fault(_at(variant, field), what, tip, on_key=True)
            continue
        for argument in sorted(OWN_ARGS & variant.fields.args.keys()):
            what = f"{name} gives a value to {argument}, which bakegen sets"
            tip = "take another name; 'indexes' says where packages come from"
            yield Fault(_at(variant, "args", argument), what, tip)
        if "context" in given:
            what = f"'context' is for a hand-written Dockerfile; {name} is generated"
            yield Fault(_at(variant, "context"), what, "remove it: the context is the project", on_key=True)
        if variant.fields.unfreeze and not (variant.fields.pip or variant.fields.torch):
            what = f"{name} installs no Python packages, so 'unfreeze' has no effect"
            yield Fault(_at(variant, "unfreeze"), what, on_key=True)


def _dockerfiles(variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield hand-written Dockerfiles that stand where the generated one of another image belongs."""
    generated = {generated_dockerfile(v.name).lower(): v.name for v in variants if v.fields.dockerfile is None}
    for variant in variants:
        owner = generated.get((variant.fields.dockerfile or "").lower())
        if owner:
            what = f"{variant.fields.dockerfile} is where the Dockerfile of {owner} is generated"
            yield Fault(_at(variant, "dockerfile"), what, "move the hand-written one to a path of its own")


def _valid_registry(text: str) -> bool:
    try:
        ref = ImageRef.parse(f"{text}/x")
    except ValueError:
        return False
    return ref.tag is None and "@" not in text


def _files(variant: Variant, tree: Tree) -> Iterator[Fault]:
    fields = variant.fields
    for index, path in enumerate(fields.pip):
        loc = _at(variant, "pip", index)
        yield from _expect(tree, path, ("file",), loc, "a requirement file")
        found = included(path, tree)
        for other in found:
            if tree.kind(other) == "file" and not is_requirement_path(other):
                what = f"{path} includes {other!r}, which cannot be mounted"
                yield Fault(loc, what, "rename it: letters, digits and . _ / @ + - are taken")
            yield from _expect(tree, other, ("file",), loc, f"a file that {path} includes,")
        for other in (path, *found):
            if tree.kind(other) == "file" and tree.text(other) is None:
                yield Fault(loc, f"{other} is not readable as UTF-8 text", "pip and uv read requirements as UTF-8")
    for index, copy in enumerate(fields.copy_):
        if any(c in copy.src for c in "*?["):
            if not tree.glob(copy.src):
                yield Fault(
                    _at(variant, "copy", index), f"no file matches {copy.src!r}", "COPY fails when nothing matches"
                )
        else:
            yield from _expect(
                tree, copy.src, ("file", "directory"), _at(variant, "copy", index), "a file or directory to copy"
            )
    if fields.dockerfile:
        yield from _expect(tree, fields.dockerfile, ("file",), _at(variant, "dockerfile"), "a Dockerfile")
        yield from _expect(tree, fields.context, ("directory",), _at(variant, "context"), "a build context")


def _expect(tree: Tree, path: str, kinds: tuple[str, ...], loc: Loc, what: str) -> Iterator[Fault]:
    found = tree.kind(path)
    if found in kinds:
        return
    article = what[0].upper() + what[1:]
    if found == "missing":
        yield Fault(
            loc,
            f"{path} does not exist",
            f"{article} is expected there; paths are relative to the manifest".replace(", is", " is"),
        )
    elif found == "outside":
        yield Fault(
            loc, f"{path} leads out of the project", "copy the file into the project: a build sees nothing else"
        )
    else:
        yield Fault(loc, f"{path} is a {found}", f"{article} is expected there".replace(", is", " is"))


def _secrets(variant: Variant) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, secret in enumerate(variant.fields.secrets):
        if secret.id in seen:
            yield Fault(_at(variant, "secrets", index), f"{variant.name} has two secrets with the id {secret.id!r}")
        seen.add(secret.id)


def _commands(variant: Variant) -> Iterator[Fault]:
    for index, run in enumerate(variant.fields.run):
        for word in lost_bounds(run.command):
            name = word.split(">")[0].split("<")[0]
            yield Fault(
                _at(variant, "run", index),
                f"the shell reads {word!r} as a redirect: {name} is installed without its bound",
                f"quote it: '{word}', or put it into a requirement file",
            )


# --- between an image and what it stands on ---------------------------------------------------------------------------


def on_ground(variant: Variant, ground: Ground, family: Family, bases: Mapping[str, BaseFacts]) -> Iterator[Fault]:
    """Yield faults between an image and its chain."""
    yield from _target(variant, ground)
    yield from _torch(variant, ground)
    fields = variant.fields
    if ground.python and fields.python and ground.python != fields.python and not fields.dockerfile:
        what = f"{variant.name} asks for Python {fields.python}, but {fields.from_} has {ground.python}"
        yield Fault(_at(variant, "python"), what, "build it from a base with that version, or leave 'python' out")
    installer = fields.installer or family.defaults.installer
    if (fields.pip or fields.torch) and installer == "uv" and uv_source(ground.base, bases) is None:
        what = f"{variant.name} installs with uv, but no base of the family has Python to take uv from"
        yield Fault(
            _at(variant),
            what,
            "add a base such as python: python:3.11-slim, say which Python a base has, or set installer: pip",
            on_key=True,
        )


def _target(variant: Variant, ground: Ground) -> Iterator[Fault]:
    target = variant.fields.target
    if target and target != ground.target and not variant.fields.mixed_target:
        what = f"{variant.name} is a {target} image on {variant.fields.from_}, which is {ground.target}"
        yield Fault(_at(variant, "target"), what, "change from or target; if it is meant, say mixed_target: true")


def _torch(variant: Variant, ground: Ground) -> Iterator[Fault]:
    torch, target = variant.fields.torch, variant.fields.target or ground.target
    if torch is None:
        return
    if target == Target.CUDA and torch.cuda is None:
        yield Fault(
            _at(variant, "torch"),
            f"{variant.name} is a cuda image with the CPU build of torch",
            'add its CUDA version, such as cuda: "12.1"',
        )
    if target == Target.CPU and torch.cuda and not variant.fields.mixed_target:
        what = f"{variant.name} is a cpu image with torch for CUDA {torch.cuda}, some gigabytes it cannot use"
        yield Fault(_at(variant, "torch", "cuda"), what, "leave cuda out; if it is meant, say mixed_target: true")


def uv_source(base: BaseFacts | None, bases: Mapping[str, BaseFacts]) -> str | None:
    """Return the reference of the base whose pip fetches uv: the image's own, or the first by name that has Python."""
    candidates = [base] if base and base.python else [facts for _, facts in sorted(bases.items()) if facts.python]
    return str(candidates[0].ref) if candidates else None


# --- between images --------------------------------------------------------------------------------------------------


def together(images: Iterable[PlannedImage]) -> Iterator[Fault]:
    """Yield faults between images: cache ids shared by what cannot share, platforms a parent does not have."""
    images = list(images)
    by_name = {image.name: image for image in images}
    for image in images:
        parent = by_name.get(image.parent or "")
        missing = sorted(set(image.platforms) - set(parent.platforms)) if parent and parent.platforms else []
        if missing:
            what = f"{image.name} is for {', '.join(missing)}, its parent {image.parent} is not"
            yield Fault(
                ("images", image.origin, "platforms"), what, f"add the platform to {image.parent}, or drop it here"
            )
    yield from _cache_ids(images)


def _cache_ids(images: Sequence[PlannedImage]) -> Iterator[Fault]:
    holders: dict[str, dict[tuple[str, ...], PlannedImage]] = defaultdict(dict)
    for image in images:
        for layer in image.layers:
            for mount in layer.mounts:
                loc: Loc = ("images", image.origin, "cache")
                if len(image.platforms) > 1 and ARCH not in mount.id:
                    what = f"{image.name} uses the cache {mount.id!r} for {len(image.platforms)} platforms"
                    yield Fault(loc, what, "leave the id out: derived ids carry the architecture")
                owner = (
                    *mount.holds,
                    f"uid {mount.uid or 0}",
                    f"gid {mount.gid or 0}",
                    f"mode {mount.mode or 'default'}",
                )
                others = holders[mount.id]
                if others and owner not in others:
                    first, twin = next(iter(others.items()))
                    ours, theirs = _difference(owner, first)
                    yield Fault(
                        loc,
                        f"{image.name} and {twin.name} share the cache {mount.id!r}, but hold {ours} and {theirs}",
                        "give one of them another id, or none: derived ids never collide",
                    )
                others.setdefault(owner, image)


def _difference(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, str]:
    """Return the parts in which two owners of a cache differ."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a != b] or [(" ".join(ours), " ".join(theirs))]
    return " ".join(a for a, _ in pairs), " ".join(b for _, b in pairs)
