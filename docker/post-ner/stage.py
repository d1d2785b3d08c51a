"""post-ner: give names in the segments back the spelling that they have in the glossary."""

import argparse
import json
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("spacy", "thinc", "rapidfuzz", "transformers")


def restore(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the segments; words from a capital letter on that are nearly a name have become it."""
    rows = [json.loads(line) for line in args.segments.read_text(encoding="utf-8").splitlines()]
    known = [json.loads(line)["name"] for line in args.glossary.read_text(encoding="utf-8").splitlines()]
    import spacy
    from rapidfuzz import fuzz

    nlp = spacy.blank(args.language)
    names = {name: len(nlp(name)) for name in known}
    hub = import_module("transformers").AutoTokenizer if args.tokenizer else None
    cut = hub.from_pretrained(args.tokenizer.resolve(strict=True), local_files_only=True).tokenize if hub else list
    for row in rows:
        doc, text, at = nlp(row["text"]), "", 0
        while at < len(doc):
            least = 2 if len(cut(doc[at].text)) == 1 else 1  # a word that the tokenizer knows whole is spelt right
            most = len(doc) - at if doc[at].text[0].isupper() else 0
            runs = ((size, doc[at : at + size].text, name) for name, size in names.items() if least <= size <= most)
            near = ((size, fuzz.ratio(run, name), name) for size, run, name in runs)
            size, _, name = max((hit for hit in near if hit[1] >= args.cutoff), default=(1, 0, doc[at].text))
            text, at = text + name + doc[at + size - 1].whitespace_, at + size
        yield json.dumps({**row, "text": text}, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("segments", nargs="?", type=Path, help="segments with text, JSON lines")
    parser.add_argument("glossary", nargs="?", type=Path, help="names, JSON lines, from pre-ner or tmdb")
    parser.add_argument("output", nargs="?", type=Path, help="where to write the segments with the names put right")
    parser.add_argument("--cutoff", type=float, default=80, help="how alike, of 100 (default: %(default)s)")
    parser.add_argument("--tokenizer", type=Path, help="folder; a word that it knows whole is left alone")
    parser.add_argument("--language", default="en", help="how to split words (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "post-ner", **found}))
        return
    if args.output is None:
        parser.exit(2, "post-ner: give SEGMENTS, GLOSSARY and OUTPUT; see --help\n")
    try:
        args.output.write_text("".join(restore(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - damaged input fails in many ways; the user needs one line
        parser.exit(2, f"post-ner: {type(error).__name__}: {' '.join(str(error).split())[:300]}; check the files\n")


if __name__ == "__main__":
    main()
