"""What reports cost: a real run of 15 images, and fourteen of it side by side as one run of 210."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Command, alternate, row

RECORDED = Path(__file__).parents[1] / "tests" / "data" / "build-15.ndjson.gz"
COPIES = 14
#: What `bakegen build` has loaded when a run ends, and what it does then (cli/build.py).
_LOADED = "import sys; from pathlib import Path; from bakegen.build import build; from bakegen.report import html, text, write"
_DONE = f"{_LOADED}; text.after_build(write(Path(sys.argv[1])), 'report.html')"


def record(directory: Path, copies: int) -> float:
    """Write a run of ``copies`` times 15 images and return how long it took, in seconds, as its steps say."""
    directory.mkdir(parents=True)
    marker, *events = gzip.decompress(RECORDED.read_bytes()).decode().splitlines()
    marked = json.loads(marker)["bakegen"]
    names = {name: [f"{name}-{number:02}" for number in range(copies)] for name in marked["solved"]}
    with (directory / "events.ndjson").open("w", encoding="utf-8") as file:
        file.write(json.dumps({"bakegen": _marker(marked, names)}) + "\n")
        for number in range(copies):
            rename = _renaming(list(names), number)
            file.writelines(f"{rename(line)}\n" for line in events)
    times = sorted(re.findall(r'"(?:started|completed)":"(2[^"]+)"', "".join(events)))
    seconds = _moment(times[-1]) - _moment(times[0])
    images = [{"name": name, "status": "built", "seconds": 9.0} for many in names.values() for name in many]
    told = {
        "id": directory.name,
        "status": "built",
        "seconds": seconds,
        "output": "default",
        "cpus": 2,
        "images": images,
    }
    (directory / "result.json").write_text(json.dumps(told), encoding="utf-8")
    return seconds


def _marker(marked: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    """Return bakegen's own first line for all copies."""
    return {
        "bake": marked["bake"],
        "targets": [copy for name in marked["targets"] for copy in names[name]],
        "solved": [copy for many in names.values() for copy in many],
        "parents": {
            copy: [names[parent][at] for parent in marked["parents"].get(name, ())]
            for name, many in names.items()
            for at, copy in enumerate(many)
        },
    }


def _renaming(names: list[str], number: int) -> Callable[[str], str]:
    """Return what gives a line's images and digests the names of one copy."""
    pattern = re.compile(rf'"\[({"|".join(sorted(names, key=len, reverse=True))})(?=[ \]])')
    return lambda line: pattern.sub(rf'"[\1-{number:02}', line).replace("sha256:", f"sha256:{number:02}")


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def report_rows(scratch: Path, rounds: int) -> Iterator[str]:
    """Yield the lines of figures."""
    for copies in (1, COPIES):
        directory = scratch / ".bakegen" / "runs" / f"20261123-1930{copies:02}"
        seconds = record(directory, copies)
        env, size = dict(os.environ), (directory / "events.ndjson").stat().st_size / 1e6
        loaded = Command(
            "what a build has loaded by then", (sys.executable, "-c", _LOADED, str(directory)), scratch, env
        )
        done = Command("the same, and the report written", (sys.executable, "-c", _DONE, str(directory)), scratch, env)
        asked = Command("bakegen report", (sys.executable, "-m", "bakegen", "report", directory.name), scratch, env)
        yield f"{copies * 15} images, {size:.1f} MB of events, {seconds:.0f} s of build on 2 cores"
        found = alternate([loaded, done, asked], rounds=rounds)
        yield from (row(command.name, found[command.name]) for command in (loaded, done, asked))
        pairs = list(zip(found[done.name], found[loaded.name], strict=True))
        added = median(a.seconds - b.seconds for a, b in pairs)
        memory = median(a.mebibytes - b.mebibytes for a, b in pairs)
        yield f"{'added by the report':<44} {added:7.3f} s  {memory:5.0f} MiB"
        shares = f"{added / seconds / copies:.2%} of the build on 2 cores"
        yield shares + (f", {added / seconds:.2%} if it took no longer than one of 15 images" if copies > 1 else "")
