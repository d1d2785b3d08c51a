"""What bake makes of bake and compose files: all groups and targets by name, computed. Needs no engine."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakegen.engine.failures import explain
from bakegen.engine.process import run
from bakegen.errors import EngineError, ManifestError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_DEFAULT = "default"
_TOO_OLD = Problem(
    "buildx is too old: `docker buildx bake --list` cannot answer in JSON",
    why="bakegen asks it for the names of all targets and groups",
    next="update buildx to 0.20 or newer, better 0.29; `docker buildx version` shows yours",
)


@dataclass(frozen=True, slots=True)
class BakeFile:
    """Groups and targets as `docker buildx bake --print` shows them, and the names of variables."""

    groups: Mapping[str, Mapping[str, Any]]
    targets: Mapping[str, Mapping[str, Any]]
    variables: tuple[str, ...] = ()
    #: targets that no name reaches, because a group has it
    hidden: tuple[str, ...] = ()


def read_bake(
    files: Sequence[Path], cwd: Path, docker_cmd: Sequence[str], env: Mapping[str, str] | None = None
) -> BakeFile:
    """Return what the files say together, read as if in ``cwd``; ``env`` None is the environment of this process.

    Raises ManifestError with buildx's own words for a defect in the files, EngineError when there is no fit buildx.
    """
    ask = _Asked(tuple(files), cwd, tuple(docker_cmd), env)
    listed = ask.answer("--list=type=targets,format=json") or []
    variables = ask.answer("--list=type=variables,format=json") or []
    names = {entry["name"] for entry in listed}
    is_default_group = any(entry["name"] == _DEFAULT and entry.get("group") for entry in listed)
    found: dict[str, dict[str, Any]] = {"group": {}, "target": {}}
    others = sorted(names - ({_DEFAULT} if is_default_group else set()))
    if is_default_group:
        printed = ask.answer("--print", _DEFAULT)
        found["target"].update(printed.get("target") or {})
        found["group"][_DEFAULT] = printed["group"][_DEFAULT]
    if others:
        printed = ask.answer("--print", *others)
        # these go last: bake gives an output to a target that is linked and not asked for
        found["target"].update(printed.get("target") or {})
        # asked for several names, bake makes up a group default of them
        found["group"].update({name: group for name, group in (printed.get("group") or {}).items() if name != _DEFAULT})
    targets = {entry["name"] for entry in listed if not entry.get("group")}
    hidden = tuple(sorted(targets - found["target"].keys()))
    return BakeFile(found["group"], found["target"], tuple(entry["name"] for entry in variables), hidden)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to ask about which files."""

    files: tuple[Path, ...]
    cwd: Path
    docker_cmd: tuple[str, ...]
    env: Mapping[str, str] | None

    def answer(self, question: str, *names: str) -> Any:  # noqa: ANN401 - JSON
        flags = tuple(word for file in self.files for word in ("--file", str(file)))
        argv = (*self.docker_cmd, "buildx", "bake", "--progress=quiet", *flags, question, "--", *names)
        done = run(argv, cwd=self.cwd, env=self.env)
        if done.returncode:
            raise _refused(done.error, self.files)
        return json.loads(done.stdout)


def _refused(error: str, files: Sequence[Path]) -> Exception:
    if re.search(r"unknown flag: --list|invalid list|invalid argument .*list", error):
        return EngineError(_TOO_OLD)
    found = explain(error, ManifestError)
    if not isinstance(found, ManifestError):
        return found
    what = str(found.problems[0].what)
    tip = "this is what `docker buildx bake --print` says of it: mend the file, or give it with those it is made for"
    if "failed to stat" in what:
        tip = "bake looks for secrets even to print: make the file, empty if need be, or give the variable with --set NAME=x"
    if "ssh agent" in what or "agent config" in what:
        tip = "bake looks for the SSH agent even to print: start one (eval $(ssh-agent)), and run this again"
    where = None if any(str(file) in what for file in files) else Where(", ".join(map(str, files)))
    return ManifestError(Problem(what, where, next=tip))
