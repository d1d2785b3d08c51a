"""Between names: taken twice, reserved, unknown, in a circle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bakegen import graph
from bakegen.checks.bake import bake_targets
from bakegen.checks.faults import Fault, at
from bakegen.checks.image import idle
from bakegen.checks.parents import froms
from bakegen.checks.tags import tags
from bakegen.family import Family
from bakegen.family.expand import Variant
from bakegen.family.load import nearest
from bakegen.family.source import Loc
from bakegen.groups import RESERVED
from bakegen.ignore import IgnoreError, Patterns
from bakegen.plan import generated_dockerfile, match

#: https://learn.microsoft.com/windows/win32/fileio/naming-a-file: no file or directory can have these names.
_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)


def structure(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield faults between values: names taken twice, reserved, unknown or in a circle; fields without effect."""
    yield from _images(family, variants)
    yield from _definitions(family, variants)
    yield from tags(family, variants)
    yield from froms(family, variants)
    yield from _group_members(family, variants)
    yield from _dockerfiles(variants)
    yield from _patterns(family)
    yield from bake_targets(variants)
    yield from _ignore_lines(family)
    yield from idle(variants)


def _ignore_lines(family: Family) -> Iterator[Fault]:
    """Yield lines for .dockerignore for which BuildKit would refuse every build."""
    for number, line in enumerate(family.dockerignore or ()):
        try:
            why = next((pattern.why for pattern in Patterns.parse(line).lines if pattern.why), "")
        except IgnoreError as error:
            why = error.what
        if why:
            yield Fault(("dockerignore", number), why, "write it as BuildKit takes it: docs/context.md")


def _patterns(family: Family) -> Iterator[Fault]:
    """Yield bases of one reference that disagree on the newer tags it may take: the lock has one entry for both."""
    first: dict[str, str] = {}
    for name, base in family.bases.items():
        twin = first.setdefault(str(base.ref), name)
        if base.tags != family.bases[twin].tags:
            what = f"{name} and {twin} are both {base.ref}, but differ in 'tags'"
            yield Fault(("bases", name), what, "give both the same, or use one base for all", on_key=True)


def _images(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    seen: dict[str, Variant] = {}
    for variant in variants:
        yield from _name(family, variant)
        name = variant.name
        twin = seen.setdefault(name.lower(), variant)
        directories = not (variant.fields.hand_written and twin.fields.hand_written)
        if twin is not variant and (directories or twin.name == name):
            how = "twice" if twin.name == name else f"beside {twin.name!r}"
            tip = "names must differ in more than case: each has a directory"
            yield Fault(at(variant), f"the image {name!r} exists {how}", tip, on_key=True)


def _name(family: Family, variant: Variant) -> Iterator[Fault]:
    """Yield what else has the name of an image: a group, a device of Windows, a base."""
    name, key = variant.name, at(variant)
    if name in RESERVED and family.auto_groups:
        why = f"bake's group {name} is {RESERVED[name]}"
        yield Fault(key, f"an image cannot be called {name!r}", "take another name", why, on_key=True)
    elif name in family.groups and family.auto_groups:
        why = "bake would build the group only"
        yield Fault(key, f"{name!r} is an image and a group", "rename one of them", why, on_key=True)
    if _WINDOWS.fullmatch(name):
        why = "each image has a directory, and Windows can have none of that name"
        yield Fault(key, f"an image cannot be called {name!r}", "take another name", why, on_key=True)
    if name in family.bases:
        tip = "rename one of them, so that 'from' is clear"
        yield Fault(key, f"{name!r} is an image and a base", tip, on_key=True)


def _definitions(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield definitions whose variants cannot be named together, or of which no variant is left."""
    names = {variant.name for variant in variants}
    for origin in dict.fromkeys(variant.origin for variant in variants if variant.name != variant.origin):
        groups = {*family.groups, *(RESERVED if family.auto_groups else ())}
        other = "an image" if origin in names else "a group" if origin in groups else ""
        if other:
            what = f"{origin!r} is the group of its variants and {other}"
            yield Fault(("images", origin), what, "rename one of them", on_key=True)
    for origin in family.images.keys() - {variant.origin for variant in variants}:
        tip = "give an axis (target, cuda or python), or exclude less"
        yield Fault(("images", origin, "variants"), f"{origin} has variants but none is left", tip)


def _group_members(family: Family, variants: Sequence[Variant]) -> Iterator[Fault]:
    names = [variant.name for variant in variants]
    known = {*names, *family.images, *family.groups, *(RESERVED if family.auto_groups else ())}
    for group, model in family.groups.items():
        for index, word in enumerate(model.images):
            if word not in known and not match(word, names):
                close = nearest(word, sorted(known))
                loc: Loc = ("groups", group, "images", index)
                tip = f"did you mean {close}?" if close else ""
                yield Fault(loc, f"the group {group} names {word!r}, which matches nothing", tip)
        if not (model.images or model.target or model.all) and family.auto_groups:
            yield Fault(("groups", group), f"the group {group} selects nothing", "give images, target or all: true")
    edges = {
        name: tuple(word for word in group.images if word in family.groups and not (word == name and word in names))
        for name, group in family.groups.items()
    }
    if chain := graph.cycle(edges):
        yield Fault(("groups", chain[0]), f"groups contain each other: {' -> '.join(chain)}")


def _dockerfiles(variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield hand-written Dockerfiles that stand where the generated one of another image belongs."""
    generated = {generated_dockerfile(v.name).lower(): v.name for v in variants if not v.fields.hand_written}
    for variant in variants:
        owner = generated.get((variant.fields.dockerfile or "").lower())
        if owner:
            what = f"{variant.fields.dockerfile} is where the Dockerfile of {owner} is generated"
            yield Fault(at(variant, "dockerfile"), what, "move the hand-written one to a path of its own")
