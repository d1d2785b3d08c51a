"""The models of the manifest: what a family of images is, in the words of docs/architecture.md.

They validate one value at a time; what concerns several values at once is in ``checks``. The same models are the
Python API, and ``bakegen schema`` prints their JSON schema.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bakegen.family.bake import BakeTarget
from bakegen.family.fields import (
    AptPackage,
    ArgValue,
    BakePath,
    CacheId,
    CommandText,
    ContainerPath,
    CopyPath,
    CudaVersion,
    Digest,
    DistributionName,
    Distro,
    EnvName,
    EnvValue,
    FilledText,
    IgnoreLines,
    Many,
    MirrorPath,
    Mode,
    Model,
    MountPath,
    Name,
    Platform,
    PythonVersion,
    Reference,
    RegistryHost,
    RequirementPath,
    SecretFile,
    SecretId,
    Several,
    Short,
    Tag,
    TagGlob,
    TargetName,
    Text,
    Url,
    UserId,
    UserName,
    Version,
)
from bakegen.family.tags import version_in

Installer = Literal["uv", "pip"]
Sharing = Literal["shared", "private", "locked"]


class CacheMount(Model):
    """One ``--mount=type=cache``: identity is id plus uid, gid and mode, as in BuildKit."""

    target: MountPath = Field(description="directory that is kept between builds")
    id: CacheId | None = Field(default=None, description="default: the target, the distribution and the architecture")
    sharing: Sharing = "shared"
    uid: UserId | None = None
    gid: UserId | None = None
    mode: Mode | None = None


class CacheChoice(Model):
    """What an image changes about the cache mount that a layer derives for itself."""

    id: CacheId | None = None
    sharing: Sharing | None = None


class Caches(Model):
    """Cache mounts of an image's own choosing, by the layer that uses them."""

    apt: CacheChoice = CacheChoice()
    pip: CacheChoice = Field(default=CacheChoice(), description="Python packages, whichever installer")


class Base(Model):
    """An external image, and what bakegen must know about it; what its tag tells need not be said."""

    ref: Reference
    target: TargetName | None = Field(default=None, description="default: cuda for nvidia/cuda, else cpu")
    distro: Distro | None = Field(default=None, description="code name, part of cache ids; default: read from the tag")
    python: PythonVersion | None = Field(
        default=None, description="the interpreter it brings; default: read from python:X.Y tags"
    )
    tags: TagGlob | None = Field(
        default=None,
        description="newer tags that `bakegen lock --upgrade` may take: * stands for a version, as in 12.1.*-runtime",
    )

    @model_validator(mode="after")
    def _tags_of_the_ref(self) -> Self:
        if self.tags and self.ref.digest:
            raise ValueError(
                "a base with a digest in its ref stays there: leave the digest to bakegen.lock, or 'tags' out"
            )
        if self.tags and not version_in(self.tags, self.ref.tag or "latest"):
            raise ValueError(f"the tag {self.ref.tag or 'latest'!r} of ref does not match {self.tags!r}")
        return self


class Torch(Model):
    """PyTorch from its own index, in a layer of its own below every requirement set."""

    version: Version
    cuda: CudaVersion | None = Field(default=None, description="CUDA build, such as 12.1; default: the CPU build")
    packages: dict[DistributionName, Version] = Field(
        default={}, description="installed with it, such as torchaudio: 2.1.2"
    )


class Copy(Model):
    """Files of the project that are copied into the image."""

    src: CopyPath
    dest: ContainerPath | None = Field(default=None, description="default: the same name in the working directory")
    chmod: Mode | None = None


class Run(Model):
    """A shell command, after the packages and before the files."""

    command: CommandText
    cache: Many[CacheMount] = ()


class Secret(Model):
    """A BuildKit secret, mounted in every step that installs or runs; it never reaches a layer or the bake file's values."""

    id: SecretId
    env: EnvName | None = Field(default=None, description="taken from this variable of the host")
    src: SecretFile | None = Field(default=None, description="taken from this file of the host")
    target: MountPath | None = Field(default=None, description="file in the step; default: /run/secrets/ID")
    as_env: EnvName | None = Field(default=None, description="variable in the step, instead of a file")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.env is None) == (self.src is None):
            raise ValueError("a secret comes from env or from src: give one of them")
        if self.target and self.as_env:
            raise ValueError("a secret is mounted as target or as_env: give one of them")
        return self


class ImageFields(Model):
    """What can be said of an image, and changed in one of its variants."""

    description: Text = ""
    from_: Name | None = Field(default=None, alias="from", description="a base or another image")
    target: TargetName | None = Field(default=None, description="default: that of what it is built from")
    mixed_target: bool = Field(default=False, description="a cpu image on a cuda parent, or the reverse, is meant")
    tag: Many[str] = Field(default=(), description="repository, or repository:tag; default: the image's name with TAG")
    python: PythonVersion | None = None
    installer: Installer | None = None
    apt: Many[AptPackage] = ()
    torch: Torch | None = None
    pip: Many[RequirementPath] = Field(default=(), description="requirement files, a layer each")
    run: Many[Annotated[Run, Short("command")]] = ()
    copy_: Many[Annotated[Copy, Short("src")]] = Field(default=(), alias="copy")
    cache: Caches = Caches()
    unfreeze: Many[DistributionName] = Field(
        default=(), description="packages of the parent that this image may replace"
    )
    env: dict[EnvName, EnvValue] = Field(default={})
    args: dict[EnvName, ArgValue] = Field(default={}, description="build arguments, visible to run")
    labels: dict[FilledText, Text] = Field(default={})
    user: UserName | None = None
    workdir: ContainerPath | None = None
    entrypoint: Several[Text] | None = None
    cmd: Several[Text] | None = None
    platforms: Many[Platform] = ()
    secrets: Many[Secret] = ()
    dockerfile: BakePath | None = Field(default=None, description="a hand-written Dockerfile, used as it is")
    context: BakePath = Field(default=".", description="build context of a hand-written Dockerfile")
    bake: BakeTarget | None = Field(default=None, description="what only bake says of a hand-written Dockerfile")

    @property
    def hand_written(self) -> bool:
        """Whether the image has a Dockerfile of its own, wherever that is."""
        return self.dockerfile is not None or self.bake is not None


class Axes(Model):
    """Values along which variants differ."""

    target: TargetName | None = None
    cuda: CudaVersion | None = None
    python: PythonVersion | None = None


class Include(ImageFields):
    """Fields for the variants that match its axes, or one more variant, as in a GitHub Actions matrix."""

    cuda: CudaVersion | None = None


class Variants(Model):
    """One definition expanded over targets, CUDA and Python versions."""

    target: Many[TargetName] = ()
    cuda: Many[CudaVersion] = ()
    python: Many[PythonVersion] = ()
    exclude: Many[Axes] = ()
    include: Many[Include] = ()


class Image(ImageFields):
    """One image of the family, or a definition that its variants expand."""

    variants: Variants | None = None


class Group(Model):
    """A selection of images: named, by glob, by target, or everything."""

    description: Text = ""
    images: Many[str] = Field(default=(), description="names or globs of images and groups")
    target: TargetName | None = None
    all: bool = False


class Defaults(Model):
    """What holds for every image that does not say otherwise."""

    python: PythonVersion = "3.11"
    installer: Installer = "uv"
    user: UserName = "root"
    workdir: ContainerPath = "/app"
    platforms: Many[Platform] = ()
    labels: dict[FilledText, Text] = Field(default={})
    uv: Version = Field(default="0.13.9", description="version of uv that installs")
    pip: Version = Field(default="26.3", description="version of pip that installs")


class RegistrySettings(Model):
    """How a registry is reached."""

    mirror: MirrorPath | None = Field(
        default=None, description="host/path that has the same images: they are locked, and built, through it"
    )
    plain_http: bool = Field(default=False, description="it speaks HTTP without TLS; engines have to be told so too")


class LockSettings(Model):
    """How `bakegen lock --upgrade` moves pins."""

    min_age: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=0, description="days for which a digest must have been known before it is taken"
    )
    skip: Many[Digest] = Field(default=(), description="digests that are never taken: of an index or of a platform")


class Indexes(Model):
    """Where Python packages come from."""

    pypi: Url | None = Field(default=None, description="index of everything but torch; default: the installer's own")
    torch: Url = Field(default="https://download.pytorch.org/whl", description="the CUDA build is appended: .../cu121")


class Family(Model):
    """All images of one manifest."""

    schema_: str | None = Field(default=None, alias="$schema", description="for editors")
    version: Literal[1]
    family: Name
    description: Text = ""
    registry: str | None = Field(default=None, description="prefix of every tag, such as ghcr.io/example/subtitles")
    tag: Tag = "latest"
    bases: dict[Name, Annotated[Base, Short("ref")]] = Field(default={})
    defaults: Defaults = Defaults()
    indexes: Indexes = Indexes()
    registries: dict[RegistryHost, RegistrySettings] = Field(default={}, description="by host, such as docker.io")
    lock: LockSettings = LockSettings()
    images: dict[Name, Image] = Field(min_length=1)
    groups: dict[Name, Annotated[Group, Short("images")]] = Field(default={})
    auto_groups: bool = Field(
        default=True, description="false: only the groups written here, as they are; no default, cpu and gpu"
    )
    dockerignore: IgnoreLines = Field(
        default=(), description="lines to end .dockerignore with; false: the file stays in the user's hands"
    )

    @property
    def mirrors(self) -> dict[str, str]:
        """Where the images of a registry are taken from instead, by its host."""
        return {host: settings.mirror for host, settings in self.registries.items() if settings.mirror}
