"""Results as the JSON of `benchmarks/results`, back from it, and two of them as one. Pure.

A family takes hours and much disk to measure; so a file takes in scenario after scenario, round after round, and side after
side, as long as machine, family and values are equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from bakegen.bench.model import OURS, SCENARIOS, Choice, Results, Sample
from bakegen.bench.statistics import Ratio, ratio, spread
from bakegen.errors import Problem, UsageError

SCHEMA = 1
#: What may differ between commands whose rounds stand in one file.
_PART = re.compile(r" --(?:scenario|rounds|baseline) \S+")
_AND = " && "
_ROUNDS = TypeAdapter(dict[str, tuple[Sample | None, ...]])


def samples_of(results: Results, scenario: str, side: str) -> list[Sample]:
    """Return the samples that count."""
    found = results.samples.get((scenario, side), ())
    return [sample for sample in found if sample is not None and not sample.doubt]


def doubts(results: Results, scenario: str, side: str) -> dict[int, Sample]:
    """Return the samples that do not count, by the number of their round."""
    found = results.samples.get((scenario, side), ())
    return {number: sample for number, sample in enumerate(found, 1) if sample is not None and sample.doubt}


def seconds(results: Results, scenario: str, side: str) -> list[float | None]:
    """Return the seconds of each round; None for a round that was not run, failed, or does not count."""
    samples = results.samples.get((scenario, side), ())
    return [None if sample is None or sample.doubt else sample.seconds for sample in samples]


def ratio_of(results: Results, scenario: str, side: str) -> Ratio | None:
    """Return bakegen's ratio to a side; when rounds are missing because they do not count, it says so."""
    found = ratio(seconds(results, scenario, OURS), seconds(results, scenario, side))
    doubtful = {**doubts(results, scenario, side), **doubts(results, scenario, OURS)}
    if found is None and doubtful:
        return Ratio(None, None, None, 0, f"no round counts: {next(iter(doubtful.values())).doubt}")
    return found


def of_cold(results: Results, scenario: str) -> float | None:
    """Return bakegen's median over the median of `plain`'s full build; None unless both were measured."""
    ours, full = spread(seconds(results, scenario, OURS)), spread(seconds(results, "cold", "plain"))
    return ours.median / full.median if ours and full else None


def as_json(results: Results) -> dict[str, Any]:
    """Return the results by the schema of `benchmarks/results`; times are seconds, amounts bytes.

    ``<side>_wheel_bytes`` and ``_deb_bytes`` are the most that any round fetched, ``_wheels`` the number of files;
    ``_wheel_bytes_exact`` is false where not all sizes were told. ``ratios`` holds null where none is told, and why.
    ``<side>_s`` is null for a round that failed, does not count, or was run without that side; ``rounds`` has all that is
    known of each. ``complete`` is whether the last command ran to its end.
    """
    scenarios = {choice.scenario: _scenario(results, choice) for choice in results.choices}
    head = {"schema": SCHEMA, "machine": dict(results.machine), "command": results.command}
    return {**head, "complete": not results.stopped, "scenarios": scenarios}


def _scenario(results: Results, choice: Choice) -> dict[str, Any]:
    name = choice.scenario
    if choice.why_not:
        return {"not_applicable": choice.why_not}
    entry: dict[str, Any] = {"edit": choice.text}
    for side in results.sides:
        entry |= _side(results, name, side)
    others = (side for side in results.sides if side != OURS)
    entry["ratios"] = {side: _ratio(found) for side in others if (found := ratio_of(results, name, side))}
    if (share := of_cold(results, name)) is not None:
        entry["of_plain_cold"] = round(share, 4)
    entry["warnings"] = [text for scenario, text in results.warnings if scenario == name]
    entry["rounds"] = {
        side: [sample and asdict(sample) for sample in results.samples.get((name, side), ())] for side in results.sides
    }
    return entry


def _side(results: Results, name: str, side: str) -> dict[str, Any]:
    times = seconds(results, name, side)
    entry: dict[str, Any] = {f"{side}_s": [None if s is None else round(s, 3) for s in times]}
    if found := samples_of(results, name, side):
        most = max(found, key=lambda sample: sample.downloads.wheel_bytes).downloads
        entry[f"{side}_wheel_bytes"] = most.wheel_bytes
        entry[f"{side}_wheel_bytes_exact"] = all(sample.downloads.exact for sample in found)
        entry[f"{side}_wheels"] = max(sample.downloads.wheels for sample in found)
        entry[f"{side}_deb_bytes"] = max(sample.downloads.deb_bytes for sample in found)
        entry[f"{side}_run_steps"] = max(sample.runs for sample in found)
        entry[f"{side}_run_steps_cached"] = max(sample.cached for sample in found)
    if doubtful := doubts(results, name, side):
        entry[f"{side}_doubtful"] = {str(number): sample.doubt for number, sample in doubtful.items()}
    if error := results.errors.get((name, side)):
        entry[f"{side}_error"] = error
    return entry


def _ratio(found: Ratio) -> dict[str, Any]:
    ends = ("value", "low", "high")
    value, low, high = (None if (n := getattr(found, end)) is None else round(n, 4) for end in ends)
    entry = {"bakegen_over_side": value, "low": low, "high": high, "pairs": found.pairs}
    return entry | ({"why_not": found.why_not} if found.why_not else {})


def read(text: str, path: str) -> Results:
    """Return the results in a file that ``as_json`` made; raises UsageError for any other."""
    try:
        found = json.loads(text)
        schema = found["schema"]
        entries = {name: found["scenarios"][name] for name in sorted(found["scenarios"], key=SCENARIOS.index)}
        if schema == SCHEMA:
            return _results(found, entries)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            Problem(
                f"{path} is there and holds no results of bakegen bench",
                why=f"{type(error).__name__}: {str(error)[:200]}",
                next="name another file; bench adds to results, and overwrites nothing else",
            )
        ) from error
    raise UsageError(Problem(f"{path} has schema {schema}, this bakegen writes {SCHEMA}", next="name another file"))


def _results(found: Mapping[str, Any], entries: Mapping[str, Any]) -> Results:
    choices: list[Choice] = []
    samples: dict[tuple[str, str], tuple[Sample | None, ...]] = {}
    for name, entry in entries.items():
        rounds = _ROUNDS.validate_python(entry.get("rounds", {}))
        samples |= {(name, side): of_side for side, of_side in rounds.items()}
        choices.append(Choice(name, entry.get("edit", ""), why_not=entry.get("not_applicable", "")))
    return Results(
        dict(found["machine"]),
        str(found["command"]),
        tuple(dict.fromkeys(side for _, side in samples)),
        tuple(choices),
        samples,
        {at: entries[at[0]][f"{at[1]}_error"] for at in samples if f"{at[1]}_error" in entries[at[0]]},
        tuple((name, str(warning)) for name, entry in entries.items() for warning in entry.get("warnings", ())),
        not found["complete"],
    )


def check_same(old: Results, new: Results, path: str) -> None:
    """Raise UsageError unless rounds of ``new`` can stand beside the old ones: same machine, command, and edits.

    ``new`` needs no samples. Scenarios, sides and the number of rounds may differ.
    """
    edits = {choice.scenario: choice.text or choice.why_not for choice in old.choices}
    changed = (c for c in new.choices if edits.get(c.scenario, c.text or c.why_not) != (c.text or c.why_not))
    pairs = [
        ("machine", _about(old.machine), _about(new.machine)),
        ("command", _whole(old.command), _whole(new.command)),
        *((f"edit in {choice.scenario}", edits[choice.scenario], choice.text or choice.why_not) for choice in changed),
    ]
    for what, was, now in pairs:
        if was != now:
            raise UsageError(
                Problem(
                    f"{path} has results of another {what}: {was}, this is {now}",
                    why="figures of different origin have no ratio",
                    next="name another file, or remove this one",
                )
            )


def _whole(command: str) -> str:
    """Return a command, or several that filled one file, without what may differ between them."""
    return _AND.join(dict.fromkeys(_PART.sub("", one) for one in command.split(_AND)))


def _about(machine: Mapping[str, object]) -> dict[str, object]:
    """Return a machine with its memory in GB: what the system takes for itself differs a little from start to start."""
    memory = machine.get("memory")
    return {**machine, **({"memory": f"{memory / 1e9:.0f} GB"} if isinstance(memory, (int, float)) else {})}


def merged(old: Results, new: Results) -> Results:
    """Return the old results and after their rounds those of the new ones; a side that was not run has None there."""
    found = {choice.scenario: choice for choice in (*old.choices, *new.choices)}
    sides = tuple(sorted(dict.fromkeys((*old.sides, *new.sides)), key=lambda side: side == OURS))  # bakegen comes last
    samples: dict[tuple[str, str], tuple[Sample | None, ...]] = {}
    for scenario in found:
        first, then = _rounds(old, scenario), _rounds(new, scenario)
        for key in ((scenario, side) for side in sides):
            was, now = old.samples.get(key, ()), new.samples.get(key, ())
            samples[key] = _padded(was, first) + _padded(now, then)
    commands = dict.fromkeys((*old.command.split(_AND), new.command))
    return Results(
        machine=new.machine,
        command=_AND.join(filter(None, commands)),
        sides=sides,
        choices=tuple(sorted(found.values(), key=lambda choice: SCENARIOS.index(choice.scenario))),
        samples=samples,
        errors={key: "; ".join(_texts(key, old, new)) for key in (*old.errors, *new.errors)},
        warnings=old.warnings + new.warnings,
        stopped=new.stopped,
    )


def _rounds(results: Results, scenario: str) -> int:
    """Return how many rounds of a scenario were begun."""
    begun = [
        number
        for (name, side), samples in results.samples.items()
        if name == scenario
        for number, sample in enumerate(samples, 1)
        if sample is not None or (name, side) in results.errors
    ]
    return max(begun, default=0)


def _padded(samples: tuple[Sample | None, ...], rounds: int) -> tuple[Sample | None, ...]:
    return (samples + (None,) * rounds)[:rounds]


def _texts(key: tuple[str, str], *results: Results) -> Iterator[str]:
    return (found.errors[key] for found in results if key in found.errors)
