"""Between an image and what it stands on: target, torch, Python, uv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bakegen.checks.faults import Fault, at
from bakegen.family import Family, Target
from bakegen.family.bases import BaseFacts
from bakegen.family.expand import Variant
from bakegen.plan import Ground


def on_ground(variant: Variant, ground: Ground, family: Family, bases: Mapping[str, BaseFacts]) -> Iterator[Fault]:
    """Yield faults between an image and its chain."""
    yield from _target(variant, ground)
    yield from _torch(variant, ground)
    fields = variant.fields
    if ground.python and fields.python and ground.python != fields.python and not fields.hand_written:
        what = f"{variant.name} asks for Python {fields.python}, but {fields.from_} has {ground.python}"
        yield Fault(at(variant, "python"), what, "build it from a base with that version, or leave 'python' out")
    installer = fields.installer or family.defaults.installer
    if (fields.pip or fields.torch) and installer == "uv" and uv_source(ground.base, bases) is None:
        what = f"{variant.name} installs with uv, but no base of the family has Python to take uv from"
        tip = "add a base such as python: python:3.11-slim, say which Python a base has, or set installer: pip"
        yield Fault(at(variant), what, tip, on_key=True)


def uv_source(base: BaseFacts | None, bases: Mapping[str, BaseFacts]) -> str | None:
    """Return the reference of the base whose pip fetches uv: the image's own, or the first by name that has Python."""
    candidates = [base] if base and base.python else [facts for _, facts in sorted(bases.items()) if facts.python]
    return str(candidates[0].ref) if candidates else None


def _target(variant: Variant, ground: Ground) -> Iterator[Fault]:
    target = variant.fields.target
    if target and target != ground.target and not variant.fields.mixed_target:
        what = f"{variant.name} is a {target} image on {variant.fields.from_}, which is {ground.target}"
        yield Fault(at(variant, "target"), what, "change from or target; if it is meant, say mixed_target: true")


def _torch(variant: Variant, ground: Ground) -> Iterator[Fault]:
    torch, target = variant.fields.torch, variant.fields.target or ground.target
    if torch is None:
        return
    if target == Target.CUDA and torch.cuda is None:
        what = f"{variant.name} is a cuda image with the CPU build of torch"
        yield Fault(at(variant, "torch"), what, 'add its CUDA version, such as cuda: "12.1"')
    if target == Target.CPU and torch.cuda and not variant.fields.mixed_target:
        what = f"{variant.name} is a cpu image with torch for CUDA {torch.cuda}, some gigabytes it cannot use"
        yield Fault(at(variant, "torch", "cuda"), what, "leave cuda out; if it is meant, say mixed_target: true")
