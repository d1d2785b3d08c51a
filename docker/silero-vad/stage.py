"""silero-vad: find where somebody speaks, with Silero's small TorchScript model."""

import argparse
import json
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.resources import files
from pathlib import Path
from platform import python_version
from typing import Any

STACK = ("torch", "torchaudio", "silero_vad", "soundfile")
RATE = 16000


def find_speech(args: argparse.Namespace) -> Iterator[str]:
    """Return the lines of the segments of speech. Without a model file, the one inside the package is used."""
    import soundfile
    import torch
    from silero_vad import get_speech_timestamps

    samples, rate = soundfile.read(args.audio, dtype="float32")
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"{args.audio} is not {RATE} Hz mono; make it with demux")
    model: Any = torch.jit.load(args.model or str(files("silero_vad.data") / "silero_vad.jit"), map_location="cpu")
    speech = get_speech_timestamps(torch.from_numpy(samples), model, args.threshold, RATE, return_seconds=True)
    return (json.dumps(row) + "\n" for row in speech)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help="16 kHz mono .wav, from demux")
    parser.add_argument("speech", nargs="?", type=Path, help="where to write the segments, JSON lines")
    parser.add_argument("--model", type=Path, help="TorchScript file (default: the one in the package)")
    parser.add_argument("--threshold", type=float, default=0.5, help="speech is from here on (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "silero-vad", **found, "torch.version.cuda": import_module("torch").version.cuda}))
        return
    if args.speech is None:
        parser.exit(2, "silero-vad: give AUDIO and SPEECH, for example: audio.wav speech.jsonl\n")
    for path in filter(None, (args.audio, args.model)):
        if not path.exists():
            parser.exit(2, f"silero-vad: nothing at {path}; mount its folder and name it as the container sees it\n")
    try:
        args.speech.write_text("".join(find_speech(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"silero-vad: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
