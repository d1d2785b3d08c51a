"""Values of the manifest reach the built image as they were written, whatever they hold."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import lab
from tests.support import bakegen, write_project

pytestmark = pytest.mark.engine

NASTY = (
    "",
    " ",
    " leading and trailing ",
    "${HOME} $HOME $$ \\$HOME",
    "%{ if true }x%{ endif }",
    "\"double\" 'single' `back`",
    "back\\slash \\\\ \\n \\",
    "# no comment",
    "<<EOF",
    "a=b c=d",
    "tab\there",
    '["json"]',
    "{{ jinja }} {% raw %}",
    "ünï ☃ 🐳 \u2028 \u0085 \u202e",
    "&& rm -rf / ; | > <",
    "--flag",
)


def _random_text(generator: random.Random) -> str:
    """Return text of characters that mean something to one of the languages on the way, and of any others."""
    alphabet = "\"'\\$%{}#<>`= \tabcé☃🐳\u2028~!*?[]()&|;"
    return "".join(generator.choice(alphabet) for _ in range(generator.randrange(1, 30)))


def _inspect(engine: lab.Engine, env: dict[str, str], reference: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(engine.docker), "image", "inspect", reference], env=env, capture_output=True, text=True, check=True
    )
    config: dict[str, Any] = json.loads(done.stdout)[0]["Config"]
    return config


def test_values_come_back_from_the_built_image(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    generator = random.Random(20261123)  # noqa: S311 - reproducible, not secret
    texts = [*NASTY, *(_random_text(generator) for _ in range(60))]
    image: dict[str, Any] = {
        "from": "python",
        "env": {f"V{index}": text for index, text in enumerate(texts)},
        "labels": {f"label.{index}": text for index, text in enumerate(texts)} | {"line\nend": "a\nb\r\nc"},
        "entrypoint": ["printf", "%s\\0", *texts],
        "cmd": texts[::-1],
        "workdir": '/a b/$HOME/"q"/☃',
    }
    manifest = {
        "version": 1,
        "family": "values",
        "bases": {"python": "python:3.11-slim"},
        "images": {"values-probe": image},
    }
    write_project(tmp_path, yaml.safe_dump(manifest))
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    done = bakegen("build", f"--base=python={base}", cwd=tmp_path, env=docker_env)
    assert done.returncode == 0, done.stderr

    config = _inspect(engine, docker_env, "values-probe:latest")
    assert {
        name: value for name, _, value in (entry.partition("=") for entry in config["Env"]) if name[1:].isdigit()
    } == image["env"]
    assert {key: value for key, value in config["Labels"].items() if key in image["labels"]} == image["labels"]
    assert config["Entrypoint"] == image["entrypoint"]
    assert config["Cmd"] == image["cmd"]
    assert config["WorkingDir"] == image["workdir"]


COMMANDS = {
    "plain": "echo plain > /out/plain",
    "variable": "value='a b'; echo \"$value ${value}\" > /out/variable",
    "lines": 'for i in 1 2\ndo echo "line $i"\ndone > /out/lines',
    "heredoc": "cat > /out/heredoc <<'EOF'\n$HOME \\ \"x\"\nEOF",
    "continued": "printf '%s' one \\\n  two > /out/continued",
    "trailing": "printf '%s' 'back\\\\' > /out/trailing",
    "bracket": "[ -d /out ] && echo yes > /out/bracket",
    "json": '["sh", "-c", "true"] || echo shell > /out/json',
    "hash": "# a comment first\necho after > /out/hash",
    "unicode": "echo 'ü ☃ 🐳' > /out/unicode",
}
EXPECTED = {
    "plain": "plain\n",
    "variable": "a b a b\n",
    "lines": "line 1\nline 2\n",
    "heredoc": '$HOME \\ "x"\n',
    "continued": "onetwo",
    "trailing": "back\\\\",
    "bracket": "yes\n",
    "json": "shell\n",
    "hash": "after\n",
    "unicode": "ü ☃ 🐳\n",
}


def test_commands_run_as_a_shell_reads_them(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    image = {"from": "python", "run": ["mkdir /out", *COMMANDS.values()]}
    manifest = {
        "version": 1,
        "family": "commands",
        "bases": {"python": "python:3.11-slim"},
        "images": {"commands-probe": image},
    }
    write_project(tmp_path, yaml.safe_dump(manifest))
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    done = bakegen("build", f"--base=python={base}", cwd=tmp_path, env=docker_env)
    assert done.returncode == 0, done.stderr
    for name, text in EXPECTED.items():
        command = [str(engine.docker), "run", "--rm", "commands-probe:latest", "cat", f"/out/{name}"]
        assert subprocess.run(command, env=docker_env, capture_output=True, check=True).stdout.decode() == text, name


def test_a_failing_line_of_a_script_fails_the_image(
    tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]
) -> None:
    image = {"from": "python", "run": "echo before\nfalse\necho never"}
    manifest = {
        "version": 1,
        "family": "failing",
        "bases": {"python": "python:3.11-slim"},
        "images": {"failing-probe": image},
    }
    write_project(tmp_path, yaml.safe_dump(manifest))
    base = engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    done = bakegen("build", "--no-output", f"--base=python={base}", cwd=tmp_path, env=docker_env)
    assert done.returncode == 6
    assert "failing-probe" in done.stderr
    assert "before" in done.stderr
    assert "never" not in done.stderr.replace("echo never", "")
