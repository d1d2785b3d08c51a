"""What reading, checking and adopting hand-written Dockerfiles takes; needs no engine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bakegen.dockerfile.parser import parse
from benchmarks.measure import Command, alternate, row

BAKEGEN = (sys.executable, "-m", "bakegen")
COUNT = 500
PARENT = """\
FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1
RUN apt-get update \\
    && apt-get install -y --no-install-recommends git libsndfile1 \\
    && rm -rf /var/lib/apt/lists/*
"""
CHILD = """\
# {name}: one of many services
ARG REGISTRY=example.org/many
FROM ${{REGISTRY}}/root:latest
WORKDIR /app
COPY services/{name}/requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt \\
    && python -c "import sys; print(sys.version)"
COPY services/{name}/ .
CMD ["python", "main.py"]
"""


def repository(root: Path) -> Path:
    """Write a repository of hand-written Dockerfiles and the script that builds them; return where."""
    script = ["docker build -t example.org/many/root:latest -f services/root/Dockerfile ."]
    for number in range(COUNT):
        name = f"service-{number}" if number else "root"
        directory = root / "services" / name
        directory.mkdir(parents=True)
        (directory / "Dockerfile").write_text(CHILD.format(name=name) if number else PARENT, encoding="utf-8")
        (directory / "requirements.txt").write_text("six==1.17.0\n", encoding="utf-8")
        (directory / "main.py").write_text("print('hello')\n", encoding="utf-8")
        if number:
            script.append(f"docker build -t example.org/many/{name}:latest -f services/{name}/Dockerfile .")
    (root / "build.sh").write_text("\n".join(["#!/bin/sh", "set -e", *script, ""]), encoding="utf-8")
    return root


def adopt_rows(root: Path, rounds: int) -> Iterator[str]:
    """Yield the figures as lines of text."""
    files = [f"# file {number}\n{CHILD.format(name=f'service-{number}')}" for number in range(1000)]
    best = min(_seconds(files) for _ in range(rounds))
    yield f"{'parse, 1,000 Dockerfiles of 11 lines, best round':<52} {best:7.3f} s"
    env = dict(os.environ)
    root = repository(root)
    plan = Command("bakegen adopt --only none, 500 Dockerfiles", (*BAKEGEN, "adopt", "--only", "none"), root, env)
    edits = Command("bakegen adopt, every file with an edit", (*BAKEGEN, "adopt"), root, env)
    check = Command(
        "bakegen check, the same files", ("sh", "-c", f"{' '.join(BAKEGEN)} check || test $? = 1"), root, env
    )
    found = alternate([plan, edits, check], rounds=rounds)
    yield from (row(command.name, found[command.name]) for command in (plan, edits, check))


def _seconds(files: list[str]) -> float:
    begun = time.perf_counter()
    for text in files:
        parse(text)
    elapsed = time.perf_counter() - begun
    parse.cache_clear()
    return elapsed
