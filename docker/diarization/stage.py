"""diarization: say who speaks in each segment, with a pipeline of pyannote.audio."""

import argparse
import json
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("torch", "torchaudio", "pyannote.audio", "speechbrain", "pytorch_lightning")


def name_speakers(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the segments, each with the speaker who has the most of its time, or null."""
    rows = [json.loads(line) for line in args.segments.read_text(encoding="utf-8").splitlines()]
    import torch
    from pyannote.audio import Pipeline
    from pyannote.core import Segment

    pipeline = Pipeline.from_pretrained(args.model)
    pipeline.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    turns = pipeline(str(args.audio), num_speakers=args.speakers)
    for row in rows:
        speaker = turns.argmax(Segment(row["start"], row["end"]))
        yield json.dumps({**row, "speaker": speaker}, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a missing model is an error here, not a download
    model = Path(os.getenv("PYANNOTE_PIPELINE", "/models/diarization/config.yaml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help="16 kHz mono .wav, from demux")
    parser.add_argument("segments", nargs="?", type=Path, help="segments, JSON lines, from asr")
    parser.add_argument("output", nargs="?", type=Path, help="where to write the segments with their speakers")
    parser.add_argument("--model", type=Path, default=model, help="the pipeline's config.yaml (default: %(default)s)")
    parser.add_argument("--speakers", type=int, help="how many there are (default: found out from the sound)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "diarization", **found, "torch.version.cuda": import_module("torch").version.cuda}))
        return
    if args.output is None:
        parser.exit(2, "diarization: give AUDIO, SEGMENTS and OUTPUT; see --help\n")
    for path in (args.audio, args.segments, args.model):
        if not path.exists():
            parser.exit(2, f"diarization: nothing at {path}; mount its folder and name it as the container sees it\n")
    try:
        args.output.write_text("".join(name_speakers(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"diarization: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
