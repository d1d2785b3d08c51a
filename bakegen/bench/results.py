"""What came of a bench as a table for people and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bakegen.bench.model import OURS, Results
from bakegen.bench.record import doubts, of_cold, ratio_of, samples_of, seconds
from bakegen.bench.statistics import Ratio, Spread, spread

_HEADS = ("scenario", "side", "seconds", "spread", "bakegen / side", "of plain's cold", "wheels", ".debs")
RULE = (
    "A ratio is the median of the rounds' own ratios. It is not told when rounds disagree on who is faster, or when"
    " the spread of a side is as large as the difference. Rounds in which the engine dropped caches do not count."
)


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table, a row for each side of each scenario."""
    yield _HEADS
    for choice in results.choices:
        if choice.why_not:
            yield (choice.scenario, "", "not applicable", *[""] * (len(_HEADS) - 3))
            continue
        for number, side in enumerate(results.sides):
            first = choice.scenario if number == 0 else ""
            yield (first, side, *_figures(results, choice.scenario, side))


def _figures(results: Results, scenario: str, side: str) -> tuple[str, ...]:
    found = spread(seconds(results, scenario, side))
    if found is None:
        failed = "failed" if (scenario, side) in results.errors else "not run"
        return ("does not count" if doubts(results, scenario, side) else failed, *[""] * (len(_HEADS) - 3))
    told = "" if side == OURS else _ratio_text(ratio_of(results, scenario, side))
    share = of_cold(results, scenario) if side == OURS else None
    of_full = "" if share is None else f"{share:.1%}"
    samples = samples_of(results, scenario, side)
    wheels = max(samples, key=lambda sample: sample.downloads.wheel_bytes).downloads
    mark = "" if all(sample.downloads.exact for sample in samples) else "about "
    debs = max(sample.downloads.deb_bytes for sample in samples)
    return (f"{found.median:.1f}", _spread_text(found), told, of_full, mark + size(wheels.wheel_bytes), size(debs))


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
        for sample in samples_of(results, "cold", side):
            ran = sample.runs - sample.cached
            verdict = (
                "cold" if sample.runs and not sample.cached else "NOT COLD" if sample.runs else "not known to be cold"
            )
            yield f"cold, {side}: {ran} of {sample.runs} RUN steps ran, {sample.cached} came from the cache: {verdict}"
    for (scenario, side), error in results.errors.items():
        yield f"{scenario}, {side} failed: {error}"
    yield from (f"{scenario}, {text}" for scenario, text in results.warnings)
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
