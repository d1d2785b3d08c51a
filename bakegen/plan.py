"""The plan: every image fully resolved and frozen, known before anything is rendered or built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bakegen import graph
from bakegen.dockerfile.references import External, Unclear
from bakegen.dockerfile.sources import Sources
from bakegen.errors import Problem, UsageError
from bakegen.family import Family, Secret, Target
from bakegen.family.bake import BakeTarget
from bakegen.family.bases import BaseFacts
from bakegen.family.load import nearest
from bakegen.layers import EnvLayer, FilesLayer, InstallLayer, Layer, VenvLayer, WorkdirLayer
from bakegen.refs import ImageRef


@dataclass(frozen=True, slots=True)
class Ground:
    """What an image stands on: the facts of its chain that its own steps depend on."""

    ref: str
    base: BaseFacts | None
    target: Target
    distro: str
    python: str | None
    user: str = "root"
    workdir: str = ""
    users: frozenset[str] = frozenset()
    venv: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One image, as it will be rendered and built."""

    name: str
    origin: str
    description: str
    target: Target
    #: the image it is built from, if that is one of the family
    parent: str | None
    #: the base at the root of its chain, if it is known
    base: str | None
    #: the reference in its FROM; for a hand-written image, the one that is redirected to the parent
    from_ref: str
    #: repository, or repository:tag, without registry; a lone repository gets TAG. In full where ``bake`` has tags
    tags: tuple[str, ...]
    #: where the Dockerfile is in the project; "" for one that is elsewhere, or within the bake file
    dockerfile: str
    #: the same of the build context
    context: str
    generated: bool
    #: what only bake says of a hand-written image
    bake: BakeTarget | None
    distro: str
    python: str | None
    installer: str
    layers: tuple[Layer, ...]
    #: reference of the base from which uv is taken, when uv installs here
    uv_from: str | None
    #: what a hand-written Dockerfile names of other registries, and what cannot be told from it
    externals: tuple[External, ...]
    unclear: tuple[Unclear, ...]
    #: what a hand-written Dockerfile takes from the build context
    copies: Sources
    #: the .dockerignore that it is built under, whether or not there is one: of its Dockerfile, else of its context
    ignore_file: str
    #: names of the stages of a hand-written Dockerfile, in lower case
    stages: frozenset[str]
    #: named contexts that lead such names to their locked digests
    redirects: tuple[tuple[str, str], ...]
    platforms: tuple[str, ...]
    secrets: tuple[Secret, ...]
    args: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    parent_user: str
    user: str
    workdir: str
    entrypoint: tuple[str, ...] | None
    cmd: tuple[str, ...] | None

    @property
    def parents(self) -> tuple[str, ...]:
        """The images of the family that it is built from: its parent, and those that ``bake`` links."""
        linked = self.bake.linked if self.bake else ()
        return tuple(dict.fromkeys([*([self.parent] if self.parent else []), *linked]))

    @property
    def shown(self) -> str:
        """Its Dockerfile as messages name it."""
        return self.dockerfile or f"the Dockerfile of {self.name}"

    @property
    def installs(self) -> bool:
        """Whether a step of this image uses the installer."""
        return any(isinstance(layer, (VenvLayer, InstallLayer)) for layer in self.layers)

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths of the project that its layers mount or copy; a copied one may be a pattern."""
        found: list[str] = []
        for layer in self.layers:
            if isinstance(layer, InstallLayer):
                found += (*layer.files, *layer.included)
            elif isinstance(layer, FilesLayer):
                found += (source for source, _, _ in layer.copies)
        return tuple(found)

    @property
    def runs(self) -> bool:
        """Whether a step of this image runs a command, which is done as root."""
        return any(not isinstance(layer, (WorkdirLayer, EnvLayer, FilesLayer)) for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Plan:
    """A family whose every image is resolved; images stand in order, parents first."""

    family: Family
    #: the references of the bases as FROM has them: with digest, and through a mirror, where there are such
    bases: Mapping[str, ImageRef]
    images: tuple[PlannedImage, ...]
    #: every group by name, with its images
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    #: the same as the bake file has them: name, description, and names of images and, where so written, of groups
    bake_groups: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def __getitem__(self, name: str) -> PlannedImage:
        """Return an image by name; a KeyError when there is none."""
        for image in self.images:
            if image.name == name:
                return image
        raise KeyError(name)

    @property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """The images each image is built from."""
        return {image.name: image.parents for image in self.images}

    def reference(self, image: PlannedImage) -> str:
        """Return the first tag of an image as others write it in FROM; its name where it has none."""
        return next(iter(references(self.family, image)), image.name)

    def select(self, words: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the images that names, groups and globs stand for, parents first.

        Without words: the group ``default``. An unknown word is a UsageError that names the nearest known one.
        """
        groups = dict(self.groups)
        chosen: set[str] = set()
        problems = []
        for word in list(words) or ["default"]:
            found = groups.get(word) or match(word, (image.name for image in self.images))
            if not found:
                close = nearest(word, [*groups, *(image.name for image in self.images)])
                tip = f"did you mean {close}?" if close else "`bakegen list` shows what there is"
                problems.append(
                    Problem(f"no image, group or glob {word!r} in the family {self.family.family}", next=tip)
                )
            chosen.update(found)
        if problems:
            raise UsageError(*problems)
        return tuple(image.name for image in self.images if image.name in chosen)

    def stages(self, names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """Return the images in stages that build one after the other, each within itself in parallel."""
        wanted, parents = set(names), self.parents
        near = {
            name: tuple(ancestor for ancestor in graph.ancestors(name, parents) if ancestor in wanted)
            for name in sorted(wanted)
        }
        return graph.stages(near)


def generated_dockerfile(name: str) -> str:
    """Return where the Dockerfile of an image is rendered."""
    return f"docker/{name}/Dockerfile"


def match(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a name or glob stands for."""
    return tuple(name for name in names if name == word or fnmatchcase(name, word))


def references(family: Family, image: PlannedImage) -> tuple[str, ...]:
    """Return all tags of an image in full; any text may stand there where ``bake`` has them."""
    if image.bake and image.bake.tags is not None:
        return image.tags
    return tuple(full_reference(family, tag) for tag in image.tags)


def full_reference(family: Family, tag: str) -> str:
    """Return a tag of the manifest with the registry before it and the family's tag behind it."""
    prefix = f"{family.registry}/" if family.registry else ""
    return prefix + tag + ("" if ":" in tag else f":{family.tag}")
