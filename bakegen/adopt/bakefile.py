"""What bake prints of groups and targets -> a manifest whose bake file prints the same. Pure."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from pydantic import ValidationError

from bakegen.adopt.yaml_text import WIDTH, yaml_lines
from bakegen.errors import ManifestError, Problem
from bakegen.family.bake import BakeTarget
from bakegen.family.models import ImageFields
from bakegen.family.places import DOCKERFILE, places_of
from bakegen.tree import Tree

#: Attributes that have a field of their own, or a choice between one and ``bake``.
_CHOSEN = frozenset(
    {"description", "context", "dockerfile", "dockerfile-inline", "args", "labels", "platforms", "secret", "tags"}
)
_REST = tuple(name.replace("_", "-") for name in BakeTarget.model_fields if name.replace("_", "-") not in _CHOSEN)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")


def manifest_of(
    family: str,
    groups: Mapping[str, Mapping[str, Any]],
    targets: Mapping[str, Mapping[str, Any]],
    tree: Tree,
    comments: Iterable[str] = (),
) -> str:
    """Return the manifest of groups and targets, both as bake prints them and in the order in which they shall stand.

    What bake can say and a manifest cannot is one ManifestError.
    """
    problems = [problem for name, target in targets.items() for problem in _problems(name, target)]
    problems += [_bad_name(name, "group") for name in groups if not _NAME.fullmatch(name)]
    if problems:
        raise ManifestError(*problems)
    head = {"version": 1, "family": family, "dockerignore": False, "auto_groups": False}
    words = (
        line for comment in comments for line in wrap(comment, WIDTH, break_long_words=False, break_on_hyphens=False)
    )
    lines = [*(f"# {line}" for line in words), *yaml_lines(head), "", "images:"]
    for name, target in targets.items():
        block = list(yaml_lines({name: image_of(target, tree)}, "  "))
        lines += ["", *block] if len(block) > 1 and lines[-1] != "images:" else block
    if groups:
        lines += ["", *yaml_lines({"groups": {name: _group(group) for name, group in groups.items()}})]
    return "\n".join(lines) + "\n"


def image_of(target: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """Return the fields of the image that a bake target is; what no field takes as it is stands under ``bake``."""
    own: dict[str, Any] = {"description": target["description"]} if "description" in target else {}
    bake: dict[str, Any] = {}
    _place(target, tree, own, bake)
    bake["tags"] = list(target.get("tags") or ())
    for field in ("args", "labels"):
        values = {key: _unescaped(value) for key, value in (target.get(field) or {}).items()}
        taken = {key: value for key, value in values.items() if _takes(**{field: {key: value}})}
        _put(own, field, taken)
        _put(bake, field, {key: value for key, value in values.items() if key not in taken})
    platforms = list(target.get("platforms") or ())
    _put(own if _takes(platforms=platforms) else bake, "platforms", platforms)
    secrets = [dict(secret) for secret in target.get("secret") or ()]
    plain = _takes(secrets=secrets)
    _put(own if plain else bake, "secrets" if plain else "secret", secrets)
    for name in (name for name in _REST if name in target):
        bake[name.replace("-", "_")] = _value(name, target[name])
    return {**own, "bake": bake}


def _place(target: Mapping[str, Any], tree: Tree, own: dict[str, Any], bake: dict[str, Any]) -> None:
    """Put the Dockerfile and the context where they belong: into ``own`` fields if they are files of the project."""
    context, dockerfile = target.get("context") or ".", target.get("dockerfile") or DOCKERFILE
    if "dockerfile-inline" in target:
        bake["dockerfile_inline"] = _unescaped(target["dockerfile-inline"])
    else:
        path, directory = places_of(BakeTarget(context=context, dockerfile=dockerfile))
        plain = directory == context and path and posixpath.relpath(path, directory) == dockerfile
        there = path and tree.kind(path) == "file" and tree.kind(directory) == "directory"
        if plain and there and _takes(dockerfile=path, context=directory):
            own["dockerfile"] = path
            _put(own, "context", directory if directory != "." else "")
            return
    _put(bake, "context", context if context != "." else "")
    _put(bake, "dockerfile", dockerfile if dockerfile != DOCKERFILE or "dockerfile-inline" not in target else "")


def _value(name: str, value: object) -> object:
    if name == "annotations" and isinstance(value, list):
        return [_unescaped(item) for item in value]
    return _texts(value) if isinstance(value, list) else value


def _texts(value: object) -> object:
    """Return the values of exporters, caches and attestations as texts, one of which bake prints as true."""
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if isinstance(value, Mapping):
        first = {"type": value["type"]} if "type" in value else {}
        return first | {key: _texts(item) for key, item in value.items()}
    return str(value).lower() if isinstance(value, bool) else value


def _group(group: Mapping[str, Any]) -> object:
    members = list(group.get("targets") or ())
    return {"description": group["description"], "images": members} if group.get("description") else members


def _put(where: dict[str, Any], field: str, value: object) -> None:
    if value:
        where[field] = value


def _takes(**fields: object) -> bool:
    """Return whether an image's own fields take these values, and keep them as they are."""
    try:
        kept = ImageFields.model_validate(fields)
    except ValidationError:
        return False
    dumped = kept.model_dump(mode="json", include=set(fields), exclude_none=True)
    return dumped == fields


def _unescaped(text: str) -> str:
    """Return a text that bake prints so that HCL reads it back: MarshalJSON in buildx' bake/bake.go."""
    return text.replace("$${", "${").replace("%%{", "%{")


def _problems(name: str, target: Mapping[str, Any]) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        yield _bad_name(name, "target")
    for unknown in sorted(target.keys() - _CHOSEN - set(_REST)):
        what = f"the target {name} has {unknown!r}, which this version of bakegen does not know"
        yield Problem(what, next="leave it out, or take a newer bakegen")


def _bad_name(name: str, kind: str) -> Problem:
    what = f"the {kind} {name!r} cannot be called so in a manifest"
    return Problem(what, next="names there begin with a letter, a digit or _, and have at most 128 characters")


def in_order(names: Iterable[str], texts: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names in the order in which bake files have them; those of a matrix stand where its group does."""
    names = sorted(names)
    text = "\n".join(map(_lines, texts))
    places = {name: place for name in (*names, *groups) if (place := _place_in(text, name)) >= 0}
    for name in names:
        if name not in places:
            found = [places[group] for group, members in groups.items() if name in members and group in places]
            places[name] = max(found, default=len(text))
    return sorted(names, key=lambda name: (places[name], name))


def _lines(text: str) -> str:
    """Return a bake file that is JSON as one line for each group and target; any other as it is."""
    try:
        data = json.loads(text)
        return "\n".join(f'{kind} "{name}" {{' for kind in data for name in data[kind])
    except (ValueError, TypeError):  # TypeError: JSON of something else
        return text


def _place_in(text: str, name: str) -> int:
    """Return where a bake or compose file defines a name; -1 where it does not do so in so many words."""
    found = re.search(rf"""^\s*(?:target\s+|group\s+)?["']?{re.escape(name)}["']?\s*[:{{]""", text, re.MULTILINE)
    return found.start() if found else -1
