"""pyannote-vad: find where somebody speaks, with a segmentation model of pyannote.audio."""

import argparse
import json
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("torch", "torchaudio", "pyannote.audio", "speechbrain", "pytorch_lightning")


def find_speech(args: argparse.Namespace) -> Iterator[str]:
    """Return the lines of the segments of speech."""
    import torch
    from pyannote.audio import Model
    from pyannote.audio.pipelines import VoiceActivityDetection

    model = Model.from_pretrained(args.model)
    pipeline = VoiceActivityDetection(segmentation=model)
    thresholds = {} if model.specifications.powerset else {"onset": 0.5, "offset": 0.5}
    pipeline.instantiate({"min_duration_on": 0.1, "min_duration_off": 0.1, **thresholds})
    pipeline.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    speech = pipeline(str(args.audio)).get_timeline().support()
    return (json.dumps({"start": round(turn.start, 3), "end": round(turn.end, 3)}) + "\n" for turn in speech)


def main() -> None:
    """Read the command line and run."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a missing model is an error here, not a download
    model = Path(os.getenv("PYANNOTE_MODEL", "/models/segmentation/pytorch_model.bin"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help="16 kHz mono .wav, from demux")
    parser.add_argument("speech", nargs="?", type=Path, help="where to write the segments, JSON lines")
    parser.add_argument("--model", type=Path, default=model, help="the model's checkpoint (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "pyannote-vad", **found, "torch.version.cuda": import_module("torch").version.cuda}))
        return
    if args.speech is None:
        parser.exit(2, "pyannote-vad: give AUDIO and SPEECH, for example: audio.wav speech.jsonl\n")
    for path in (args.audio, args.model):
        if not path.exists():
            parser.exit(2, f"pyannote-vad: nothing at {path}; mount its folder and name it as the container sees it\n")
    try:
        args.speech.write_text("".join(find_speech(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"pyannote-vad: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
