"""Rules BG012 to BG019: a cache mount is there, and does nothing, or does harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bakegen.advice.certain import doubt
from bakegen.advice.elsewhere import moved
from bakegen.advice.look import Call, Look, MountFlag, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules.bodies import Body, Refused, purged, purges
from bakegen.advice.rules.missing import looks_like
from bakegen.advice.rules.packages import CLEAN, KEEP, installs, own_doubts
from bakegen.advice.rules.variables import removal
from bakegen.advice.state import Step
from bakegen.advice.tools import APT, ARCHIVES, LISTS, TOOLS, Tool
from bakegen.advice.touch import touches
from bakegen.dockerfile.parser import Edit

_WHOLE = "/var/lib/apt"
_SYSTEM = re.compile(r"buster|bullseye|bookworm|trixie|ubuntu[\d.]+|alpine|fedora")


def caches(look: Look, step: Step) -> list[MountFlag]:
    """Return the cache mounts of a step whose target is known."""
    return [flag for flag in look.mounts(step) if flag.kind == "cache" and flag.target]


@dataclass(frozen=True, slots=True)
class Held:
    """A call of a tool, one of its caches, and the mount that holds it."""

    step: Step
    call: Call
    path: str
    flag: MountFlag


def _held(look: Look, step: Step) -> Iterator[Held]:
    """Yield each call of a tool with each mount that holds one of its caches."""
    for call in look.calls(step):
        for path, _ in call.places or ():
            for flag in caches(look, step):
                if f"{path}/".startswith(f"{flag.target}/"):
                    yield Held(step, call, path, flag)


def turned_off(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts whose tool is told not to use its cache."""
    for step in look.runs:
        for held in {id(held.call.command): held for held in _held(look, step)}.values():
            tool = held.call.tool
            words = [word for word in held.call.words if word in tool.flags]
            value = held.call.env.get(tool.variable, "") if tool.variable else ""
            if words:
                yield _flagged(look, rule, held, words)
            elif value and tool.is_off(value):
                yield _set(look, rule, held, value)
    yield from _for_children(look, rule)


def _flagged(look: Look, rule: Rule, held: Held, words: list[str]) -> Finding:
    step, call = held.step, held.call
    reason = doubt(look, step, call.tool, [call], [held.path]) or moved(step, call.tool, [call])
    edits: list[Edit] = []
    if not reason:
        body = Body(look, step)
        body.drop_words(call.command, words)
        edits, reason = body.made()
    what = f"cache mount is inert: {words[0]} tells {call.tool.name} not to use it"
    fix = f"remove {words[0]}" + (f"; not done by itself: {reason}" if reason else "")
    return look.finding(rule, look.place(step, call.command), what, fix, edits)


def _set(look: Look, rule: Rule, held: Held, value: str) -> Finding:
    call, name = held.call, held.call.tool.variable
    origin = call.origins.get(name)
    where = origin.where if origin else ""
    what = f"cache mount is inert: {name}={value} is set by {where or 'the command itself'}"
    edits = removal(look, held.step, call.tool) if where and name not in held.step.args else ()
    return look.finding(rule, look.place(held.step, call.command), what, f"remove {name}", edits)


def _for_children(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield the ENV that turns off the caches of images built on this one."""
    if not look.around.children:
        return
    for tool in TOOLS:
        for step in look.steps if tool.variable else ():
            names = step.instruction.values[::3] if step.instruction.name == "ENV" else ()
            values = step.instruction.values[1::3]
            value = dict(zip(names, values, strict=False)).get(tool.variable, "")
            here = any(call.tool is tool for run in look.runs for call in look.calls(run))
            if value and tool.is_off(value) and not here and _children_call(look, tool):
                what = f"{tool.variable}={value} makes the cache mounts of images built on this one inert"
                edits = removal(look, step, tool)
                yield look.finding(rule, look.at(step.instruction), what, f"remove {tool.variable}", edits)


def _children_call(look: Look, tool: Tool) -> bool:
    return any(tool.name in text for text in look.around.children)


def emptied(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts that their own step empties."""
    for step in look.runs:
        held = list(_held(look, step))
        for tool in dict.fromkeys(each.call.tool for each in held):
            mine = {each.path: each.flag.target for each in held if each.call.tool is tool}
            first = next(each.call for each in held if each.call.tool is tool)
            found = _emptying(step, tool, mine)
            if found:
                what = f"cache mount is inert: `{found}` empties it in the same step"
                fix, edits = _kept(look, rule, step, tool, mine)
                yield look.finding(rule, look.place(step, first.command), what, fix, edits)


def _emptying(step: Step, tool: Tool, held: dict[str, str]) -> str:
    """Return the command that empties one of the caches, "" if none does."""
    for command in purges(step, tool):
        return " ".join(word.raw for word in command.words[:3])
    for path, target in held.items():
        for touch in touches(step, path):
            inside = touch.relation == "within" or (touch.relation == "self" and path != target)
            if touch.removes and inside and "partial" not in touch.word.raw:
                return f"{touch.command.name} {touch.word.raw}"
    return ""


def _kept(look: Look, rule: Rule, step: Step, tool: Tool, held: dict[str, str]) -> tuple[str, list[Edit]]:
    """Return the fix for people, and the edits that take out what empties the caches of a tool."""
    body = Body(look, step)
    try:
        calls = [call for call in look.calls(step) if call.tool is tool]
        if purged(step, tool) and (reason := moved(step, tool, calls, purged=True)):
            raise Refused(reason)  # noqa: TRY301 - said in one place
        body.drop_purges(tool)
        for path in held:
            body.drop_removals(path)
    except Refused as refused:
        return f"{rule.fix}; not done by itself: {refused}", []
    edits, reason = body.made()
    return (f"{rule.fix}; not done by itself: {reason}" if reason else rule.fix), edits


def busy(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield removals of a directory that is mounted, or holds a mount."""
    for step in look.runs:
        for flag in look.mounts(step):
            if not flag.target or flag.kind not in {"cache", "bind", "tmpfs"}:
                continue
            for touch in touches(step, flag.target):
                if touch.removes and touch.relation in {"self", "above"}:
                    what = f"`{touch.command.name} {touch.word.raw}` cannot remove {flag.target}, which is mounted"
                    yield look.finding(rule, look.place(step, touch.command), what)


def misplaced(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts that stand where the tool of their step has no cache, or that its user cannot write to."""
    for step in look.runs:
        for call in look.calls(step):
            paths = [path for path, _ in call.places or ()]
            flags = caches(look, step)
            holds = [f for f in flags if any(f"{path}/".startswith(f"{f.target}/") for path in paths)]
            like = [f for f in flags if looks_like(call.tool, f.target) and f not in holds]
            if paths and not holds and like and call.tool is not APT:
                what = (
                    f"cache mount is inert: {_who(step, call)} keeps its cache in {paths[0]}, not in {like[0].target}"
                )
                yield look.finding(rule, look.at(step.instruction), what, f"mount {paths[0]}")
            user = (step.state.user.text or "").partition(":")[0]
            for flag in holds if user and not step.root and not call.wrapped else ():
                if "uid" not in flag.parts and "mode" not in flag.parts:
                    what = f"cache mount is inert: it belongs to root, and {call.tool.name} runs as {user}"
                    fix = f"add uid={user if user.isdecimal() else 'the number of ' + user} to the mount"
                    yield look.finding(rule, look.at(step.instruction), what, fix)


def _who(step: Step, call: Call) -> str:
    user = step.state.user.text
    return f"{call.tool.name} as {user}" if user and not step.root else call.tool.name


def sharing(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts of apt that two builds may use at the same time."""
    for step in look.runs:
        done: set[int] = set()
        for held in _held(look, step):
            flag = held.flag
            if held.call.tool is not APT or flag.sharing in {"locked", "private"} or id(flag.word) in done:
                continue
            done.add(id(flag.word))
            what = f"the mount at {flag.target} has sharing={flag.sharing}"
            span = step.instruction.span(flag.word.offsets[0], flag.word.offsets[-1] + 1)
            yield look.finding(rule, span, what, edits=_locked(look, span, flag))


def _locked(look: Look, span: tuple[int, int], flag: MountFlag) -> tuple[Edit, ...]:
    start, end = span
    written = look.dockerfile.text[start:end]
    if written != flag.word.text or "$" in written or flag.parts.get("sharing", "shared") != "shared":
        return ()
    if "sharing" in flag.parts:
        at = written.rfind("sharing=shared")
        return ((start + at, start + at + len("sharing=shared"), "sharing=locked"),) if at >= 0 else ()
    return ((end, end, ",sharing=locked"),)


def whole(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts of all of /var/lib/apt."""
    for step in look.runs:
        for flag in caches(look, step):
            if flag.target == _WHOLE:
                yield look.finding(rule, look.at(step.instruction), f"all of {_WHOLE} is a cache mount")


def cleaned(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield mounts that docker-clean empties after each installation."""
    for step in look.runs:
        held = [each.path for each in _held(look, step) if each.call.tool is APT]
        text = step.script.text if step.script else ""
        named = "docker-clean" in text or "Keep-Downloaded" in text
        if ARCHIVES not in held or not installs(look, step) or step.state.keeps_debs or named:
            continue
        if not step.state.base or (step.base in look.around.parents and not step.state.complete):
            continue
        doubts = next(own_doubts(step), "") or ("" if step.root else "it does not certainly run as root")
        edits: list[Edit] = []
        if not doubts and LISTS in held:
            edits = [look.editor(step).put_in([CLEAN, f"&& {KEEP}"], "&& ")]
        fix = rule.fix if edits else f"{rule.fix}; not done by itself: {doubts or 'the lists have no mount'}"
        what = "cache mount is inert: docker-clean of the base empties it after each installation"
        yield look.finding(rule, look.place(step, look.calls(step)[0].command), what, fix, edits)


def shared(look: Look, rule: Rule) -> Iterator[Finding]:
    """Yield ids that steps share whose caches do not fit each other."""
    users: dict[str, tuple[str, str, int]] = {}
    architectures = {platform.split("/")[1] for platform in look.around.platforms if platform.count("/")}
    for step in look.runs:
        for flag in caches(look, step):
            name = flag.id or flag.target
            match = _SYSTEM.match(step.state.distro)
            system = match[0] if match else ""
            wrapped = any(call.wrapped for call in look.calls(step))
            user = "" if step.root or wrapped else (step.state.user.text or "?")
            other = users.setdefault(name, (system, user, step.instruction.start_line))
            if other[0] and system and other[0] != system:
                what = f"the cache {name} is shared with line {other[2]}, which stands on {other[0]}, not on {system}"
            elif other[1] != user and "?" not in {other[1], user}:
                what = f"the cache {name} is shared with line {other[2]}, which runs as {other[1] or 'root'}"
            elif len(architectures) > 1 and "TARGET" not in flag.word.text and "TARGET" not in step.instruction.text:
                what = f"the cache {name} is shared by {' and '.join(sorted(architectures))}"
            else:
                continue
            yield look.finding(rule, look.at(step.instruction), what)
