"""The types of the manifest's fields: what a name, a path, a tag or a list may hold, said once."""

from __future__ import annotations

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

from bakegen.family.rules import (
    any_text,
    checked,
    command,
    composed,
    container_path,
    copied,
    env_value,
    filled,
    mirror,
    registry_host,
    relative_path,
)
from bakegen.refs import ImageRef, parse_platform


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


def _one_or_many(value: object) -> object:
    """Return a lone string or mapping as a list of one."""
    return [value] if isinstance(value, (str, dict)) else value


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


Text = Annotated[str, AfterValidator(any_text)]
SecretFile = Annotated[str, AfterValidator(composed), AfterValidator(any_text), AfterValidator(filled)]
FilledText = Annotated[
    str,
    AfterValidator(any_text),
    AfterValidator(filled),
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
CopyPath = Annotated[str, AfterValidator(relative_path), AfterValidator(copied)]
BakePath = Annotated[str, AfterValidator(composed), AfterValidator(relative_path)]
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
ContainerPath = Annotated[str, AfterValidator(container_path)]
MountPath = Annotated[
    str,
    AfterValidator(container_path),
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
EnvValue = Annotated[str, BeforeValidator(_string), AfterValidator(env_value)]
ArgValue = Annotated[str, BeforeValidator(_string), AfterValidator(any_text)]
CommandText = Annotated[str, AfterValidator(command)]
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
RegistryHost = Annotated[str, AfterValidator(registry_host)]
MirrorPath = Annotated[str, AfterValidator(mirror)]
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
