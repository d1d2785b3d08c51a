"""docs/caches.md: its commands exist, and its workflow is one that GitHub takes and starts cold as well as warm."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from bakegen.cli import app
from tests.support import ROOT, tool

PAGE = (ROOT / "docs/caches.md").read_text(encoding="utf-8")
(WORKFLOW,) = (str(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
STEPS = yaml.safe_load(WORKFLOW)["jobs"]["build"]["steps"]


def commands() -> list[str]:
    """Return every command line of bakegen on the page: in code spans, consoles, and steps of the workflow."""
    code = re.findall(r"```\w+\n(.*?)```|`([^`\n]+)`", PAGE, re.DOTALL)
    lines = [line for pair in code for line in "".join(pair).splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|\|?|- run:|\$ |\bthen |[;>#]", line)]
    return sorted({part for part in parts if part.startswith("bakegen ")})


@pytest.mark.parametrize("line", [line for line in commands() if line != "bakegen cache"])
def test_the_command_line_takes_what_the_page_says(line: str) -> None:
    group: click.Group = app
    context, words = click.Context(app, info_name="bakegen"), shlex.split(line)[1:]
    while True:
        name, verb, words = group.resolve_command(context, words)
        assert name
        assert verb
        if not isinstance(verb, click.Group):
            break
        group, context = verb, click.Context(verb, context, info_name=name)
    with verb.make_context(name, words):
        pass


def test_commands_are_found_wherever_they_stand() -> None:
    assert {"bakegen cache import caches.tar", "bakegen doctor --json", "bakegen build --push"} <= set(commands())


@pytest.mark.process
@pytest.mark.parametrize(
    "command",
    [
        [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"],
        [tool("zizmor"), "--offline", "--quiet", "--config"],
    ],
)
def test_the_workflow_is_valid(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / ".github" / "workflows" / "images.yml"
    path.parent.mkdir(parents=True)
    path.write_text(WORKFLOW, encoding="utf-8")
    if command[-1] == "--config":
        config = tmp_path / "zizmor.yml"  # pinning actions to commits is the user's policy, as in the README
        config.write_text("rules:\n  unpinned-uses:\n    disable: true\n", encoding="utf-8")
        command = [*command, str(config)]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.parametrize("restored", [False, True])
def test_it_imports_what_was_restored_and_exports_where_it_is_saved(tmp_path: Path, *, restored: bool) -> None:
    (saved,) = [step["with"] for step in STEPS if str(step.get("uses")).startswith("actions/cache@")]
    program = tmp_path / "bin" / "bakegen"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log\n')
    program.chmod(0o755)
    if restored:
        (tmp_path / saved["path"]).write_text("an archive")
    env = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    for step in STEPS:
        if "bakegen " in step.get("run", ""):
            subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=env, check=True)
    wanted = ["build --push", f"cache export {saved['path']}"]
    called = (tmp_path / "log").read_text().splitlines()
    assert called == ([f"cache import {saved['path']}", *wanted] if restored else wanted)
