"""tmdb: write the title, the characters and the cast of a film or series as a glossary."""

import argparse
import json
import os
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("requests", "tmdbv3api")


def look_up(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the glossary: the title, then each character and who plays it."""
    from tmdbv3api import TV, Movie, Search, TMDb

    TMDb().language = args.language
    search = Search().tv_shows if args.series else Search().movies
    found = search(args.title, release_year=args.year).results
    if not found:
        raise LookupError(f"it knows no {args.title!r}")
    title = found[0].name if args.series else found[0].title
    yield json.dumps({"name": title, "label": "WORK_OF_ART"}, ensure_ascii=False) + "\n"
    for person in (TV() if args.series else Movie()).credits(found[0].id).cast:
        for name in filter(None, (*person.character.split(" / "), person.name)):
            yield json.dumps({"name": name, "label": "PERSON"}, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("title", nargs="?", help="of the film or series")
    parser.add_argument("glossary", nargs="?", type=Path, help="where to write the names, JSON lines")
    parser.add_argument("--year", type=int, help="of the release")
    parser.add_argument("--series", action="store_true", help="it is a series, not a film")
    parser.add_argument("--language", default="en-US", help="of the names (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        print(json.dumps({"stage": "tmdb", **found}))
        return
    if args.glossary is None:
        parser.exit(2, "tmdb: give TITLE and GLOSSARY, for example: Metropolis names.jsonl --year 1927\n")
    if not os.getenv("TMDB_API_KEY"):
        parser.exit(2, "tmdb: TMDB_API_KEY is not set; take the key of your TMDB account: docker run -e TMDB_API_KEY\n")
    try:
        args.glossary.write_text("".join(look_up(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - the library lets every error of the network through
        # Messages of requests carry the address, and that the key: they are not shown.
        why = type(error).__name__ if type(error).__module__.startswith("requests") else str(error)
        parser.exit(2, f"tmdb: no names from TMDB ({why}); check the title, the key and the network\n")


if __name__ == "__main__":
    main()
