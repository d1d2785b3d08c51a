"""A rebuild that re-runs every step downloads no wheel and no .deb, counted where they leave the index."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakegen.family import Defaults
from tests import lab, package_index
from tests.support import bakegen, write_project

pytestmark = pytest.mark.engine

BASIS = """\
FROM python:3.11-slim
RUN echo 'Acquire::http::Proxy "{url}";' > /etc/apt/apt.conf.d/01proxy
ENV PIP_TRUSTED_HOST={host} RUN={run}
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


class Index:
    """The index in its container: where it is, and what has left it since the last look."""

    PORT = 8000

    def __init__(self, docker: str, env: dict[str, str], wheels: Path, image: str, caching: str = "no-store") -> None:
        """Start it; ``caching`` is what it says of HTTP caching."""
        self._docker, self._env, self._seen = docker, env, dict.fromkeys(("wheels", "debs", "pages"), 0)
        script = Path(package_index.__file__)
        volumes = [f"--volume={script}:/package_index.py:ro", f"--volume={wheels}:/wheels:ro"]
        self._id = self._run(
            "run", "--detach", *volumes, image, "python", "/package_index.py", "/wheels", str(self.PORT), caching
        )
        self.host = self._run("inspect", "--format", "{{.NetworkSettings.Networks.bridge.IPAddress}}", self._id)
        self.url = f"http://{self.host}:{self.PORT}"

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self._docker, *arguments], env=self._env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def traffic(self) -> dict[str, int]:
        """Return the bytes that left since the last call, by kind."""
        total = package_index.count(self._run("logs", self._id))
        new = {kind: total[kind] - self._seen[kind] for kind in total}
        self._seen = total
        return new

    def stop(self) -> None:
        """Remove the container."""
        self._run("rm", "--force", self._id)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the wheels of the test, and that of the pip that bakegen installs."""
    directory = tmp_path_factory.mktemp("wheels")
    for name, data in (
        package_index.wheel("alpha", "1.0", ("beta>=1",)),
        package_index.wheel("beta", "1.5"),
        package_index.wheel("gamma", "2.0", ("alpha",)),
    ):
        (directory / name).write_bytes(data)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(directory),
        f"pip=={Defaults().pip}",
    ]
    subprocess.run(pip, check=True)
    directory.chmod(0o755)
    return directory


@pytest.fixture
def index(wheels: Path, engine: lab.Engine, docker_env: dict[str, str]) -> Iterator[Index]:
    """Start the index, and stop it afterwards."""
    found = Index(
        str(engine.docker), docker_env, wheels, engine.substitutions.get("python:3.11-slim", "python:3.11-slim")
    )
    yield found
    found.stop()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_rerun_of_every_step_downloads_nothing(
    installer: str, tmp_path: Path, index: Index, docker_env: dict[str, str], engine: lab.Engine
) -> None:
    run = uuid.uuid4().hex  # an engine that knows this test already must start cold all the same
    manifest = MANIFEST.format(installer=installer, url=index.url, run=run)
    basis = BASIS.format(url=index.url, host=index.host, run=run)
    root = write_project(
        tmp_path, manifest, {"basis/Dockerfile": basis, "parent.txt": "alpha\n", "child.txt": "gamma\n"}
    )
    build = [
        "build",
        "zero-child",
        "--no-output",
        f"--base=python={engine.substitutions.get('python:3.11-slim', 'python:3.11-slim')}",
    ]

    cold = bakegen(*build, cwd=root, env=docker_env)
    assert cold.returncode == 0, cold.stderr
    down = index.traffic()
    assert down["wheels"] >= 3 * 200_000, "the counter sees wheels"
    assert down["debs"] > 10_000, "the counter sees .debs"

    again = bakegen(*build, "--fresh=zero-parent", "--fresh=zero-child", cwd=root, env=docker_env)
    assert again.returncode == 0, again.stderr
    down = index.traffic()
    assert (down["wheels"], down["debs"]) == (0, 0)
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
