"""subtitle-gen: turn segments into an .srt file that is easy to read."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version


def split(row: dict, width: int) -> Iterator[tuple[float, float, str]]:
    """Yield start, end and text of a cue for each two lines; each has time by the number of its letters."""
    lines = textwrap.wrap(f"♪ {row['text']} ♪" if row.get("lyrics") else row["text"], width)
    blocks = ["\n".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    start, pace = row["start"], (row["end"] - row["start"]) / max(sum(map(len, blocks)), 1)
    for block in blocks:
        yield start, start + pace * len(block), block
        start += pace * len(block)


def write(args: argparse.Namespace) -> None:
    """Write the cues in order, long enough to read where there is room; who speak at once both keep their time."""
    rows = [json.loads(line) for line in args.segments.read_text(encoding="utf-8").splitlines()]
    import pysrt

    cues = sorted(cue for row in rows for cue in split(row, args.width))
    rooms = [start - args.gap for start, _, _ in cues[1:]] + [float("inf")]
    srt = pysrt.SubRipFile()
    for number, ((start, end, text), room) in enumerate(zip(cues, rooms, strict=True), 1):
        until = min(max(end, start + args.shortest), room) if room > start + args.gap else end
        srt.append(pysrt.SubRipItem(number, round(start * 1000), round(until * 1000), text))
    srt.save(args.srt, encoding="utf-8")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("segments", nargs="?", type=Path, help="segments with text, JSON lines")
    parser.add_argument("srt", nargs="?", type=Path, help="the .srt file to write")
    parser.add_argument("--width", type=int, default=42, help="letters in a line (default: %(default)s)")
    parser.add_argument("--gap", type=float, default=0.08, help="seconds between cues (default: %(default)s)")
    parser.add_argument("--shortest", type=float, default=0.8, help="seconds a cue stays (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        stack = ("pysrt", "chardet")
        found = {"python": python_version()} | {name: metadata.version(name) for name in stack if import_module(name)}
        print(json.dumps({"stage": "subtitle-gen", **found}))
        return
    if args.srt is None:
        parser.exit(2, "subtitle-gen: give SEGMENTS and SRT, for example: segments.jsonl film.srt\n")
    try:
        write(args)
    except (OSError, ValueError, KeyError) as error:
        parser.exit(2, f"subtitle-gen: {type(error).__name__}: {error}; name files as the container sees them\n")


if __name__ == "__main__":
    main()
