"""The client of registries against one in this process that can be told to misbehave: real sockets, no mocks."""

from __future__ import annotations

import base64
import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event, Thread, get_ident
from typing import Any

import pytest

from bakegen.errors import Problem, RegistryError
from bakegen.refs import ImageRef
from bakegen.registry.client import Registry
from bakegen.registry.credentials import Credentials
from bakegen.registry.manifests import LARGEST
from bakegen.registry.problems import NotFound
from bakegen.registry.tls import proxy_for
from bakegen.registry.workers import concurrently
from tests.registries import OCI_IMAGE, OCI_INDEX, FakeRegistry, digest_of, image, index

BODY = index({"linux/amd64": b"amd64", "linux/arm64": b"arm64"})
PYTHON = "library/python"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    """Give a registry without login that has library/python:3.11-slim."""
    with FakeRegistry() as registry:
        registry.put(PYTHON, "3.11-slim", BODY)
        yield registry


class Waits(list[tuple[str, float]]):
    """Collects what was waited for, without waiting."""

    def note(self, host: str, seconds: float) -> None:
        """Remember a wait."""
        self.append((host, seconds))

    @property
    def seconds(self) -> list[float]:
        """The seconds of all waits."""
        return [seconds for _, seconds in self]


@contextmanager
def client(credentials: Credentials | None = None, **options: Any) -> Iterator[Registry]:  # noqa: ANN401
    """Give a client that does not really wait."""
    with Registry(credentials or Credentials(), **{"sleep": lambda _: None, **options}) as registry:
        yield registry


def ref(fake: FakeRegistry, name: str = f"{PYTHON}:3.11-slim") -> ImageRef:
    return ImageRef.parse(f"{fake.host}/{name}")


def problem(function: Callable[..., object], *arguments: object) -> Problem:
    """Return the one problem that a call raises."""
    with pytest.raises(RegistryError) as raised:
        function(*arguments)
    (found,) = raised.value.problems
    assert found.next
    return found


def test_a_manifest_takes_one_get(fake: FakeRegistry) -> None:
    with client() as registry:
        manifest = registry.manifest(ref(fake))
        assert (manifest.digest, manifest.media_type, manifest.body) == (digest_of(BODY), OCI_INDEX, BODY)
        assert registry.platforms(ref(fake)) == {
            "linux/amd64": digest_of(b"amd64"),
            "linux/arm64": digest_of(b"arm64"),
        }
        assert registry.manifest(ref(fake, f"{PYTHON}@{digest_of(BODY)}")).body == BODY
    assert fake.count("GET", "/manifests/") == 2
    asked = next(seen for seen in fake.requests if "/manifests/" in seen.path).headers
    assert asked["User-Agent"].startswith("bakegen/")
    assert OCI_INDEX in asked["Accept"]
    assert OCI_IMAGE in asked["Accept"]
    assert "Authorization" not in asked


def test_a_digest_takes_one_head(fake: FakeRegistry) -> None:
    with client() as registry:
        for _ in range(3):
            assert registry.digest(ref(fake)) == digest_of(BODY)
            assert registry.digest(ref(fake, f"{PYTHON}:gone")) is None
            assert registry.digest(ref(fake, "no/such:1")) is None
            assert registry.digest(ref(fake, f"{PYTHON}@{digest_of(b'gone')}")) is None
    assert (fake.count("HEAD"), fake.count("GET", "/manifests/")) == (4, 0)


def test_a_digest_is_asked_for_first_and_goes_before_the_tag(fake: FakeRegistry) -> None:
    with client() as registry:
        assert registry.digest(ref(fake, f"{PYTHON}:other@{digest_of(BODY)}")) == digest_of(BODY)


def test_a_manifest_makes_asking_for_its_digest_needless(fake: FakeRegistry) -> None:
    with client() as registry:
        registry.manifest(ref(fake))
        assert registry.digest(ref(fake)) == digest_of(BODY)
    assert fake.count("HEAD") == 0


@pytest.mark.parametrize("fault", [{"headers": {"Docker-Content-Digest": None}}, {"status": 405}])
def test_registries_that_cannot_answer_a_head(fake: FakeRegistry, fault: dict[str, Any]) -> None:
    fake.fault("HEAD", times=9, **fault)
    with client() as registry:
        assert registry.digest(ref(fake)) == digest_of(BODY)
        assert registry.digest(ref(fake, f"{PYTHON}:gone")) is None
        if "status" not in fault:
            assert fake.count("GET", "/manifests/") == 1


def test_a_tag_without_a_digest_in_the_answer(fake: FakeRegistry) -> None:
    fake.fault("GET /v2/library", headers={"Docker-Content-Digest": None})
    with client() as registry:
        assert registry.manifest(ref(fake)).digest == digest_of(BODY)


def test_what_is_not_there(fake: FakeRegistry) -> None:
    with client() as registry:
        for name, what in ((f"{PYTHON}:9", "tag or digest"), ("no/such:1", "repository")):
            with pytest.raises(NotFound, match=f"{fake.host} has no such {what}: {fake.host}/{name}"):
                registry.manifest(ref(fake, name))
        with pytest.raises(NotFound, match="it says NAME_UNKNOWN"):
            registry.tags(ref(fake, "no/such"))


def test_tags_on_many_pages(fake: FakeRegistry) -> None:
    for number in range(950):
        fake.put(PYTHON, f"3.{number:04}", BODY)
    with client() as registry:
        assert registry.tags(ref(fake)) == tuple(sorted([*(f"3.{n:04}" for n in range(950)), "3.11-slim"]))
        assert fake.count("GET", "/tags/list") == 10
        registry.tags(ref(fake, f"{PYTHON}:other"))
    assert fake.count("GET", "/tags/list") == 10


def test_lists_of_tags_without_sense(fake: FakeRegistry) -> None:
    fake.fault("/tags/", headers={"Link": '<?n=1000>; rel="next"'})
    with client() as registry:
        assert "has no end" in problem(registry.tags, ref(fake)).why
    fake.fault("/tags/", headers={"Link": "<http://[>; rel=next"})
    with client() as registry:
        assert "no address" in problem(registry.tags, ref(fake)).why
    fake.fault("/tags/", body=b'{"tags": "x"}')
    with client() as registry:
        assert "a list of tags was expected" in problem(registry.tags, ref(fake)).why
    fake.fault("/tags/", body=b'{"tags": null}')
    with client() as registry:
        assert registry.tags(ref(fake)) == ()


def test_the_platform_of_a_single_image(fake: FakeRegistry) -> None:
    config = b'{"os": "linux", "architecture": "arm64", "variant": "v8"}'
    digest = fake.put("single", "1", image(config), OCI_IMAGE)
    fake.put_blob(config)
    with client() as registry:
        assert registry.platforms(ref(fake, "single:1")) == {"linux/arm64": digest}
        fake.fault("/blobs/", body=b"{}")
        assert registry.config(ref(fake, "single:1"), digest_of(config))["os"] == "linux"
    with client() as registry:
        assert "is damaged" in problem(registry.config, ref(fake, "single:1"), digest_of(config)).what


def test_mirrors(fake: FakeRegistry) -> None:
    fake.put(f"hub/cache/{PYTHON}", "3.11-slim", BODY)
    with client(mirrors={"docker.io": f"{fake.host}/hub/cache"}) as registry:
        for name in ("python:3.11-slim", "docker.io/library/python:3.11-slim"):
            assert registry.digest(ImageRef.parse(name)) == digest_of(BODY)
    with client(mirrors={"docker.io": fake.host}) as registry:
        assert registry.digest(ImageRef.parse("python:3.11-slim")) == digest_of(BODY)
        assert fake.host in problem(registry.manifest, ImageRef.parse("gone")).what


def test_an_answer_that_is_not_what_was_asked_for(fake: FakeRegistry) -> None:
    other = index({"linux/amd64": b"other"})
    fake.fault("GET /v2/library", body=other, times=2)
    with client() as registry:
        for name in (f"{PYTHON}:3.11-slim", f"{PYTHON}@{digest_of(BODY)}"):
            found = problem(registry.manifest, ref(fake, name))
            assert found.what == f"what the registry sent for {fake.host}/{name} is damaged"
            assert digest_of(other) in found.why
    fake.fault("HEAD", headers={"Docker-Content-Digest": digest_of(other)})
    with client() as registry:
        assert "damaged" in problem(registry.digest, ref(fake, f"{PYTHON}@{digest_of(BODY)}")).what


def test_a_login_page_in_the_registrys_place(fake: FakeRegistry) -> None:
    fake.fault("GET", times=9, body=b"<html>", headers={"Content-Type": "text/html", "Docker-Content-Digest": None})
    with client() as registry:
        assert "not a JSON object (type text/html)" in problem(registry.manifest, ref(fake)).why


def test_a_compressed_answer(fake: FakeRegistry) -> None:
    fake.fault("GET /v2/library", body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    with client() as registry:
        assert registry.manifest(ref(fake)).body == BODY


@pytest.mark.parametrize("length", [{}, {"Content-Length": None}])
def test_an_answer_too_large(fake: FakeRegistry, length: dict[str, None]) -> None:
    fake.fault("GET /v2/library", body=b" " * (LARGEST + 1), headers=length)
    with client() as registry:
        assert "sends more than 4 MiB" in problem(registry.manifest, ref(fake)).what


@pytest.mark.parametrize(
    "fault",
    [{"cut": 20}, {"hang_up": True}, {"status": 500}, {"status": 502}, {"status": 503}, {"status": 504}],
)
def test_what_passes_is_tried_again(fake: FakeRegistry, fault: dict[str, Any]) -> None:
    waits = Waits()
    fake.fault("GET /v2/library", times=2, **fault)
    with client(on_wait=waits.note) as registry:
        assert registry.manifest(ref(fake)).body == BODY
    assert waits == [(fake.host, 1), (fake.host, 2)]


@pytest.mark.parametrize(
    ("fault", "what", "why"),
    [
        ({"cut": 20}, "does not answer", "it broke off its answer"),
        ({"hang_up": True}, "does not answer", "it broke off its answer"),
        (
            {"status": 503, "body": b'{"errors": [{"code": "UNAVAILABLE", "message": "a\\u001b[31m\\nb"}]}'},
            "answers 503 when asked for",
            "it says UNAVAILABLE: a [31m b",
        ),
    ],
)
def test_three_tries_are_all(fake: FakeRegistry, fault: dict[str, Any], what: str, why: str) -> None:
    waits = Waits()
    fake.fault("GET /v2/library", times=9, **fault)
    with client(on_wait=waits.note) as registry:
        found = problem(registry.manifest, ref(fake))
        assert what in found.what
        assert found.why == why
        assert problem(registry.manifest, ref(fake)) == found
    assert fake.count("GET", "/manifests/") == 3
    assert waits.seconds == [1, 2]


def test_other_answers_are_final(fake: FakeRegistry) -> None:
    fake.fault("/manifests/", status=418)
    with client() as registry:
        assert "answers 418 when asked for" in problem(registry.manifest, ref(fake)).what
    assert fake.count("GET", "/manifests/") == 1


def test_a_rate_limit_that_is_waited_for(fake: FakeRegistry) -> None:
    waits = Waits()
    fake.fault("HEAD", status=429, headers={"Retry-After": "7"})
    with client(on_wait=waits.note) as registry:
        assert registry.digest(ref(fake)) == digest_of(BODY)
    assert waits == [(fake.host, 7)]
    assert fake.count("HEAD") == 2


def test_a_rate_limit_that_is_not_waited_for(fake: FakeRegistry) -> None:
    waits = Waits()
    fake.fault("HEAD", status=429, headers={"Retry-After": "21600"}, times=999)
    with client(on_wait=waits.note) as registry:
        found = problem(registry.digest, ref(fake))
        assert found.what == f"{fake.host} limits the number of requests"
        assert found.why.startswith("it asks to wait 6 h; bakegen waits 60 s at most")
        assert f"docker login {fake.host}" in found.next
        assert "mirror" in found.next
        names = [ref(fake, f"{PYTHON}:{number}") for number in range(50)]
        assert problem(concurrently, registry.digest, names) == found
    assert waits == []
    assert fake.count("HEAD") == 1


def test_the_sum_of_waits_is_bounded(fake: FakeRegistry) -> None:
    waits = Waits()
    fake.fault("HEAD", status=429, headers={"Retry-After": "40"}, times=999)
    with client(on_wait=waits.note) as registry:
        assert "it asks to wait 40 s" in problem(registry.digest, ref(fake)).why
    assert waits.seconds == [40]
    fake.fault("GET /v2/library", status=503, headers={"Retry-After": "7200"}, times=9)
    with client() as registry:
        assert problem(registry.manifest, ref(fake)).what == f"{fake.host} is not available for 2 h, it says"


def test_a_rate_limit_holds_all_threads() -> None:
    """Eight requests meet the limit at once; one thread waits, and nobody asks meanwhile."""
    waits, asleep = Waits(), []
    together = Barrier(8)

    with FakeRegistry() as fake:
        for number in range(40):
            fake.put(PYTHON, str(number), BODY)
        fake.fault("HEAD", status=429, headers={"Retry-After": "3"}, times=8, silence=1.5)  # all eight arrive in it

        def sleep(_: float) -> None:
            asleep.append(get_ident())
            before = fake.count("HEAD")
            Event().wait(0.3)
            asleep.append(fake.count("HEAD") - before)

        def digest(number: int) -> str | None:
            if number < 8:
                together.wait()
            return registry.digest(ref(fake, f"{PYTHON}:{number}"))

        with client(on_wait=waits.note, sleep=sleep) as registry:
            assert concurrently(digest, range(40)) == [digest_of(BODY)] * 40
    assert waits.seconds == [3]
    assert len(asleep) == 2
    assert asleep[1] < 8  # those that were on their way already
    assert fake.count("HEAD") == 48


def test_a_server_that_says_nothing(fake: FakeRegistry) -> None:
    fake.fault("HEAD", times=9, silence=0.5)
    with client(timeout=0.2) as registry:
        assert problem(registry.digest, ref(fake)).why == "it has sent nothing for 0.1 s"
    assert fake.count("HEAD") == 3


@pytest.mark.parametrize("match", ["HEAD", "GET"])
def test_a_server_that_drips(fake: FakeRegistry, match: str) -> None:
    """Each byte comes within the timeout of a read; the whole answer would take half a minute."""
    fake.fault(f"{match} /v2/library", drip=0.05)
    with client(timeout=0.5) as registry:
        ask = registry.digest if match == "HEAD" else registry.manifest
        assert problem(ask, ref(fake)).what == f"{fake.host} has not finished its answer in 0.5 s"
    assert fake.count(match, "/manifests/") == 1


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        waits = Waits()
        with client(on_wait=waits.note) as registry:
            names = [ImageRef.parse(f"{host}/a:{number}") for number in range(20)]
            found = problem(concurrently, registry.digest, names)
    assert (found.what, found.why) == (f"{host} does not answer", "connection refused")
    assert waits.seconds == [1, 2]


def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with client() as registry:
        found = problem(registry.digest, ImageRef.parse("no-such-host.invalid/a:1"))
    assert (found.what, found.why) == ("no-such-host.invalid does not answer", "its name cannot be resolved")


def test_two_hundred_references_take_two_hundred_requests(fake: FakeRegistry) -> None:
    names = [ref(fake, f"some/image{number % 20}:{number}") for number in range(200)]
    for name in names:
        fake.put(name.path, str(name.tag), BODY)
    with client() as registry:
        assert concurrently(registry.digest, names) == [digest_of(BODY)] * 200
        assert concurrently(registry.digest, names) == [digest_of(BODY)] * 200
    assert fake.count("", "/manifests/") == 200
    assert fake.count() == 201  # and one for /v2/


def test_the_same_reference_from_many_threads(fake: FakeRegistry) -> None:
    fake.fault("HEAD", silence=0.1)
    with client() as registry:
        assert concurrently(registry.digest, [ref(fake)] * 50) == [digest_of(BODY)] * 50
    assert fake.count("HEAD") == 1


def test_all_that_fails_is_told_once(fake: FakeRegistry) -> None:
    names = [ref(fake, name) for name in ("gone:1", f"{PYTHON}:3.11-slim", f"{PYTHON}:gone", "gone:1")]
    with client() as registry, pytest.raises(RegistryError) as raised:
        concurrently(registry.manifest, names)
    assert [found.what.rpartition("/")[2] for found in raised.value.problems] == ["gone:1", "python:gone"]


def test_a_defect_is_not_a_problem_of_the_registry() -> None:
    with pytest.raises(ZeroDivisionError):
        concurrently(lambda number: 1 // number, range(3))
    assert concurrently(str, []) == []


def test_ctrl_c_does_not_wait_for_threads() -> None:
    """The caller's thread is never inside a request, and leaves at once; the others take no further item."""
    begun, end, seen = Event(), Event(), []

    def work(number: int) -> None:
        seen.append(number)
        if number == 0:
            raise KeyboardInterrupt
        begun.set()
        end.wait(30)

    with pytest.raises(KeyboardInterrupt):
        concurrently(work, range(100), workers=2)
    assert not end.is_set()
    end.set()
    assert len(seen) <= 3


def test_a_redirect_loses_the_password_at_another_host(fake: FakeRegistry) -> None:
    digest = digest_of(BODY)
    with FakeRegistry(auth="basic", users={"me": "secret"}) as first:
        first.put(PYTHON, "1", BODY)
        pair = base64.b64encode(b"me:secret").decode()
        credentials = Credentials({"auths": {host: {"auth": pair} for host in (first.host, fake.host)}})
        there = f"{fake.url}/v2/{PYTHON}/manifests/3.11-slim"
        first.fault("/manifests/1", status=307, headers={"Location": there}, times=2)
        with client(credentials) as registry:
            assert registry.manifest(ref(first, f"{PYTHON}:1")).digest == digest
        assert "Authorization" not in fake.requests[-1].headers
        assert "Authorization" in first.requests[-1].headers

        first.fault("/manifests/2", status=302, headers={"Location": "1"})
        with client(credentials) as registry:
            assert registry.digest(ref(first, f"{PYTHON}:2")) == digest_of(BODY)
            assert "Authorization" in first.requests[-1].headers


@pytest.mark.parametrize("location", ["ftp://h/x", "http://["])
def test_redirects_to_nowhere(fake: FakeRegistry, location: str) -> None:
    fake.fault("/manifests/", status=302, headers={"Location": location})
    with client() as registry:
        assert problem(registry.digest, ref(fake)).next


def test_redirects_in_circles(fake: FakeRegistry) -> None:
    fake.fault("/manifests/", status=302, headers={"Location": "3.11-slim"}, times=99)
    with client() as registry:
        assert "leads in circles" in problem(registry.digest, ref(fake)).what
    assert fake.count("HEAD") == 6


def test_a_server_that_speaks_no_tls(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a name that is not this machine's own, TLS is expected unless it is said otherwise."""
    monkeypatch.setattr("bakegen.registry.tls.is_loopback", lambda _: False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    with client() as registry:
        found = problem(registry.digest, ref(fake))
        assert found.what == f"{fake.host} does not speak TLS"
        assert "plain_http" in found.next
    with client(plain_http=[fake.host]) as registry:
        assert registry.digest(ref(fake)) == digest_of(BODY)


def test_the_proxy_of_the_environment(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for plain HTTP gets the whole address; here it is the registry itself that stands in for one."""
    monkeypatch.setenv("http_proxy", f"http://us%40er:word@{fake.host}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with client(plain_http=["reg.example"]) as registry:
        registry.digest(ImageRef.parse("reg.example/a:1"))
        assert registry.digest(ref(fake)) == digest_of(BODY)
    proxied, _, direct, _ = [*fake.requests]
    assert proxied.path == "http://reg.example/v2/"
    pair = base64.b64encode(b"us@er:word").decode()
    assert proxied.headers["Proxy-Authorization"] == f"Basic {pair}"
    assert "Proxy-Authorization" not in direct.headers


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://reg.example/v2/", False),
        ("https://a.reg.example:5000/v2/", False),
        ("https://reg.example.org/v2/", True),
        ("https://10.9.8.7:5000/v2/", False),
        ("https://11.9.8.7/v2/", True),
        ("https://[fd00::1]:5000/v2/", False),
        ("https://localhost:5000/v2/", False),
        ("https://127.1.2.3/v2/", False),
        ("http://reg.example.org/v2/", False),
    ],
)
def test_what_goes_through_the_proxy(url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "10.0.0.0/8, reg.example,fd00::/8")
    assert proxy_for(url) == ("http://proxy.example:3128" if proxied else None)


def test_a_proxy_that_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", "socks5://me:secret@127.0.0.1:1")
    with client() as registry:
        assert problem(registry.digest, ImageRef.parse("reg.example/a")).what.endswith("used: socks5://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://me:secret@127.0.0.1:1")
    with client() as registry:
        found = problem(registry.digest, ImageRef.parse("reg.example/a"))
        assert (found.what, found.why) == ("the proxy to reg.example does not answer", "connection refused")


def test_files_of_docker_for_a_host_that_are_damaged(tmp_path: Path) -> None:
    directory = tmp_path / "reg.example"
    directory.mkdir()
    (directory / "client.cert").write_text("nothing")
    with client(certs=tmp_path) as registry:
        found = problem(registry.digest, ImageRef.parse("reg.example/a"))
    assert str(found.where) == str(directory / "client.cert")


def test_closing_leaves_no_connection(fake: FakeRegistry) -> None:
    with client() as registry:
        registry.digest(ref(fake))
    with client() as registry:
        thread = Thread(target=registry.digest, args=(ref(fake),))
        thread.start()
        thread.join()
        registry.close()
        assert registry.tags(ref(fake)) == ("3.11-slim",)
