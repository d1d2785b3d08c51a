"""The types of the manifest's fields: what a name, a path, a tag or a list may hold, said once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from bakegen.refs import HUB, ImageRef, parse_platform

#: A space, and everything that ends a line or a word for the shell, HCL or BuildKit but is invisible to a reader.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


#: BuildKit takes lines of 65,535 bytes; an escaped value may be twice as long.
_MAX_VALUE = 32_000


class Model(BaseModel):
    """Base of every model of the manifest: strict, frozen, and no unknown keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class Target(StrEnum):
    """What an image runs on."""

    CPU = "cpu"
    CUDA = "cuda"


def checked(pattern: str, what: str) -> Callable[[str], str]:
    """Return a validator that accepts strings matching the whole ``pattern`` and calls others not ``what``."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):  # compiled when a manifest first needs it, and kept by re
            raise ValueError(f"{text!r} is not {what}")
        return text

    return check


def _one_or_many(value: object) -> object:
    """Return a lone string or mapping as a list of one."""
    return [value] if isinstance(value, (str, dict)) else value


def relative_path(text: str) -> str:
    """Return ``text`` if it is a path inside the project, with forward slashes; else raise a ValueError."""
    if text != text.strip() or not text or _CONTROL.search(text) or "\n" in text or "\t" in text:
        raise ValueError(f"{text!r} is not a path")
    if "\\" in text:
        raise ValueError(f"{text!r}: write paths with forward slashes, on Windows too")
    if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        raise ValueError(f"{text!r} is outside the project: paths are relative to the manifest")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{text!r} leaves the project: '..' is not allowed")
    return "/".join(parts) or "."


def _copied(text: str) -> str:
    """Return a path that COPY takes: a client leaves out what ``!`` begins, and ``<<`` opens a heredoc, in JSON too."""
    if text.startswith(("!", "<<")):
        raise ValueError(f"{text!r}: COPY cannot take a path that begins with ! or <<; rename the file")
    return text


def is_requirement_path(text: str) -> bool:
    """Return whether ``text`` can stand in a mount and in a command as it is."""
    return re.fullmatch(r"[A-Za-z0-9._/@+-]+", text) is not None


def _container_path(text: str) -> str:
    if not text.startswith("/") or _CONTROL.search(text) or "\n" in text:
        raise ValueError(f"{text!r} is not an absolute path in the image, such as /app")
    return text


def _command(text: str) -> str:
    if not text.strip():
        raise ValueError("the command is empty")
    if bad := _CONTROL.search(text):
        raise ValueError(f"control character U+{ord(bad[0]):04X} is not allowed in a command")
    return text


def _registry_host(text: str) -> str:
    """Return ``text`` if it is the host of a registry, as references write it."""
    try:
        ref = ImageRef.parse(f"{text}/x/y")
    except ValueError:
        raise ValueError(
            f"{text!r} is not the host of a registry, such as docker.io or registry.example:5000"
        ) from None
    if text in {"index.docker.io", "registry-1.docker.io", "hub.docker.com"}:
        raise ValueError(f"{text!r}: write docker.io, as references do")
    if ref.registry != text or text != text.lower():
        raise ValueError(f"{text!r} is not the host of a registry: lower case, with a dot or a port, or localhost")
    return text


def _mirror(text: str) -> str:
    """Return ``text`` if images can be named below it."""
    try:
        ref = ImageRef.parse(f"{text}/x")
    except ValueError:
        raise ValueError(f"{text!r} is not a mirror: write host/path, without https:// and without a tag") from None
    if ref.registry == HUB or ref.tag:
        raise ValueError(f"{text!r} is not a mirror: it begins with a host, such as mirror.example/hub")
    return text


def _env_value(text: str) -> str:
    """ENV has no escape for them: https://docs.docker.com/reference/dockerfile/#env."""
    if bad := re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError(
            f"a Dockerfile cannot hold U+{ord(bad[0]):04X} in an environment variable; put such text into a file"
        )
    if len(text.encode()) > _MAX_VALUE:
        raise ValueError(
            f"longer than {_MAX_VALUE} bytes, which no line of a Dockerfile holds; put such text into a file"
        )
    return text


def _any_text(text: str) -> str:
    """Return what bake makes of ``text``: all strings of HCL are in Unicode's form NFC.

    https://github.com/zclconf/go-cty/blob/main/docs/types.md
    """
    if bad := re.search(r"[\x00\ud800-\udfff]", text):
        raise ValueError(f"U+{ord(bad[0]):04X} cannot be passed to a build")
    return unicodedata.normalize("NFC", text)


def _composed(text: str) -> str:
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError(f"{text!r}: bake finds files by composed names (Unicode's NFC) only; rename the file")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("an empty text is not allowed here")
    return text


def _reference(value: object) -> ImageRef:
    if isinstance(value, ImageRef):
        return value
    if not isinstance(value, str):
        raise ValueError("an image reference is a string, such as python:3.11-slim")  # noqa: TRY004 - pydantic collects ValueErrors
    return ImageRef.parse(value)


def _string(value: object) -> object:
    """Point at the quotes that are missing: YAML reads 3.10 as the number 3.1."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("this is a number to YAML; put it in quotes")  # noqa: TRY004 - see _reference
    return value


Text = Annotated[str, AfterValidator(_any_text)]
SecretFile = Annotated[str, AfterValidator(_composed), AfterValidator(_any_text), AfterValidator(_filled)]
FilledText = Annotated[
    str,
    AfterValidator(_any_text),
    AfterValidator(_filled),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
Name = Annotated[
    str,
    AfterValidator(
        checked(
            r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}",
            "a name: up to 128 letters, digits, - and _ (what docker buildx bake takes)",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$"}),
]
Version = Annotated[
    str,
    BeforeValidator(_string),
    AfterValidator(checked(r"[0-9]+(\.[0-9]+)*[A-Za-z0-9.+]*", "a version such as 2.1.2")),
]
PythonVersion = Annotated[
    str, BeforeValidator(_string), AfterValidator(checked(r"3\.[0-9]{1,2}", 'a Python version such as "3.11"'))
]
CudaVersion = Annotated[
    str, BeforeValidator(_string), AfterValidator(checked(r"[0-9]{1,2}\.[0-9]", 'a CUDA version such as "12.1"'))
]
RelativePath = Annotated[str, AfterValidator(relative_path)]
CopyPath = Annotated[str, AfterValidator(relative_path), AfterValidator(_copied)]
BakePath = Annotated[str, AfterValidator(_composed), AfterValidator(relative_path)]
RequirementPath = Annotated[
    str,
    AfterValidator(relative_path),
    AfterValidator(
        checked(
            r"[A-Za-z0-9._/@+-]+",
            "the path of a requirement file: letters, digits and . _ / @ + -; requirements stand in it",
        )
    ),
]
ContainerPath = Annotated[str, AfterValidator(_container_path)]
MountPath = Annotated[
    str,
    AfterValidator(_container_path),
    AfterValidator(
        checked(
            r"(?!.*/\.\.(/|$))/+[A-Za-z0-9._@+-][A-Za-z0-9._/@+-]*",
            "a path to mount at: letters, digits and . _ / @ + -, no '..'",
        )
    ),
]
Platform = Annotated[str, AfterValidator(parse_platform)]
AptPackage = Annotated[
    str,
    AfterValidator(
        checked(
            r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?([=/][A-Za-z0-9.+:~_*-]+)?",
            "an apt package such as ffmpeg or git=1:2.39.2-1",
        )
    ),
]
DistributionName = Annotated[
    str, AfterValidator(checked(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "the name of a Python package"))
]
EnvName = Annotated[
    str, AfterValidator(checked(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable: letters, digits and _"))
]
EnvValue = Annotated[str, BeforeValidator(_string), AfterValidator(_env_value)]
ArgValue = Annotated[str, BeforeValidator(_string), AfterValidator(_any_text)]
CommandText = Annotated[str, AfterValidator(_command)]
UserName = Annotated[str, AfterValidator(checked(r"[a-z_][a-z0-9_-]{0,31}", "a user name such as app"))]
Distro = Annotated[
    str,
    AfterValidator(checked(r"[a-z0-9][a-z0-9.-]*", "a distribution's code name such as bookworm or ubuntu22.04")),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]*$"}),
]
Tag = Annotated[
    str,
    AfterValidator(checked(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "a tag such as latest")),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"}),
]
TagGlob = Annotated[
    str,
    AfterValidator(
        checked(
            r"(?!.*\*\*)(?!(.*\*){4})(?=.*\*)[A-Za-z0-9_.*-]{1,128}",
            "a pattern of tags such as 12.1.*-runtime-ubuntu22.04, with one to three *",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_.*-]*[*][A-Za-z0-9_.*-]*$"}),
]
RegistryHost = Annotated[str, AfterValidator(_registry_host)]
MirrorPath = Annotated[str, AfterValidator(_mirror)]
Digest = Annotated[
    str,
    AfterValidator(checked(r"sha256:[0-9a-f]{64}", "a digest: sha256: and 64 hex digits")),
    WithJsonSchema({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}),
]
SecretId = Annotated[
    str,
    AfterValidator(checked(r"[A-Za-z0-9_.-]+", "the id of a secret: letters, digits and . _ -")),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_.-]+$"}),
]
UserId = Annotated[int, Field(ge=0, le=2**32 - 2)]
CacheId = Annotated[
    str, AfterValidator(checked(r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a cache id: letters, digits and . _ / -"))
]
Mode = Annotated[str, BeforeValidator(_string), AfterValidator(checked(r"0?[0-7]{3,4}", 'a file mode such as "0755"'))]
Url = Annotated[str, AfterValidator(checked(r"(https?|file)://[^\s\"'\\$`]+", "a URL without spaces, quotes or $"))]
Reference = Annotated[
    ImageRef,
    BeforeValidator(_reference),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["python:3.11-slim@sha256:..."]}),
]


def _ignore_lines(value: object) -> object:
    """Return the lines that ``dockerignore`` means: true is none of one's own, false no file."""
    if isinstance(value, bool):
        return () if value else None
    return (value,) if isinstance(value, str) else value


#: Lines for the end of .dockerignore; None where the file is the user's.
IgnoreLines = Annotated[
    tuple[Annotated[str, AfterValidator(checked(r"[^\n\r\0]+", "one line of .dockerignore"))], ...] | None,
    Strict(strict=False),
    BeforeValidator(_ignore_lines),
    WithJsonSchema(
        {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    ),
]


class _OneOrMany:
    """Marks a list for which a lone item may stand, to the validator and in the JSON schema."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(_one_or_many, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


@dataclass(frozen=True, slots=True)
class Short:
    """Marks a model for whose one main field a bare string or list may stand."""

    field: str

    def _expand(self, value: object) -> object:
        return {self.field: value} if isinstance(value, (str, list, tuple)) else value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Validate the model after a bare value was put into its field."""
        return core_schema.no_info_before_validator_function(self._expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Allow what the field allows, and the model."""
        model = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(model)["properties"][self.field], model]}


_Item = TypeVar("_Item")
#: A list, held as a tuple.
Several = Annotated[tuple[_Item, ...], Strict(strict=False)]
#: A list for which a lone item may stand: ``pip: a.txt`` means ``pip: [a.txt]``.
Many = Annotated[tuple[_Item, ...], Strict(strict=False), _OneOrMany()]
TargetName = Annotated[Target, Strict(strict=False)]
