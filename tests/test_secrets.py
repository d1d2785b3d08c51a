"""A secret reaches the steps that need it, and nothing that is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import lab
from tests.support import bakegen, write_project

VALUE = "correct-horse-battery-staple"

MANIFEST = """\
version: 1
family: secrets
bases: {python: python:3.11-slim}
images:
  secrets-probe:
    from: python
    secrets:
      - {id: token, env: PROBE_TOKEN, as_env: TOKEN}
      - {id: file, src: token.txt, target: /run/token}
    run:
      - test "$TOKEN" = "$(cat /run/token)" && test -n "$TOKEN"
      - echo "$TOKEN" | wc -c > /length
"""


@pytest.mark.engine
def test_a_secret_is_there_in_the_step_and_nowhere_afterwards(
    tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]
) -> None:
    root = write_project(tmp_path, MANIFEST, {"token.txt": VALUE})
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    env = {**docker_env, "PROBE_TOKEN": VALUE}
    done = bakegen("build", f"--base=python={base}", "--fresh=*", "--json", cwd=root, env=env)
    assert done.returncode == 0, done.stderr

    def docker(*arguments: str) -> str:
        return subprocess.run(
            [str(engine.docker), *arguments], env=docker_env, capture_output=True, text=True, check=True
        ).stdout

    image = "secrets-probe:latest"
    assert docker("run", "--rm", image, "cat", "/length").strip() == str(len(VALUE) + 1)
    kept = docker("image", "inspect", image) + docker("history", "--no-trunc", image) + done.stdout + done.stderr
    assert VALUE not in kept
    written = [path for path in root.rglob("*") if path.is_file() and path.name != "token.txt"]
    assert len(written) > 5
    assert not [path for path in written if VALUE in path.read_text(encoding="utf-8", errors="replace")]
    image_files = docker(
        "run", "--rm", image, "sh", "-c", f"grep -rl {VALUE[:12]} /etc /run /tmp /root /opt 2>/dev/null || true"
    )
    assert image_files == ""
