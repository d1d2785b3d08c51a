"""Whether a cache mount leaves the result of a step as it is: the first reason that speaks against it, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bakegen.advice.elsewhere import needs, puts_inside
from bakegen.advice.look import Call, Look
from bakegen.advice.state import Step, plain_shell
from bakegen.advice.tools import Tool

#: What changes the wheels that are compiled: a cache may hold one that was compiled otherwise.
_COMPILES = re.compile(
    r"(C|CXX|CPP|LD|RUST|CGO_\w+)FLAGS|CC|CXX|CMAKE_\w+|FORCE_\w+|\w*_ARCH_LIST|NVCC_\w+|\w*BUILD\w*|USE_\w+|WITH_\w+|DS_\w+"
    r"|\w*FROM_SOURCE|\w*NO_BINARY\w*|ARCHFLAGS|\w*_LTO|SETUPTOOLS_\w+"
)
_COMPILE_OPTIONS = ("--no-binary", "--global-option", "--build-option", "--config-setting", "-C", "--install-option")
#: Frontends with --mount=type=cache: https://github.com/moby/buildkit/blob/master/frontend/dockerfile/docs/reference.md
_KNOWS_MOUNTS = re.compile(
    r"(docker\.io/)?docker/dockerfile(-upstream)?(:(1|1\.([2-9]|[1-9]\d)[\w.-]*|1-labs|labs|latest|master|\S*experimental)|@\S+)?(@|\s|$)"
)
#: commands that need nothing of what cargo or go have downloaded
_PLAIN = frozenset(
    {"", "cd", "echo", "mkdir", "cp", "mv", "rm", "strip", "ls", "chmod", "export", "set", "true", "test", "ln"}
)
_OFFLINE = (
    "--offline",
    "--frozen",
    "CARGO_NET_OFFLINE",
    "GOPROXY=off",
    "--network=none",
    "type=ssh",
    "type=secret",
    "GOPRIVATE",
)


def doubt(look: Look, step: Step, tool: Tool, calls: Sequence[Call], directories: Sequence[str]) -> str:
    """Return why a mount is not certain to leave the result as it is, "" if it is."""
    return next(_doubts(look, step, tool, calls, directories), "")


def _doubts(look: Look, step: Step, tool: Tool, calls: Sequence[Call], directories: Sequence[str]) -> Iterator[str]:
    if not tool.edits:
        yield f"what {tool.name} does with a cache on another file system is not the same in all its versions"
    yield from _frontend(look)
    yield from _text(step)
    yield from _who(step, calls)
    if not directories or any(call.places is None for call in calls):
        yield f"where {tool.name} keeps its cache cannot be told here"
    if any(path.startswith("/home/") or path.count("/") < 2 for path in directories):  # noqa: PLR2004 - /x
        yield "a mount in a home that useradd makes later would belong to root"
    if any("error" in call.command.path or "function" in call.command.path for call in calls):
        yield "the command stands where it cannot be followed"
    if tool.builds:
        yield from _compiled(calls)
    if tool.name == "uv" and any(
        call.env.get("UV_LINK_MODE") == "symlink" or "symlink" in " ".join(call.words) for call in calls
    ):
        yield "uv is told to link to its cache, which would be gone"
    yield from _others(look, step, directories)
    yield from puts_inside(calls, directories)
    yield from needs(look, step, tool, directories)
    if tool.keeps:
        yield from _needed_later(look, step, tool)


def _frontend(look: Look) -> Iterator[str]:
    for directive in look.dockerfile.directives:
        if directive.name == "syntax" and not _KNOWS_MOUNTS.match(directive.value):
            yield f"the frontend {directive.value} may not know cache mounts"


def _text(step: Step) -> Iterator[str]:
    script = step.script
    if script is None or script.form == "exec":
        yield "the exec form has no shell"
    elif script.foreign:
        yield "something else than the step's shell reads its heredoc"
    elif script.broken:
        yield "the shell text cannot be read to its end"
    if not plain_shell(step.state):
        yield f"its shell is {step.state.shell.text or 'not known'}"


def _who(step: Step, calls: Sequence[Call]) -> Iterator[str]:
    if not step.root:
        user = step.state.user
        who = f"as {user.text}" if user.text else "as a user that the base decides on"
        yield f"it runs {who}: the mount needs its uid, and the directory above it would belong to root"
    if any(call.wrapped for call in calls):
        yield "sudo may change whose home it is"
    if any(call.hidden for call in calls):
        yield "a variable may bring in options"


def _compiled(calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        for name, text in call.env.items():
            if text != "" and _COMPILES.fullmatch(name):
                yield f"{name} changes what is compiled, and a cache may hold a wheel compiled without it"
        for word in call.words:
            if word.startswith(_COMPILE_OPTIONS):
                yield f"{word} changes what is compiled, and a cache may hold a wheel compiled without it"


def _others(look: Look, step: Step, directories: Sequence[str]) -> Iterator[str]:
    """Yield which other mounts of the step meet a directory."""
    for flag in look.mounts(step):
        for directory in directories:
            holds = flag.kind == "cache" and _within(directory, flag.target)
            if flag.target and not holds and (_within(flag.target, directory) or _within(directory, flag.target)):
                yield f"another mount is at {flag.target}"


def _within(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory}/")


def _needed_later(look: Look, step: Step, tool: Tool) -> Iterator[str]:
    """Yield what may need, in a later step or in the image, what a tool has downloaded in this one."""
    if look.around.children:
        yield f"images built on this one may need what {tool.name} has downloaded"
    for sign in _OFFLINE:
        if sign in look.dockerfile.text:
            yield f"{sign} stands in the file: a later step may not be able to download again"
    last = look.steps[-1].stage
    for other in look.steps:
        if step.stage not in other.chain:
            continue
        if other.stage == last or other.instruction.name in {"CMD", "ENTRYPOINT"}:
            yield f"the image may need what {tool.name} has downloaded"
        for command in other.script.commands if other.script else ():
            if command.name not in _PLAIN and command.name != tool.name:
                yield f"line {other.instruction.start_line} may need what {tool.name} has downloaded"
