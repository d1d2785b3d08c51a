"""BuildKit takes every file that advice has edited, and tells the same of it as of the original."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from bakegen.advice import improved
from bakegen.advice.rules import RULES
from bakegen.dockerfile.parser import parse
from bakegen.dockerfile.references import externals
from bakegen.refs import ImageRef
from tests import lab
from tests.test_advice_corpus import texts
from tests.test_dockerfile_parser import CORPUS

pytestmark = pytest.mark.engine
BASE = "python:3.11-slim"
#: Of so many public files one is tried: all of them take minutes.
SHARE = int(os.environ.get("BAKEGEN_ADVICE_SHARE") or 12)


def outline(engine: lab.Engine, text: str) -> tuple[dict[str, Any] | None, str]:
    """Return what BuildKit tells of a Dockerfile once every stage is understood, or None and why it does not take it.

    All it stands on is one base of the lab; a frontend of its own cannot be fetched, so its directive goes.
    """
    dockerfile = parse(text)
    base = engine.substitutions.get(BASE, BASE)
    names = {ImageRef.parse(found.written).context_name for found in externals(dockerfile)[0] if found.kind != "syntax"}
    contexts = [f"--build-context={name}=docker-image://{base}" for name in sorted(names)]
    syntax = [directive.line for directive in dockerfile.directives if directive.name == "syntax"]
    lines = [line for number, line in enumerate(text.split("\n"), 1) if number not in syntax]
    done = subprocess.run(
        [str(engine.docker), "buildx", "build", "--call=outline,format=json", "--file=-", *contexts, "tests/lab"],
        input="\n".join(lines).encode(),
        env={**os.environ, **engine.env},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return None, done.stderr.decode()[-400:]
    told = json.loads(done.stdout)
    told.pop("sources", None)
    return told, ""


def without_places(told: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what was told without line numbers and caches, which differ, and lists sorted: BuildKit's order is any.

    Of an ARG that several stages declare it tells the value of any of them, so values go too.
    """
    if isinstance(told, dict):
        return {
            name: without_places(value) for name, value in told.items() if name not in {"location", "cache", "value"}
        }
    return sorted((without_places(item) for item in told), key=str) if isinstance(told, list) else told


def files() -> list[tuple[str, str]]:
    """Return Dockerfiles, name and text: the example of every rule, and a share of the public ones where they are."""
    public = texts()[::SHARE] if (CORPUS / "dockerfiles").is_dir() else []
    return [*((rule.id, rule.before) for rule in RULES.values()), *public]


def test_buildkit_takes_what_was_edited(engine: lab.Engine) -> None:
    edited = [(name, text, new) for name, text in files() if (new := improved(name, text).text) != text]
    assert len(edited) >= 10
    taken = 0
    for name, text, new in edited:
        told, why = outline(engine, new)
        before, why_before = outline(engine, text)
        assert (told is None) == (before is None), f"{name}: {why or why_before}"
        assert without_places(told) == without_places(before), name
        taken += told is not None
    assert taken > len(edited) * 0.9
