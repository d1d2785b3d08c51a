"""``make demo``: build a group of the reference family and show that each image works."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bakegen.errors import BakegenError
from bakegen.plan import Plan
from bakegen.project import load
from tests import lab

ROOT = Path(__file__).parents[1]


def build_arguments(engine: lab.Engine) -> list[str]:
    """Return what ``bakegen build`` needs to know of an engine: stand-ins for bases, and a torch index it reaches.

    Nothing for an engine that pulls the real bases.
    """
    arguments = []
    for name, base in load(ROOT / "bakegen.yaml").family.bases.items():
        stand_in = engine.substitutions.get(f"{base.ref.name}:{base.ref.tag}")
        if stand_in:
            arguments += ["--base", f"{name}={stand_in}"]
    if engine.private:
        arguments += ["--set", f"base-ml.args.TORCH_INDEX_URL={engine.index_url}"]
    return arguments


def step(command: Sequence[str], env: dict[str, str]) -> None:
    """Show a command as a user would type it, and run it; a failure ends the demo."""
    say(f"$ {shlex.join(command)}")
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=env, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show(plan: Plan, names: Sequence[str], engine: lab.Engine, env: dict[str, str]) -> bool:
    """Run every image's self-check in a container and print what it says; return whether all passed."""
    say(f"\nself-checks of {len(names)} images, each in its container:")
    failed = []
    for name in names:
        command = [str(engine.docker), "run", "--rm", plan.reference(plan[name]), "--selfcheck"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(name)
            say(f"  {name:<24} FAILED  {' '.join(done.stderr.split())[-200:]}")
        else:
            versions = {key: value for key, value in json.loads(done.stdout).items() if key not in ("stage", "ffmpeg")}
            say(f"  {name:<24} ok  " + ", ".join(f"{key} {value}" for key, value in list(versions.items())[:4]))
    return not failed


def main(group: str) -> int:
    """Build ``group`` and show the result; return the exit code."""
    start = time.monotonic()
    say("==> a Docker engine: this machine's own, or a private one (the first time this takes a few minutes)")
    with lab.engine() as engine:
        env = {**os.environ, **engine.env}
        plan = load(ROOT / "bakegen.yaml").plan()
        names = plan.select([group])
        say(f"==> render and build {group}: {len(names)} of {len(plan.images)} images")
        step(["bakegen", "render"], env)
        step(["bakegen", "build", group, *build_arguments(engine)], env)
        passed = show(plan, names, engine, env)
    say(
        f"\n{len(names)} images built and {'checked' if passed else 'some FAILED their check'} in {time.monotonic() - start:.0f} s"
    )
    if engine.private:
        say("the private engine is stopped and keeps its images: python -m tests.lab run -- docker images")
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "cpu"))
    except (lab.LabError, BakegenError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        sys.exit(1)
