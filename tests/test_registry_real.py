"""The client against the real docker-registry, with every kind of login that docker has."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakegen.engine.credentials import docker_credentials
from bakegen.errors import RegistryError
from bakegen.refs import ImageRef
from bakegen.registry.client import Registry
from bakegen.registry.problems import NotFound
from bakegen.registry.workers import concurrently
from tests import docker_registry as real
from tests import lab
from tests.docker_registry import RealRegistry, docker_registry
from tests.lab.layout import Layout
from tests.registries import DOCKER_IMAGE, OCI_IMAGE, digest_of, image, index

pytestmark = pytest.mark.engine

CONFIG = b'{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}'
IMAGE = image(CONFIG)
INDEX = index({"linux/amd64": IMAGE})


@pytest.fixture(scope="module")
def prefix(engine: lab.Engine) -> Path:
    """Return where the lab has unpacked docker-registry; a machine with an engine of its own may have none."""
    found = Layout.from_environment().prefix
    if not engine.private and not (found / "usr/bin/docker-registry").exists():
        pytest.skip("the machine's own engine is used, and there is no docker-registry program beside it")
    return found


@pytest.fixture(scope="module", params=["none", "basic", "token"])
def any_registry(
    request: pytest.FixtureRequest, prefix: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealRegistry]:
    """Give a registry of each kind, with team/image:1 and a mirror's copy of library/python:3.11-slim."""
    auth = None if request.param == "none" else request.param
    with docker_registry(prefix, tmp_path_factory.mktemp(request.param), auth) as registry:
        fill(registry)
        yield registry


@pytest.fixture(scope="module")
def with_tokens(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """Give a registry with a token service."""
    with docker_registry(prefix, tmp_path_factory.mktemp("tokens"), "token") as registry:
        fill(registry)
        yield registry


def fill(registry: RealRegistry) -> None:
    for repository, tag in (("team/image", "1"), ("hub/library/python", "3.11-slim")):
        registry.push_blob(repository, CONFIG)
        registry.push(repository, digest_of(IMAGE), IMAGE, OCI_IMAGE)
        registry.push(repository, tag, INDEX)
    single = image(CONFIG, DOCKER_IMAGE).replace(b"vnd.oci.image.config.v1", b"vnd.docker.container.image.v1")
    registry.push("team/image", "single", single, DOCKER_IMAGE)


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., Registry]:
    """Return what makes a client with the docker configuration and environment of a test."""

    def make(config: object, *, mirrors: dict[str, str] | None = None, **env: str) -> Registry:
        (tmp_path / "config.json").write_text(json.dumps(config))
        credentials = docker_credentials({"DOCKER_CONFIG": str(tmp_path), "PATH": os.environ["PATH"], **env})
        return Registry(credentials, mirrors=mirrors or {}, sleep=lambda _: None)

    return make


def login(registry: RealRegistry, password: str = real.PASSWORD) -> dict[str, object]:
    pair = base64.b64encode(f"{real.USER}:{password}".encode()).decode()
    return {"auths": {registry.host: {"auth": pair}}}


def ref(registry: RealRegistry, name: str = "team/image:1") -> ImageRef:
    return ImageRef.parse(f"{registry.host}/{name}")


def test_everything(any_registry: RealRegistry, client: Callable[..., Registry]) -> None:
    with client(login(any_registry)) as registry:
        name = ref(any_registry)
        assert registry.digest(name) == digest_of(INDEX)
        assert registry.manifest(name).body == INDEX
        assert registry.manifest(ref(any_registry, f"team/image@{digest_of(IMAGE)}")).body == IMAGE
        assert registry.platforms(name) == {"linux/amd64": digest_of(IMAGE)}
        assert list(registry.platforms(ref(any_registry, "team/image:single"))) == ["linux/amd64"]
        assert {"1", "single"} <= set(registry.tags(name))
        assert registry.digest(ref(any_registry, "team/image:gone")) is None
        assert registry.digest(ref(any_registry, f"team/image@{digest_of(b'gone')}")) is None
        with pytest.raises(NotFound, match="no such tag or digest"):
            registry.manifest(ref(any_registry, "team/image:gone"))
        with pytest.raises(NotFound, match="no such repository"):
            registry.tags(ref(any_registry, "team/gone:1"))


def test_a_mirror(any_registry: RealRegistry, client: Callable[..., Registry]) -> None:
    with client(login(any_registry), mirrors={"docker.io": f"{any_registry.host}/hub"}) as registry:
        assert registry.digest(ImageRef.parse("python:3.11-slim")) == digest_of(INDEX)


def test_two_hundred_references(any_registry: RealRegistry, client: Callable[..., Registry]) -> None:
    """As many requests as references, from the first on: none is sent to be refused, none twice."""
    for number in range(200):
        any_registry.push("team/image", f"many-{number}", INDEX)
    names = [ref(any_registry, f"team/image:many-{number}") for number in range(200)]
    before = any_registry.count("/v2/team/image/manifests/many-")
    with client(login(any_registry)) as registry:
        assert concurrently(registry.digest, names) == [digest_of(INDEX)] * 200
        assert concurrently(registry.digest, names) == [digest_of(INDEX)] * 200
    assert any_registry.count("/v2/team/image/manifests/many-") - before == 200


@pytest.mark.parametrize("any_registry", ["basic", "token"], indirect=True)
@pytest.mark.parametrize("password", ["wr0ng", None])
def test_a_wrong_password(any_registry: RealRegistry, client: Callable[..., Registry], password: str | None) -> None:
    config = login(any_registry, password) if password else {}
    with client(config) as registry, pytest.raises(RegistryError, match=f"{any_registry.host} refuses ") as raised:
        registry.digest(ref(any_registry))
    assert f"docker login {any_registry.host}" in str(raised.value)
    assert "wr0ng" not in str(raised.value)


def test_a_credential_helper(any_registry: RealRegistry, client: Callable[..., Registry], tmp_path: Path) -> None:
    """The helper is asked once, whatever number of threads and references there is."""
    program = tmp_path / "docker-credential-tests"
    answer = json.dumps({"ServerURL": any_registry.host, "Username": real.USER, "Secret": real.PASSWORD})
    program.write_text(f"#!/bin/sh\nread -r server\necho \"$1 $server\" >> '{tmp_path}/asked'\necho '{answer}'\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with client({"credHelpers": {any_registry.host: "tests"}}, PATH=path) as registry:
        names = [ref(any_registry), ref(any_registry, "team/image:single")] * 20
        assert None not in concurrently(registry.digest, names)
    if any_registry.auth:
        assert (tmp_path / "asked").read_text() == f"get {any_registry.host}\n"


def test_an_identity_token(with_tokens: RealRegistry, client: Callable[..., Registry]) -> None:
    assert with_tokens.service
    with client({"auths": {with_tokens.host: {"identitytoken": real.IDENTITY}}}) as registry:
        assert registry.digest(ref(with_tokens)) == digest_of(INDEX)
    assert with_tokens.service.asked[-1] == "POST repository:team/image:pull"


def test_the_environments_login(with_tokens: RealRegistry, client: Callable[..., Registry]) -> None:
    variable = json.dumps(login(with_tokens))
    with client(login(with_tokens, "wr0ng"), DOCKER_AUTH_CONFIG=variable) as registry:
        assert registry.digest(ref(with_tokens)) == digest_of(INDEX)
