"""asr: write down what is said, with faster-whisper."""

import argparse
import json
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("torch", "ctranslate2", "faster_whisper", "onnxruntime", "av", "sacremoses")


def transcribe(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the segments with their text; where --speech is given, only what it lists is heard."""
    from faster_whisper import WhisperModel
    from sacremoses import MosesPunctNormalizer

    speech = args.speech.read_text(encoding="utf-8").splitlines() if args.speech else ['{"start": 0}']
    clips = [row[edge] for row in map(json.loads, speech) for edge in ("start", "end") if edge in row]
    if clips:
        model = WhisperModel(str(args.model), device=args.device, local_files_only=True)
        heard, info = model.transcribe(str(args.audio), language=args.language, clip_timestamps=clips)
        tidy = MosesPunctNormalizer(info.language).normalize
        for part in heard:
            row = {"start": round(part.start, 3), "end": round(part.end, 3), "text": tidy(part.text).strip()}
            yield json.dumps(row, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a missing model is an error here, not a download
    model = Path(os.getenv("WHISPER_MODEL", "/models/whisper"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help="16 kHz mono .wav, from demux")
    parser.add_argument("segments", nargs="?", type=Path, help="where to write the segments, JSON lines")
    parser.add_argument("--model", type=Path, default=model, help="folder of the CTranslate2 model (%(default)s)")
    parser.add_argument("--speech", type=Path, help="segments of a vad stage (default: hear everything)")
    parser.add_argument("--language", help="such as en (default: found out from the sound)")
    parser.add_argument("--device", default="auto", choices=["auto", "cuda", "cpu"])
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "asr", **found, "torch.version.cuda": import_module("torch").version.cuda}))
        return
    if args.segments is None:
        parser.exit(2, "asr: give AUDIO and SEGMENTS, for example: audio.wav segments.jsonl\n")
    for path in filter(None, (args.audio, args.model, args.speech)):
        if not path.exists():
            parser.exit(2, f"asr: nothing at {path}; mount its folder and name it as the container sees it\n")
    try:
        args.segments.write_text("".join(transcribe(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"asr: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
