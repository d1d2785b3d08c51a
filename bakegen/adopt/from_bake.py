"""Bake or compose files -> bakegen.yaml and docker-bake.hcl, proved by what buildx makes of both."""

from __future__ import annotations

import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bakegen.adopt import journal
from bakegen.adopt.bakefile import in_order, manifest_of
from bakegen.engine.bake_read import BakeFile, read_bake
from bakegen.errors import BakegenError, ConflictError, ManifestError, Problem, UsageError, Where
from bakegen.family import Family
from bakegen.family.load import load
from bakegen.family.places import CWD, inside
from bakegen.files import Change, DiskTree, apply, is_ours, read_text
from bakegen.project import MANIFEST
from bakegen.render import BAKE_FILE, rendered
from bakegen.resolve import resolve

#: What `docker buildx bake` without --file reads besides docker-bake.hcl: dockerComposeFiles in buildx' bake/bake.go.
_ALSO_READ = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "docker-bake.json")
_OVERRIDES = ("docker-bake.override.json", "docker-bake.override.hcl")
_LIST = 8  # names in a line


_SECRET = re.compile(r"TOKEN|PASS|SECRET|KEY|CREDENTIAL|AUTH", re.IGNORECASE)
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:][ \t]*(.*?)\s*$", re.MULTILINE)
#: What docker itself needs; all other variables could end up as values, on this machine and no other.
_OWN_VARIABLES = re.compile(
    r"PATH|HOME|USERPROFILE|(LOCAL)?APPDATA|PROGRAM(DATA|FILES).*|SYSTEM(ROOT|DRIVE)|COMSPEC|PATHEXT|TE?MP(DIR)?"
    r"|SSH_AUTH_SOCK|XDG_.*|DOCKER_.*|BUILDX_.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """How files are read: the values that are given to their variables, and the environment that docker itself gets."""

    env: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    compose: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What buildx sees: no value of this machine's alone, and so no secret, gets into a manifest."""
        kept = {name: value for name, value in self.env.items() if _OWN_VARIABLES.fullmatch(name)}
        return {**kept, **self.variables}


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in a bake file comes to: the texts of the files to be, and what a user should know."""

    files: Mapping[str, str]
    images: int
    groups: int
    notes: tuple[str, ...]


def from_bake(
    files: Sequence[Path],
    root: Path,
    docker_cmd: Sequence[str],
    asked: Asked,
) -> Intake:
    """Return the manifest and the bake file that bakegen makes of ``files``; both are for ``root``, nothing is written.

    Paths in bake files count from ``root``, as they do for docker; those of compose files from their own directory.
    Raises ManifestError for files that bake cannot read or a manifest cannot hold,
    EngineError without buildx.
    """
    if not root.is_dir():
        raise UsageError(Problem("there is no such directory", Where(str(root)), next="PATH is where to write"))
    texts = [_text(file) for file in files]
    if ours := [str(file) for file, text in zip(files, texts, strict=True) if is_ours(text)]:
        tip = "change the manifest and render; `bakegen adopt --undo` gives back what stood here before an adoption"
        raise ConflictError(Problem("bakegen has rendered this file", Where(ours[0]), next=tip))
    compose, env = asked.compose, asked.environment
    base = files[0].resolve().parent if compose else root.resolve()
    if compose and any(file.resolve().parent != base for file in files):
        raise ManifestError(Problem("the compose files are in several directories", next="give those of one directory"))
    found = read_bake([Path(_relative(file, base)) for file in files], base, docker_cmd, env)
    if not found.targets:
        what = "there is no service with build: in it" if compose else "there is no target in it"
        tip = "give all files of the build together, the option once for each"
        raise ManifestError(Problem(what, Where(", ".join(map(str, files))), next=tip))
    if base != root.resolve():
        found = _moved(found, _relative(base, root))
    members = {name: list(group.get("targets") or ()) for name, group in found.groups.items()}
    targets = {name: found.targets[name] for name in in_order(found.targets, texts, members)}
    groups = {name: found.groups[name] for name in in_order(found.groups, texts, {})}
    shown = ", ".join(_shown(file, root) for file in files)
    lost = tuple(_lost(texts, found, asked))
    if compose:
        _no_secrets(found, base / ".env", asked)
    option = "--from-compose" if compose else "--from-bake"
    head = [f'Taken from {shown} by "bakegen adopt {option}": what "docker buildx bake --print" makes of it.', *lost]
    text = manifest_of(_family_name(root), groups, targets, DiskTree(root), head)
    bake_file = _rendered(text, root)
    with tempfile.TemporaryDirectory(prefix="bakegen-") as directory:
        made = Path(directory, BAKE_FILE)
        made.write_text(bake_file, encoding="utf-8", newline="\n")
        _prove(read_bake([made], root, docker_cmd, env), found)
    notes = (*lost, *_unused(found, asked), *_notes(found, load(text.encode(), MANIFEST).family, root, files))
    return Intake({MANIFEST: text, BAKE_FILE: bake_file}, len(targets), len(groups), notes)


def _text(file: Path) -> str:
    if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe would be read by us, and empty for buildx
        raise ManifestError(Problem("this is no file", Where(str(file)), next="write it to a file, and name that"))
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        tip = "name a bake or compose file; paths count from where you are"
        raise ManifestError(Problem(f"cannot be read: {error.strerror or error}", Where(str(file)), next=tip)) from None


def _relative(file: Path, root: Path) -> str:
    """Return a file as it is named in ``root``; as it is where it is on another drive."""
    try:
        return os.path.relpath(file.resolve(), root.resolve()).replace(os.sep, "/")
    except ValueError:
        return str(file.resolve())


def _shown(file: Path, root: Path) -> str:
    text = _relative(file, root)
    return text if text.isprintable() else repr(text)


def _family_name(root: Path) -> str:
    """Return a name for the family: that of its directory, as far as a name can be that."""
    return re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-")[:100] or "family"


def _moved(found: BakeFile, directory: str) -> BakeFile:
    """Return what a compose file in ``directory`` says, with paths that count from the project instead."""

    def moved(path: str) -> str:
        path = path.removeprefix(CWD)
        local = inside(path) or path == ".." or path.startswith("../")
        return posixpath.normpath(posixpath.join(directory, path)) if local else path

    def target(values: Mapping[str, Any]) -> dict[str, Any]:
        contexts = {
            name: value if value.startswith("target:") else moved(value)
            for name, value in values.get("contexts", {}).items()
        }
        secrets = [
            secret | ({"src": moved(secret["src"])} if "src" in secret else {}) for secret in values.get("secret", ())
        ]
        changed = {"context": moved(values["context"]), "contexts": contexts, "secret": secrets}
        return {**values, **{name: value for name, value in changed.items() if name in values}}

    return replace(found, targets={name: target(values) for name, values in found.targets.items()})


def _lost(texts: Sequence[str], found: BakeFile, asked: Asked) -> Iterator[str]:
    """Yield what computed the values and is not in the result, a line each."""
    text = "\n".join(texts)
    functions = re.findall(r'^\s*function\s+"([^"]+)"', text, re.MULTILINE)
    lists = [("variables", found.variables), ("functions", functions)]
    words = [f"{kind} {_names(names)}" for kind, names in lists if names]
    words += ["matrices"] if re.search(r"^\s*matrix\s*=|\"matrix\"\s*:", text, re.MULTILINE) else []
    words += ["inheritance"] if re.search(r"^\s*inherits\s*=|\"inherits\"\s*:", text, re.MULTILINE) else []
    if words:
        yield f"Values are what they were computed to; what computed them is not here: {', '.join(words)}."
    if asked.variables:
        yield f"Given with --set: {_names(sorted(asked.variables))}."
    if "docker-metadata-action" in found.targets:
        yield "docker-metadata-action is a target of its own now: what CI gives to it reaches no other."


def _unused(found: BakeFile, asked: Asked) -> Iterator[str]:
    if names := [name for name in found.variables if name in asked.env and name not in asked.environment]:
        yield f"set in the environment, and not used: {_names(names)}; --set NAME=VALUE takes a value in"


def _no_secrets(found: BakeFile, env_file: Path, asked: Asked) -> None:
    """Raise a ManifestError for what compose takes from .env into an argument, if it is called like a secret."""
    if not env_file.is_file():
        return
    pairs = _ENV_LINE.findall(_text(env_file))
    values = {name: value.strip("\"'") for name, value in pairs if _SECRET.search(name) and name not in asked.variables}
    problems = []
    for target, attributes in found.targets.items():
        for argument, value in (attributes.get("args") or {}).items():
            name = next(
                (name for name, secret in values.items() if argument == name or (secret and secret in value)), ""
            )
            if name:
                what = f"{name} of .env would stand in the manifest, as the build argument {argument} of {target}"
                tip = f"make it a secret of the build; or, if it is none, give its value with --set {name}=VALUE"
                problems.append(Problem(what, Where(str(env_file)), next=tip))
    if problems:
        raise ManifestError(*problems)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LIST} more" if len(names) > _LIST else ""
    return ", ".join(name if name.isprintable() else repr(name) for name in names[:_LIST]) + more


def _rendered(text: str, root: Path) -> str:
    """Return the bake file of a manifest."""
    manifest = load(text.encode(), MANIFEST)
    plan, faults = resolve(manifest.family, DiskTree(root))
    if plan is None:
        raise ManifestError(*(Problem(fault.what, manifest.source.where(fault.loc), fault.why) for fault in faults))
    return rendered(plan, root=root)[BAKE_FILE]


def _prove(made: BakeFile, wanted: BakeFile) -> None:
    """Raise a BakegenError unless buildx makes of the rendered bake file what it made of the original."""
    differences = [
        f"{kind} {name}"
        for kind, ours, theirs in (("target", made.targets, wanted.targets), ("group", made.groups, wanted.groups))
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    if differences:
        what = f"the rendered bake file would not be the same: {_names(differences)}"
        raise BakegenError(Problem(what, next="nothing was written; please report this, with the bake file"))


def _notes(found: BakeFile, family: Family, root: Path, files: Sequence[Path]) -> Iterator[str]:
    for name in found.hidden:
        yield f"left out: the target {name}, which no name reaches: a group has it"
    away = [
        name
        for name, image in family.images.items()
        if not (image.dockerfile or (image.bake and image.bake.dockerfile_inline))
    ]
    if away:
        yield f"not looked into, as the Dockerfile or context is not in the project: {_names(away)}"
    given = {file.resolve() for file in files}
    left = [name for name in _ALSO_READ if (root / name).exists()]
    left += [name for name in _OVERRIDES if (root / name).exists()]
    if left:
        verb = "reads" if any((root / name).resolve() in given for name in left) else "also reads"
        yield f"`docker buildx bake` without --file {verb} {_names(left)} beside {BAKE_FILE}"


def changes(intake: Intake, root: Path, files: Sequence[Path], *, force: bool = False) -> tuple[Change, ...]:
    """Return what writing an intake changes below ``root``.

    Raises ConflictError where there is a manifest already, unless ``force`` says that it goes too, and for a bake file
    that is neither bakegen's nor one of those taken in.
    """
    given = {file.resolve() for file in files}
    found = []
    for path, text in intake.files.items():
        old = read_text(root, path)
        if old is None or old == text:
            found += [Change(path, None, text)] if old is None else []
            continue
        if (root / path).is_symlink():
            tip = "remove the link, and name the file that it leads to"
            raise ConflictError(Problem("this is a link, and stays as it is", Where(path), next=tip))
        if path == MANIFEST and not force:
            tip = "move it away, or replace it with --force"
            raise ConflictError(Problem("there is a manifest already", Where(path), next=tip))
        if path == BAKE_FILE and not is_ours(old) and (root / path).resolve() not in given:
            tip = f"take it in as well, with --from-bake {path}, or move it away"
            raise ConflictError(Problem("this bake file is hand-written, and stays as it is", Where(path), next=tip))
        found.append(Change(path, old, text))
    return tuple(found)


def write(todo: Sequence[Change], root: Path, now: datetime) -> None:
    """Make the changes; what they replace is kept, so that ``bakegen adopt --undo`` gives it back to the byte."""
    if todo:
        journal.record(root, todo, now)
        apply(root, todo)
