"""What registries send, read without a registry: indexes, platforms, challenges, Retry-After."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.errors import RegistryError
from bakegen.registry.auth import Challenge, challenges
from bakegen.registry.manifests import (
    Manifest,
    config_digest,
    digest_of,
    platform_of,
    platforms,
    printable,
    read,
)
from bakegen.registry.patience import retry_after
from tests.registries import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, image, index


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
@pytest.mark.parametrize("attestations", [False, True])
def test_platforms_of_an_index(kind: str, attestations: bool) -> None:
    images = {"linux/amd64": b"1", "linux/arm64": b"2", "linux/arm/v6": b"3"}
    body = index(images, kind, attestations=attestations)
    manifest = read(body, f"{kind}; charset=utf-8", "r/n:t")
    assert manifest == Manifest(digest_of(body), kind, body)
    assert manifest.is_index
    assert platforms(manifest) == {platform: digest_of(data) for platform, data in images.items()}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/v5", "linux/arm/v5"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("Windows/AMD64", "windows/amd64"),
        ("linux/s390x", "linux/s390x"),
    ],
)
def test_platforms_are_named_as_containerd_does(written: str, meant: str) -> None:
    body = index({written: b"x"})
    assert platforms(read(body, OCI_INDEX, "n")) == {meant: digest_of(b"x")}


def test_the_first_of_several_images_for_one_platform() -> None:
    body = index({"windows/amd64": b"2022", "windows/AMD64": b"2019"})
    assert platforms(read(body, OCI_INDEX, "n")) == {"windows/amd64": digest_of(b"2022")}


@pytest.mark.parametrize("kind", [OCI_IMAGE, DOCKER_IMAGE])
def test_a_single_image(kind: str) -> None:
    manifest = read(image(b"config", kind), kind, "n")
    assert not manifest.is_index
    assert platforms(manifest) == {}
    assert config_digest(manifest) == digest_of(b"config")


def test_platform_of_a_config() -> None:
    assert platform_of({"os": "linux", "architecture": "arm64", "variant": "v8", "config": {}}) == "linux/arm64"
    assert platform_of({"architecture": "arm64"}) == ""


@pytest.mark.parametrize("header", ["", "application/json", "text/plain"])
def test_the_body_tells_its_type_where_the_header_does_not(header: str) -> None:
    assert read(index({}), header, "n").media_type == OCI_INDEX


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>log in</html>", "text/html"),
        (b"", OCI_INDEX),
        (b"[]", OCI_INDEX),
        (b"{}", OCI_INDEX),
        (b"{}", OCI_IMAGE),
        (b"{}", "application/json"),
        (b'{"manifests": []', OCI_INDEX),
        (b"[" * 100_000, OCI_INDEX),
        (b'{"mediaType": 7}', ""),
        (b"\xff", OCI_IMAGE),
    ],
)
def test_what_is_no_manifest(body: bytes, kind: str) -> None:
    with pytest.raises(RegistryError, match="for r/n:t is not an image"):
        read(body, kind, "r/n:t")


@pytest.mark.parametrize("kind", ["json", "prettyjws"])
def test_schema_1_is_refused(kind: str) -> None:
    with pytest.raises(RegistryError, match="schema 1, which docker no longer pulls"):
        read(b"{}", f"application/vnd.docker.distribution.manifest.v1+{kind}", "old/one")


@pytest.mark.parametrize(
    "document",
    [
        {"manifests": [{}]},
        {"manifests": ["x"]},
        {"manifests": [{"digest": "sha256:1"}]},
        {"manifests": {}},
        {"manifests": [], "layers": []},
    ],
)
def test_damaged_indexes(document: object) -> None:
    with pytest.raises(RegistryError, match="is not an image"):
        platforms(Manifest("sha256:0", OCI_INDEX, json.dumps(document).encode()))


def test_what_has_neither_platforms_nor_a_config() -> None:
    with pytest.raises(RegistryError, match="of the type text/html"):
        platforms(Manifest("sha256:0", "text/html", b""))
    with pytest.raises(RegistryError, match="its config has no digest"):
        config_digest(Manifest("sha256:0", OCI_IMAGE, b'{"config": {}}'))


@given(st.binary(max_size=200), st.sampled_from([OCI_INDEX, OCI_IMAGE, "", "text/html"]))
def test_any_bytes_are_read_or_refused(body: bytes, kind: str) -> None:
    with suppress(RegistryError):
        platforms(read(body, kind, "n"))


@given(st.text())
def test_what_a_registry_says_is_one_line(text: str) -> None:
    shown = printable(text, 20)
    assert len(shown) <= 23
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://a.b/t",service="s",scope="repository:x:pull,push"',
            [Challenge("bearer", {"realm": "https://a.b/t", "service": "s", "scope": "repository:x:pull,push"})],
        ),
        ('Basic realm="a, \\"b\\""', [Challenge("basic", {"realm": 'a, "b"'})]),
        (
            'Basic realm="r", Bearer realm=http://t,Service = s',
            [Challenge("basic", {"realm": "r"}), Challenge("bearer", {"realm": "http://t", "service": "s"})],
        ),
        ("Negotiate", [Challenge("negotiate")]),
        ("Negotiate, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        ("", []),
    ],
)
def test_challenges(header: str, expected: list[Challenge]) -> None:
    assert list(challenges(header)) == expected


@given(st.text())
def test_any_challenge_is_read(header: str) -> None:
    assert all(challenge.scheme for challenge in challenges(header))


def test_retry_after() -> None:
    assert retry_after(None) is retry_after("") is retry_after("soon") is retry_after("-1") is None
    assert retry_after("7") == 7
    assert retry_after(" 0.5 ") == 0.5
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert later is not None
    assert 90 < later <= 100
