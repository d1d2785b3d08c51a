"""What holds ahead of each instruction: variables, user, directory, shell, distribution, with who set them.

Rules: https://docs.docker.com/reference/dockerfile/#env, and #arg, #user, #workdir, #shell there. A stage goes on from the
stage or image of its FROM; an ARG holds for its stage and those built on it, and where both set a name, ENV wins.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from bakegen.advice.bases import is_windows, known
from bakegen.advice.model import State, Surroundings, Value
from bakegen.dockerfile.arguments import global_arguments
from bakegen.dockerfile.parser import Dockerfile, Instruction
from bakegen.dockerfile.script import Script, script
from bakegen.dockerfile.shell import ShellError, expand
from bakegen.dockerfile.words import list_words, shell_words

_PLATFORM = "linux/amd64"
_ROOTS = frozenset({"", "root", "0"})
_CLEAN = re.compile(r"(\brm\b|>\s*)[^;&|]*/docker-clean\b|Keep-Downloaded-Packages")
#: who starts one of these, without sudo, is root
_ROOT_ONLY = {
    "apt-get": {"install", "update"},
    "apt": {"install", "update"},
    "apk": {"add", "update"},
    "dnf": {"install", "update"},
    "yum": {"install", "update"},
    "microdnf": {"install", "update"},
}


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction and what holds ahead of it; ``state.env`` has ARGs too, ``args`` are the names of those.

    ``stage`` counts from 0, ``base`` is the reference of the stage's FROM with its variables replaced, and ``chain`` are the
    stages of this file that it stands on, itself last.
    """

    instruction: Instruction
    state: State
    stage: int
    base: str
    chain: tuple[int, ...]
    args: frozenset[str] = frozenset()
    windows: bool = False
    script: Script | None = None

    @property
    def root(self) -> bool:
        """Whether the step certainly runs as root."""
        return self.state.user.text is not None and self.state.user.text.partition(":")[0] in _ROOTS

    @property
    def home(self) -> str | None:
        """The home of the step's user, None if it cannot be told."""
        found = self.state.env.get("HOME")
        if found is not None:
            return found.text or None
        return "/root" if self.root else None

    @property
    def variables(self) -> dict[str, str]:
        """The variables whose value is known; HOME is one."""
        env = {name: value.text for name, value in self.state.env.items() if value.text is not None}
        home = self.home
        return {**({"HOME": home} if home else {}), **env}


@dataclass(slots=True)
class _Stage:
    """What holds at one point of a stage."""

    state: State
    base: str
    chain: tuple[int, ...]
    args: dict[str, Value] = field(default_factory=dict)
    windows: bool = False

    def seen(self) -> State:
        return replace(self.state, env={**self.args, **self.state.env})


def steps(dockerfile: Dockerfile, path: str, around: Surroundings) -> tuple[Step, ...]:
    """Return every instruction behind the first FROM with what holds ahead of it."""
    return tuple(_Reader(dockerfile, path, around).steps())


def handed_down(dockerfile: Dockerfile, path: str, around: Surroundings, target: str = "") -> State:
    """Return what the image of ``target``, by default of the last stage, hands down to images built on it."""
    reader = _Reader(dockerfile, path, around)
    for _ in reader.steps():
        pass
    chosen = reader.names.get(target.lower()) if target else None
    stages = list(reader.stages.values())
    return (chosen or stages[-1]).state if stages else State()


class _Reader:
    """One pass over a Dockerfile."""

    def __init__(self, dockerfile: Dockerfile, path: str, around: Surroundings) -> None:
        self.dockerfile, self.path, self.around = dockerfile, path, around
        platform = around.platforms[0] if around.platforms else _PLATFORM
        self.globals = global_arguments(dockerfile, around.args, platform, "").values
        self.stages: dict[int, _Stage] = {}
        self.names: dict[str, _Stage] = {}

    def steps(self) -> Iterator[Step]:
        stage, index = _Stage(State(), "", ()), -1
        for instruction in self.dockerfile.instructions:
            if instruction.name == "FROM":
                index += 1
                stage = self._from(instruction, index)
                self.stages[index] = stage
            if index < 0:
                continue
            run = script(instruction) if instruction.name == "RUN" and not stage.windows else None
            if run is not None:
                self._evidence(run, stage)
            args = frozenset(stage.args) - frozenset(stage.state.env)
            yield Step(instruction, stage.seen(), index, stage.base, stage.chain, args, stage.windows, run)
            self._take(instruction, stage)
            if run is not None and _CLEAN.search(run.text):
                stage.state = replace(stage.state, keeps_debs=True)

    def _from(self, instruction: Instruction, index: int) -> _Stage:
        words = [w.text for w in list_words(instruction.text, instruction.command.start, instruction.command.end)]
        written = words[0] if words else ""
        try:
            reference = expand(written, self.globals, self.dockerfile.escape).text
        except ShellError:
            reference = ""
        earlier = self.names.get(reference.lower())
        if earlier is not None:
            stage = _Stage(earlier.state, earlier.base, (*earlier.chain, index), dict(earlier.args), earlier.windows)
        else:
            windows = is_windows(reference) or any(p.startswith("windows") for p in self.around.platforms)
            stage = _Stage(self._base(written, reference), reference, (index,), windows=windows)
        if len(words) > 2:  # noqa: PLR2004 - FROM image AS name
            self.names[words[-1].lower()] = stage
        return stage

    def _base(self, written: str, reference: str) -> State:
        if reference == "scratch":
            return State(user=Value(""), workdir=Value("/"), complete=True, base=reference)
        for name in (written, reference):
            if name in self.around.parents:
                return self.around.parents[name]
        return known(reference)

    def _evidence(self, run: Script, stage: _Stage) -> None:
        """Take it that the user is root where a step does what only root can do."""
        if stage.state.user.text is None and not stage.state.user.where:
            for command in run.commands:
                if _ROOT_ONLY.get(command.name, set()) & {word.raw for word in command.words[1:]}:
                    stage.state = replace(stage.state, user=Value(""))
                    return

    def _take(self, instruction: Instruction, stage: _Stage) -> None:
        state, where = stage.state, f"{self.path}:{instruction.start_line}"
        values = instruction.values
        if instruction.name == "ENV":
            seen = stage.seen()
            new = {
                (self._expand(name, seen).text or name): Value(self._expand(value, seen).text, where)
                for name, value in zip(values[::3], values[1::3], strict=True)
            }
            stage.state = replace(state, env={**state.env, **new})
        elif instruction.name == "ARG":
            command = instruction.command
            for word in shell_words(instruction.text, command.start, command.end, self.dockerfile.escape):
                self._argument(word.text, where, stage)
        elif instruction.name == "USER" and values:
            stage.state = replace(state, user=replace(self._expand(values[0], stage.seen()), where=where))
        elif instruction.name == "WORKDIR" and values:
            stage.state = replace(state, workdir=Value(self._directory(values[0], stage), where))
        elif instruction.name == "SHELL" and instruction.json_form:
            stage.state = replace(state, shell=Value(" ".join(values), where))

    def _directory(self, written: str, stage: _Stage) -> str | None:
        path, before = self._expand(written, stage.seen()).text, stage.state.workdir.text
        if path is None or not (path.startswith("/") or before):
            return None
        return posixpath.normpath(posixpath.join(before or "/", path))

    def _argument(self, text: str, where: str, stage: _Stage) -> None:
        name, equals, default = text.partition("=")
        if name in self.around.args:
            stage.args[name] = Value(self.around.args[name], where)
        elif equals:
            stage.args[name] = Value(self._expand(default, stage.seen()).text, where)
        elif name in self.globals:
            stage.args[name] = Value(self.globals[name], where)
        else:
            stage.args.setdefault(name, Value(None, where))

    def _expand(self, word: str, seen: State) -> Value:
        env: Mapping[str, str] = {n: v.text for n, v in seen.env.items() if v.text is not None}
        try:
            found = expand(word, env, self.dockerfile.escape)
        except ShellError:
            return Value(None)
        unknown = [name for name in found.missing if not seen.complete or name in seen.env]
        return Value(None if unknown else found.text)


def plain_shell(state: State) -> bool:
    """Return whether the step's shell is a POSIX shell, or nothing says otherwise."""
    text = state.shell.text
    if text is None:
        return not state.shell.where
    program, *flags = text.split(" ")
    if posixpath.basename(program) not in {"sh", "bash", "ash", "dash"}:
        return False
    return bool(flags) and all(flag.startswith("-") or flag in {"pipefail", "errexit", "nounset"} for flag in flags)
