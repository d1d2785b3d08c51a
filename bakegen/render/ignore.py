"""What a build is not sent: .dockerignore, from what the images copy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from bakegen.copied import IGNORE_FILE
from bakegen.dockerfile.sources import Sources
from bakegen.ignore import Patterns
from bakegen.ignore.cover import samples
from bakegen.ignore.write import kept
from bakegen.plan import Plan

#: What no image is made from, not even where it lies in a directory that one copies.
CERTAIN = (
    "**/__pycache__",
    "**/*.py[cod]",
    "**/.git",
    "**/.hg",
    "**/.svn",
    "**/.ipynb_checkpoints",
    "**/.mypy_cache",
    "**/.pytest_cache",
    "**/.ruff_cache",
    "**/.DS_Store",
    "**/Thumbs.db",
    "**/*.swp",
)
#: What accumulates beside Python projects, where an image copies all or what cannot be told.
LITTER = (
    ".bakegen",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    ".eggs",
    ".hypothesis",
    ".coverage",
    ".coverage.*",
    "htmlcov",
    "**/node_modules",
    ".env",
    ".idea",
    ".vscode",
)
#: Caches of models and packages (huggingface, torch, whisper, pip, uv), logs, outputs of trainings and built docs, where an
#: image copies all: each under a name that only its tool gives.
OUTPUTS = (
    ".cache",
    "*.log",
    "logs/**/*.log",
    "nohup.out",
    "lightning_logs",
    "mlruns",
    "wandb/run-*",
    "wandb/offline-run-*",
    "docs/_build",
)
#: Ends of names that directories do not have.
_FILE = re.compile(
    r"\.(cfg|conf|gz|html|ini?|jsonl?|lock|md|m?js|py|rst|sh|sql|tar|tgz|toml|tsx?|txt|whl|xml|ya?ml|zip)\Z"
)


def sources_under(plan: Plan, generated: Mapping[str, Sources], ignore_file: str = IGNORE_FILE) -> Sources:
    """Return what all images that are under one .dockerignore take; ``generated`` says it of those with such a Dockerfile."""
    of_all = [generated.get(image.name, image.copies) for image in plan.images if image.ignore_file == ignore_file]
    named = tuple(source for sources in of_all for source in sources.named)
    return Sources(named, tuple(item for sources in of_all for item in sources.unclear))


def dockerignore(sources: Sources, own: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the lines of .dockerignore for images that take ``sources``; ``own`` are the user's lines, which come last.

    All is left out but what is taken. With an image that copies everything, or a source that cannot be told, only
    litter is. What an image names is never hidden; in a directory that it names, no more than CERTAIN is.
    """
    named = sorted({source.path for source in sources.named} - {"."})
    everything = any(source.path == "." for source in sources.named)
    first = LITTER if sources.unclear else (*LITTER, *OUTPUTS) if everything else ("*",)
    below = first != ("*",)
    lines = (*first, *(line for path in _highest(named) for line in _kept(path, below=below)), *CERTAIN)
    return (*lines, *_taken_back(lines, named), *own)


def _highest(named: Iterable[str]) -> Iterator[str]:
    """Yield what is not in a directory that is named as well."""
    known = set(named)
    for path in named:
        parts = path.split("/")
        if known.isdisjoint("/".join(parts[:number]) for number in range(1, len(parts))):
            yield path


def _kept(path: str, *, below: bool) -> Iterator[str]:
    """Yield the lines that keep a source, and with ``below`` what is in it.

    BuildKit does not ask a ``!`` about a directory that is not left out, and so does not carry it down to litter there.
    """
    for line in kept(path):
        yield line
        if below and not _FILE.search(path):
            yield f"{line}/**"


def _taken_back(lines: Iterable[str], named: Iterable[str]) -> Iterator[str]:
    """Yield the lines that take back what is named and is, or is in, what CERTAIN means."""
    patterns = Patterns.parse("\n".join(lines))
    for path in named:
        # what only a walk lets through arrives empty
        if any(patterns.leaves_out(sample) or patterns.matches(sample) for sample in samples(path)):
            yield from kept(path)
