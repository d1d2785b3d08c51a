"""What a bench keeps in the engine under names of its own, and takes out again: images by label, cache by descent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from bakegen.engine.process import run
from bakegen.errors import EngineError, Problem

LABEL = "bakegen.bench"
Record: TypeAlias = Mapping[str, Any]
_PATIENCE = 600.0  # seconds
_AT_ONCE = 200  # ids in one filter: a command line is long, but not without end


@dataclass(slots=True)
class Room:
    """The engine as one bench uses it. All of its tags, cache namespaces and base layers carry ``id``."""

    docker: tuple[str, ...]
    id: str
    scratch: Path
    _serial: int = field(default=0)

    def word(self) -> str:
        """Return a word that no build has seen."""
        self._serial += 1
        return f"{self.id}-{self._serial}"

    def base(self, name: str, reference: str) -> str:
        """Return the tag of an image like ``reference`` with one small layer more that no build has stood on."""
        word = self.word()
        directory = self.scratch / "bases" / word
        directory.mkdir(parents=True)
        (directory / word).write_text(word, encoding="utf-8")
        (directory / "Dockerfile").write_text(
            f"FROM {reference}\nLABEL {LABEL}={self.id}\nCOPY {word} /.{self.id}\n", encoding="utf-8"
        )
        tag = f"{self.id}/base:{name.lower()}-{word.rpartition('-')[2]}"
        done = run((*self.docker, "build", "--quiet", "--tag", tag, str(directory)), timeout=_PATIENCE)
        if done.returncode:
            raise EngineError(
                Problem(
                    f"no base for the bench can be made of {reference}: {done.error[-500:]}",
                    why="each side builds on a base of its own, so that it finds nothing of the others in the cache",
                    next="give one that the engine reaches: --base NAME=REF",
                )
            )
        return tag

    def records(self) -> list[Record]:
        """Return all records of the build cache, as `docker buildx du` tells them."""
        done = run((*self.docker, "buildx", "du", "--format", "json"), timeout=_PATIENCE)
        lines = done.stdout.decode(errors="replace").splitlines()
        return [record for line in lines if line.startswith("{") and isinstance(record := json.loads(line), dict)]

    def images(self, *, dangling: bool = False) -> list[str]:
        """Return the ids of the images that stand on a base of this bench; with ``dangling``, of those without a tag."""
        filters = ["--filter", f"label={LABEL}={self.id}", *(["--filter", "dangling=true"] if dangling else [])]
        done = run((*self.docker, "image", "ls", "--quiet", "--no-trunc", *filters), timeout=_PATIENCE)
        return list(dict.fromkeys(done.stdout.decode().split()))

    def tags(self, side: str) -> list[str]:
        """Return the references of the images that a side has made."""
        words = ("image", "ls", "--filter", f"reference={self.id}/{side}/*", "--format", "{{.Repository}}:{{.Tag}}")
        return run((*self.docker, *words), timeout=_PATIENCE).stdout.decode().split()

    def drop_images(self, *, dangling: bool = False) -> None:
        """Remove them."""
        if found := self.images(dangling=dangling):
            run((*self.docker, "image", "rm", "--force", *found), timeout=_PATIENCE)

    def drop_tags(self, references: Iterable[str]) -> None:
        """Remove tags; what is not there is no error."""
        if words := list(references):
            run((*self.docker, "image", "rm", "--force", *words), timeout=_PATIENCE)

    def drop_cache(self, words: Sequence[str]) -> None:
        """Remove the cache records that carry one of these words, and what was built on them."""
        self.prune(descendants(self.records(), words))

    def prune(self, ids: Iterable[str]) -> None:
        """Remove cache records by id, and no other."""
        found = sorted(ids)
        for start in range(0, len(found), _AT_ONCE):
            pattern = f"id~=^({'|'.join(found[start : start + _AT_ONCE])})$"
            run((*self.docker, "buildx", "prune", "--force", "--filter", pattern), timeout=_PATIENCE)


def word_of(reference: str) -> str:
    """Return the word in the last layer of a base that ``Room.base`` made."""
    return f"{reference.partition('/')[0]}-{reference.rpartition('-')[2]}"


def descendants(records: Iterable[Record], words: Sequence[str]) -> set[str]:
    """Return the ids of the records whose description has one of the words as a whole, and of all that stand on them."""
    children: dict[str, list[str]] = {}
    queue = []
    for record in records:
        for parent in record.get("Parents") or ():
            children.setdefault(str(parent), []).append(str(record["ID"]))
        if any(_has(str(record.get("Description")), word) for word in words):
            queue.append(str(record["ID"]))
    found: set[str] = set()
    while queue:
        if (current := queue.pop()) not in found:
            found.add(current)
            queue += children.get(current, ())
    return found


def _has(text: str, word: str) -> bool:
    """Return whether ``word`` stands in the text and does not go on with a digit, as ``x-1`` does in ``x-12``."""
    start = text.find(word)
    while start >= 0:
        if not text[start + len(word) : start + len(word) + 1].isdigit():
            return True
        start = text.find(word, start + 1)
    return False
