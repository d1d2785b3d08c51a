"""Hand-written Dockerfiles: found, redirected, edited in place; generated ones that an update bot has edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakegen.errors import ManifestError
from bakegen.files import unified_diff
from bakegen.lock import read
from bakegen.locking.wanted import wanted
from bakegen.project import load
from bakegen.render.bake import contexts
from tests.locks import Client, day, image_bytes
from tests.registries import FakeRegistry, digest_of
from tests.support import write_project

DOCKERFILE = """\
# syntax=docker/dockerfile:1.7
# what a team wrote by hand\r
ARG BASE="python:3.11-slim"
ARG OUTSIDE
FROM ${BASE} AS build
RUN --mount=type=bind,from=busybox:1.36,target=/b \\
    # a comment inside
    true
FROM --platform=$TARGETPLATFORM ghcr.io/example/f/base:latest
COPY --from=build /x /x
COPY --from=docker.io/library/alpine:3.20 /y /y
"""
IMAGES = {
    "hub/docker/dockerfile": "1.7",
    "hub/library/python": "3.11-slim",
    "hub/library/busybox": "1.36",
    "hub/library/alpine": "3.20",
}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as made:
        for name, tag in IMAGES.items():
            made.put(name, tag, image_bytes(name))
        yield made


@pytest.fixture
def client(registry: FakeRegistry, tmp_path: Path) -> Client:
    manifest = f"""
    version: 1
    family: f
    registry: ghcr.io/example/f
    registries: {{docker.io: {{mirror: {registry.host}/hub}}}}
    bases: {{python: "python:3.11-slim"}}
    images:
      base: {{from: python, run: "true"}}
      legacy: {{from: base, dockerfile: legacy/Dockerfile, context: legacy}}
      after: {{from: legacy, run: "true"}}
    """
    root = write_project(tmp_path, manifest)
    (root / "legacy").mkdir()
    (root / "legacy/Dockerfile").write_bytes(DOCKERFILE.encode())
    return Client(root, registry)


def digest(name: str, word: str = "") -> str:
    return digest_of(image_bytes(word or name))


def test_what_is_wanted(client: Client) -> None:
    found = wanted(load(client.root).plan())
    assert {name: want.images for name, want in found.items()} == {
        "busybox:1.36": ("legacy", "after"),
        "docker.io/library/alpine:3.20": ("legacy", "after"),
        "docker/dockerfile:1.7": ("legacy", "after"),
        "python:3.11-slim": ("base", "legacy", "after"),
    }
    assert [str(place) for place in found["busybox:1.36"].places] == ["legacy/Dockerfile:6:28"]
    assert [str(place) for place in found["python:3.11-slim"].places] == ["legacy/Dockerfile:5:6"]


def test_hand_written_references_are_redirected_by_the_bake_file(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    hub = f"{registry.host}/hub"
    image = load(client.root).plan()["legacy"]
    assert contexts(image) == {
        "alpine:3.20": f"docker-image://{hub}/library/alpine:3.20@{digest('hub/library/alpine')}",
        "busybox:1.36": f"docker-image://{hub}/library/busybox:1.36@{digest('hub/library/busybox')}",
        "python:3.11-slim": f"docker-image://{hub}/library/python:3.11-slim@{digest('hub/library/python')}",
        "base": "target:base",
        "ghcr.io/example/f/base": "target:base",
    }
    assert dict(image.args)["BUILDKIT_SYNTAX"] == f"{hub}/docker/dockerfile:1.7@{digest('hub/docker/dockerfile')}"
    assert (client.root / "legacy/Dockerfile").read_bytes() == DOCKERFILE.encode()


def test_an_argument_of_the_manifest_counts(client: Client) -> None:
    path = client.root / "bakegen.yaml"
    path.write_text(path.read_text().replace("context: legacy}", 'context: legacy, args: {BASE: "busybox:1.36"}}'))
    found = wanted(load(client.root).plan())
    assert found["python:3.11-slim"].images == ("base", "legacy", "after")
    assert [str(place) for place in found["busybox:1.36"].places] == ["legacy/Dockerfile:5:6", "legacy/Dockerfile:6:28"]


def test_in_place(client: Client) -> None:
    result = client.ask(in_place=True)
    assert [change.path for change in result.changes] == ["bakegen.lock", "legacy/Dockerfile"]
    text = (client.root / "legacy/Dockerfile").read_bytes().decode()
    expected = DOCKERFILE
    for ref, name in (
        ("docker/dockerfile:1.7", "hub/docker/dockerfile"),
        ("python:3.11-slim", "hub/library/python"),
        ("busybox:1.36", "hub/library/busybox"),
        ("docker.io/library/alpine:3.20", "hub/library/alpine"),
    ):
        expected = expected.replace(ref, f"{ref}@{digest(name)}")
    assert text == expected
    pins = read(client.text.encode(), "").pins
    assert f"busybox:1.36@{digest('hub/library/busybox')}" in pins
    assert "busybox:1.36" not in pins
    assert "python:3.11-slim" in pins
    assert client.ask(day(1)).changes == ()


def test_in_place_moves_what_is_written_there(client: Client, registry: FakeRegistry) -> None:
    client.ask(in_place=True)
    registry.put("hub/library/busybox", "1.36", image_bytes("busybox two"))
    one, two = digest("hub/library/busybox"), digest("busybox two")
    before = (client.root / "legacy/Dockerfile").read_text()
    assert client.states(day(1), upgrade=True)[f"busybox:1.36@{one}"] == "by hand"
    result = client.ask(day(2), upgrade=True, in_place=True)
    assert (client.root / "legacy/Dockerfile").read_text() == before.replace(one, two)
    assert "+RUN --mount=type=bind,from=busybox:1.36@" in unified_diff(result.changes[1])
    assert f"busybox:1.36@{two}" in read(client.text.encode(), "").pins
    assert f"busybox:1.36@{one}" not in read(client.text.encode(), "").pins


def test_in_place_leaves_what_comes_from_elsewhere(client: Client) -> None:
    path = client.root / "bakegen.yaml"
    path.write_text(path.read_text().replace("context: legacy}", 'context: legacy, args: {BASE: "busybox:1.36"}}'))
    result = client.ask(in_place=True)
    assert [str(place) for place in result.left] == ["legacy/Dockerfile:5:6"]
    text = (client.root / "legacy/Dockerfile").read_text()
    assert 'ARG BASE="python:3.11-slim"' in text
    assert "busybox:1.36" in read(client.text.encode(), "").pins
    assert contexts(load(client.root).plan()["legacy"])["busybox:1.36"].startswith("docker-image://")


@pytest.mark.parametrize("text", [DOCKERFILE.replace("a team", "an équipe").encode("latin-1"), b"FROM a AS\n"])
def test_pins_of_a_file_that_cannot_be_read_are_not_dropped(client: Client, text: bytes) -> None:
    client.ask()
    before = client.text
    (client.root / "legacy/Dockerfile").write_bytes(text)
    for asked in ({}, {"upgrade": True}, {"in_place": True}):
        with pytest.raises(ManifestError, match=r"legacy/Dockerfile:1:\d+: what this Dockerfile names cannot be read"):
            client.ask(day(1), **asked)
    assert client.text == before
    with pytest.raises(ManifestError, match="cannot be looked up in the lock"):
        load(client.root).plan()


def test_a_stage_that_has_the_name_of_its_image(client: Client) -> None:
    """BuildKit would take the named context in the stage's place, and not run the stage."""
    path = client.root / "legacy/Dockerfile"
    path.write_text("FROM busybox:1.36 AS busybox\nFROM alpine:3.20\n")
    client.ask()
    path.write_text("FROM docker.io/library/python:3.11-slim AS build\nFROM alpine:3.20\n")
    client.ask()
    client.registry.put("hub/library/busybox", "latest", image_bytes("latest"))
    path.write_text("FROM busybox AS BusyBox\nRUN true\nFROM alpine:3.20\n")
    with pytest.raises(ManifestError, match=r"legacy/Dockerfile:1: busybox cannot be led to its digest"):
        client.ask()
    client.ask(in_place=True)
    assert path.read_text().startswith("FROM busybox:latest@sha256:")
    load(client.root).plan()  # whose digest now sets it apart from the stage


def test_a_stage_that_hides_the_parent(client: Client) -> None:
    path = client.root / "legacy/Dockerfile"
    path.write_text("FROM base AS base\nRUN true\n")
    client.ask()
    assert "base" not in contexts(load(client.root).plan()["legacy"])
    manifest = client.root / "bakegen.yaml"
    manifest.write_text(manifest.read_text().replace("registry: ghcr.io/example/f\n", ""))
    with pytest.raises(ManifestError, match="has a stage with the name of base:latest, which it is built from"):
        load(client.root).plan()


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux", "linux/amd64"), ("amd64", "linux/amd64"), ("linux/arm64/v8", "linux/arm64"), ("local", "linux/amd64")],
)
def test_a_platform_of_from(client: Client, platform: str, expected: str) -> None:
    (client.root / "legacy/Dockerfile").write_text(f"FROM --platform={platform} alpine:3.20\n")
    assert wanted(load(client.root).plan())["alpine:3.20"].platforms == (expected,)


def test_links_stay_links(client: Client) -> None:
    shared = client.root / "shared.Dockerfile"
    (client.root / "legacy/Dockerfile").replace(shared)
    (client.root / "legacy/Dockerfile").symlink_to("../shared.Dockerfile")
    result = client.ask(in_place=True)
    assert [change.path for change in result.changes] == ["bakegen.lock", "shared.Dockerfile"]
    assert (client.root / "legacy/Dockerfile").is_symlink()
    assert "@sha256:" in shared.read_text()
    (client.root / "bakegen.lock").replace(client.root / "elsewhere.lock")
    (client.root / "bakegen.lock").symlink_to("elsewhere.lock")
    client.registry.put("hub/library/python", "3.11-slim", image_bytes("python two"))
    client.ask(day(1), upgrade=True)
    assert (client.root / "bakegen.lock").is_symlink()
    assert digest_of(image_bytes("python two")) in client.text


def test_a_bot_whose_edit_is_more_than_a_digest(client: Client) -> None:
    client.ask()
    load(client.root).write()
    path = client.root / "docker/base/Dockerfile"
    path.write_text("FROM scratch\nFROM x\n" + path.read_text())
    with pytest.raises(ManifestError, match="differs from what bakegen renders in more than tags and digests"):
        client.ask(from_dockerfiles=True)


def test_what_cannot_be_told_is_noted_and_not_locked(client: Client) -> None:
    path = client.root / "legacy/Dockerfile"
    path.write_text("ARG OUTSIDE\nFROM ${OUTSIDE}\n")
    (unclear,) = load(client.root).plan()["legacy"].unclear
    assert (unclear.line, unclear.column) == (2, 6)
    assert "OUTSIDE" in unclear.why
    assert client.states() == {"python:3.11-slim": "locked"}


def test_a_digest_that_a_bot_wrote_is_taken_over(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    one, two = digest("hub/library/python"), registry.put("hub/library/python", "3.11-slim", image_bytes("python two"))
    path = client.root / "docker/base/Dockerfile"
    path.write_text(path.read_text().replace(one, two))
    assert client.states(day(4), from_dockerfiles=True)["python:3.11-slim"] == "moved"
    pin = read(client.text.encode(), "").pins["python:3.11-slim"]
    assert (pin.digest, pin.previous, pin.first_seen) == (two, one, day(4))
    assert not [change for change in load(client.root).changes() if change.path == "docker/base/Dockerfile"]


def test_a_tag_that_a_bot_wrote_needs_the_manifest(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    registry.put("hub/library/python", "3.12-slim", image_bytes("python two"))
    path = client.root / "docker/base/Dockerfile"
    text = path.read_text().replace(digest("hub/library/python"), digest("python two"))
    path.write_text(text.replace("3.11-slim", "3.12-slim"))
    before = client.text
    with pytest.raises(ManifestError, match=r"docker/base/Dockerfile:3:6: .*3.12-slim is not a tag"):
        client.ask(day(1), from_dockerfiles=True)
    assert client.text == before
    path.write_text(text.replace(f"@{digest('python two')}", ""))
    with pytest.raises(ManifestError, match="has no digest"):
        client.ask(day(1), from_dockerfiles=True)


def test_a_bot_that_contradicts_itself(client: Client, registry: FakeRegistry) -> None:
    path = client.root / "bakegen.yaml"
    path.write_text(path.read_text() + '      second: {from: python, run: "true"}\n'.replace("      ", "  "))
    client.ask()
    load(client.root).write()
    for name in ("base", "second"):
        registry.put("hub/library/python", "3.11-slim", image_bytes(name))
        file = client.root / f"docker/{name}/Dockerfile"
        file.write_text(file.read_text().replace(digest("hub/library/python"), digest(name)))
    with pytest.raises(ManifestError, match=r"name 2 new references for python:3\.11-slim"):
        client.ask(from_dockerfiles=True)


def test_a_bot_that_updates_hand_written_files_too(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    two = registry.put("hub/library/python", "3.11-slim", image_bytes("python two"))
    client.ask(day(1), upgrade=True, min_age=30)
    generated, legacy = client.root / "docker/base/Dockerfile", client.root / "legacy/Dockerfile"
    generated.write_text(generated.read_text().replace(digest("hub/library/python"), two))
    legacy.write_text(legacy.read_text().replace("busybox:1.36", f"busybox:1.36@{digest('hub/library/busybox')}"))
    states = client.states(day(4), from_dockerfiles=True)
    assert states["python:3.11-slim"] == "moved"
    assert states[f"busybox:1.36@{digest('hub/library/busybox')}"] == "locked"
    assert states["busybox:1.36"] == "dropped"
    pin = read(client.text.encode(), "").pins["python:3.11-slim"]
    assert (pin.first_seen, pin.waiting) == (day(1), ())


def test_a_tag_that_is_none_is_told_once(tmp_path: Path) -> None:
    manifest = "version: 1\nfamily: f\nregistry: Bad Reg:1\nimages: {a: {dockerfile: D}}\n"
    root = write_project(tmp_path, manifest, {"D": "FROM scratch\n"})
    with pytest.raises(ManifestError, match="not a registry"):
        load(root).plan()
