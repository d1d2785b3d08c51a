"""bakegen.lock as a value: what is written is read back, and whatever else stands there is one clear error."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.errors import ManifestError
from bakegen.lock import Lock, Pin, Seen, read, write
from bakegen.refs import ImageRef

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
HEAD = "version: 1\nreferences:\n  python:3.11:\n    resolved: docker.io/library/python:3.11\n"
PIN = f"{HEAD}    digest: {A}\n    first_seen: 2026-11-23T09:30:00Z\n"

digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
times = st.integers(0, 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
platforms = st.dictionaries(st.from_regex(r"[a-z0-9]{1,5}/[a-z0-9_]{1,5}(/[a-z0-9_.]{1,3})?", fullmatch=True), digests)
names = st.from_regex(
    r"(([a-z0-9]{1,6}\.[a-z]{1,3}|localhost|\[::1\]|[0-9]{1,3})(:[0-9]{1,4})?/)?[a-z0-9]{1,6}(/[a-z0-9]{1,6})?",
    fullmatch=True,
)
tags = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)


@st.composite
def pins(draw: st.DrawFn) -> tuple[str, Pin]:
    ref = ImageRef(draw(names), draw(tags), draw(st.none() | digests))

    def seen() -> dict[str, object]:
        resolved = ImageRef(ref.canonical.name, draw(tags))
        kind = draw(st.none() | st.just("application/vnd.oci.image.index.v1+json"))
        return {
            "resolved": resolved,
            "digest": draw(digests),
            "media_type": kind,
            "platforms": draw(platforms),
            "first_seen": draw(times),
        }

    waiting = tuple(Seen.model_validate(seen()) for _ in range(draw(st.integers(0, 2))))
    found = {**seen(), "previous": draw(st.none() | digests), "waiting": waiting}
    return str(ref), Pin.model_validate(found | ({"digest": ref.digest} if ref.digest else {}))


@given(st.lists(pins(), max_size=5, unique_by=lambda found: found[0]))
def test_round_trip(found: list[tuple[str, Pin]]) -> None:
    lock = Lock(dict(found))
    text = write(lock)
    assert read(text.encode(), "bakegen.lock") == lock
    assert write(read(text.encode(), "bakegen.lock")) == text
    assert write(Lock(dict(reversed(found)))) == text


def test_it_reads_like_the_manifest() -> None:
    lock = read(PIN.encode(), "bakegen.lock")
    assert str(lock.pinned(ImageRef.parse("python:3.11"))) == f"python:3.11@{A}"
    assert lock.pinned(ImageRef.parse("docker.io/library/python:3.11")) is None
    assert str(lock.places["python:3.11"]) == "bakegen.lock:3:3"
    assert read(PIN.replace("\n", "\r\n").encode("utf-8-sig"), "") == lock


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "bakegen.lock:1:1", "the file is empty"),
        ("version: 2\nreferences: {}\n", "bakegen.lock:1:10", "2 is of a newer bakegen"),
        ("version: '1'\n", "bakegen.lock:1:10", "expected 1"),
        ("references: {}\n", "bakegen.lock:1:1", "version is missing"),
        ("version: 1\nreference: {}\n", "bakegen.lock:2:1", "did you mean references?"),
        (f"<<<<<<< ours\n{PIN}=======\n>>>>>>> theirs\n", "bakegen.lock:1:1", "merge conflict"),
        (PIN.replace(A, "sha256:abc"), "bakegen.lock:5:13", "is not a digest"),
        (PIN.replace(A, A.upper()), "bakegen.lock:5:13", "is not a digest"),
        (PIN.replace("2026-11-23T09:30:00Z", "2026-11-23"), "bakegen.lock:6:17", "is not a time"),
        (PIN.replace("2026-11-23T09:30:00Z", "12"), "bakegen.lock:6:17", "first_seen"),
        (PIN.replace("  python:3.11:", "  Python:3.11:"), "bakegen.lock:3:3", "is not an image reference"),
        (PIN.replace("library/python:3.11\n", "library/debian:3.11\n"), "bakegen.lock:4:5", "another repository"),
        (PIN.replace("  python:3.11:", f"  python:3.11@{B}:"), "bakegen.lock:4:5", "another digest"),
        (PIN + f"    digest: {A}\n", "bakegen.lock:7:5", "digest"),
        (PIN + "    previously: x\n", "bakegen.lock:7:5", "did you mean previous?"),
        (PIN.replace("  python", "\tpython"), "bakegen.lock:3:1", ""),
    ],
)
def test_what_is_not_a_lock(text: str, place: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(text.encode(), "bakegen.lock")
    assert str(caught.value.problems[0]).startswith(f"{place}: ")
    assert words in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_an_error(data: bytes) -> None:
    with suppress(ManifestError):
        read(data, "bakegen.lock")
