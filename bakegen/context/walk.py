"""A walk through a build context, as BuildKit's client does it.

The rules are those of https://github.com/tonistiigi/fsutil/blob/master/filter.go and followlinks.go beside it.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from bakegen.context.model import File, Found, LeftOut
from bakegen.ignore import Pattern, Patterns
from bakegen.ignore.patterns import State

_MAX_LINKS = 255


@dataclass(frozen=True, slots=True)
class _Directory:
    path: str
    ignored: State
    #: the same if every pattern had been asked: BuildKit does that as it opens a file
    every: State
    needed: State
    #: the highest directory above that is left out, itself included; "" while none is
    out: str


@dataclass(slots=True)
class _Walk:
    """One walk; ``needs`` are the paths that are taken, None for all."""

    root: Path
    patterns: Patterns
    needs: Patterns | None
    measure: bool
    files: list[File] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    lost: dict[str, list[int]] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def run(self) -> Found:
        todo = [_Directory("", self.patterns.start, self.patterns.start, self.needs.start if self.needs else (), "")]
        while todo:
            directory = todo.pop()
            try:
                with os.scandir(self.root / directory.path) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                if not directory.out:
                    self.unreadable.append(directory.path or ".")
                continue
            inner = [found for entry in listed if (found := self._entry(entry, directory))]
            todo += reversed(inner)
        self.files.sort(key=lambda file: file.path)
        left_out = tuple(
            LeftOut(path, files, size, self._by(path)) for path, (files, size) in sorted(self.lost.items())
        )
        return Found(tuple(self.files), left_out, tuple(self.unreadable), tuple(self.emptied))

    def _entry(self, entry: os.DirEntry[str], above: _Directory) -> _Directory | None:
        """Take in what stands in a directory; a directory that has to be walked too is returned."""
        path = f"{above.path}/{entry.name}" if above.path else entry.name
        if not entry.is_dir(follow_symlinks=False):
            self._file(entry, path, above)
            return None
        ignored, state = self.patterns.step(path, above.ignored)
        out = (above.out or path) if ignored else ""
        if ignored and not self.measure and self.patterns.prunes(path):
            return None
        needs = self.needs.step(path, above.needed)[1] if self.needs else ()
        return _Directory(path, state, self.patterns.every(path, above.every), needs, out)

    def _file(self, entry: os.DirEntry[str], path: str, above: _Directory) -> None:
        ignored = self.patterns.ends(path, above.ignored)
        size = None if ignored and not self.measure else self._size(entry)
        if size is None:
            return
        if ignored:
            amounts = self.lost.setdefault(above.out or path, [0, 0])
            amounts[0] += 1
            amounts[1] += size
            return
        needed = self.needs is None or self.needs.ends(path, above.needed)
        self.files.append(File(path, size, needed))
        if needed and above.every != above.ignored and self.patterns.matches(path):
            self.emptied.append(path)

    def _size(self, entry: os.DirEntry[str]) -> int | None:
        """Return the bytes of a file; None for what is gone, or a socket, which BuildKit leaves out."""
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        if stat.S_ISSOCK(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            return 0
        if status.st_nlink > 1:  # sent once, whatever its names
            key = (status.st_dev, status.st_ino)
            if key in self.seen:
                return 0
            self.seen.add(key)
        return status.st_size

    def _by(self, path: str) -> Pattern:
        decider = self.patterns.decider(path)
        assert decider is not None  # noqa: S101 - something has left it out
        return decider


def walk(root: Path, patterns: Patterns, sources: Iterable[str] | None, *, measure: bool = False) -> Found:
    """Return what is below ``root`` and not left out; ``sources`` are what is taken of it, None for everything.

    With ``measure``, what is left out is walked through too, and told. An IgnoreError is BuildKit's refusal of a pattern.
    """
    needs = None if sources is None else Patterns.of(enumerate(followed(root, sources), 1))
    return _Walk(root, patterns, needs, measure).run()


def followed(root: Path, sources: Iterable[str]) -> tuple[str, ...]:
    """Return what is taken with ``sources``: themselves, and where the links lead that are part of them."""
    found: set[str] = set()
    todo = [*sources]
    for _ in range(len(todo) + _MAX_LINKS):
        if not todo:
            break
        parts = posixpath.normpath(posixpath.join("/", todo.pop())).strip("/").split("/")
        for number in range(1, len(parts) + 1):
            path = "/".join(parts[:number])
            targets = _targets(root, path)
            rest = "/".join(parts[number:])
            if targets and path not in found:
                todo += [posixpath.join(target, rest) if rest else target for target in targets]
            if targets or not rest:
                found.add(path)
                break
    return tuple(sorted(found))


def _targets(root: Path, path: str) -> list[str]:
    """Return where a path leads if it is a link, or the links that match its last part if that is a pattern."""
    above, name = posixpath.split(path)
    names = [name]
    if any(char in name for char in "*?["):
        try:
            pattern = name.replace("[^", "[!")
            names = [other.name for other in (root / above).iterdir() if fnmatchcase(other.name, pattern)]
        except OSError:
            return []
    return [target for other in names if (target := _target(root, above, other)) is not None]


def _target(root: Path, above: str, name: str) -> str | None:
    try:
        return posixpath.join("/", above, (root / above / name).readlink().as_posix())
    except (OSError, ValueError):
        return None
