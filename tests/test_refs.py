"""References: parsed once, printed back the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.refs import ImageRef, parse_platform

_COMPONENT = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True)
_DOMAIN = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,5}[A-Za-z0-9])?(\.[a-z]{1,5})?(:[0-9]{1,5})?", fullmatch=True)
_TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_DIGEST = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
_NAME = st.builds(
    lambda domain, parts: "/".join([*domain, *parts]),
    st.lists(_DOMAIN, max_size=1),
    st.lists(_COMPONENT, min_size=1, max_size=3),
)


@given(_NAME, st.none() | _TAG, st.none() | _DIGEST)
def test_round_trip(name: str, tag: str | None, digest: str | None) -> None:
    text = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    assert str(ImageRef.parse(text)) == text
    assert ImageRef.parse(text).digest == digest


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_value_error(text: str) -> None:
    try:
        assert str(ImageRef.parse(text)) == text
    except ValueError as error:
        assert "is not an image reference" in str(error)  # noqa: PT017 - either outcome is right, each is checked


@pytest.mark.parametrize(
    ("text", "name", "tag", "repository", "context"),
    [
        ("python", "python", None, "python", "python"),
        ("python:latest", "python", "latest", "python", "python"),
        ("python:3.11-slim", "python", "3.11-slim", "python", "python:3.11-slim"),
        ("docker.io/library/python:3.11", "docker.io/library/python", "3.11", "python", "python:3.11"),
        ("nvidia/cuda:12", "nvidia/cuda", "12", "cuda", "nvidia/cuda:12"),
        ("localhost:5000/x", "localhost:5000/x", None, "x", "localhost:5000/x"),
        ("[::1]:5000/x:y", "[::1]:5000/x", "y", "x", "[::1]:5000/x:y"),
        ("a__b/c-d.e_f", "a__b/c-d.e_f", None, "c-d.e_f", "a__b/c-d.e_f"),
    ],
)
def test_parts(text: str, name: str, tag: str | None, repository: str, context: str) -> None:
    ref = ImageRef.parse(text)
    assert (ref.name, ref.tag, ref.repository, ref.context_name) == (name, tag, repository, context)


def test_context_name_keeps_latest_beside_a_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    assert ImageRef.parse(f"python:latest@{digest}").context_name == f"python:latest@{digest}"
    assert ImageRef.parse(f"python@{digest}").context_name == f"python@{digest}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("a b", "white space"),
        ("python\n", "white space"),
        ("Python", "lower case"),
        ("a@sha256:12", "64 hex digits"),
        ("a:", ""),
        ("a:b:c", ""),
        ("/a", ""),
        ("a//b", ""),
        ("a:-b", ""),
        ("a_-b", ""),
        (f"a:{'t' * 129}", ""),
        ("https://a/b", ""),
        ("é", ""),
    ],
)
def test_what_is_no_reference(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference") as caught:
        ImageRef.parse(text)
    assert reason in str(caught.value)


def test_a_name_that_is_too_long() -> None:
    assert str(ImageRef.parse("a" * 255))
    with pytest.raises(ValueError, match="at most 255"):
        ImageRef.parse("a" * 256)


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm64/v8", "windows/amd64", "linux/riscv64"])
def test_platforms(text: str) -> None:
    assert parse_platform(text) == text


@pytest.mark.parametrize(
    "text", ["", "amd64", "linux/", "linux/amd64/", "Linux/amd64", "linux/amd64,linux/arm64", "a/b/c/d"]
)
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(ValueError, match="is not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("text", "registry", "path", "canonical"),
    [
        ("python", "docker.io", "library/python", "docker.io/library/python:latest"),
        ("python:3.11-slim", "docker.io", "library/python", "docker.io/library/python:3.11-slim"),
        ("library/python", "docker.io", "library/python", "docker.io/library/python:latest"),
        ("index.docker.io/library/python:3", "docker.io", "library/python", "docker.io/library/python:3"),
        ("library/a/b:1", "docker.io", "library/a/b", "docker.io/library/a/b:1"),
        ("docker.io/python", "docker.io", "library/python", "docker.io/library/python:latest"),
        ("nvidia/cuda:12", "docker.io", "nvidia/cuda", "docker.io/nvidia/cuda:12"),
        ("localhost/x:1", "localhost", "x", "localhost/x:1"),
        ("reg:5000/a/b:1", "reg:5000", "a/b", "reg:5000/a/b:1"),
        ("quay.io/a", "quay.io", "a", "quay.io/a:latest"),
        (f"a/b@sha256:{'0' * 64}", "docker.io", "a/b", f"docker.io/a/b@sha256:{'0' * 64}"),
    ],
)
def test_where_an_image_is(text: str, registry: str, path: str, canonical: str) -> None:
    ref = ImageRef.parse(text)
    assert (ref.registry, ref.path, str(ref.canonical)) == (registry, path, canonical)
