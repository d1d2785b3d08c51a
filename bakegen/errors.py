"""The errors a user can meet: one tree, one exit code per class.

Every message answers four questions: what is wrong, where (file:line:column), why it matters, what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file; lines and columns count from 1, as editors and compilers print them."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return ``path:line:column``, leaving out what is not known."""
        if not self.line:
            return self.path
        return f"{self.path}:{self.line}:{self.column}" if self.column else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, for a person to act on."""

    what: str
    where: Where | None = None
    why: str = ""
    next: str = ""

    def __str__(self) -> str:
        """Return the problem as it is printed: ``where: what``, then why and what to do, indented."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return "\n    ".join(part for part in (head, self.why, self.next) if part)

    def as_json(self) -> dict[str, str]:
        """Return the problem for a program; ``where`` is path:line:column, empty where there is no place."""
        return {"what": self.what, "where": str(self.where or ""), "why": self.why, "next": self.next}


def by_place(problem: Problem) -> tuple[str, int, int, str]:
    """Return the key that sorts problems as a reader meets them in the file."""
    where = problem.where
    return (where.path, where.line, where.column, problem.what) if where else ("", 0, 0, problem.what)


class BakegenError(Exception):
    """Base of every error that is the user's to see; carries one or more problems."""

    exit_code: ClassVar[int] = 70
    meaning: ClassVar[str] = "a defect in bakegen itself"

    def __init__(self, *problems: Problem | str) -> None:
        """Take the problems, in the order in which they should be read."""
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class CheckFailed(BakegenError):
    """A check found what it looks for, such as rendered files that drifted."""

    exit_code = 1
    meaning = "a check found something: drift, or a difference"


class UsageError(BakegenError):
    """The command line asks for something that does not exist, such as an unknown image."""

    exit_code = 2
    meaning = "the command line is wrong: an unknown option, image or group"


class ManifestError(BakegenError):
    """The manifest, or a file it names, is not valid."""

    exit_code = 3
    meaning = "the manifest or a file it names is not valid"


class ConflictError(BakegenError):
    """A file that bakegen did not write stands where a generated one belongs."""

    exit_code = 4
    meaning = "a hand-written file stands where a generated one belongs"


class EngineError(BakegenError):
    """Docker, buildx or the engine is missing, too old or not answering."""

    exit_code = 5
    meaning = "docker, buildx or the engine is missing or not answering"


class BuildFailed(BakegenError):
    """At least one image did not build."""

    exit_code = 6
    meaning = "at least one image did not build"


class FilesError(BakegenError):
    """Files cannot be read or written: permissions, a full disk, a directory in the way."""

    exit_code = 7
    meaning = "files cannot be read or written (permissions, a full disk)"


class RegistryError(BakegenError):
    """A registry refuses, does not have what was asked for, or does not answer."""

    exit_code = 8
    meaning = "a registry refuses, lacks an image, or does not answer"


class Cancelled(BakegenError):
    """The user stopped the work with Ctrl-C."""

    exit_code = 130
    meaning = "stopped by Ctrl-C"


EXIT_CODES: dict[int, str] = {
    0: "all is well",
    **{
        kind.exit_code: kind.meaning
        for kind in (
            CheckFailed,
            UsageError,
            ManifestError,
            ConflictError,
            EngineError,
            BuildFailed,
            FilesError,
            RegistryError,
            BakegenError,
            Cancelled,
        )
    },
}
