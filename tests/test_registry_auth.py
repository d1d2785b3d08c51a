"""How the client says who asks: Basic, tokens, certificates; and that no password goes anywhere else."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bakegen.errors import Problem, RegistryError
from bakegen.refs import ImageRef
from bakegen.registry.client import Registry
from bakegen.registry.credentials import Credentials, Login
from bakegen.registry.problems import Answer, limited, refused
from bakegen.registry.workers import concurrently
from tests.registries import FakeRegistry, digest_of, index

BODY = index({"linux/amd64": b"amd64"})
USERS = {"me": "s3cret"}


def login(host: str, password: str = "s3cret") -> Credentials:  # noqa: S107 - nobody's
    pair = base64.b64encode(f"me:{password}".encode()).decode()
    return Credentials({"auths": {host: {"auth": pair}}})


@contextmanager
def served(auth: str, **options: Any) -> Iterator[FakeRegistry]:  # noqa: ANN401
    """Give a registry that wants a login, with 20 repositories."""
    with FakeRegistry(auth=auth, users=USERS, identity_tokens={"me": "1dentity"}, **options) as fake:
        for number in range(20):
            fake.put(f"team/image{number}", "1", BODY)
        yield fake


def ref(fake: FakeRegistry, name: str = "team/image0:1") -> ImageRef:
    return ImageRef.parse(f"{fake.host}/{name}")


def client(credentials: Credentials, **options: Any) -> Registry:  # noqa: ANN401
    return Registry(credentials, sleep=lambda _: None, **options)


def problem(function: Callable[..., object], *arguments: object) -> Problem:
    """Return the one problem that a call raises, which tells no secret."""
    with pytest.raises(RegistryError) as raised:
        function(*arguments)
    (found,) = raised.value.problems
    assert not any(secret in repr(raised.getrepr(style="native")) for secret in ("s3cret", "1dentity", "token-"))
    return found


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_login(auth: str) -> None:
    with served(auth) as fake, client(login(fake.host)) as registry:
        names = [ref(fake, f"team/image{number}:1") for number in range(20)]
        assert concurrently(registry.digest, names) == [digest_of(BODY)] * 20
        assert concurrently(lambda name: registry.manifest(name).body, names) == [BODY] * 20
        assert registry.tags(names[0]) == ("1",)
        assert fake.count("", "/manifests/") == 40  # none was sent to be refused first
        assert fake.count("GET", "/token") == (20 if auth == "bearer" else 0)
        assert [seen.path for seen in fake.requests].count("/v2/") == 1


def test_an_identity_token_buys_tokens() -> None:
    with (
        served("bearer") as fake,
        client(Credentials({"auths": {fake.host: {"identitytoken": "1dentity"}}})) as registry,
    ):
        assert registry.digest(ref(fake)) == digest_of(BODY)
        (bought,) = [seen for seen in fake.requests if seen.method == "POST"]
        assert parse_qs(bought.body.decode()) == {
            "grant_type": ["refresh_token"],
            "client_id": ["bakegen"],
            "refresh_token": ["1dentity"],
            "service": ["fake"],
            "scope": ["repository:team/image0:pull"],
        }
        assert "Authorization" not in bought.headers


def test_a_registry_token_is_sent_as_it_is() -> None:
    with served("bearer") as fake, client(Credentials({"auths": {fake.host: {"registrytoken": "t"}}})) as registry:
        fake.tokens["t"] = "repository:team/image0:pull"
        assert registry.digest(ref(fake)) == digest_of(BODY)
        assert fake.count("", "/token") == 0


def test_an_outdated_token_is_renewed_once() -> None:
    with served("bearer") as fake, client(login(fake.host)) as registry:
        assert registry.digest(ref(fake)) == digest_of(BODY)
        fake.tokens.clear()
        assert registry.manifest(ref(fake)).body == BODY
        assert registry.tags(ref(fake)) == ("1",)
        assert (fake.count("GET", "/v2/team"), fake.count("", "/token")) == (3, 2)
        fake.tokens.clear()
        fake.fault("GET /v2/team", status=401, headers={"WWW-Authenticate": "Bearer realm=x"}, times=1)
        by_digest = ref(fake, f"team/image0@{digest_of(BODY)}")
        assert "way to log in" in problem(registry.manifest, by_digest).what


def test_a_registry_that_asks_only_where_it_must() -> None:
    """``/v2/`` is open, repositories are not: what the first answer says is remembered for the next."""
    with served("bearer") as fake, client(login(fake.host)) as registry:
        fake.fault("GET /v2/", status=200)
        for number in range(5):
            assert registry.digest(ref(fake, f"team/image{number}:1")) == digest_of(BODY)
        assert fake.count("HEAD") == 6
        scopes = set(fake.tokens.values())
        assert scopes == {"repository:team/image0:pull,push", *(f"repository:team/image{n}:pull" for n in range(1, 5))}


@pytest.mark.parametrize(("auth", "what"), [("basic", "refuses"), ("bearer", "refuses the user name or password")])
def test_a_wrong_password(auth: str, what: str) -> None:
    with served(auth) as fake, client(login(fake.host, "wr0ng")) as registry:
        found = problem(registry.digest, ref(fake))
        assert found.what.startswith(f"{fake.host} {what}")
        assert f"`docker login {fake.host}`" in found.next
        assert "wr0ng" not in str(found)


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_nobody_is_logged_in(auth: str) -> None:
    with served(auth) as fake, client(Credentials()) as registry:
        found = problem(registry.manifest, ref(fake))
        assert found.what == f"{fake.host} refuses {fake.host}/team/image0:1"
        assert found.why == "nobody is logged in there; it says UNAUTHORIZED: authentication required"


def test_a_user_who_may_not() -> None:
    with served("basic") as fake, client(login(fake.host)) as registry:
        fake.fault("GET /v2/team", status=403)
        assert "this user may not read it" in problem(registry.manifest, ref(fake)).why
    with served("bearer") as fake, client(login(fake.host)) as registry:
        fake.fault("/token", status=403)
        assert "this user may not read it" in problem(registry.manifest, ref(fake)).why


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"status": 500, "times": 3}, "gives no token"),
        ({"body": b"{}"}, "gives no token"),
        ({"body": b"<html>"}, "gives no token"),
        ({"body": b'{"token": "a\\r\\nX: b"}'}, "gives no token"),
        ({"hang_up": True, "times": 3}, "does not answer"),
    ],
)
def test_a_token_service_that_fails(fault: dict[str, Any], what: str) -> None:
    with served("bearer") as fake, client(login(fake.host)) as registry:
        fake.fault("/token", **fault)
        assert what in problem(registry.digest, ref(fake)).what


@pytest.mark.parametrize("header", ["Negotiate", "Bearer realm=nowhere", 'Bearer realm="http://["', None])
def test_other_ways_to_log_in(header: str | None) -> None:
    with served("bearer") as fake, client(login(fake.host)) as registry:
        fake.fault("/v2/", status=401, headers={"WWW-Authenticate": header}, times=9)
        assert "a way to log in that bakegen does not know" in problem(registry.digest, ref(fake)).what


def test_docker_hub_hides_what_does_not_exist() -> None:
    found = refused("nobody/nothing", "docker.io", Answer("", 401, {}, b""), logged_in=False)
    assert "for a repository that does not exist" in found.why
    assert found.next.endswith("`docker login` with a user who may read it")
    assert "(`docker login`)" in limited("docker.io", None, 60).next


def test_a_login_prints_nothing_in_a_traceback() -> None:
    assert "s3cret" not in repr(Login("me", "s3cret"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate for 127.0.0.1, its key, and an empty directory in docker's form."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl on this machine")
    home = tmp_path_factory.mktemp("certificates")
    names = ["-subj", "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([openssl, "req", "-x509", *made, *names], cwd=home, check=True, capture_output=True)
    return home


def server_side(certificates: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    return context


@pytest.fixture
def expecting_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 127.0.0.1 count as another machine, which is asked with TLS, and without a proxy."""
    monkeypatch.setattr("bakegen.registry.tls.is_loopback", lambda _: False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.process
@pytest.mark.usefixtures("expecting_tls")
@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_tls_with_dockers_own_certificates(certificates: Path, tmp_path: Path, auth: str) -> None:
    with served(auth, tls=server_side(certificates)) as fake:
        with client(login(fake.host), certs=tmp_path) as registry:
            found = problem(registry.digest, ref(fake))
        assert found.what == f"the certificate of {fake.host} cannot be trusted"
        assert "self" in found.why
        assert f"/etc/docker/certs.d/{fake.host}/ca.crt" in found.next
        directory = tmp_path / fake.host
        directory.mkdir()
        shutil.copy(certificates / "cert.pem", directory / "ca.crt")
        with client(login(fake.host), certs=tmp_path) as registry:
            assert registry.digest(ref(fake)) == digest_of(BODY)
        shutil.copy(certificates / "cert.pem", directory / "client.cert")
        shutil.copy(certificates / "key.pem", directory / "client.key")
        with client(login(fake.host), certs=tmp_path) as registry:
            assert registry.manifest(ref(fake)).body == BODY


@pytest.mark.process
@pytest.mark.usefixtures("expecting_tls")
def test_tls_that_the_environment_trusts(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "cert.pem"))
    with served("basic", tls=server_side(certificates)) as fake, client(login(fake.host)) as registry:
        assert registry.digest(ref(fake)) == digest_of(BODY)


@pytest.mark.process
@pytest.mark.usefixtures("expecting_tls")
def test_passwords_do_not_leave_tls(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "cert.pem"))
    with served("bearer") as plain, served("bearer", tls=server_side(certificates)) as fake:
        fake.realm = f"{plain.url}/token"
        with client(login(fake.host)) as registry:
            assert "wants the password sent without TLS" in problem(registry.digest, ref(fake)).what
        fake.realm = ""
        fake.fault("/manifests/", status=307, headers={"Location": f"{plain.url}/v2/team/image0/manifests/1"})
        with client(login(fake.host)) as registry:
            assert "bakegen does not follow" in problem(registry.digest, ref(fake)).what
        assert plain.count() == 0


@pytest.mark.process
def test_plain_http_to_a_server_with_tls(certificates: Path) -> None:
    with served("basic", tls=server_side(certificates)) as fake, client(Credentials()) as registry:
        assert "does not answer" in problem(registry.digest, ref(fake)).what
    with served("basic") as fake, client(Credentials()) as registry:
        fake.fault("GET", status=400, body=b"Client sent an HTTP request to an HTTPS server.\n", times=2)
        assert "speaks TLS, and was asked without" in problem(registry.tags, ref(fake)).what
