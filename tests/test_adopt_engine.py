"""The motivating repository, adopted, builds on a real engine, and its cache mounts work."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import lab, package_index
from tests.motivating import BASES, IMAGES, write_repository
from tests.support import bakegen
from tests.test_zero_downloads import Index

pytestmark = pytest.mark.engine

SLIM = "python:3.11-slim"
#: What the lab needs to be reached from its bases, as a team behind a proxy would write it.
SETUP = """\
ENV PIP_INDEX_URL={url}/simple PIP_TRUSTED_HOST={host} PIP_BREAK_SYSTEM_PACKAGES=1 MARK={mark}
RUN echo 'Acquire::http::Proxy "{url}";' > /etc/apt/apt.conf.d/01proxy
"""


#: The mounts are the engine's, and have wheels of earlier runs: under these versions, none yet.
ALPHA, GAMMA = (f"{major}.{uuid.uuid4().int % 10**9}" for major in (1, 2))


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory, engine: lab.Engine, docker_env: dict[str, str]) -> Iterator[Index]:
    """Start an index that allows caching, as PyPI does, and stop it afterwards."""
    wheels = tmp_path_factory.mktemp("wheels")
    for name, data in (
        package_index.wheel("alpha", ALPHA),
        package_index.wheel("gamma", GAMMA, ("alpha",), size=1_500_000),
    ):
        (wheels / name).write_bytes(data)
    wheels.chmod(0o755)
    image = engine.substitutions.get(SLIM, SLIM)
    found = Index(str(engine.docker), docker_env, wheels, image, caching="max-age=86400, public")
    yield found
    found.stop()


def built(root: Path, engine: lab.Engine, env: dict[str, str]) -> dict[str, Any]:
    """Build the family without keeping its images, and return the report."""
    bases = {"base-cpu": "python", "base-cuda": "cuda"}
    words = [f"--base={bases[name]}={engine.substitutions.get(ref, ref)}" for name, ref in BASES.items()]
    done = bakegen("build", "--no-output", *words, cwd=root, env=env)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(bakegen("report", "--json", cwd=root, env=env).stdout)
    return report


def test_it_builds_and_its_mounts_work(
    tmp_path: Path, index: Index, engine: lab.Engine, docker_env: dict[str, str]
) -> None:
    mark = uuid.uuid4().hex
    root = write_repository(tmp_path, SETUP.format(url=index.url, host=index.host, mark=mark))
    for path in root.glob("services/**/requirements.txt"):
        path.write_text(
            path.read_text().replace("alpha==1.0", f"alpha=={ALPHA}").replace("gamma==2.0", f"gamma=={GAMMA}")
        )
    done = bakegen("adopt", "--write", "--no-lock", cwd=root, env=docker_env)
    assert done.returncode == 0, done.stderr

    cold = built(root, engine, docker_env)
    assert {image["name"] for image in cold["images"]} == set(IMAGES)
    index.traffic()

    for name in BASES:  # every step runs again
        path = root / f"services/{IMAGES[name][0]}/Dockerfile"
        path.write_text(path.read_text().replace(mark, f"{mark}-again"))
    again = built(root, engine, docker_env)
    verdicts = {cache["id"]: (cache["state"], cache["reason"]) for cache in again["caches"]}
    assert len(verdicts) >= 4
    assert {state for state, _ in verdicts.values()} == {"working"}, verdicts
    down = index.traffic()
    assert (down["wheels"], down["debs"]) == (0, 0)
