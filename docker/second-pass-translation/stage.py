"""second-pass-translation: translate the text of segments with a Marian model, keeping the original."""

import argparse
import json
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("torch", "transformers", "sentencepiece", "sacremoses")


def translate(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the segments: `text` is the translation, `source_text` what it was made from."""
    rows = [json.loads(line) for line in args.segments.read_text(encoding="utf-8").splitlines()]
    import torch
    from transformers import MarianMTModel, MarianTokenizer, pipeline

    model = MarianMTModel.from_pretrained(args.model, local_files_only=True)
    tokenizer = MarianTokenizer.from_pretrained(args.model, local_files_only=True)
    device = 0 if torch.cuda.is_available() else -1
    run = pipeline("translation", model=model, tokenizer=tokenizer, device=device, batch_size=args.batch)
    found = run([row["text"] for row in rows], truncation=True) if rows else []
    for row, said in zip(rows, found, strict=True):
        new = {**row, "text": said["translation_text"], "source_text": row["text"]}
        yield json.dumps(new, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a missing model is an error here, not a download
    model = Path(os.getenv("MARIAN_MODEL", "/models/marian"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("segments", nargs="?", type=Path, help="segments with text, JSON lines")
    parser.add_argument("output", nargs="?", type=Path, help="where to write the translated segments")
    parser.add_argument("--model", type=Path, default=model, help="folder of the model (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="segments at a time (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        cuda = import_module("torch").version.cuda
        print(json.dumps({"stage": "second-pass-translation", **found, "torch.version.cuda": cuda}))
        return
    if args.output is None:
        parser.exit(2, "second-pass-translation: give SEGMENTS and OUTPUT; see --help\n")
    for path in (args.segments, args.model):
        if not path.exists():
            parser.exit(2, f"second-pass-translation: nothing at {path}; mount its folder and name it as seen there\n")
    try:
        args.output.write_text("".join(translate(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"second-pass-translation: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
