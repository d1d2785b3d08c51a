"""The verdict on each cache mount of each executed step.

Sizes decide wherever they are known: what a step was told (a flag, a variable) is believed unless the mount grew all the
same, and a saving is claimed only where files were there before. Measured with BuildKit of Docker 28.5: an empty mount
has 4,096 bytes; with the bookkeeping of pip (12,288) or apt (12,288) and nothing kept it stays below ``EMPTY``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bakegen.trace.model import CacheUse, Step, Trace
from bakegen.verdicts import causes, texts
from bakegen.verdicts.commands import Call, Script, script
from bakegen.verdicts.downloads import Download, Tool, downloads
from bakegen.verdicts.environment import place
from bakegen.verdicts.model import Usage, Verdict
from bakegen.verdicts.tools import ban, misplaced, removes, uses

EMPTY = 65_536  # bytes
BOOKKEEPING = 16_384  # bytes; directories, locks and notes that tools leave in a mount in which they keep nothing
TELLING = 32_768  # bytes; less than this may vanish in the bookkeeping of a mount
KEPT = 10  # a mount that grew by less than this part of what was downloaded has not kept it
LITTLE = 10  # so has a step that downloaded less than this part of what the mount held: it was served from there


@dataclass(frozen=True, slots=True)
class Sizes:
    """A mount's bytes before and after the run; None where that is not known."""

    before: int | None
    after: int | None

    @property
    def delta(self) -> int | None:
        """The bytes by which it grew."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of one mount of one step; ``others`` is how many other steps of the run used the same id."""

    step: Step
    use: CacheUse
    script: Script
    env: Mapping[str, str]
    sizes: Sizes
    found: Mapping[Tool, Download]
    others: int
    formerly: str = ""
    gone: bool = False

    def uses(self) -> tuple[tuple[Tool, Call, bool], ...]:
        """Return the tools whose files the mount keeps."""
        return tuple(uses(self.use.target, self.script, self.env))

    @property
    def download(self) -> Download | None:
        """What was fetched of what the mount keeps; None when the log does not say."""
        tools = dict.fromkeys(tool for tool, _, _ in self.uses())
        told = [self.found[tool] for tool in tools if tool in self.found]
        if len(told) < len(tools) or not told:
            return None
        total = sum(one.bytes for one in told)
        return Download(total, all(one.exact for one in told), any(one.reused for one in told))


def verdicts(
    trace: Trace,
    before: Sequence[Usage] | None,
    after: Sequence[Usage] | None,
    environments: Mapping[str, Mapping[str, str]],
) -> tuple[Verdict, ...]:
    """Return a verdict for each cache mount of each step that was executed, in the order of the trace.

    ``before`` and ``after`` are all cache mounts of the engine around the run, None when nobody looked: then only what
    the log and the environment prove gets a verdict. ``environments`` is what ``environment.environments`` returns; an
    image that is missing counts as one whose environment is not known.
    """
    told = (_verdict(case) for case in _cases(trace, before, after, environments))
    return tuple(verdict for verdict in told if verdict)


def _cases(
    trace: Trace,
    before: Sequence[Usage] | None,
    after: Sequence[Usage] | None,
    environments: Mapping[str, Mapping[str, str]],
) -> Iterator[Case]:
    ran = [step for step in trace.steps if step.executed and step.caches]
    users = Counter(use_id for step in ran for use_id in {_id(use) for use in step.caches})
    here = {_id(use) for step in trace.steps for use in step.caches}
    old, new, last = _sizes(before), _sizes(after), _last_numbers(trace)
    for step in ran:
        does, found = script(step.title), downloads(step.log)
        does = causes.guessed(does, found)
        for use in step.caches:
            name = _id(use)
            yield Case(
                step,
                use,
                does,
                _environment(step, last, environments),
                Sizes(_size(old, name), _size(new, name)),
                found,
                users[name] - 1,
                causes.former_id(use, does.text, [m for m in before or () if m.id.lstrip("/") not in here])
                if old is not None and name not in old
                else "",
                new is not None and name not in new,
            )


def _verdict(case: Case) -> Verdict | None:
    """Return the verdict: what was forbidden or undone comes first, then what the sizes show, then what the log shows."""
    return (
        _bypassed(case)
        or _removed(case)
        or _collected(case)
        or (_unmeasured(case) if case.sizes.delta is None else _misplaced(case) or _not_stored(case) or _stored(case))
    )


def _bypassed(case: Case) -> Verdict | None:
    """Judge a tool that was told not to use its cache, in every call that could (sources: ``tools``)."""
    own = [call for _, call, is_cache in case.uses() if is_cache]
    bans = [ban(call, case.env) for call in own]
    if not bans or not all(bans) or len(own) < len(case.uses()):
        return None
    if not case.others and (case.sizes.delta or 0) >= TELLING:
        return None  # what is said to be off has put something there
    first = next(found for found in bans if found)
    return _made(case, "bypassed", *texts.bypassed(own[0].tool, first))


def _removed(case: Case) -> Verdict | None:
    """Judge a step that removes what the mount keeps; measured: `rm -rf /var/lib/apt/lists/*` leaves it at 4,096 bytes."""
    path = removes(case.script, case.use.target)
    if not path or (case.sizes.after or 0) >= EMPTY:
        return None
    return _made(case, "not stored", *texts.removed(path))


def _collected(case: Case) -> Verdict | None:
    """Judge a mount that the engine's garbage collection took: https://docs.docker.com/build/cache/garbage-collection/.

    A mount that a step of the run used is in the engine's list until then; measured on an engine that was over its limit.
    """
    before, after = case.sizes.before or 0, case.sizes.after
    if case.gone:
        return _made(case, "not stored", *texts.collected(case.use.id, 0))
    if after is not None and before >= EMPTY and after < before // 2:
        return _made(case, "not stored", *texts.collected(case.use.id, before))
    return None


def _unmeasured(case: Case) -> Verdict | None:
    """Nobody looked at the sizes: only that nothing was downloaded, and something taken, proves anything."""
    download = case.download
    if download and download.exact and not download.bytes and download.reused:
        return _made(case, "working", texts.served_by_log())
    return None


def _misplaced(case: Case) -> Verdict | None:
    """Judge a mount where the tool keeps its cache elsewhere: another directory, or another user's home."""
    delta, holds = case.sizes.delta or 0, case.uses()
    if holds or case.sizes.before is None or case.use.target.startswith(("/var/cache/apt", "/var/lib/apt")):
        return None
    covered = {tool for use in case.step.caches for tool, _, _ in uses(use.target, case.script, case.env)}
    for call in case.script.calls:
        if call.tool not in {"pip", "uv"} or call.tool in covered:
            continue
        tool: Tool = "pip" if call.tool == "pip" else "uv"
        download = case.found.get(tool)
        fetched = download.bytes if download else 0
        if (fetched >= TELLING and delta < fetched // KEPT) or (not fetched and (case.sizes.after or 0) < EMPTY):
            where = misplaced(call, case.env)
            reason, fix = texts.misplaced(case.use, where, call, case.env, fetched)
            return _made(case, "not stored", reason, fix, fetched or None)
    return None


def _not_stored(case: Case) -> Verdict | None:
    """Judge a mount that did not grow though the tool downloaded; or, where the log is quiet, that has nothing in it."""
    download, delta, after = case.download, case.sizes.delta or 0, case.sizes.after or 0
    tools = [tool for tool, _, _ in case.uses()]
    if not tools:
        return (
            _made(case, "not stored", *texts.unused()) if after < EMPTY and (case.sizes.before or 0) < EMPTY else None
        )
    if download is None:
        lost = after < EMPTY
    else:
        # lists that are replaced leave the size as it was
        whole = set(tools) == {"lists"} or (case.sizes.before or 0) < EMPTY
        lost = download.bytes >= TELLING and (after - BOOKKEEPING if whole else delta) < download.bytes // KEPT
    if not lost:
        return None
    reason, fix = causes.of_nothing_kept(tools[0], case.script, case.step.log, download, after)
    return _made(case, "not stored", reason, fix)


def _stored(case: Case) -> Verdict:
    """Judge a mount that holds something: whether this step was served from it or filled it."""
    download, before, delta = case.download, case.sizes.before or 0, case.sizes.delta or 0
    tools = {tool for tool, _, _ in case.uses()}
    got_nothing = download is not None and download.exact and not download.bytes
    if before < EMPTY:
        if got_nothing and case.others and delta >= TELLING:
            return _made(case, "working", texts.filled_in_this_run(delta))
        reason = texts.cold(download, delta, case.formerly)
        return _made(case, "cold", reason)
    served = (
        download is None
        or got_nothing
        or tools == {"lists"}
        or (download.reused and download.bytes * LITTLE < before)
        or (not download.reused and download.exact and download.bytes < TELLING)
    )
    if not served and download and not download.reused:
        return _made(case, "cold", texts.held_others(before, download))
    return _made(case, "working", texts.working(before, download, delta))


def _made(case: Case, state: texts.State, reason: str, fix: str = "", fetched: int | None = None) -> Verdict:
    """Return a verdict; a size that other steps had a part in says so."""
    download = case.download
    if case.others and case.sizes.delta:
        reason += f"; the size is shared with {case.others} other step{'s' if case.others > 1 else ''}"
    image = case.step.images[0] if case.step.images else ""
    known = download.known if download else fetched
    return Verdict(case.step.key, image, case.use, state, reason, fix, known, case.sizes.delta)


def _environment(
    step: Step, last: Mapping[tuple[str, str], int], environments: Mapping[str, Mapping[str, str]]
) -> Mapping[str, str]:
    """Return what a step sees: its own place in the Dockerfile if that is known, else what its image ends with.

    Measured: where the FROM is redirected with ``contexts``, BuildKit counts it among the steps but gives it no number,
    so the last step falls one short of the count. The only stage of a file has no name if it was not given one.
    """
    for image in step.images:
        uncounted = step.count - last.get((image, step.stage), step.count)
        for key in (place(image, step.stage or "stage-0", step.number + uncounted), image):
            if key in environments:
                return environments[key]
    return {}


def _last_numbers(trace: Trace) -> dict[tuple[str, str], int]:
    """Return the number of the last step of each stage of each image."""
    last: dict[tuple[str, str], int] = {}
    for step in trace.steps:
        for image in step.images:
            last[image, step.stage] = max(step.number, last.get((image, step.stage), 0))
    return last


def _sizes(mounts: Sequence[Usage] | None) -> dict[str, int] | None:
    """Return bytes by id; records of one id (other owners or modes) are added up."""
    if mounts is None:
        return None
    found: dict[str, int] = {}
    for mount in mounts:
        name = mount.id.lstrip("/")
        found[name] = found.get(name, 0) + (mount.size or 0)
    return found


def _size(sizes: Mapping[str, int] | None, name: str) -> int | None:
    """Return a mount's bytes: 0 where the engine has none by this id, None where it could not say.

    An engine that is still at work on a mount gives its size as 0, which no mount has: an empty one has 4,096 bytes.
    """
    if sizes is None:
        return None
    return (sizes[name] or None) if name in sizes else 0


def _id(use: CacheUse) -> str:
    """Return an id as `buildx du` knows it. That of an unnamed mount is its target, with one slash of two left."""
    return use.id.lstrip("/")
