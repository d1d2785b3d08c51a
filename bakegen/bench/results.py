"""What came of a bench: as JSON, as a table for people and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bakegen.bench.model import OURS, Results, Sample
from bakegen.bench.statistics import Ratio, Spread, ratio, spread

SCHEMA = 1
_HEADS = ("scenario", "side", "seconds", "spread", "bakegen / side", "wheels", ".debs")
RULE = (
    "A ratio is the median of the rounds' own ratios. It is not told when rounds disagree on who is faster, or when"
    " the spread of a side is as large as the difference."
)


def seconds(results: Results, scenario: str, side: str) -> list[float | None]:
    """Return the seconds of each round; None for a round that was not run or failed."""
    samples = results.samples.get((scenario, side), ())
    return [None if sample is None else sample.seconds for sample in samples]


def as_json(results: Results) -> dict[str, Any]:
    """Return the results by the schema of `benchmarks/results`; times are seconds, amounts bytes.

    ``<side>_wheel_bytes`` and ``_deb_bytes`` are the most that any round fetched, ``_wheels`` the number of files;
    ``_wheel_bytes_exact`` is false where not all sizes were told. ``ratios`` holds null where none is told, and why.
    """
    scenarios: dict[str, Any] = {}
    for choice in results.choices:
        if choice.why_not:
            scenarios[choice.scenario] = {"not_applicable": choice.why_not}
            continue
        entry: dict[str, Any] = {"edit": choice.text}
        for side in results.sides:
            entry |= _side(results, choice.scenario, side)
        entry["ratios"] = {
            side: _ratio_json(found)
            for side in results.sides
            if side != OURS and (found := ratio(*_pair(results, choice.scenario, side)))
        }
        share = of_cold(results, choice.scenario)
        entry |= {} if share is None else {"of_plain_cold": round(share, 4)}
        scenarios[choice.scenario] = entry
    head = {"schema": SCHEMA, "machine": dict(results.machine), "command": results.command}
    return {**head, "complete": not results.stopped, "warnings": list(results.warnings), "scenarios": scenarios}


def _side(results: Results, scenario: str, side: str) -> dict[str, Any]:
    found = _samples(results, scenario, side)
    entry: dict[str, Any] = {
        f"{side}_s": [None if s is None else round(s, 3) for s in seconds(results, scenario, side)]
    }
    if found:
        most = max(found, key=lambda sample: sample.downloads.wheel_bytes).downloads
        entry[f"{side}_wheel_bytes"] = most.wheel_bytes
        entry[f"{side}_wheel_bytes_exact"] = all(sample.downloads.exact for sample in found)
        entry[f"{side}_wheels"] = max(sample.downloads.wheels for sample in found)
        entry[f"{side}_deb_bytes"] = max(sample.downloads.deb_bytes for sample in found)
        entry[f"{side}_run_steps"] = max(sample.runs for sample in found)
        entry[f"{side}_run_steps_cached"] = max(sample.cached for sample in found)
    if error := results.errors.get((scenario, side)):
        entry[f"{side}_error"] = error
    return entry


def _ratio_json(found: Ratio) -> dict[str, Any]:
    value = None if found.value is None else round(found.value, 4)
    entry = {"bakegen_over_side": value, "low": round(found.low, 4), "high": round(found.high, 4), "pairs": found.pairs}
    return entry | ({"why_not": found.why_not} if found.why_not else {})


def of_cold(results: Results, scenario: str) -> float | None:
    """Return bakegen's median over the median of `plain`'s full build; None unless both were measured."""
    ours, full = spread(seconds(results, scenario, OURS)), spread(seconds(results, "cold", "plain"))
    return ours.median / full.median if ours and full else None


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table, a row for each side of each scenario."""
    yield _HEADS
    for choice in results.choices:
        if choice.why_not:
            yield (choice.scenario, "", "not applicable", "", "", "", "")
            continue
        for number, side in enumerate(results.sides):
            first = choice.scenario if number == 0 else ""
            yield (first, side, *_figures(results, choice.scenario, side))


def _figures(results: Results, scenario: str, side: str) -> tuple[str, ...]:
    found = spread(seconds(results, scenario, side))
    if found is None:
        return ("failed" if (scenario, side) in results.errors else "not run", "", "", "", "")
    told = "" if side == OURS else _ratio_text(ratio(*_pair(results, scenario, side)))
    samples = _samples(results, scenario, side)
    wheels = max(samples, key=lambda sample: sample.downloads.wheel_bytes).downloads
    mark = "" if all(sample.downloads.exact for sample in samples) else "about "
    debs = max(sample.downloads.deb_bytes for sample in samples)
    return (f"{found.median:.1f}", _spread_text(found), told, mark + size(wheels.wheel_bytes), size(debs))


def _spread_text(found: Spread) -> str:
    return f"{found.low:.1f} to {found.high:.1f}"


def _ratio_text(found: Ratio | None) -> str:
    if found is None:
        return ""
    if found.value is None:
        return f"none: {found.why_not}"
    return f"{found.value:.2f}" + (" (one pair)" if found.pairs == 1 else "")


def notes(results: Results) -> Iterator[str]:
    """Yield the lines below the table: what was edited, whether cold was cold, what failed."""
    for choice in results.choices:
        yield f"{choice.scenario}: {'not applicable: ' + choice.why_not if choice.why_not else choice.text}"
    for side in results.sides:
        for sample in _samples(results, "cold", side):
            ran = sample.runs - sample.cached
            verdict = (
                "cold" if sample.runs and not sample.cached else "NOT COLD" if sample.runs else "not known to be cold"
            )
            yield f"cold, {side}: {ran} of {sample.runs} RUN steps ran, {sample.cached} came from the cache: {verdict}"
    for (scenario, side), error in results.errors.items():
        yield f"{scenario}, {side} failed: {error}"
    yield from results.warnings
    yield RULE


def markdown(results: Results) -> str:
    """Return the table and its notes as Markdown."""
    head, *body = rows(results)
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, body), ""]
    machine = ", ".join(f"{key} {value}" for key, value in results.machine.items())
    lines += [f"`{results.command}`; {machine}.", "", *(f"- {_escaped(note)}" for note in notes(results))]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    """Return text that ends no cell and no line."""
    return " ".join(text.replace("|", "\\|").split())


def size(amount: int) -> str:
    """Return bytes for people: ``0 B``, ``11 kB``, ``69.5 MB``."""
    value, unit = float(amount), "B"
    for following in ("kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004 - decimal units, as pip and apt have them
            break
        value, unit = value / 1000, following
    return f"{value:.0f} {unit}" if unit in {"B", "kB"} else f"{value:.1f} {unit}"


def _samples(results: Results, scenario: str, side: str) -> list[Sample]:
    return [sample for sample in results.samples.get((scenario, side), ()) if sample is not None]


def _pair(results: Results, scenario: str, side: str) -> tuple[list[float | None], list[float | None]]:
    return seconds(results, scenario, OURS), seconds(results, scenario, side)
