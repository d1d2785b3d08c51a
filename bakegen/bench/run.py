"""The rounds of a bench: the sides in turn, each through every scenario, each edit undone before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bakegen.bench.downloads import downloads, mount_sizes, mounted, read_output
from bakegen.bench.edits import applied
from bakegen.bench.model import BASELINES, OURS, Choice, Sample
from bakegen.bench.room import Record, Room, descendants, word_of
from bakegen.bench.sides import Output, Side, State, failed
from bakegen.engine.du import when
from bakegen.errors import Cancelled, EngineError, FilesError, ManifestError

Key = tuple[str, str]
TRIES = 2  # of a build that does not count, because the engine took something away meanwhile
_PAUSE = 2.0  # seconds until a record that is not listed is looked for again


@dataclass(slots=True)
class Bench:
    """One bench. ``bases`` are the references that stand-ins are made of; ``tell`` shows a line on the way.

    ``measured`` is called when there is a sample more.
    """

    room: Room
    sides: Sequence[Side]
    choices: Sequence[Choice]
    bases: Mapping[str, str]
    rounds: int
    tell: Callable[[str], None]
    measured: Callable[[], None] = lambda: None
    samples: dict[Key, list[Sample | None]] = field(default_factory=dict)
    errors: dict[Key, str] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    stopped: bool = False
    _kept: dict[str, frozenset[str]] = field(default_factory=dict)
    _states: dict[str, State] = field(default_factory=dict)
    _dirty: set[str] = field(default_factory=set)
    _known: set[Key] = field(default_factory=set)
    _took: dict[Key, float] = field(default_factory=dict)

    def run(self) -> None:
        """Run all rounds; Ctrl-C ends them early and leaves what was measured."""
        jobs = list(self._jobs())
        for choice in self.choices:
            for side in self.sides:
                self.samples[choice.scenario, side.name] = [None] * min(self.rounds, choice.rounds or self.rounds)
        begun = time.perf_counter()
        try:
            for position, (number, choice, side) in enumerate(jobs):
                started = time.perf_counter()
                self.tell(f"{self._name(number, choice, side)}  begins")
                sample = self._try(number, choice, side)
                key = (choice.scenario, side.name)
                self._took[key] = time.perf_counter() - started
                self.samples[key][number - 1] = None if sample.error else sample
                if sample.error:
                    self.errors.setdefault(key, f"round {number}: {sample.error}")
                left = jobs[position + 1 :]
                self.tell(self._line(number, choice, side, sample, [(c.scenario, s.name) for _, c, s in left]))
                self.measured()
                self._make_room(side, left)
        except (Cancelled, KeyboardInterrupt):
            self.stopped = True
        self.tell(f"{'stopped after' if self.stopped else 'measured in'} {clock(time.perf_counter() - begun)}")

    def _jobs(self) -> Iterator[tuple[int, Choice, Side]]:
        """Yield what is timed, in order; the side that goes first changes from round to round.

        A side goes through all scenarios before the next begins: its builds follow one another as those of a person do,
        with what they leave in the system's page cache, and the disk holds one side at a time.
        """
        for number in range(1, self.rounds + 1):
            # the last begins, bakegen: it says soonest whether the family builds
            shift = (number - 2) % len(self.sides)
            for side in (*self.sides[shift:], *self.sides[:shift]):
                for choice in self.choices:
                    if not choice.why_not and number <= (choice.rounds or number):
                        yield number, choice, side

    def _make_room(self, side: Side, left: Sequence[tuple[int, Choice, Side]]) -> None:
        """Remove what a side has built, once nothing more or `cold` comes next for it: then it is of no more use."""
        coming = next((choice.scenario for _, choice, other in left if other is side), "cold")
        if coming == "cold" and left:
            self._forget(side)

    def _try(self, number: int, choice: Choice, side: Side) -> Sample:
        """Do one job; once something was measured, what goes wrong with the engine or a file costs no more than the job.

        A sample that does not count is taken again, in a new state: an edit is only new to caches that have not seen it.
        """
        try:
            sample = self._job(number, choice, side)
            for _ in range(TRIES - 1):
                if sample.doubt:
                    self._warn(choice, f"round {number}, {side.name}, does not count: {sample.doubt}; measured again")
                    self._renew(side)
                    sample = self._job(number, choice, side)
        except (EngineError, FilesError, ManifestError) as error:
            if not self._took:
                raise
            return Sample(0.0, error=str(error))
        if sample.doubt:
            self._warn(choice, f"round {number}, {side.name}, does not count: {sample.doubt}")
        return sample

    def _warn(self, choice: Choice, text: str) -> None:
        self.warnings.append((choice.scenario, text))
        self.tell(f"{choice.scenario}, {text}")

    def _job(self, number: int, choice: Choice, side: Side) -> Sample:
        """Bring a side into the state its scenario begins with, time one build, and undo the edit."""
        if choice.scenario == "cold":
            self._renew(side)
            sample = self._timed(number, choice, side)
            self._kept[side.name] = self._ids(self._states[side.name])
            self._dirty.add(side.name)  # an untimed build makes up for what was dropped before anybody looked
            return sample
        if (problem := self._prepare(choice, side)) is not None:
            return failed(problem)
        self._kept[side.name] = self._ids(self._states[side.name])
        with applied(side.root, choice.edit, number, self.room.word()):
            return self._timed(number, choice, side)

    def _prepare(self, choice: Choice, side: Side) -> Output | None:
        """Build what was there before the edit, and let caches see the edit's new wheel once; return a failure.

        What the engine's garbage collection has taken since is built again in a new state: neither a step that is gone
        nor a cache mount that is gone would be the baseline's fault, or bakegen's.
        """
        if side.name in self._states and (gone := self._gone(side)):
            self._warn(choice, f"{side.name}: the engine had dropped {gone} of the builds before: built anew first")
            self._renew(side)
        if side.name not in self._states:
            self._renew(side)
        if side.name in self._dirty and (output := self._build(side, "prepare", 0)).error:
            return output
        key = (self._states[side.name].word, choice.scenario)
        if choice.new_wheel and side.keeps and key not in self._known:
            if (output := self._introduce(choice, side)).error:
                return output
            self._known.add(key)
        return None

    def _introduce(self, choice: Choice, side: Side) -> Output:
        """Build with the edit and again without it, so that a side's caches know the edit's wheel; keep nothing else.

        The last build makes up for what the engine forgets at a prune (engine/prune.py); it is short where that is nothing.
        """
        before, since = self.room.records(), time.time()
        with applied(side.root, choice.edit, 1, self.room.word()):
            output = self._build(side, "prepare", 0)
        if not output.error:
            output = self._build(side, "prepare", 0)
        self._drop(before, since, self.room.records(), self._states[side.name])
        self.room.drop_images(dangling=True)
        return output if output.error else self._build(side, "prepare", 0)

    def _ids(self, state: State) -> frozenset[str]:
        """Return the ids of a state's records in the build cache."""
        return frozenset(descendants(self.room.records(), _words(state)))

    def _gone(self, side: Side) -> str:
        """Return what the engine has dropped of a side's state since it was last looked at; "" for nothing.

        BuildKit leaves records out of an answer while it measures them for somebody else, so a missing one is asked for
        once more.
        """
        state = self._states[side.name]
        gone = self._kept[side.name] - self._ids(state)
        if gone:
            time.sleep(_PAUSE)
            gone -= self._ids(state)
        return (
            f"{len(gone)} cache record{'s' if len(gone) > 1 else ''} (garbage collection, or a prune)" if gone else ""
        )

    def _build(self, side: Side, scenario: str, number: int, state: State | None = None) -> Output:
        """Build; what it builds from the files as they are, on the side's own bases, leaves the side clean."""
        output = side.build(state or self._states[side.name], scenario, number)
        self._dirty.discard(side.name)
        if output.error or state:
            self._dirty.add(side.name)
        return output

    def _timed(self, number: int, choice: Choice, side: Side) -> Sample:
        """Time one build, count what it fetched, and drop what only this build needed."""
        state = self._states[side.name]
        bumped = None
        if choice.base:
            bumped = State(state.word, {**state.bases, choice.base: self._base(choice.base)})
        before, since = self.room.records(), time.time()
        output = self._build(side, choice.scenario, number, bumped)
        if choice.edit:
            self._dirty.add(side.name)
        after = self.room.records()
        gone = self._gone(side)
        if choice.scenario != "cold":
            self._drop(before, since, after, bumped or state)
        if bumped:
            self.room.drop_tags([bumped.bases[choice.base]])
        self.room.drop_images(dangling=True)
        if output.error:
            return failed(output)
        printed, ran = read_output(output.lines)
        sizes, held = mount_sizes(before, state.word), mount_sizes(after, state.word)
        grown = {target: size - sizes.get(target, 0) for target, size in held.items()}
        sample = Sample(output.seconds, downloads(printed, grown), len(ran), sum(ran.values()))
        if gone:
            return replace(sample, doubt=f"the engine dropped {gone} while this was built")
        return replace(sample, doubt=_doubt(choice, side, ran, held))

    def _drop(self, before: Sequence[Record], since: float, after: Sequence[Record], state: State) -> None:
        """Drop the layers of one build from the cache, so that ten rounds take no more disk than one; keep its mounts.

        That is what was not listed ``before`` the build, and was made ``since`` it began: a layer of gigabytes may be listed
        for the first time minutes after it was made. A build without the edit has to follow: engine/prune.py says why.
        """
        known = {record["ID"] for record in before}
        mounts = {record["ID"] for record in after if record.get("Type") == "exec.cachemount"}
        made = {record["ID"] for record in after if (when(record.get("CreatedAt"), 0.0) or 0.0) >= since}
        self.room.prune((descendants(after, _words(state)) & made) - known - mounts)

    def _renew(self, side: Side) -> None:
        """Give a side bases and a cache namespace that nothing was built on, and drop what it had before."""
        self._forget(side)
        self._states[side.name] = State(self.room.word(), {name: self._base(name) for name in self.bases})
        self._kept[side.name] = frozenset()
        self._dirty.add(side.name)

    def _forget(self, side: Side) -> None:
        """Drop all that a side has in the engine."""
        if old := self._states.pop(side.name, None):
            self.room.drop_tags([*old.bases.values(), *self.room.tags(side.name)])
            self.room.drop_images(dangling=True)
            self.room.drop_cache(_words(old))

    def _base(self, name: str) -> str:
        return self.room.base(name, self.bases[name])

    def _name(self, number: int, choice: Choice, side: Side) -> str:
        return f"round {number}/{self.rounds}  {choice.scenario:<18}  {side.name:<8}"

    def _line(self, number: int, choice: Choice, side: Side, sample: Sample, left: Sequence[Key]) -> str:
        """Return the line of one timed build, with an estimate of how long the rest takes."""
        told = [
            self._name(number, choice, side),
            f"{sample.seconds:7.1f} s" if not sample.error else " failed  ",
            f"{sample.cached}/{sample.runs} RUN cached" if sample.runs else "",
            f"about {clock(estimate(self._took, left))} left" if left else "",
        ]
        return "  ".join(part for part in told if part)


def _doubt(choice: Choice, side: Side, ran: Mapping[str, bool], held: Mapping[str, int]) -> str:
    """Return why a build does not count, by what it ran and by the mounts (target -> bytes) that are there after it.

    A script of the user's may run what it wants, and mount what it wants.
    """
    if side.name not in {OURS, *BASELINES}:
        return ""
    if lost := mounted(ran) - held.keys():
        return f"the engine dropped the cache mounts at {', '.join(sorted(lost))} while this was built"
    again = len(ran) - sum(ran.values())
    if choice.scenario == "unchanged" and again:
        return f"{again} RUN steps ran although nothing had changed: the engine had dropped them"
    if choice.spares and again and again == len(ran):
        return "no RUN step came from the cache although one image alone was edited: the engine had dropped them"
    return ""


def _words(state: State) -> list[str]:
    """Return the words that the cache records of a state carry: its namespace, and the last layers of its bases."""
    return [state.word, *(word_of(reference) for reference in state.bases.values())]


def estimate(took: Mapping[Key, float], left: Sequence[Key]) -> float:
    """Return the seconds that the jobs left will take: each what it took last, one not seen yet what all took on average."""
    mean = sum(took.values()) / len(took) if took else 0.0
    return sum(took.get(key, mean) for key in left)


def clock(seconds: float) -> str:
    """Return seconds for people: ``48 s``, ``12 min``, ``1 h 05 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004
