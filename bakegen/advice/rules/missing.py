"""Rules BG001 to BG011, BG020, BG021: a tool that downloads has no cache mount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from bakegen.advice.certain import doubt
from bakegen.advice.elsewhere import moved
from bakegen.advice.ids import mount
from bakegen.advice.look import Call, Look, Rule
from bakegen.advice.model import Finding
from bakegen.advice.rules.bodies import Body, Refused, purged
from bakegen.advice.rules.packages import apt_doubt, apt_head, installs, own_doubts
from bakegen.advice.state import Step
from bakegen.advice.tools import APT, Places, Tool
from bakegen.dockerfile.parser import Edit
from bakegen.layers import Mount

_PARTIAL = {
    "apk": "mount /etc/apk/cache, sharing=locked, and say --update-cache in place of --no-cache",
    "conda": "mount the pkgs directory that `conda info` names, sharing=locked, and remove conda clean",
    "yarn": "mount what `yarn cache dir` (1.x) or `yarn config get cacheFolder` names; not under Plug'n'Play, which runs from there",
    "pnpm": "mount a directory of your own and name it with `pnpm config set store-dir`",
    "dnf": "mount /var/cache/dnf (or yum, libdnf5), sharing=locked, install with --setopt=keepcache=1, and remove the clean all",
    "ccache": "mount the directory that `ccache --get-config cache_dir` names",
}


def missing(look: Look, rule: Rule, tool: Tool) -> Iterator[Finding]:
    """Yield a finding for each step that calls a tool without a mount for its cache."""
    for step in look.runs:
        calls = [call for call in look.calls(step) if call.tool is tool]
        if not calls or "--network=none" in step.instruction.flags:
            continue
        if tool is APT and not installs(look, step):
            continue
        lacking = _lacking(look, step, tool, calls)
        if lacking is not None:
            yield _finding(look, rule, step, calls, lacking)


def _lacking(look: Look, step: Step, tool: Tool, calls: Sequence[Call]) -> tuple[tuple[str, str], ...] | None:
    """Return the caches without a mount, () where they are not known; None if all have one, or one stands elsewhere."""
    places: dict[str, str] = {}
    for call in calls:
        places |= dict(call.places or ())
    targets = [flag.target for flag in look.mounts(step) if flag.kind == "cache" and flag.target]
    if not places:
        return None if any(tool.name in flag.id or tool.name in flag.target for flag in look.mounts(step)) else ()
    open_places = tuple(
        (path, part) for path, part in places.items() if not any(f"{path}/".startswith(f"{t}/") for t in targets)
    )
    if not open_places or misplaced(look, step, tool, places):
        return None
    return open_places


def misplaced(look: Look, step: Step, tool: Tool, places: dict[str, str] | Places) -> bool:
    """Return whether a step has a mount that looks like one for the tool, but holds none of its caches."""
    paths = list(dict(places or ()))
    flags = [flag for flag in look.mounts(step) if flag.kind == "cache" and flag.target]
    if tool is APT or any(f"{path}/".startswith(f"{flag.target}/") for path in paths for flag in flags):
        return False
    return any(looks_like(tool, flag.target) for flag in flags)


def looks_like(tool: Tool, target: str) -> bool:
    """Return whether a directory has the name of a tool's cache; those of cargo and go have several."""
    last = target.rpartition("/")[2]
    return last in {"npm": {".npm"}, "poetry": {"pypoetry"}}.get(tool.name, {tool.name}) and tool.name not in {
        "cargo",
        "go",
    }


def _finding(
    look: Look, rule: Rule, step: Step, calls: Sequence[Call], lacking: tuple[tuple[str, str], ...]
) -> Finding:
    tool = calls[0].tool
    mounts = [mount(look, step, tool, path, part) for path, part in lacking]
    flags = [each.flag for each in mounts]
    fix = f"add {' '.join(flags)}" if flags and tool.name not in _PARTIAL else _PARTIAL.get(tool.name, rule.fix)
    edits: list[Edit] = []
    try:
        edits = _edits(look, step, calls, mounts)
    except Refused as refused:
        fix = f"{fix}; not done by itself: {refused}"
    what = f"{calls[0].words[0]} has no cache mount"
    return look.finding(rule, look.place(step, calls[0].command), what, fix, edits)


def _edits(look: Look, step: Step, calls: Sequence[Call], mounts: Sequence[Mount]) -> list[Edit]:
    """Return the edits that put mounts in and take out what works against them; Refused where they are not certain."""
    tool, targets = calls[0].tool, [each.target for each in mounts]
    reason = doubt(look, step, tool, calls, targets) or still_off(step, calls)
    reason = reason or moved(step, tool, calls, purged=purged(step, tool))
    if reason:
        raise Refused(reason)
    body = Body(look, step)
    for call in calls:
        body.drop_words(call.command, [word for word in call.words if word in tool.flags])
    body.drop_purges(tool)
    for target in targets:
        body.drop_removals(target)
    if tool is APT:
        for other in (step, *_later_installs(look, step)):
            reason = (
                apt_doubt(look, other) if other is step else look.once("alone", id(other), partial(_alone, look, other))
            )
            if reason:
                raise Refused(reason)
    head = apt_head(look, step) if tool is APT else []
    lines = [*(each.flag for each in mounts), *head[:-1]]
    return [*body.edits, body.editor.put_in(lines, head[-1] if head else "")]


def _later_installs(look: Look, step: Step) -> list[Step]:
    """Return the later steps that would keep their packages in the image once this one has removed docker-clean."""
    if not apt_head(look, step):
        return []
    later = [other for other in look.runs if other.instruction.start_line > step.instruction.start_line]
    return [other for other in later if step.stage in other.chain and installs(look, other)]


def _alone(look: Look, step: Step) -> str:
    """Return why a later apt step cannot have mounts, "" if it can or has them."""
    calls = [call for call in look.calls(step) if call.tool is APT]
    lacking = _lacking(look, step, APT, calls)
    if lacking is None:
        return ""
    targets = [path for path, _ in lacking]
    reason = doubt(look, step, APT, calls, targets) or next(own_doubts(step), "")
    try:
        body = Body(look, step)
        body.drop_purges(APT)
        for target in targets:
            body.drop_removals(target)
        _ = body.edits
    except Refused as refused:
        reason = reason or str(refused)
    return (
        f"line {step.instruction.start_line} needs docker-clean, as it cannot have mounts: {reason}" if reason else ""
    )


def still_off(step: Step, calls: Sequence[Call]) -> str:
    """Return why the variable that turns a cache off stays; "" where it is not set, or an ENV of the family sets it."""
    for call in calls:
        name = call.tool.variable
        text = call.env.get(name, "") if name else ""
        if text is None:
            return f"the value of {name} cannot be told"
        if not text or not call.tool.is_off(text):
            continue
        where = call.origins[name].where if name in call.origins else ""
        if not where or name in step.args:
            return f"{name}={text} turns the cache off, and is no ENV"
        if where.startswith("the base"):
            return f"{name}={text} turns the cache off, and {where} sets it"
    return ""
