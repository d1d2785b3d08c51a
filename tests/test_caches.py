"""Which mounts a family has, which a command line means, what a prune would take, which archives are refused."""

from __future__ import annotations

import io
import posixpath
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.caches.archive import BadArchive, Entry, Judge, Manifest, numbered, parse_manifest, read
from bakegen.caches.choose import DAY, Choice, check, to_prune
from bakegen.caches.family import Held
from bakegen.dockerfile.caches import UsedMount, used_mounts
from bakegen.dockerfile.parser import parse
from bakegen.engine.du import CacheMountUsage
from bakegen.engine.prune import prune_argv
from bakegen.errors import UsageError

NOW = 1_800_000_000.0
MANIFEST = Manifest("f", "linux/amd64", NOW, (Entry("000", UsedMount("uv", "/root/.cache/uv"), 7, ("a",)),))


def test_mounts_of_a_hand_written_dockerfile() -> None:
    text = (
        "FROM a AS x\nARG TARGETARCH V=1\nENV W=w\n"
        "RUN --mount=type=cache,id=p-$TARGETARCH-${V}-$W,target=/p,sharing=locked,uid=5 true\n"
        "RUN --mount=type=cache,target=/q/ --mount=type=bind,target=/r true\n"
        "FROM b\nRUN --mount=type=cache,id=p-$V,target=/p true\n"
    )
    assert used_mounts(parse(text), {"V": "2"}, "linux/arm64") == (
        UsedMount("p-arm64-2-w", "/p", "locked", "5"),
        UsedMount("/q", "/q/"),
    ), "V is not declared in the second stage, so its id cannot be told"


@pytest.mark.parametrize(("given", "name"), [({}, "2-3-amd64"), ({"X": "9"}, "9-3-amd64")])
def test_an_argument_of_a_stage_has_its_own_default(given: dict[str, str], name: str) -> None:
    text = "ARG X=1\nARG Y=3\nFROM a\nARG X=2\nARG Y TARGETARCH\n"
    run = "RUN --mount=type=cache,id=$X-$Y-$TARGETARCH,target=/c true\n"
    assert used_mounts(parse(text + run), given) == (UsedMount(name, "/c"),)


def entry(name: str, idle: float, *images: str) -> Held:
    record = CacheMountUsage(name, 10, NOW - idle * DAY, NOW - 99 * DAY, "", name * 10)
    return Held(name, ("/m",), images, (record,))


@pytest.mark.parametrize(
    ("choice", "going"),
    [
        (Choice(everything=True), ["a", "b", "c"]),
        (Choice(ids=("b",)), ["b"]),
        (Choice(images=("i",)), ["a", "b"]),
        (Choice(unused=5), ["b", "c"]),
        (Choice(images=("i",), unused=5), ["b"]),
        (Choice(ids=("[ac]",)), ["a", "c"]),
    ],
)
def test_what_a_prune_takes(choice: Choice, going: list[str]) -> None:
    entries = [entry("a", 1, "i"), entry("b", 9, "i", "j"), entry("c", 9, "j"), Held("absent", (), ("i",))]
    assert [found.id for found in to_prune(entries, choice, NOW)] == going


def test_a_prune_says_what_it_lacks() -> None:
    for choice in (Choice(), Choice(everything=True, unused=3)):
        with pytest.raises(UsageError):
            check(choice)
    with pytest.raises(UsageError, match="uv"):
        to_prune([entry("a", 1)], Choice(ids=("uv",)), NOW)


@given(st.lists(st.text(max_size=30), max_size=3))
def test_only_ids_of_records_reach_a_prune(names: list[str]) -> None:
    if not names or not all(name.isascii() and name.isalnum() and name.islower() for name in names):
        with pytest.raises(ValueError, match="not ids"):
            prune_argv(("docker",), names)


def archive(*members: tarfile.TarInfo) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        text = MANIFEST.to_json().encode()
        head = tarfile.TarInfo("manifest.json")
        head.size = len(text)
        tar.addfile(head, io.BytesIO(text))
        for member in members:
            tar.addfile(member)
    buffer.seek(0)
    return buffer


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def test_a_sound_archive_is_read_and_a_manifest_round_trips() -> None:
    sound = (
        member("mounts", tarfile.DIRTYPE),
        member("mounts/000", tarfile.DIRTYPE),
        member("mounts/000/f"),
        member("mounts/000/h", tarfile.LNKTYPE, "mounts/000/f"),
        member("mounts/000/s", tarfile.SYMTYPE, "/root/.cache/uv/f"),
        member("mounts/000/d/t", tarfile.SYMTYPE, "../f"),
    )
    assert read(archive(*sound)) == MANIFEST
    assert parse_manifest(MANIFEST.to_json().encode()) == MANIFEST


@pytest.mark.parametrize(
    "bad",
    [
        [member("/etc/passwd")],
        [member("mounts/000/../../etc/passwd")],
        [member("mounts/001/f")],
        [member("etc/passwd")],
        [member("mounts/000")],
        [member("mounts/000/dev", tarfile.CHRTYPE)],
        [member("mounts/000/pipe", tarfile.FIFOTYPE)],
        [member("mounts/000/s", tarfile.SYMTYPE, "/etc/passwd")],
        [member("mounts/000/s", tarfile.SYMTYPE, "../../../../etc")],
        [member("mounts/000/h", tarfile.LNKTYPE, "etc/passwd")],
        [member("mounts/000/s", tarfile.SYMTYPE, "d"), member("mounts/000/s/f")],
        [member("mounts/000/s", tarfile.SYMTYPE, "d"), member("mounts/000/s")],
    ],
)
def test_archives_that_are_refused(bad: list[tarfile.TarInfo]) -> None:
    with pytest.raises(BadArchive):
        read(archive(*bad))


@given(st.binary(max_size=2000))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadArchive):
        read(io.BytesIO(data))


@given(st.text(max_size=40) | st.from_regex(r"(mounts|000|\.\.|\.|/|a){1,8}", fullmatch=True))
def test_no_accepted_name_leaves_its_mount(name: str) -> None:
    if not Judge({"000": "/m"}).refusal(member(name)):
        assert posixpath.normpath(posixpath.join("/x", name)).startswith("/x/mounts/000/")


def test_directories_are_numbered_as_locks_are_taken() -> None:
    uses = [(UsedMount("l", "/var/lib/apt/lists"), 1, ()), (UsedMount("a", "/var/cache/apt"), 2, ())]
    assert [(found.directory, found.use.id) for found in numbered(uses)] == [("000", "a"), ("001", "l")]
