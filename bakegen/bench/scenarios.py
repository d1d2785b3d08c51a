"""Plan -> what each scenario edits: which leaf, which parent, which base. Pure; equal for equal families."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakegen import graph
from bakegen.bench.model import SCENARIOS, Append, Choice, Release, Spot
from bakegen.layers import FilesLayer, InstallLayer

if TYPE_CHECKING:
    from bakegen.family.source import Source
    from bakegen.plan import Plan, PlannedImage
    from bakegen.tree import Tree

_MARK = "# bakegen bench {mark}"
#: Released together with torch under the same patch number: https://github.com/pytorch/pytorch/blob/main/RELEASE.md
_TORCH_FAMILY = ("torch", "torchaudio", "torchvision")


@dataclass(frozen=True, slots=True)
class Ground:
    """What scenarios choose from: the images that are built, parents first, the project's files and its manifest."""

    plan: Plan
    names: tuple[str, ...]
    tree: Tree
    source: Source
    package: str

    @property
    def images(self) -> tuple[PlannedImage, ...]:
        """The images that are built."""
        return tuple(image for image in self.plan.images if image.name in self.names)

    def standing_on(self, names: set[str]) -> set[str]:
        """Return these images and all that stand on one of them."""
        parents = self.plan.parents
        return names | {name for name in self.names if names & set(graph.ancestors(name, parents))}

    def leaves(self) -> Iterator[PlannedImage]:
        """Yield the images on which none of the others stands."""
        parents = {image.parent for image in self.images}
        return (image for image in self.images if image.name not in parents)


def closure(plan: Plan, selection: Sequence[str]) -> tuple[str, ...]:
    """Return the selected images and what they stand on, parents first."""
    wanted = set(selection)
    for name in selection:
        wanted.update(graph.ancestors(name, plan.parents))
    return tuple(image.name for image in plan.images if image.name in wanted)


def choose(ground: Ground, scenarios: Sequence[str] = SCENARIOS) -> tuple[Choice, ...]:
    """Return what each scenario does, in the order in which a round runs them."""
    return tuple(_CHOOSERS[name](ground) for name in SCENARIOS if name in scenarios)


def _cold(ground: Ground) -> Choice:
    return Choice("cold", f"{len(ground.names)} images on a base and with cache mounts that no build has seen")


def _unchanged(_: Ground) -> Choice:
    return Choice("unchanged", "the same build again")


def _one_source(ground: Ground) -> Choice:
    found = [(image, path) for image in ground.leaves() for path in _source_files(image, ground.tree)]
    if not found:
        return Choice("one-source", "", why_not="no leaf image copies a text file")
    users = Counter(path for image in ground.images for path in set(_source_files(image, ground.tree)))
    order = {name: number for number, name in enumerate(ground.names)}
    image, path = min(found, key=lambda at: (not at[1].endswith(".py"), users[at[1]], order[at[0].name], at[1]))
    what = f"a line more in {path}, which {image.name} copies"
    return Choice("one-source", what, Append(path, _MARK), spares=_spares(ground, image.name))


def _spares(ground: Ground, name: str) -> bool:
    """Return whether an edit of a leaf leaves images alone that have RUN steps."""
    return any(image.runs for image in ground.images if image.name != name)


def _source_files(image: PlannedImage, tree: Tree) -> Iterator[str]:
    for layer in image.layers:
        if isinstance(layer, FilesLayer):
            for source, _, _ in layer.copies:
                inside = tree.glob(f"{source.rstrip('/')}/**/*.py") if tree.kind(source) == "directory" else ()
                paths = tree.glob(source) if any(c in source for c in "*?[") else (source,)
                yield from (p for p in (*paths, *inside) if tree.kind(p) == "file" and tree.text(p) is not None)


def _light(ground: Ground) -> Choice:
    """Choose the requirement file of one leaf alone, the shortest: a leaf's change is light."""
    found = []
    for image in ground.leaves():
        for path in _requirement_files(image, ground):
            users = {other.name for other in ground.images if path in _requirement_paths(other)}
            if users == {image.name}:
                found.append((len(_requirements(ground, path)), path, image.name))
    if not found:
        return Choice("light-requirement", "", why_not="no leaf image has a requirement file of its own")
    _, path, name = min(found)
    choice = _requirement("light-requirement", ground, path, f"{path}, a set of {name} alone")
    return replace(choice, spares=_spares(ground, name))


def _common(ground: Ground) -> Choice:
    """Choose the requirement file that makes the most images new."""
    found: dict[str, set[str]] = {}
    for image in ground.images:
        for path in _requirement_files(image, ground):
            found.setdefault(path, set()).add(image.name)
    reach = {path: ground.standing_on(users) for path, users in found.items()}
    path = min(reach, key=lambda path: (-len(reach[path]), path), default="")
    if not path or len(reach[path]) < 2:  # noqa: PLR2004 - common is what more than one has
        return Choice("common-requirement", "", why_not="no requirement file reaches more than one image")
    where = f"{path}, on which {len(reach[path])} of {len(ground.names)} images stand"
    return _requirement("common-requirement", ground, path, where)


def _requirement(scenario: str, ground: Ground, path: str, where: str) -> Choice:
    name = re.split(r"[=<>~! \[]", ground.package)[0]
    pattern = re.compile(
        rf"^\s*{'[-_.]+'.join(map(re.escape, re.split('[-_.]+', name)))}(?![\w.-])", re.MULTILINE | re.IGNORECASE
    )
    for known in sorted({path for image in ground.images for path in _requirement_paths(image)}):
        if pattern.search(ground.tree.text(known) or ""):
            return Choice(scenario, "", why_not=f"{known} has {name} already: name another with --package")
    line = f"{ground.package}  {_MARK}"
    return Choice(scenario, f"{ground.package} more in {where}", Append(path, line), new_wheel=True)


def _requirement_paths(image: PlannedImage) -> set[str]:
    return {path for layer in image.layers if isinstance(layer, InstallLayer) for path in layer.files + layer.included}


def _requirement_files(image: PlannedImage, ground: Ground) -> Iterator[str]:
    """Yield the files to which a requirement can be added: not those with hashes, which would ask for one."""
    for layer in image.layers:
        if isinstance(layer, InstallLayer):
            yield from (path for path in layer.files if "--hash" not in (ground.tree.text(path) or ""))


def _requirements(ground: Ground, path: str) -> list[str]:
    lines = (ground.tree.text(path) or "").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _base_bump(ground: Ground) -> Choice:
    counted = {
        name: sum(image.base == name for image in ground.images)
        for name in ground.plan.bases
        if any(image.base == name for image in ground.images)
    }
    if not counted:
        return Choice("base-bump", "", why_not="no image stands on a base that the manifest names under `bases`")
    name = min(counted, key=lambda name: (-counted[name], name))
    text = f"the base {name} with another last layer, under {counted[name]} of {len(ground.names)} images"
    return Choice("base-bump", text, base=name)


def _torch_bump(ground: Ground) -> Choice:
    """Choose the torch layer on which the most images stand; its torch goes back one patch release a round."""
    having = [image for image in ground.images if _torch(image)]
    if not having:
        return Choice("torch-bump", "", why_not="no image installs torch in a layer of its own")
    image = max(having, key=lambda image: (len(ground.standing_on({image.name})), -ground.names.index(image.name)))
    spots, version = _torch_spots(ground.source, image.origin), _torch(image)
    back = min((int(spot.old.rpartition(".")[2]) for spot in spots), default=0)
    if not back or not any(spot.old == version for spot in spots):
        return Choice("torch-bump", "", why_not=f"no patch release is known before torch {version} of {image.name}")
    first = ", ".join(dict.fromkeys(f"{spot.old} -> {earlier(spot.old, 1)}" for spot in spots))
    text = f"torch of {image.name} in {ground.source.path.rpartition('/')[2]}: {first}"
    return Choice("torch-bump", text, Release(ground.source.path.rpartition("/")[2], spots), rounds=back)


def _torch(image: PlannedImage) -> str:
    """Return the version of torch that an image installs in a layer of its own; "" for none."""
    for layer in image.layers:
        if isinstance(layer, InstallLayer) and layer.index_arg == "TORCH_INDEX_URL":
            return next(r.removeprefix("torch==") for r in layer.requirements if r.startswith("torch=="))
    return ""


def _torch_spots(source: Source, origin: str) -> tuple[Spot, ...]:
    """Return where the manifest has the versions of torch and of what is released with it."""
    torch = ("images", origin, "torch")
    found = {}
    for loc in ((*torch, "version"), *((*torch, "packages", name) for name in _TORCH_FAMILY)):
        node = source.root
        for step in loc:
            if step not in node.children:
                break
            node = node.children[step]
        else:
            if isinstance(node.value, str) and re.fullmatch(r"\d+\.\d+\.\d+", node.value):
                found[node.line, node.column] = Spot(node.line, node.column, node.value)
    return tuple(found.values())


def earlier(version: str, steps: int) -> str:
    """Return a version that many patch releases before; it has at least as many."""
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) - steps}"


_CHOOSERS: dict[str, Callable[[Ground], Choice]] = {
    "cold": _cold,
    "unchanged": _unchanged,
    "one-source": _one_source,
    "light-requirement": _light,
    "common-requirement": _common,
    "base-bump": _base_bump,
    "torch-bump": _torch_bump,
}
