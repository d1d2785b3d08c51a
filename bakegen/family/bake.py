"""What only bake says of an image with a Dockerfile of its own: attributes that reach the bake file as they are.

The names are bake's with ``_`` for ``-``: https://docs.docker.com/build/bake/reference/#target
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from bakegen.family.fields import FilledText, Many, Model, Text


def _typed(entry: dict[str, str]) -> dict[str, str]:
    if not entry.get("type"):
        raise ValueError("'type' is missing, such as type: registry")
    return entry


#: An exporter, cache or attestation: its type and that type's own attributes.
Entry = Annotated[dict[FilledText, Text], AfterValidator(_typed)]


class BakeSecret(Model):
    """A secret for the Dockerfile's own ``--mount=type=secret``; without a source it is the variable or file of that name."""

    id: FilledText
    env: FilledText | None = Field(default=None, description="taken from this variable of the host")
    src: FilledText | None = Field(default=None, description="taken from this file of the host")


class BakeAgent(Model):
    """An SSH agent, or keys, for ``--mount=type=ssh``."""

    id: FilledText
    paths: Many[FilledText] = Field(default=(), description="keys or a socket; default: the agent of the environment")


class BakeTarget(Model):
    """The attributes of a bake target for which an image has no field, and values that its fields do not take.

    Nothing in here has to exist before the build, and nothing is changed: no registry before tags, no TAG behind them.
    """

    context: FilledText | None = Field(default=None, description="a directory, a URL, or what else bake takes")
    dockerfile: FilledText | None = Field(default=None, description="from the context; cwd://PATH: from the manifest")
    dockerfile_inline: Text | None = Field(default=None, description="the Dockerfile itself")
    contexts: dict[FilledText, Text] = Field(
        default={}, description="what FROM and --from find under a name; target:IMAGE is an image of the family"
    )
    target: Text | None = Field(default=None, description="the stage that is built; default: the last one")
    tags: Many[Text] | None = Field(default=None, description="all tags, in full; [] for none; instead of tag")
    args: dict[Text, Text] = Field(default={}, description="with names that args does not take")
    labels: dict[Text, Text] = Field(default={}, description="with names that labels does not take")
    annotations: Many[FilledText] = Field(default=(), description="such as index:KEY=VALUE")
    platforms: Many[FilledText] = Field(default=(), description="words that platforms does not take, such as local")
    output: Many[Entry] = Field(default=(), description="exporters, such as {type: local, dest: out}")
    cache_from: Many[Entry] = Field(default=(), description="such as {type: registry, ref: REPOSITORY}")
    cache_to: Many[Entry] = ()
    attest: Many[Entry] = Field(default=(), description="such as {type: provenance, mode: max}")
    secret: Many[BakeSecret] = Field(default=(), description="secrets that the field secrets does not take")
    ssh: Many[BakeAgent] = ()
    no_cache: bool | None = None
    no_cache_filter: Many[Text] = Field(default=(), description="stages that run again at every build")
    pull: bool | None = None
    network: Text | None = Field(default=None, description="of RUN: default, none or host")
    extra_hosts: dict[FilledText, Text] = Field(default={})
    shm_size: FilledText | None = None
    ulimits: Many[FilledText] = Field(default=(), description="such as nofile=1024:2048")
    entitlements: Many[FilledText] = Field(default=(), description="such as network.host")
    call: Text | None = Field(default=None, description="check, outline or targets, instead of a build")

    @property
    def attributes(self) -> dict[str, object]:
        """What is given, by bake's own names, as plain values; context, Dockerfile and tags aside, which are always."""
        kept = self.model_dump(exclude_defaults=True, exclude={"context", "dockerfile", "tags", *MERGED})
        return {name.replace("_", "-"): value for name, value in kept.items()}

    @property
    def linked(self) -> tuple[str, ...]:
        """The images that contexts name, each once."""
        values = (value for value in self.contexts.values() if value.startswith(LINK))
        return tuple(dict.fromkeys(value.removeprefix(LINK) for value in values))


#: What stands before the name of another bake target.
LINK = "target:"
#: Attributes that the image's own fields have as well; the bake file gets both together.
MERGED = frozenset({"args", "labels", "contexts", "platforms"})
