"""The paths of a project -> which are Dockerfiles, and which tell how they are built."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bakegen.dockerfile.parser import Dockerfile, DockerfileError, parse
from bakegen.errors import Problem, Where
from bakegen.files import is_ours
from bakegen.tree import Tree

_DOCKERFILE = re.compile(r"(?:dockerfile|containerfile)(?:[._-].+)?|.+\.(?:dockerfile|containerfile)", re.IGNORECASE)
_NEVER = re.compile(
    r".+(?:\.dockerignore|\.(?:bak|orig|rej|swp|old|md|rst|txt|py|sh|yaml|yml|json|lock)|~)", re.IGNORECASE
)
_TEMPLATE = re.compile(r".+\.(?:j2|jinja2?|tmpl|tpl|template|in|erb|mustache|hbs|gotmpl)", re.IGNORECASE)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[._-][\w.-]+)?\.ya?ml", re.IGNORECASE)
_BAKE = re.compile(r"(?:docker-)?bake(?:[._-][\w.-]+)?\.(?:hcl|json)", re.IGNORECASE)
_WORKFLOW = re.compile(r"(?:.*/)?\.github/(?:workflows|actions)/.+\.ya?ml")
_SCRIPTS = {".sh": "shell", ".bash": "shell", ".zsh": "shell", ".bat": "batch", ".cmd": "batch", ".ps1": "powershell"}
_MAKE = re.compile(r"(?:gnu)?makefile|.+\.mk|makefile\..+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of a project that matter, by kind; ``scripts`` are pairs of path and language."""

    dockerfiles: tuple[str, ...]
    compose: tuple[str, ...]
    bake: tuple[str, ...]
    workflows: tuple[str, ...]
    scripts: tuple[tuple[str, str], ...]
    templates: tuple[str, ...] = ()


def sort_out(paths: Iterable[str], skip: Iterable[str] = ()) -> Paths:
    """Return the paths by what their names say they are; ``skip`` are globs of paths to leave alone."""
    kept = [path for path in paths if not skipped(path, skip)]
    named = [(path, posixpath.basename(path)) for path in kept]
    dockerfiles = [path for path, name in named if _DOCKERFILE.fullmatch(name) and not _NEVER.fullmatch(name)]
    return Paths(
        dockerfiles=tuple(path for path in dockerfiles if not _TEMPLATE.fullmatch(path)),
        compose=tuple(path for path, name in named if _COMPOSE.fullmatch(name)),
        bake=tuple(path for path, name in named if _BAKE.fullmatch(name)),
        workflows=tuple(path for path in kept if _WORKFLOW.fullmatch(path)),
        scripts=tuple((path, kind) for path, name in named if (kind := _language(name))),
        templates=tuple(path for path in dockerfiles if _TEMPLATE.fullmatch(path)),
    )


def skipped(path: str, globs: Iterable[str]) -> bool:
    """Return whether a path, or a directory above it, matches one of the globs."""
    parts = path.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    return any(fnmatchcase(name, glob.rstrip("/")) for glob in globs for name in above)


def _language(name: str) -> str:
    if _MAKE.fullmatch(name):
        return "make"
    return _SCRIPTS.get(posixpath.splitext(name)[1].lower(), "")


@dataclass(frozen=True, slots=True)
class Readable:
    """A Dockerfile that BuildKit takes; generated ones of ours are not among them."""

    path: str
    text: str
    parsed: Dockerfile


def readable(paths: Paths, tree: Tree) -> tuple[tuple[Readable, ...], tuple[Problem, ...]]:
    """Return the Dockerfiles that can be read, and why others cannot."""
    found: list[Readable] = []
    notes = [Problem("a template of a Dockerfile: left alone", Where(path)) for path in paths.templates]
    for path in paths.dockerfiles:
        problem = _obstacle(path, tree)
        text = None if problem else tree.text(path)
        if problem:
            notes.append(problem)
        elif text is None and tree.kind(path) == "file":
            tip = "save it as UTF-8, and check that it may be read"
            notes.append(Problem("left alone: it is not readable as UTF-8 text", Where(path), next=tip))
        elif text is not None and not is_ours(text):
            one = _parsed(path, text)
            (found if isinstance(one, Readable) else notes).append(one)  # type: ignore[arg-type]  # each to its own
    return tuple(found), tuple(notes)


def _parsed(path: str, text: str) -> Readable | Problem:
    try:
        return Readable(path, text, parse(text))
    except DockerfileError as error:
        template = "{{" in text or "{%" in text
        why = "it looks like a template" if template else "BuildKit would not take it"
        return Problem(f"left alone: {error.what}", Where(path, error.line, error.column), why=why)


def _obstacle(path: str, tree: Tree) -> Problem | None:
    """Return what stands where a Dockerfile could be, if that is no file; a directory of that name is common."""
    kind = tree.kind(path)
    if kind == "missing":
        return Problem("left alone: deleted, or a link to nothing", Where(shown(path)))
    if kind == "outside":
        return Problem("left alone: a link that leads out of the project", Where(path))
    if kind == "special file":
        return Problem("left alone: it is no file", Where(path))
    if kind == "file" and unnameable(path):
        tip = "rename it: letters in Unicode's form NFC, no control characters, no backslash, no blanks at an end"
        return Problem("left alone: bake cannot find a file of this name", Where(shown(path)), next=tip)
    return None


def unnameable(path: str) -> bool:
    """Return whether a path is one that bake, or a manifest, cannot name."""
    composed = path.isprintable() and unicodedata.normalize("NFC", path) == path
    return not composed or "\\" in path or any(part != part.strip() for part in path.split("/"))


def shown(path: str) -> str:
    """Return a path for people, bytes that are no UTF-8 as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
