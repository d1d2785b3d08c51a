"""What tests of locking need: a family whose bases are in a registry of this process, and a moment in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bakegen.locking.run import Asked, Result, run
from bakegen.locking.wanted import wanted
from bakegen.project import load
from bakegen.registry.client import Registry
from bakegen.registry.credentials import Credentials
from tests.registries import FakeRegistry, index

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
AMD64 = "linux/amd64"


def day(number: int) -> datetime:
    """Return the moment that many days after the first."""
    return NOW + timedelta(days=number)


def image_bytes(word: str, *others: str) -> bytes:
    """Return an index whose amd64 image is ``word``, and whose arm64 image is another word."""
    return index({AMD64: word.encode(), "linux/arm64": (others[0] if others else word + " arm").encode()})


class Client:
    """Runs ``bakegen lock`` on a project, inside this process."""

    def __init__(self, root: Path, registry: FakeRegistry) -> None:
        """Take the project's directory and the registry its bases are in."""
        self.root, self.registry = root, registry
        self.waits: list[float] = []

    def ask(self, now: datetime = NOW, *bases: str, write: bool = True, **asked: Any) -> Result:  # noqa: ANN401 - the fields of Asked
        """Return the result of a run at a moment; by default it is written."""
        project = load(self.root)
        wants = wanted(project.with_lock(None).plan(), project.manifest.source)
        with Registry(Credentials({}), mirrors=project.family.mirrors, sleep=self.waits.append) as registry:
            result = run(project, wants, Asked(bases=bases, **asked), registry, now)
        if write:
            result.apply()
        return result

    def states(self, now: datetime = NOW, *bases: str, **asked: Any) -> dict[str, str]:  # noqa: ANN401 - the fields of Asked
        """Return what a run made of each reference, without the registry's host."""
        result = self.ask(now, *bases, **asked)
        return {step.written.removeprefix(f"{self.registry.host}/"): step.state for step in result.steps}

    @property
    def text(self) -> str:
        """The lock as it stands on disk."""
        return (self.root / "bakegen.lock").read_text()
