"""A rebuild that re-runs every step downloads no wheel and no .deb, counted where they leave the index."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests import lab, package_index
from tests.support import bakegen, write_project

pytestmark = pytest.mark.engine

BASIS = """\
FROM python:3.11-slim
RUN echo 'Acquire::http::Proxy "{url}";' > /etc/apt/apt.conf.d/01proxy
ENV PIP_TRUSTED_HOST={host}
"""

MANIFEST = """\
version: 1
family: zero
bases: {{python: python:3.11-slim}}
defaults: {{installer: {installer}, python: "3.11"}}
indexes: {{pypi: "{url}/simple"}}
images:
  zero-basis: {{from: python, dockerfile: basis/Dockerfile, python: "3.11"}}
  zero-parent:
    from: zero-basis
    apt: [tree]
    pip: parent.txt
    cache: {{apt: {{id: "apt-{run}"}}, pip: {{id: "pip-{run}"}}}}
  zero-child:
    from: zero-parent
    pip: child.txt
    cache: {{pip: {{id: "pip-{run}"}}}}
"""


@pytest.fixture
def gateway(docker_env: dict[str, str], engine: lab.Engine) -> str:
    """Return an address of this machine that build steps reach."""
    found = subprocess.run(
        [str(engine.docker), "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"],
        env=docker_env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not engine.private:
        pytest.skip("needs the lab's bridge, whose gateway is this machine")
    return found


@pytest.fixture(scope="session")
def pip_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the pip that bakegen installs."""
    from bakegen.family import Defaults

    directory = tmp_path_factory.mktemp("pip")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(directory), f"pip=={Defaults().pip}"], check=True
    )
    return next(directory.glob("pip-*.whl"))


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_rerun_of_every_step_downloads_nothing(
    installer: str, tmp_path: Path, gateway: str, pip_wheel: Path, docker_env: dict[str, str], engine: lab.Engine
) -> None:
    wheels = dict(
        [
            package_index.wheel("alpha", "1.0", ("beta>=1",)),
            package_index.wheel("beta", "1.5"),
            package_index.wheel("gamma", "2.0", ("alpha",)),
            package_index.wheel_file(pip_wheel),
        ]
    )
    with package_index.serve(gateway, wheels) as (url, traffic):
        root = write_project(
            tmp_path,
            MANIFEST.format(installer=installer, url=url, run=uuid.uuid4().hex),
            {"basis/Dockerfile": BASIS.format(url=url, host=gateway), "parent.txt": "alpha\n", "child.txt": "gamma\n"},
        )
        bases = [f"--base=python={engine.substitutions.get('python:3.11-slim', 'python:3.11-slim')}"]
        assert bakegen("render", cwd=root).returncode == 0
        cold = bakegen("build", "zero-child", "--no-output", *bases, cwd=root, env=docker_env)
        assert cold.returncode == 0, cold.stderr
        assert traffic.wheels >= 3 * 200_000, "the counter sees wheels"
        assert traffic.debs > 10_000, "the counter sees .debs"

        traffic.reset()
        again = bakegen("build", "zero-child", "--no-output", "--fresh=zero-*", *bases, cwd=root, env=docker_env)
        assert again.returncode == 0, again.stderr
        assert traffic.pages > 0, "the steps did run: they asked for index pages"
        assert (traffic.wheels, traffic.debs) == (0, 0)
        assert _executed(root) >= 3, "apt, parent.txt and child.txt ran again"


def _executed(root: Path) -> int:
    """Return how many RUN steps the newest run executed rather than took from the cache."""
    run = max((root / ".bakegen" / "runs").iterdir())
    ended: dict[str, tuple[str, bool]] = {}
    for line in (run / "events.ndjson").read_text(encoding="utf-8").splitlines():
        for vertex in json.loads(line).get("vertexes") or ():
            if vertex.get("completed"):
                ended[vertex["digest"]] = (vertex["name"], bool(vertex.get("cached")))
    return sum("] RUN " in name and not cached for name, cached in ended.values())
