"""The workflow in the README is one that GitHub takes, and fits what ``bakegen matrix`` prints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from bakegen.ci import matrix
from bakegen.project import load
from tests.support import ROOT, tool


def workflow() -> str:
    """Return the workflow's text."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return next(str(block) for block in blocks if str(block).startswith("name: images"))


@pytest.mark.process
@pytest.mark.parametrize(
    "command",
    [
        [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"],
        [tool("zizmor"), "--offline", "--quiet", "--min-severity", "high", "--config"],
    ],
)
def test_the_workflow_is_valid(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / ".github" / "workflows" / "images.yml"
    path.parent.mkdir(parents=True)
    path.write_text(workflow(), encoding="utf-8")
    if command[-1] == "--config":
        config = tmp_path / "zizmor.yml"  # pinning actions to commits is the user's policy: the README cannot know them
        config.write_text("rules:\n  unpinned-uses:\n    disable: true\n", encoding="utf-8")
        command = [*command, str(config)]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_jobs_read_the_outputs_of_its_plan() -> None:
    jobs = yaml.safe_load(workflow())["jobs"]
    stages = [name for name in jobs if name.startswith("stage")]
    assert set(jobs["plan"]["outputs"]) == set(stages)
    assert f"--stages {len(stages)} " in next(step["run"] for step in jobs["plan"]["steps"] if step.get("id") == "plan")
    plan = load(ROOT / "bakegen.yaml").plan()
    cpu = matrix.github_outputs(matrix.stages(plan, plan.select(["cpu"])), stages_in_workflow=len(stages))
    assert [line.split("=")[0] for line in cpu.splitlines()] == stages
