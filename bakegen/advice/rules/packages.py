"""What has to hold, and to change, for the mounts of apt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from bakegen.advice.look import Look
from bakegen.advice.model import Surroundings
from bakegen.advice.state import Step
from bakegen.advice.tools import APT, ARCHIVES, LISTS
from bakegen.advice.touch import touches
from bakegen.dockerfile.bash import ShellCommand
from bakegen.dockerfile.parser import DockerfileError, parse
from bakegen.dockerfile.script import SHELLS

CLEAN = "rm -f /etc/apt/apt.conf.d/docker-clean"
KEEP = "echo 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";' > /etc/apt/apt.conf.d/keep-cache"
_SURE_PATHS = frozenset({(), ("group",), ("subshell",)})
_ELSEWHERE = re.compile(r"\b(Root)?Dir(::|=)")
_READS = frozenset({"apt-cache", "apt-file", "aptitude", "apt-rdepends", "gdebi", "mk-build-deps", "tasksel", "nala"})
#: verbs of apt that read the package lists and are no installation
_READING = frozenset(
    {"source", "download", "satisfy", "show", "search", "policy", "depends", "rdepends", "changelog", "showsrc"}
)
#: what may install packages with apt, after an update of its own
_INSTALLERS = frozenset({"gdebi", "mk-build-deps", "tasksel", "nala", "rosdep", "playwright"})


def apt_doubt(look: Look, step: Step) -> str:
    """Return why the lists and packages of an apt step are not certain to be needed by nothing else."""
    return next(_doubts(look, step), "")


def _doubts(look: Look, step: Step) -> Iterator[str]:
    yield from own_doubts(step)
    yield from _needed(look, step)
    if apt_head(look, step):
        for other in look.runs:
            later = other.instruction.start_line > step.instruction.start_line and step.stage in other.chain
            if later and not _mounted(look, other) and (name := _may_install(other)):
                yield f"`{name}` in line {other.instruction.start_line} may install, and rely on docker-clean"
        yield from _left_behind(look)


def own_doubts(step: Step) -> Iterator[str]:
    """Yield what in an apt step itself speaks against mounts."""
    script = step.script
    if script is None or not script.editable:
        yield "its text has no place of its own to change"
        return
    if any("&" in {command.before, command.after} for command in script.commands if not command.path):
        yield "it starts something in the background"
    words = (word.raw for command in script.commands for word in command.words)
    if "APT_CONFIG" in step.state.env or any(_ELSEWHERE.search(word) for word in words):
        yield "apt is told to keep its files elsewhere"


def _needed(look: Look, step: Step) -> Iterator[str]:
    """Yield who may need the package lists that a step leaves."""
    for other in look.once("reliant", None, lambda: [run for run in look.runs if reliant(look, run)]):
        yield f"line {other.instruction.start_line} installs with the lists that another step has left"
    if any(relies_on_lists(text) for text in look.around.children):
        yield "an image built on this one installs with the lists that it leaves"
    if any(touch.removes and touch.relation in {"self", "within"} for touch in touches(step, LISTS)):
        return
    for other in look.runs:
        later = other.instruction.start_line > step.instruction.start_line and step.stage in other.chain
        if later and (command := look.once("opaque", id(other), partial(_opaque, other))):
            yield f"it leaves its lists, and `{command}` in line {other.instruction.start_line} may need them"


def _left_behind(look: Look) -> Iterator[str]:
    """Yield which image built on this one would keep its packages once docker-clean is gone."""
    for text in look.around.children:
        child = parsed(text)
        if child is not None and any(
            (installs(child, step) or _may_install(step)) and not _mounted(child, step) for step in child.runs
        ):
            yield "an image built on this one installs without a mount, and relies on docker-clean"


def _may_install(step: Step) -> str:
    """Return a command of a step that may install packages with apt without its name, "" if there is none."""
    for command in step.script.commands if step.script else ():
        shell = command.name in SHELLS and not any(re.fullmatch(r"-[a-z]*c", word.raw) for word in command.words)
        if shell or command.name.endswith(".sh") or command.name in _INSTALLERS:
            return command.words[0].raw
    return ""


def _mounted(look: Look, step: Step) -> bool:
    return any(flag.kind == "cache" and f"{ARCHIVES}/".startswith(f"{flag.target}/") for flag in look.mounts(step))


def installs(look: Look, step: Step) -> bool:
    """Return whether a step installs packages with apt."""
    return any(call.tool is APT and "update" not in call.words for call in look.calls(step))


def parsed(text: str) -> Look | None:
    """Return a look at a Dockerfile, None at one that BuildKit would not take."""
    try:
        return Look("child", parse(text), Surroundings())
    except DockerfileError:
        return None


def reliant(look: Look, step: Step) -> bool:
    """Return whether a step needs package lists that it has not fetched itself."""
    updated = False
    reads = [c for c in (step.script.commands if step.script else ()) if _reads(c)]
    calls = [call for call in look.calls(step) if call.tool is APT]
    for call in calls:
        if "update" in call.words:
            updated = updated or call.command.path in _SURE_PATHS
        elif not updated:
            return True
    return bool(reads) and not updated


def _reads(command: ShellCommand) -> bool:
    """Return whether a command, no installation, reads the package lists."""
    plain = {word.raw for word in command.words[1:]}
    return command.name in _READS or (command.name in {"apt", "apt-get"} and bool(_READING & plain))


def relies_on_lists(text: str) -> bool:
    """Return whether a step of a Dockerfile needs package lists that its image, or another step, has left."""
    look = parsed(text)
    return look is None or any(reliant(look, step) for step in look.runs)


def _opaque(step: Step) -> str:
    """Return a command of a step of which nobody knows what it starts, "" if there is none."""
    for command in step.script.commands if step.script else ():
        if command.words and (
            "/" in (command.words[0].text or "/")
            or command.name in SHELLS | {"make", "source", ".", "eval", "playwright", "npx"}
        ):
            return command.words[0].raw
    return ""


def apt_head(look: Look, step: Step) -> list[str]:
    """Return the lines to put ahead of a step so that apt keeps what it downloads, and what joins them to the rest."""
    if step.state.keeps_debs or not installs(look, step):
        return []
    if any("docker-clean" in word.raw for c in (step.script.commands if step.script else ()) for word in c.words):
        return []
    return [CLEAN, f"&& {KEEP}", "&& "]
