"""Which mounts a command line means, and what a prune would remove. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from bakegen.caches.family import FamilyMount, Held, used_or_made
from bakegen.errors import Problem, UsageError
from bakegen.family.load import nearest

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """The words of a command line: ids (globs too), images (already resolved), days without use, or all."""

    ids: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    unused: float | None = None
    everything: bool = False


def chosen(mounts: Sequence[FamilyMount], ids: Collection[str], images: Collection[str]) -> tuple[FamilyMount, ...]:
    """Return the mounts with one of these ids, or used by one of these images; all when neither is given.

    Raises UsageError for an id that no image of the family uses.
    """
    known_ids(ids, [mount.id for mount in mounts])
    if not ids and not images:
        return tuple(mounts)
    wanted = set(images)
    return tuple(
        mount for mount in mounts if any(_means(word, mount.id) for word in ids) or not wanted.isdisjoint(mount.images)
    )


def to_prune(entries: Iterable[Held], choice: Choice, now: float) -> tuple[Held, ...]:
    """Return the entries with those records that the choice gives up, ``now`` in seconds since the epoch.

    Only ids of the family are among the entries, so nothing else can come out. A record whose age is unknown stays when
    the choice is by age. Raises UsageError for an id that is not among the entries.
    """
    entries = tuple(entries)
    known_ids(choice.ids, [entry.id for entry in entries])
    chosen_ids, chosen_images = choice.ids, set(choice.images)
    every = not chosen_ids and not chosen_images
    found = []
    for entry in entries:
        named = any(_means(word, entry.id) for word in chosen_ids) or not chosen_images.isdisjoint(entry.images)
        if not (every or named):
            continue
        records = tuple(record for record in entry.records if _idle(used_or_made(record), choice.unused, now))
        if records:
            found.append(replace(entry, records=records))
    return tuple(found)


def known_ids(words: Iterable[str], known: Collection[str]) -> None:
    """Raise a UsageError for words that are no id of the family and match none."""
    problems = [_unknown(word, known) for word in words if not any(_means(word, name) for name in known)]
    if problems:
        raise UsageError(*problems)


def check(choice: Choice) -> None:
    """Raise a UsageError for a choice that means nothing, or two things."""
    narrowed = bool(choice.ids or choice.images or choice.unused is not None)
    if choice.everything and narrowed:
        raise UsageError(Problem("--all is every mount of the family: give it alone, or leave it out"))
    if not choice.everything and not narrowed:
        tip = "--id ID, --image IMAGE, --unused DAYS, or --all; with --dry-run it is only shown"
        raise UsageError(Problem("say what to prune", next=tip))


def _idle(moment: float | None, days: float | None, now: float) -> bool:
    return days is None or (moment is not None and now - moment >= days * DAY)


def _means(word: str, name: str) -> bool:
    return word == name or fnmatchcase(name, word)


def _unknown(word: str, known: Collection[str]) -> Problem:
    close = nearest(word, list(known))
    tip = f"did you mean {close}?" if close else "`bakegen cache ls` shows the family's"
    return Problem(f"no image of this family uses a cache with the id {word!r}", next=tip)
