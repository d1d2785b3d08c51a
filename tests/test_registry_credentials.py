"""Docker's own credentials: its file, its helpers, DOCKER_AUTH_CONFIG, and what is said when they are damaged."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.engine.credentials import docker_credentials
from bakegen.errors import RegistryError
from bakegen.registry.credentials import HUB_KEY, Credentials, Login
from bakegen.registry.workers import concurrently

SECRET = "s3cret:with:colons"  # noqa: S105 - nobody's
LOGIN = Login("me", SECRET)


def auth(username: str = "me", password: str = SECRET) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


class Helpers:
    """Credential helpers in this process: name -> server -> login; remembers who was asked."""

    def __init__(self, logins: Mapping[str, Mapping[str, Login]]) -> None:
        """Take what they know."""
        self.logins = logins
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, server: str) -> Login | None:
        """Answer as a helper does."""
        self.asked.append((name, server))
        return self.logins[name].get(server)


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v1/", "ghcr.io"),
        ("http://localhost:5000/v2/", "localhost:5000"),
        ("GHCR.io", "ghcr.io"),
        ("ghcr.io/owner", "ghcr.io"),
        (HUB_KEY, "docker.io"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        (HUB_KEY, "index.docker.io"),
    ],
)
def test_hosts_match_as_in_docker(key: str, host: str) -> None:
    assert Credentials({"auths": {"other.io": {"auth": auth("x", "y")}, key: {"auth": auth()}}}).for_host(host) == LOGIN


@pytest.mark.parametrize("host", ["ghcr.io:443", "hcr.io", "io", "ghcr.io.evil.example", ""])
def test_other_hosts_get_nothing(host: str) -> None:
    assert Credentials({"auths": {"ghcr.io": {"auth": auth()}}}).for_host(host) is None


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": auth()}, LOGIN),
        ({"username": "me", "password": SECRET}, LOGIN),
        ({"auth": auth("me", ""), "identitytoken": "i"}, Login("me", "", "i")),
        ({"registrytoken": "r\n"}, Login("", "", "", "r")),
        ({"auth": base64.b64encode(b"me:pw\0\0").decode()}, Login("me", "pw")),
        ({}, None),
        (None, None),
        ({"email": "me@example.com"}, None),
    ],
)
def test_entries(entry: object, login: Login | None) -> None:
    assert Credentials({"auths": {"h.io": entry}}).for_host("h.io") == login


def test_dockers_own_key_goes_first() -> None:
    auths = {"https://index.docker.io/v1/access-token": {"auth": auth("x", "y")}, HUB_KEY: {"auth": auth()}}
    assert Credentials({"auths": auths}).for_host("docker.io") == LOGIN


def test_order_of_the_sources() -> None:
    in_file = {name: {"auth": auth("file", "f")} for name in ("a.io", "b.io", "c.io", "d.io")}
    helpers = Helpers(
        {"one": {"a.io": Login("one", "1")}, "all": {"b.io": Login("all", "2"), HUB_KEY: Login("h", "3")}}
    )
    config = {"auths": in_file, "credHelpers": {"https://a.io": "one"}, "credsStore": "all"}
    variable = {"auths": {"d.io": {"auth": auth("variable", "v")}}}
    credentials = Credentials(config, helpers, overrides=variable)
    hosts = ("a.io", "b.io", "c.io", "d.io", "docker.io")
    found = [credentials.for_host(host) for host in hosts]
    assert [login.username if login else None for login in found] == ["one", "all", "file", "variable", "h"]
    assert helpers.asked == [("one", "a.io"), ("all", "b.io"), ("all", "c.io"), ("all", HUB_KEY)]


def test_a_helper_is_asked_once_for_each_host() -> None:
    helpers = Helpers({"all": {"a.io": LOGIN}})
    credentials = Credentials({"credsStore": "all"}, helpers)
    assert concurrently(credentials.for_host, ["a.io", "b.io"] * 50) == [LOGIN, None] * 50
    assert sorted(helpers.asked) == [("all", "a.io"), ("all", "b.io")]


def test_a_token_from_a_helper() -> None:
    assert Login.from_helper("<token>", "t") == Login("", "", "t")
    assert Login.from_helper("", "") is None


def test_secrets_are_not_printed() -> None:
    assert repr(Login("me", "p4ss", "1dentity", "r3gistry")) == "Login(username='me')"


@pytest.mark.parametrize(
    "config",
    [
        {"auths": {"h.io": {"auth": "s3cret!"}}},
        {"auths": {"h.io": {"auth": base64.b64encode(b"s3cret").decode()}}},
        {"auths": {"h.io": {"auth": base64.b64encode(b"\xff:s3cret").decode()}}},
        {"auths": {"h.io": "s3cret"}},
        {"auths": ["s3cret"]},
        {"auths": {"h.io": {"registrytoken": "s3cret\nX-Other: 1"}}},
        {"credHelpers": "s3cret"},
    ],
)
def test_damaged_entries(config: dict[str, Any]) -> None:
    with pytest.raises(RegistryError) as raised:
        Credentials(config, source="/c/config.json").for_host("h.io")
    assert str(raised.value).startswith("/c/config.json: docker's credentials cannot be read")
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@given(st.text(min_size=1).filter(lambda name: ":" not in name), st.text().filter(lambda word: "\0" not in word))
def test_any_name_and_password(name: str, password: str) -> None:
    assert Credentials({"auths": {"h.io": {"auth": auth(name, password)}}}).for_host("h.io") == Login(name, password)


def test_the_file(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    for directory, user in ((home / ".docker", "home"), (other, "other")):
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps({"auths": {"h.io": {"auth": auth(user)}}}))
    env = {"HOME": str(home)}
    assert docker_credentials(env).for_host("h.io") == Login("home", SECRET)
    assert docker_credentials({**env, "DOCKER_CONFIG": str(other)}).for_host("h.io") == Login("other", SECRET)
    variable = json.dumps({"auths": {"h.io": {"auth": auth("variable")}}})
    assert docker_credentials({**env, "DOCKER_AUTH_CONFIG": variable}).for_host("h.io") == Login("variable", SECRET)
    assert docker_credentials({"HOME": str(tmp_path / "nobody")}).for_host("h.io") is None


@pytest.mark.parametrize("text", ['{\n "auths": {', "[]", '"s"'])
def test_a_broken_file_or_variable(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(RegistryError, match="docker's configuration cannot be read") as raised:
        docker_credentials({"DOCKER_CONFIG": str(tmp_path)})
    assert str(raised.value).startswith(str(file))
    file.write_text("")
    with pytest.raises(RegistryError, match=r"^DOCKER_AUTH_CONFIG"):
        docker_credentials({"DOCKER_CONFIG": str(tmp_path), "DOCKER_AUTH_CONFIG": text})


def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(RegistryError, match="cannot be read"):
        docker_credentials({"DOCKER_CONFIG": str(tmp_path)})


HELPER = """#!/bin/sh
read -r server
case "$server" in
  h.io) printf '{"ServerURL": "h.io", "Username": "me", "Secret": "%s"}' "$HELPERS_SECRET" ;;
  token.io) echo '{"ServerURL": "token.io", "Username": "<token>", "Secret": "identity"}' ;;
  empty.io) echo '{"ServerURL": "empty.io", "Username": "", "Secret": ""}' ;;
  broken.io) echo 'p4ssword' ;;
  locked.io) echo 'the key ring is locked' >&2; exit 2 ;;
  slow.io) exec sleep 60 ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


@pytest.fixture
def with_helper(tmp_path: Path) -> Credentials:
    """Give the credentials of a configuration whose store is a small program."""
    program = tmp_path / "bin" / "docker-credential-small"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "small", "credHelpers": {"m.io": "gone", "p.io": "../x"}}')
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return docker_credentials({"PATH": path, "DOCKER_CONFIG": str(tmp_path), "HELPERS_SECRET": SECRET})


@pytest.mark.process
def test_a_helper_program(with_helper: Credentials) -> None:
    assert with_helper.for_host("h.io") == LOGIN
    assert with_helper.for_host("token.io") == Login("", "", "identity")
    assert with_helper.for_host("empty.io") is with_helper.for_host("unknown.io") is None


@pytest.mark.process
@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("locked.io", "small gives no login for locked.io\n    the key ring is locked\n"),
        ("broken.io", "its answer is not the JSON of a login"),
        ("m.io", "config.json: docker-credential-gone is not on the PATH"),
        ("p.io", "docker-credential-../x is not on the PATH"),
    ],
)
def test_a_helper_program_that_fails(with_helper: Credentials, host: str, message: str) -> None:
    with pytest.raises(RegistryError) as raised:
        with_helper.for_host(host)
    assert message in str(raised.value)
    assert "p4ssword" not in str(raised.value)


@pytest.mark.process
def test_a_helper_program_that_hangs(with_helper: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakegen.engine.credentials.TIMEOUT", 0.3)
    with pytest.raises(RegistryError, match="it has not answered in"):
        with_helper.for_host("slow.io")
