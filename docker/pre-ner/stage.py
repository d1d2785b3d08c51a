"""pre-ner: collect the names in the segments into a glossary, before translation can bend them."""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("numpy", "spacy", "thinc")
NO_NAMES = {"CARDINAL", "ORDINAL", "DATE", "TIME", "PERCENT", "MONEY", "QUANTITY"}


def collect(args: argparse.Namespace) -> Iterator[str]:
    """Return the lines of the glossary, the most frequent name first."""
    texts = [json.loads(line)["text"] for line in args.segments.read_text(encoding="utf-8").splitlines()]
    import spacy

    if args.patterns:
        nlp = spacy.blank(args.language)
        nlp.add_pipe("entity_ruler").from_disk(args.patterns)
    else:
        nlp = spacy.load(args.model)
    names = Counter((name.text, name.label_) for doc in nlp.pipe(texts) for name in doc.ents)
    rows = [{"name": name, "label": label, "count": count} for (name, label), count in names.most_common()]
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows if row["label"] not in NO_NAMES)


def main() -> None:
    """Read the command line and run."""
    model = Path(os.getenv("SPACY_MODEL", "/models/spacy"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("segments", nargs="?", type=Path, help="segments with text, JSON lines")
    parser.add_argument("glossary", nargs="?", type=Path, help="where to write the names, JSON lines")
    parser.add_argument("--model", type=Path, default=model, help="folder of the model (default: %(default)s)")
    parser.add_argument("--patterns", type=Path, help="patterns of an entity ruler, .jsonl, instead of a model")
    parser.add_argument("--language", default="en", help="of the patterns (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "pre-ner", **found}))
        return
    if args.glossary is None:
        parser.exit(2, "pre-ner: give SEGMENTS and GLOSSARY, for example: segments.jsonl names.jsonl\n")
    for path in (args.segments, args.patterns or args.model):
        if not path.exists():
            parser.exit(2, f"pre-ner: nothing at {path}; mount its folder, or give --model FOLDER or --patterns FILE\n")
    try:
        args.glossary.write_text("".join(collect(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - a damaged model fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"pre-ner: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
