"""Rules BG030 to BG036: bases that move, requirements that are lost, layers that are made again or twice."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache

from bakegen.advice.look import Call, Look, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules.packages import reliant
from bakegen.advice.state import Step
from bakegen.advice.tools import verbs
from bakegen.dockerfile.caches import expanded
from bakegen.dockerfile.parser import DockerfileError
from bakegen.dockerfile.references import External, externals
from bakegen.dockerfile.sources import local_sources
from bakegen.ignore import IgnoreError, Patterns, hidden
from bakegen.refs import ImageRef, is_reference

_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.\-]*(\[[\w,.\-]*\])?[~=!]?")
_ALL = frozenset({".", "./", "./.", "/"})


def _bases(look: Look) -> Iterator[tuple[External, ImageRef]]:
    """Yield the external images of FROM that are none of the family's."""
    platform = look.around.platforms[0] if look.around.platforms else "linux/amd64"
    own = _context_names(look.around.images)
    try:
        found, _ = externals(look.dockerfile, look.around.args, platform)
    except DockerfileError:
        return
    for item in found:
        ref = ImageRef.parse(item.written)
        if item.kind == "from" and ref.context_name not in own and item.written not in look.around.parents:
            yield item, ref


@lru_cache(maxsize=1)  # a family's images are the same for all its files
def _context_names(images: frozenset[str]) -> frozenset[str]:
    return frozenset(ImageRef.parse(name).context_name for name in images if is_reference(name))


def _place(look: Look, item: External) -> tuple[int, int]:
    start = look.dockerfile.starts[item.line - 1] + item.column - 1
    start += item.line == 1 and look.dockerfile.text.startswith("\ufeff")
    match = re.compile(r"\S+").match(look.dockerfile.text, start)
    return start, match.end() if match else start


def unpinned(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield bases without a tag, or with latest."""
    for item, ref in _bases(look):
        if ref.digest is None and ref.tag in {None, "latest"}:
            what = f"{item.written} has no tag" if ref.tag is None else f"{item.written} is whatever is the latest"
            yield look.finding(rule, _place(look, item), what)


def untagged(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield bases with a digest and no tag."""
    for item, ref in _bases(look):
        if ref.digest is not None and ref.tag is None:
            yield look.finding(rule, _place(look, item), f"{ref.name} is pinned to a digest, and no tag says of what")


def redirected(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield version bounds that a shell takes for redirects."""
    for step in look.runs:
        for call in look.calls(step):
            words = {word.end: word for word in call.command.words}
            for redirect in call.command.redirects:
                before = words.get(redirect.start)
                target = redirect.target.raw if redirect.target else ""
                if (
                    call.tool.name not in {"pip", "uv", "poetry", "conda"}
                    or redirect.operator not in {">", "<"}
                    or not before
                ):
                    continue
                if _REQUIREMENT.fullmatch(before.raw) and re.match(r"=?\d", target):
                    text = f"{before.raw}{redirect.operator}{target}"
                    happens = f"writes a file {target!r}" if redirect.operator == ">" else f"reads a file {target!r}"
                    what = f"{text} is not quoted: the shell {happens}, and no bound is left"
                    span = (
                        look.place(step, call.command)
                        if step.script is None
                        else step.script.span(before.start, redirect.end)
                    )
                    yield look.finding(rule, span, what, f"write '{text}'")


def late_dependencies(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield installations of dependencies behind a COPY of all sources."""
    copied: dict[int, int] = {}
    early: set[tuple[int, str]] = set()  # stages in which a tool has installed ahead of the sources
    for step in look.steps:
        instruction = step.instruction
        local = instruction.name in {"COPY", "ADD"} and not any(f.startswith("--from=") for f in instruction.flags)
        if local and _ALL & set(instruction.values[:-1]):
            copied.setdefault(step.stage, instruction.start_line)
        for call in look.calls(step):
            line = next((copied[stage] for stage in step.chain if stage in copied), 0)
            before = any((stage, call.tool.name) in early for stage in step.chain)
            if not line:
                early.add((step.stage, call.tool.name))
            elif not before and _lists_dependencies(call):
                what = f"{call.words[0]} installs dependencies after line {line} has copied all sources"
                yield look.finding(rule, look.place(step, call.command), what)
                early.add((step.stage, call.tool.name))  # once is enough


def _lists_dependencies(call: Call) -> bool:
    """Return whether a call installs what a file lists, which changes more rarely than the sources do."""
    words, plain = call.words, verbs(call.words)
    if call.tool.name in {"pip", "uv"}:
        listed = any(
            word in {"-r", "--requirement", "--requirements"} or word.startswith(("-r", "--requirement="))
            for word in words
        )
        return listed or plain[:1] == ["sync"]
    if call.tool.name in {"npm", "yarn", "pnpm", "poetry"}:
        return plain in (["ci"], ["install"], ["i"], ["sync"], [])
    return call.tool.name == "go" and plain[:2] == ["mod", "download"]


def owned_again(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield recursive changes of owner over what an earlier layer has brought in."""
    brought: dict[int, list[tuple[str, int]]] = {}
    for step in look.steps:
        owned = any(flag.startswith("--chown=") for flag in step.instruction.flags)
        if step.instruction.name in {"COPY", "ADD"} and len(step.instruction.values) > 1 and not owned:
            brought.setdefault(step.stage, []).append((_destination(look, step), step.instruction.start_line))
        for command in step.script.commands if step.script else ():
            recursive = any(re.fullmatch(r"-[a-zA-Z]*R[a-zA-Z]*|--recursive", word.raw) for word in command.words[1:])
            if command.name not in {"chown", "chgrp"} or not recursive:
                continue
            paths = [word.value(step.variables) for word in command.words[1:] if not word.raw.startswith("-")][1:]
            lines = [
                line
                for stage in step.chain
                for path, line in brought.get(stage, ())
                if any(_holds(step, p, path) for p in paths)
            ]
            if lines:
                what = f"chown -R writes again what line {lines[-1]} has copied"
                yield look.finding(rule, look.place(step, command), what)


def _destination(look: Look, step: Step) -> str:
    written = expanded(step.instruction.values[-1], step.variables, look.dockerfile.escape)
    return posixpath.normpath(posixpath.join(step.state.workdir.text or "/?", written if written is not None else "?"))


def _holds(step: Step, path: str | None, destination: str) -> bool:
    if path is None or "?" in destination:
        return False
    full = posixpath.normpath(posixpath.join(step.state.workdir.text or "/?", path))
    return f"{destination}/".startswith(f"{full.rstrip('/')}/")


def left_out(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield sources that .dockerignore leaves out of the context."""
    if look.around.ignore is None:
        return
    platform = look.around.platforms[0] if look.around.platforms else "linux/amd64"
    try:
        named = local_sources(look.dockerfile, look.around.args, platform).needed().named
        gone = {
            item.source: item for item in hidden(Patterns.parse("\n".join(look.around.ignore)), (s.path for s in named))
        }
    except (IgnoreError, DockerfileError):
        return
    lines = {instruction.start_line: instruction for instruction in look.dockerfile.instructions}
    for source in named:
        if source.path in gone and source.line in lines and not source.onbuild:
            item = gone[source.path]
            what = (
                f"{source.path} is not in the context: line {item.line} of .dockerignore, {item.pattern}, leaves it out"
            )
            yield look.finding(rule, look.at(lines[source.line]), what)


def without_update(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield apt steps that rely on the lists of another step."""
    for step in look.runs:
        if reliant(look, step):
            calls = [call for call in look.calls(step) if call.tool.name == "apt"]
            span = look.place(step, calls[0].command) if calls else look.at(step.instruction)
            what = "apt installs" if calls else "package lists are read"
            yield look.finding(rule, span, f"{what} without an update in the same step")
