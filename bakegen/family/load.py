"""Manifest text -> Family, with every problem at its line and column and the nearest right word."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bakegen.errors import ManifestError, Problem, by_place
from bakegen.family.models import Family
from bakegen.family.salvage import salvage
from bakegen.family.source import Loc, Source, parse

#: pydantic's words for Python types, in the words of YAML.
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "enum": "",
    "literal_error": "",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A family and the text it was read from, which knows where each value stands."""

    family: Family
    source: Source


@dataclass(frozen=True, slots=True)
class Invalid:
    """A manifest with values that are not valid: its problems, and what is left without these values."""

    problems: tuple[Problem, ...]
    source: Source
    rest: Family | None
    cut: frozenset[Loc]


def read(text: bytes, path: str) -> Manifest | Invalid:
    """Return the family written in ``text``; ``path`` is what errors call it. What is not YAML is a ManifestError."""
    source = parse(text, path)
    try:
        return Manifest(Family.model_validate(source.data), source)
    except ValidationError as error:
        return Invalid(tuple(problems_of(error, source)), source, *salvage(source.data))


def load(text: bytes, path: str) -> Manifest:
    """Return the family written in ``text``; ``path`` is what errors call it. Raises ManifestError."""
    found = read(text, path)
    if isinstance(found, Invalid):
        raise ManifestError(*found.problems)
    return found


def problems_of(error: ValidationError, source: Source, model: type[BaseModel] = Family) -> list[Problem]:
    """Return pydantic's findings about a ``model`` as problems, in the order of the lines."""
    found = [_problem(detail, source, model) for detail in error.errors(include_url=False)]
    return sorted(set(found), key=by_place)


def _problem(detail: ErrorDetails, source: Source, model: type[BaseModel]) -> Problem:
    loc, kind = detail["loc"], detail["type"]
    name = _dotted(loc)
    if kind == "extra_forbidden":
        return _unknown_key(loc, source, model)
    if kind == "missing":
        return Problem(f"{name} is missing", source.where(loc[:-1]))
    where = source.where(loc[:-1], key=True) if loc[-1] == "[key]" else source.where(loc)
    if kind == "value_error":
        return Problem(f"{name}: {detail['ctx']['error']}", where, next=_number_tip(loc, source))
    if kind in _TYPES:
        node = source.node(loc)
        expected = detail.get("ctx", {}).get("expected", "")
        wanted = f"{_TYPES[kind]} {expected}".strip()
        return Problem(f"{name}: expected {wanted}, found {_describe(node.value if node else None)}", where)
    return Problem(f"{name}: {detail['msg'][0].lower()}{detail['msg'][1:]}", where)


def _unknown_key(loc: Loc, source: Source, model: type[BaseModel]) -> Problem:
    key = str(loc[-1])
    known = sorted(known_keys(loc[:-1], model))
    close = nearest(key, known)
    tip = f"did you mean {close}?" if close else (f"known here: {', '.join(known)}" if known else "")
    return Problem(
        f"unknown key {key!r}" + (f" in {_dotted(loc[:-1])}" if loc[:-1] else ""), source.where(loc, key=True), next=tip
    )


def nearest(word: str, known: list[str]) -> str | None:
    """Return the known word closest to ``word``, or None when none is close."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), None)


def known_keys(loc: Loc, root: type[BaseModel] = Family) -> set[str]:
    """Return the keys that the model at ``loc`` takes, read from the models themselves."""
    kind: Any = root
    for step in loc:
        model = _model_in(kind)
        if model is not None:
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            kind = fields.get(str(step))
        else:
            kind = _item_of(kind)
    model = _model_in(kind)
    return {field.alias or name for name, field in model.model_fields.items()} if model else set()


def _model_in(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations are any object
    """Return the model that an annotation is, or contains as an option."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if get_origin(kind) is Annotated:
        return _model_in(get_args(kind)[0])
    if isinstance(kind, UnionType):
        return next((m for m in map(_model_in, get_args(kind)) if m), None)
    return None


def _item_of(kind: Any) -> Any:  # noqa: ANN401 - see _model_in
    """Return the type of the values of a dict or tuple annotation."""
    if get_origin(kind) is Annotated:
        return _item_of(get_args(kind)[0])
    if isinstance(kind, UnionType):
        return _item_of(next(part for part in get_args(kind) if part is not NoneType))
    arguments = get_args(kind)
    return arguments[1] if get_origin(kind) is dict else next(iter(arguments), None)


def _dotted(loc: Loc) -> str:
    """Return a location as a path: ``images.asr.pip[0]``."""
    text = ""
    for step in loc[:-2] if loc[-1:] == ("[key]",) else loc:  # the message names the key
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if step.isprintable() and step.strip() else f".{step!r}"
    return text.removeprefix(".")


def _describe(value: object) -> str:
    """Return what the user wrote, in the words of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = str(value)
    return repr(text if len(text) < 60 else text[:57] + "...")  # noqa: PLR2004 - fits a line


def _number_tip(loc: Loc, source: Source) -> str:
    node = source.node(loc)
    if node and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return f'write "{node.raw}"'
    return ""
