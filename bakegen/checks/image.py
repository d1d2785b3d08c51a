"""Within an image: files that are missing, commands that mean something else, fields without effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakegen.checks.faults import Fault, at
from bakegen.family.expand import Variant
from bakegen.family.requirements import included, lost_bounds
from bakegen.family.rules import is_requirement_path
from bakegen.family.source import Loc
from bakegen.tree import Tree

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
#: Build arguments of generated Dockerfiles that carry meaning.
_OWN_ARGS = frozenset({"FRESH", "PYPI_INDEX_URL", "TARGETARCH", "TORCH_INDEX_URL"})


def values(variants: Sequence[Variant], tree: Tree) -> Iterator[Fault]:
    """Yield faults of single values, whatever else the manifest says: files that are missing, commands that mean something else."""
    for variant in variants:
        yield from _files(variant, tree)
        yield from _commands(variant)
        yield from _secrets(variant)


def idle(variants: Sequence[Variant]) -> Iterator[Fault]:
    """Yield fields that have no effect, or another one, beside the others of their image."""
    for variant in variants:
        yield from _idle_if_written(variant) if variant.fields.hand_written else _idle_if_generated(variant)


def _idle_if_written(variant: Variant) -> Iterator[Fault]:
    given = variant.fields.model_fields_set
    for field in (field.rstrip("_") for field in _GENERATED_ONLY if field in given):
        why_written = "dockerfile" if variant.fields.dockerfile else "bake"
        what = f"{variant.name} has a hand-written Dockerfile, so {field!r} has no effect"
        tip = f"write it into the Dockerfile, or leave {why_written!r} out"
        yield Fault(at(variant, field), what, tip, on_key=True)


def _idle_if_generated(variant: Variant) -> Iterator[Fault]:
    name, fields = variant.name, variant.fields
    for argument in sorted(_OWN_ARGS & fields.args.keys()):
        what = f"{name} gives a value to {argument}, which bakegen sets"
        tip = "take another name; 'indexes' says where packages come from"
        yield Fault(at(variant, "args", argument), what, tip)
    if "context" in fields.model_fields_set:
        what = f"'context' is for a hand-written Dockerfile; {name} is generated"
        yield Fault(at(variant, "context"), what, "remove it: the context is the project", on_key=True)
    if fields.unfreeze and not (fields.pip or fields.torch):
        what = f"{name} installs no Python packages, so 'unfreeze' has no effect"
        yield Fault(at(variant, "unfreeze"), what, on_key=True)


def _files(variant: Variant, tree: Tree) -> Iterator[Fault]:
    fields = variant.fields
    for index, path in enumerate(fields.pip):
        yield from _requirements(path, tree, at(variant, "pip", index))
    for index, copy in enumerate(fields.copy_):
        loc = at(variant, "copy", index)
        if not any(c in copy.src for c in "*?["):
            yield from _expect(tree, copy.src, ("file", "directory"), loc, "a file or directory to copy")
        elif not tree.glob(copy.src):
            yield Fault(loc, f"no file matches {copy.src!r}", "COPY fails when nothing matches")
    if fields.dockerfile:
        yield from _expect(tree, fields.dockerfile, ("file",), at(variant, "dockerfile"), "a Dockerfile")
        yield from _expect(tree, fields.context, ("directory",), at(variant, "context"), "a build context")


def _requirements(path: str, tree: Tree, loc: Loc) -> Iterator[Fault]:
    """Yield what is wrong with a requirement file and those that it includes."""
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


def _expect(tree: Tree, path: str, kinds: tuple[str, ...], loc: Loc, what: str) -> Iterator[Fault]:
    found = tree.kind(path)
    if found in kinds:
        return
    article = what[0].upper() + what[1:]
    if found == "missing":
        tip = f"{article} is expected there; paths are relative to the manifest".replace(", is", " is")
        yield Fault(loc, f"{path} does not exist", tip)
    elif found == "outside":
        tip = "copy the file into the project: a build sees nothing else"
        yield Fault(loc, f"{path} leads out of the project", tip)
    else:
        yield Fault(loc, f"{path} is a {found}", f"{article} is expected there".replace(", is", " is"))


def _secrets(variant: Variant) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, secret in enumerate(variant.fields.secrets):
        if secret.id in seen:
            yield Fault(at(variant, "secrets", index), f"{variant.name} has two secrets with the id {secret.id!r}")
        seen.add(secret.id)


def _commands(variant: Variant) -> Iterator[Fault]:
    for index, run in enumerate(variant.fields.run):
        for word in lost_bounds(run.command):
            name = word.split(">")[0].split("<")[0]
            what = f"the shell reads {word!r} as a redirect: {name} is installed without its bound"
            yield Fault(at(variant, "run", index), what, f"quote it: '{word}', or put it into a requirement file")
