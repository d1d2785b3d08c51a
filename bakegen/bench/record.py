"""Results as the JSON of `benchmarks/results`, back from it, and two of them as one. Pure.

A family takes hours to measure; so a file takes in one scenario after the other, as long as machine and command are equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from bakegen.bench.model import OURS, SCENARIOS, Choice, Results, Sample
from bakegen.bench.statistics import Ratio, ratio, spread
from bakegen.errors import Problem, UsageError

SCHEMA = 1
_SCENARIO = re.compile(r" --scenario \S+")
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
    ``<side>_s`` is null for a round that failed or does not count; ``rounds`` has all that is known of each.
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
        entry |= _side(results, choice, side)
    others = (side for side in results.sides if side != OURS)
    entry["ratios"] = {side: _ratio(found) for side in others if (found := ratio_of(results, name, side))}
    if (share := of_cold(results, name)) is not None:
        entry["of_plain_cold"] = round(share, 4)
    entry["warnings"] = [text for scenario, text in results.warnings if scenario == name]
    entry["rounds"] = {
        side: [sample and asdict(sample) for sample in results.samples.get((name, side), ())] for side in results.sides
    }
    return entry


def _side(results: Results, choice: Choice, side: str) -> dict[str, Any]:
    name = choice.scenario
    times = seconds(results, name, side)[: choice.rounds]  # the rounds for which the scenario has nothing new are none
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
        told = max((len(entry[f"{side}_s"]) for side in rounds), default=0)
        choices.append(
            Choice(name, entry.get("edit", ""), rounds=told or None, why_not=entry.get("not_applicable", ""))
        )
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


def check_same(old: Results, machine: Mapping[str, object], command: str, path: str) -> None:
    """Raise UsageError unless results of this machine and command can stand beside the old ones."""
    for what, was, now in (
        ("machine", _about(old.machine), _about(machine)),
        ("command", _SCENARIO.sub("", old.command), _SCENARIO.sub("", command)),
    ):
        if was != now:
            raise UsageError(
                Problem(
                    f"{path} has results of another {what}: {was}, this is {now}",
                    why="figures of different origin have no ratio",
                    next="name another file, or remove this one",
                )
            )


def _about(machine: Mapping[str, object]) -> dict[str, object]:
    """Return a machine with its memory in GB: what the system takes for itself differs a little from start to start."""
    memory = machine.get("memory")
    return {**machine, **({"memory": f"{memory / 1e9:.0f} GB"} if isinstance(memory, (int, float)) else {})}


def merged(old: Results, new: Results) -> Results:
    """Return the old results with the scenarios of the new ones in place of their own; a scenario not run stays."""
    known = {choice.scenario for choice in old.choices}
    ran = {c.scenario for c in new.choices if c.why_not or c.scenario not in known or _has_run(new, c.scenario)}
    kept, added = _only(old, known - ran), _only(new, ran)
    choices = sorted((*kept.choices, *added.choices), key=lambda choice: SCENARIOS.index(choice.scenario))
    words = "".join(f" --scenario {choice.scenario}" for choice in choices) if len(choices) < len(SCENARIOS) else ""
    first, mark, rest = _SCENARIO.sub("", new.command).partition(" --baseline ")
    return replace(
        new,
        command=first + words + mark + rest,
        choices=tuple(choices),
        samples={**kept.samples, **added.samples},
        errors={**kept.errors, **added.errors},
        warnings=kept.warnings + added.warnings,
        stopped=new.stopped or (old.stopped and bool(kept.choices)),
    )


def _only(results: Results, scenarios: set[str]) -> Results:
    return replace(
        results,
        choices=tuple(choice for choice in results.choices if choice.scenario in scenarios),
        samples={key: found for key, found in results.samples.items() if key[0] in scenarios},
        errors={key: found for key, found in results.errors.items() if key[0] in scenarios},
        warnings=tuple(warning for warning in results.warnings if warning[0] in scenarios),
    )


def _has_run(results: Results, scenario: str) -> bool:
    keys = [(scenario, side) for side in results.sides]
    return any(any(results.samples.get(key, ())) or key in results.errors for key in keys)
