"""Family -> Plan: what each image inherits from its chain, its layers, its cache ids."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from bakegen import checks, copied, external, graph
from bakegen.checks import Fault
from bakegen.dockerfile.sources import Sources
from bakegen.family import Family, Target
from bakegen.family.bake import BakeTarget
from bakegen.family.bases import BaseFacts, facts
from bakegen.family.expand import Variant, expand
from bakegen.family.models import ImageFields, Torch
from bakegen.family.places import places
from bakegen.family.requirements import included
from bakegen.family.source import Loc
from bakegen.groups import bake_groups_of, groups_of
from bakegen.layers import (
    AptLayer,
    EnvLayer,
    FilesLayer,
    InstallLayer,
    Layer,
    Mount,
    RunLayer,
    UserLayer,
    VenvLayer,
    WorkdirLayer,
)
from bakegen.lock import Lock
from bakegen.mounts import apt_mounts, own_mount, python_mounts
from bakegen.plan import Ground, Plan, PlannedImage, generated_dockerfile, references
from bakegen.refs import is_platform, is_reference
from bakegen.tree import Tree

PYPI = "https://pypi.org/simple"


def resolve(family: Family, tree: Tree, lock: Lock | None = None) -> tuple[Plan | None, tuple[Fault, ...]]:
    """Return the plan and no faults, or no plan and every fault that was found.

    Without a lock, external references stay as they are written; with one, each must stand in it.
    """
    variants = expand(family)
    faults = [*checks.structure(family, variants), *checks.values(variants, tree)]
    parents = checks.parents_of(family, variants)
    bases = _bases(family, lock)
    if not graph.cycle(checks.edges(variants, parents)):
        images, more = _images(family, variants, parents, bases, tree)
        faults += [*more, *checks.together(images)]
        if not faults:
            names = external.own_names(images, family)
            images = tuple(external.found(image, names, tree) for image in images)
            images = tuple(copied.found(image, tree) for image in images)
            faults += external.hidden_parents(images)
            faults += copied.hidden_by_own_lines(family, images)
            faults += external.unlocked(family, images, lock) if lock else ()
        if lock and not faults:
            images = tuple(external.redirected(image, lock, family.mirrors) for image in images)
        if not faults:
            refs = {name: base.ref for name, base in bases.items()}
            return Plan(family, refs, images, groups_of(family, images), bake_groups_of(family, images)), ()
    return None, tuple(dict.fromkeys(faults))


def _bases(family: Family, lock: Lock | None) -> dict[str, BaseFacts]:
    """Return what is known of each base, under its locked reference where it has one."""
    locked = {name: (lock.pinned(base.ref) if lock else None) or base.ref for name, base in family.bases.items()}
    return {name: facts(name, base, locked[name], family.mirrors) for name, base in family.bases.items()}


def faults_of_rest(rest: Family, cut: frozenset[Loc], tree: Tree) -> tuple[Fault, ...]:
    """Return the faults of what is left of a family without its invalid values, none of which follows from a cut.

    Single values are checked everywhere, what lies between values only among images that no cut can concern.
    """
    variants = expand(rest)
    sound = checks.sound(rest, variants, cut)
    groups = rest.groups if len(sound) == len(rest.images) and not any(loc[0] == "groups" for loc in cut) else {}
    images = {name: image for name, image in rest.images.items() if name in sound}
    _, faults = resolve(rest.model_copy(update={"images": images, "groups": groups}), tree)
    return tuple(dict.fromkeys([*checks.values(variants, tree), *faults]))


def _images(
    family: Family,
    variants: tuple[Variant, ...],
    parents: Mapping[str, tuple[str, ...]],
    bases: Mapping[str, BaseFacts],
    tree: Tree,
) -> tuple[tuple[PlannedImage, ...], list[Fault]]:
    """Return every image whose chain is sound, parents first, and the faults along the chains."""
    by_name = {variant.name: variant for variant in variants}
    grounds: dict[str, Ground] = {}
    images: list[PlannedImage] = []
    faults: list[Fault] = []
    for name in graph.order(checks.edges(variants, parents)):
        variant = by_name[name]
        parent = parents[name][0] if parents[name] else None
        ground = grounds.get(parent) if parent else _on_base(variant, bases)
        if ground is None:
            continue
        faults += checks.on_ground(variant, ground, family, bases)
        image = _Resolver(family, variant, parent, ground, bases, tree).image()
        images.append(image)
        grounds[name] = _above(family, image, ground)
    return tuple(images), faults


def _on_base(variant: Variant, bases: Mapping[str, BaseFacts]) -> Ground | None:
    """Return the ground of an image without a parent in the family."""
    base = bases.get(variant.fields.from_ or "")
    if base:
        return Ground(str(base.ref), base, base.target, base.distro, base.python)
    if variant.fields.hand_written and variant.fields.from_ is None:
        return Ground("", None, variant.fields.target or Target.CPU, variant.name, None)
    return None


def _above(family: Family, image: PlannedImage, ground: Ground) -> Ground:
    """Return what the children of an image stand on."""
    ref = next(filter(is_reference, references(family, image)), "")
    if not image.generated:
        # What a hand-written Dockerfile leaves behind is not known: no venv of ours, any user.
        return Ground(
            ref,
            None,
            image.target,
            f"{ground.distro}-{image.name}" if ground.base else image.name,
            image.python,
            user="",
        )
    return Ground(
        ref=ref,
        base=ground.base,
        target=image.target,
        distro=ground.distro,
        python=image.python or ground.python,
        user=image.user,
        workdir=image.workdir,
        users=ground.users | {image.user},
        venv=ground.venv or image.installs,
        frozen=ground.frozen or any(isinstance(layer, InstallLayer) for layer in image.layers),
    )


class _Resolver:
    """Resolves one image on its ground."""

    def __init__(  # noqa: PLR0913, PLR0917 - the six things an image depends on
        self,
        family: Family,
        variant: Variant,
        parent: str | None,
        ground: Ground,
        bases: Mapping[str, BaseFacts],
        tree: Tree,
    ) -> None:
        self.family, self.variant, self.parent, self.ground, self.bases, self.tree = (
            family,
            variant,
            parent,
            ground,
            bases,
            tree,
        )
        self.fields: ImageFields = variant.fields
        defaults = family.defaults
        self.installer = self.fields.installer or defaults.installer
        self.user = self.fields.user or (ground.user if parent else "") or defaults.user
        self.workdir = self.fields.workdir or ground.workdir or defaults.workdir
        self.python = self.fields.python or ground.python or defaults.python
        self.target = self.fields.target or ground.target
        self.frozen = ground.frozen

    def image(self) -> PlannedImage:
        """Return the image."""
        fields, name, bake = self.fields, self.variant.name, self.fields.bake or BakeTarget()
        layers = () if fields.hand_written else tuple(self._layers())
        installs = any(isinstance(layer, (VenvLayer, InstallLayer)) for layer in layers)
        dockerfile, context = places(fields) if fields.hand_written else (generated_dockerfile(name), ".")
        uv_from = checks.uv_source(self.ground.base, self.bases) if installs and self.installer == "uv" else None
        return PlannedImage(
            name=name,
            origin=self.variant.origin,
            description=fields.description,
            target=self.target,
            parent=self.parent,
            base=self.ground.base.name if self.ground.base else None,
            from_ref=self.ground.ref,
            tags=fields.tag or (name,) if bake.tags is None else bake.tags,
            dockerfile=dockerfile,
            context=context,
            generated=not fields.hand_written,
            bake=fields.bake,
            distro=self.ground.distro,
            python=self.python if installs else (fields.python or self.ground.python),
            installer=self.installer,
            layers=layers,
            uv_from=uv_from,
            externals=(),
            unclear=(),
            copies=Sources(),
            ignore_file="",
            stages=frozenset({"uv"}) if uv_from else frozenset(),
            redirects=(),
            platforms=tuple(filter(is_platform, bake.platforms)) or fields.platforms or self.family.defaults.platforms,
            secrets=fields.secrets,
            args=tuple(sorted((fields.args | bake.args).items())),
            labels=tuple(sorted((self.family.defaults.labels | fields.labels | bake.labels).items())),
            parent_user=self.ground.user,
            user=self.user,
            workdir=self.workdir,
            entrypoint=fields.entrypoint,
            cmd=fields.cmd,
        )

    def _layers(self) -> Iterator[Layer]:
        """Return the steps, rarest change first."""
        fields = self.fields
        if self.user not in {"root", self.ground.user} | self.ground.users:
            yield UserLayer(self.user)
        if self.workdir != self.ground.workdir:
            yield WorkdirLayer(self.workdir)
        installs = bool(fields.torch or fields.pip)
        new_venv = installs and not self.ground.venv
        packages = set(fields.apt) | (self._interpreter() if new_venv else set())
        if packages:
            yield AptLayer(tuple(sorted(packages)), apt_mounts(fields.cache.apt, self.ground.distro))
        if new_venv:
            yield VenvLayer(f"python{self.python}", self._python_mounts() if self.installer == "pip" else ())
        if fields.torch:
            yield self._torch(fields.torch)
        yield from (self._requirement_set(path) for path in fields.pip)
        if fields.env or fields.args:
            yield EnvLayer(tuple(sorted(fields.args.items())), tuple(sorted(fields.env.items())))
        for run in fields.run:
            yield RunLayer(run.command, tuple(own_mount(mount, self.ground.distro) for mount in run.cache))
        if fields.copy_:
            yield FilesLayer(tuple((c.src, c.dest or self._destination(c.src), c.chmod or "") for c in fields.copy_))

    def _interpreter(self) -> set[str]:
        """Return the distribution's Python, where the ground has none."""
        if self.ground.python:
            return set()
        return {f"python{self.python}"} | ({f"python{self.python}-venv"} if self.installer == "pip" else set())

    def _torch(self, torch: Torch) -> InstallLayer:
        build = f"cu{torch.cuda.replace('.', '')}" if torch.cuda else "cpu"
        packages = {"torch": torch.version, **torch.packages}
        return self._install(
            title=f"torch {torch.version} ({build})",
            requirements=tuple(f"{name}=={version}" for name, version in packages.items()),
            index_arg="TORCH_INDEX_URL",
            index_url=f"{self.family.indexes.torch.rstrip('/')}/{build}",
        )

    def _requirement_set(self, path: str) -> InstallLayer:
        pypi = self.family.indexes.pypi
        return self._install(
            title=path,
            files=(path,),
            included=included(path, self.tree),
            # uv is always told: only for a known index can its answer to HTTP caching be overridden
            index_arg="PYPI_INDEX_URL" if pypi or self.installer == "uv" else None,
            index_url=pypi or PYPI,
        )

    def _install(self, **what: object) -> InstallLayer:
        """Return an installation that keeps what the chain below has installed."""
        layer = InstallLayer(
            **what,  # type: ignore[arg-type]  # the two callers above
            constrained=self.frozen,
            unfreeze=tuple(sorted(self.fields.unfreeze)),
            mounts=self._python_mounts(),
        )
        self.frozen = True
        return layer

    def _python_mounts(self) -> tuple[Mount, ...]:
        return python_mounts(self.fields.cache.pip, self.installer, self.python, self.ground.distro)

    def _destination(self, src: str) -> str:
        """Return where a copied file goes when the manifest does not say."""
        if any(c in src for c in "*?["):
            return self.workdir.rstrip("/") + "/"
        return posixpath.join(self.workdir, posixpath.basename(src)) if src != "." else self.workdir
