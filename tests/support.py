"""What several tests need: projects on disk, and bakegen as a user starts it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The bases of the reference family, as written there, and what the lab offers in their place.
REFERENCE_BASES = ("python", "cuda")


def write_project(root: Path, manifest: str, files: Mapping[str, str] | None = None) -> Path:
    """Write a manifest and the files it names below ``root``; return ``root``."""
    for name, text in {"bakegen.yaml": textwrap.dedent(manifest), **(files or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return root


def tool(name: str) -> str:
    """Return a development tool of the environment that the tests run in, whether or not that is on PATH."""
    return str(Path(sys.executable).with_name(name))


def bakegen(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``bakegen`` in a process of its own and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "bakegen", *arguments],
        cwd=cwd,
        env=dict(env) if env is not None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
