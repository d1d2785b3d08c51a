"""Pins against a registry in this process: first locks, upgrades, age, tags, platforms, mirrors, and what must not happen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bakegen.errors import FilesError, ManifestError, RegistryError, UsageError
from bakegen.lock import Lock, read
from bakegen.locking import check
from bakegen.locking.wanted import wanted
from bakegen.project import Project, load
from bakegen.refs import ImageRef
from bakegen.registry.client import Registry
from bakegen.registry.credentials import Credentials
from tests.locks import AMD64, NOW, Client, day, image_bytes
from tests.registries import FakeRegistry, digest_of, image, index
from tests.support import write_project


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as made:
        made.put("python", "3.11", image_bytes("python one"))
        made.put("cuda", "12.1.0-runtime", image_bytes("cuda one"))
        yield made


def manifest(registry: FakeRegistry, rest: str = "", images: str = "") -> str:
    return f"""
    version: 1
    family: f
    {rest}
    bases:
      python: {registry.host}/python:3.11
      cuda: {{ref: "{registry.host}/cuda:12.1.0-runtime", tags: "12.1.*-runtime", distro: ubuntu22.04}}
    images:
      base: {{from: python, run: "true"}}
      child: {{from: base, run: "true"}}
      vision: {{from: cuda, run: "true"}}
      {images}
    """


@pytest.fixture
def client(registry: FakeRegistry, tmp_path: Path) -> Client:
    return Client(write_project(tmp_path, manifest(registry)), registry)


def pins(client: Client) -> dict[str, str]:
    """Return the locked digests by reference."""
    found = read(client.text.encode(), "bakegen.lock").pins
    return {written.removeprefix(f"{client.registry.host}/"): pin.digest for written, pin in found.items()}


def problems(client: Client, *, remote: bool = False, now: datetime = NOW) -> list[str]:
    project = load(client.root)
    wants = wanted(project.with_lock(None).plan(), project.manifest.source)
    found = check.offline(project, wants)
    if remote and project.lock:
        with Registry(Credentials({})) as asked:
            found += check.remote(wants, project.lock, asked, project.family.lock, now)
    return [str(problem) for problem in found]


def forget(registry: FakeRegistry, repository: str, reference: str) -> None:
    """Delete a tag or a digest, as NVIDIA does with those of old CUDA versions."""
    del registry._manifests[repository, reference]


def test_first_lock(client: Client, registry: FakeRegistry) -> None:
    assert client.states() == {"python:3.11": "locked", "cuda:12.1.0-runtime": "locked"}
    assert registry.count(part="/manifests/") == 2
    pin = read(client.text.encode(), "bakegen.lock").pins[f"{registry.host}/python:3.11"]
    assert str(pin.resolved) == f"{registry.host}/python:3.11"
    assert pin.digest == digest_of(image_bytes("python one"))
    assert dict(pin.platforms) == {AMD64: digest_of(b"python one")}
    assert pin.first_seen == day(0)
    assert pin.previous is None
    assert pin.waiting == ()


def test_a_second_lock_asks_nobody_and_changes_nothing(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = registry.count()
    registry.put("python", "3.11", image_bytes("python two"))
    assert client.ask(day(1)).changes == ()
    assert registry.count() == before


def test_what_is_rendered_has_tag_and_digest(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    text = (client.root / "docker/base/Dockerfile").read_text()
    assert f"FROM {registry.host}/python:3.11@{digest_of(image_bytes('python one'))}\n" in text
    assert not problems(client)


def test_upgrade_moves_exactly_what_has_moved(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = client.text
    old = digest_of(image_bytes("python one"))
    new = registry.put("python", "3.11", image_bytes("python two"))
    result = client.ask(day(3), upgrade=True)
    assert {step.state for step in result.steps} == {"moved", "current"}
    changed = [line for line in client.text.splitlines() if line not in before.splitlines()]
    assert [line.split(":", 1)[0].strip() for line in changed] == ["digest", "linux/amd64", "first_seen", "previous"]
    assert f"    digest: {new}" in changed
    assert f"    previous: {old}" in changed
    cuda = client.text.partition('/python:3.11"')[0]
    assert len(cuda) > 300
    assert before.startswith(cuda)


def test_upgrade_of_one_base_leaves_the_others(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    registry.put("python", "3.11", image_bytes("python two"))
    registry.put("cuda", "12.1.0-runtime", image_bytes("cuda two"))
    assert client.states(day(1), "cuda", upgrade=True) == {"cuda:12.1.0-runtime": "moved", "python:3.11": "kept"}
    assert client.states(day(1), "*python*", upgrade=True)["python:3.11"] == "moved"
    with pytest.raises(UsageError, match="did you mean python"):
        client.ask(day(1), "pyton", upgrade=True)


def test_no_churn_when_only_other_platforms_change(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = client.text
    registry.put("python", "3.11", image_bytes("python one", "another arm"))
    assert client.states(day(1), upgrade=True)["python:3.11"] == "current"
    assert client.text == before
    load(client.root).write()
    assert not problems(client, remote=True)


def test_the_same_images_under_a_new_index_are_taken_when_the_old_one_is_deleted(
    client: Client, registry: FakeRegistry
) -> None:
    client.ask()
    old = digest_of(image_bytes("python one"))
    new = registry.put("python", "3.11", image_bytes("python one", "another arm"))
    forget(registry, "python", old)
    assert client.states(day(1), upgrade=True, min_age=30)["python:3.11"] == "moved"
    assert pins(client)["python:3.11"] == new


def test_upgrade_costs_no_pull_where_nothing_has_moved(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    client.ask(day(1), upgrade=True)
    assert registry.count("GET", "/manifests/") == 2
    assert registry.count("HEAD", "/manifests/") == 2


def test_a_digest_has_to_be_known_for_some_days(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    one, two = digest_of(image_bytes("python one")), registry.put("python", "3.11", image_bytes("python two"))
    assert client.states(day(1), upgrade=True, min_age=7)["python:3.11"] == "waiting"
    assert pins(client)["python:3.11"] == one
    assert client.states(day(7), upgrade=True, min_age=7)["python:3.11"] == "waiting"
    assert client.states(day(8), upgrade=True, min_age=7)["python:3.11"] == "moved"
    assert pins(client)["python:3.11"] == two
    assert "waiting" not in client.text


def test_a_tag_that_moves_every_day_is_followed_at_a_distance(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    seen = [digest_of(image_bytes("python one"))]
    for number in range(1, 7):
        seen.append(registry.put("python", "3.11", image_bytes(f"day {number}")))
        client.ask(day(number), upgrade=True, min_age=3)
        assert pins(client)["python:3.11"] == (seen[number - 3] if number > 3 else seen[0])
    assert client.text.count("  - resolved") == 3


def test_what_is_old_enough_but_deleted_is_not_taken(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    gone = registry.put("python", "3.11", image_bytes("withdrawn"))
    client.ask(day(1), upgrade=True, min_age=3)
    new = registry.put("python", "3.11", image_bytes("mended"))
    forget(registry, "python", gone)
    assert client.states(day(5), upgrade=True, min_age=3)["python:3.11"] == "waiting"
    assert client.states(day(8), upgrade=True, min_age=3)["python:3.11"] == "moved"
    assert pins(client)["python:3.11"] == new


def test_a_tag_that_moves_back_forgets_what_it_was(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = client.text
    registry.put("python", "3.11", image_bytes("mistake"))
    client.ask(day(1), upgrade=True, min_age=3)
    assert client.text != before
    registry.put("python", "3.11", image_bytes("python one"))
    client.ask(day(2), upgrade=True, min_age=3)
    assert client.text == before


def test_min_age_of_the_manifest(registry: FakeRegistry, tmp_path: Path) -> None:
    client = Client(write_project(tmp_path, manifest(registry, "lock: {min_age: 2}")), registry)
    client.ask()
    registry.put("python", "3.11", image_bytes("python two"))
    assert client.states(day(1), upgrade=True)["python:3.11"] == "waiting"
    assert client.states(day(2), upgrade=True, min_age=0)["python:3.11"] == "moved"


def test_newer_tags_by_pattern(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    for tag in ("12.1.1-runtime", "12.1.9-devel", "12.2.0-runtime", "12.1.2-rc1-runtime", "latest"):
        registry.put("cuda", tag, image_bytes(f"cuda {tag}"))
    assert client.states(day(1), upgrade=True)["cuda:12.1.0-runtime"] == "moved"
    pin = read(client.text.encode(), "").pins[f"{registry.host}/cuda:12.1.0-runtime"]
    assert pin.resolved.tag == "12.1.1-runtime"
    plan = load(client.root).plan()
    assert plan["vision"].from_ref == f"{registry.host}/cuda:12.1.1-runtime@{pin.digest}"
    assert client.states(day(2), upgrade=True)["cuda:12.1.0-runtime"] == "current"


def test_a_lock_to_a_tag_that_the_manifest_no_longer_takes(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    registry.put("cuda", "12.1.1-runtime", image_bytes("cuda two"))
    client.ask(day(1), upgrade=True)
    text = (client.root / "bakegen.yaml").read_text()
    (client.root / "bakegen.yaml").write_text(text.replace(', tags: "12.1.*-runtime"', ""))
    assert "is locked to the tag 12.1.1-runtime, which the manifest does not take" in problems(client)[0]
    assert client.states(day(2))["cuda:12.1.0-runtime"] == "moved"
    assert pins(client)["cuda:12.1.0-runtime"] == digest_of(image_bytes("cuda one"))


def test_a_new_version_that_the_images_cannot_stand_on_is_refused(registry: FakeRegistry, tmp_path: Path) -> None:
    text = f"""
    version: 1
    family: f
    bases: {{b: {{ref: "{registry.host}/python:3.11", tags: "3.*", distro: trixie}}}}
    images: {{a: {{from: b, python: "3.11", run: "true"}}}}
    """
    client = Client(write_project(tmp_path, text), registry)
    client.ask()
    before = client.text
    registry.put("python", "3.13", image_bytes("three thirteen"))
    with pytest.raises(ManifestError, match=r"(?s)asks for Python 3.11, but b has 3.13.*'tags' leads .* to 3.13"):
        client.ask(day(1), upgrade=True)
    assert client.text == before


def test_platforms_of_the_family(registry: FakeRegistry, tmp_path: Path) -> None:
    both = "defaults: {platforms: [linux/amd64, linux/arm64/v8]}"
    client = Client(write_project(tmp_path, manifest(registry, both)), registry)
    client.ask()
    assert client.text.count("linux/arm64:") == 2
    registry.put("python", "3.11", image_bytes("python one", "another arm"))
    assert client.states(day(1), upgrade=True)["python:3.11"] == "moved"


def test_a_platform_more_is_looked_up_under_the_locked_digest(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    locked = pins(client)
    registry.put("python", "3.11", image_bytes("python two"))
    path = client.root / "bakegen.yaml"
    path.write_text(
        path.read_text()
        .replace("family: f", "family: f\ndefaults: {platforms: [linux/arm64]}", 1)
        .replace("\n    ", "\n")
    )
    assert "is not locked for linux/arm64" in problems(client)[0]
    client.ask(day(1))
    assert pins(client) == locked
    assert "linux/amd64" not in client.text
    assert "linux/arm64" in client.text


def test_a_platform_that_the_base_does_not_have(registry: FakeRegistry, tmp_path: Path) -> None:
    client = Client(write_project(tmp_path, manifest(registry, "defaults: {platforms: [linux/s390x]}")), registry)
    with pytest.raises(RegistryError) as caught:
        client.ask()
    assert len(caught.value.problems) == 2
    assert "is not there for linux/s390x" in str(caught.value)
    assert "it is for linux/amd64, linux/arm64" in str(caught.value)
    assert not (tmp_path / "bakegen.lock").exists()


def test_an_image_without_an_index(registry: FakeRegistry, tmp_path: Path) -> None:
    config = b'{"os": "linux", "architecture": "amd64"}'
    registry.put_blob(config)
    digest = registry.put("python", "3.11", image(config), "application/vnd.oci.image.manifest.v1+json")
    client = Client(write_project(tmp_path, manifest(registry)), registry)
    client.ask()
    pin = read(client.text.encode(), "").pins[f"{registry.host}/python:3.11"]
    assert dict(pin.platforms) == {AMD64: digest}


def test_a_digest_in_the_manifest_stays(registry: FakeRegistry, tmp_path: Path) -> None:
    one = digest_of(image_bytes("python one"))
    text = manifest(registry).replace("/python:3.11", f"/python:3.11@{one}")
    client = Client(write_project(tmp_path, text), registry)
    client.ask()
    registry.put("python", "3.11", image_bytes("python two"))
    before = client.text
    assert client.states(day(1), upgrade=True)[f"python:3.11@{one}"] == "by hand"
    assert client.text == before
    load(client.root).write()
    assert not problems(client, remote=True)
    forget(registry, "python", one)
    assert f"does not have {one} any more" in problems(client, remote=True)[0]


def test_references_that_are_gone_from_the_family_leave_the_lock(client: Client) -> None:
    client.ask()
    path = client.root / "bakegen.yaml"
    lines = [line for line in path.read_text().splitlines() if "cuda" not in line]
    path.write_text("\n".join(lines))
    (found,) = problems(client)
    assert found.startswith(f"{client.root}/bakegen.lock:4:3: ")
    assert "does not name it any more" in found
    assert client.states(day(1))["cuda:12.1.0-runtime"] == "dropped"
    assert list(pins(client)) == ["python:3.11"]


def test_two_spellings_of_one_image_have_one_digest(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.put("hub/library/python", "3.11", image_bytes("hub one"))
    text = f"""
    version: 1
    family: f
    registries: {{docker.io: {{mirror: {registry.host}/hub}}}}
    bases: {{b: "python:3.11"}}
    images: {{a: {{from: b, run: "true"}}}}
    """
    client = Client(write_project(tmp_path, text), registry)
    client.ask()
    registry.put("hub/library/python", "3.11", image_bytes("hub two"))
    path = tmp_path / "bakegen.yaml"
    path.write_text(path.read_text().replace('b: "python:3.11"', 'b: "python:3.11", c: "docker.io/python:3.11"'))
    client.ask(day(1))
    assert len(set(pins(client).values())) == 1
    assert client.states(day(2), "b", upgrade=True) == {"docker.io/python:3.11": "moved", "python:3.11": "moved"}


def test_a_mirror_has_the_same_digests_and_is_rendered(registry: FakeRegistry, tmp_path: Path) -> None:
    digest = registry.put("hub/library/python", "3.11", image_bytes("hub one"))
    text = "version: 1\nfamily: f\nbases: {b: 'python:3.11'}\nimages: {a: {from: b, run: 'true'}}\n"
    mirrored = f"{text}registries: {{docker.io: {{mirror: {registry.host}/hub}}}}\n"
    client = Client(write_project(tmp_path, mirrored), registry)
    client.ask()
    assert "resolved: docker.io/library/python:3.11\n" in client.text
    project = load(tmp_path)
    assert project.plan()["a"].from_ref == f"{registry.host}/hub/library/python:3.11@{digest}"
    lock = client.text
    write_project(tmp_path, text)
    assert load(tmp_path).plan()["a"].from_ref == f"python:3.11@{digest}"
    assert client.text == lock


def test_remote_check(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    one, two = digest_of(image_bytes("python one")), registry.put("python", "3.11", image_bytes("python two"))
    before = registry.count()
    assert not problems(client)
    assert registry.count() == before
    (moved,) = problems(client, remote=True)
    assert f"/python:3.11 has moved: {one[7:19]} is now {two[7:19]}" in moved
    assert "images: base, child" in moved
    assert "bakegen lock --upgrade python" in moved
    forget(registry, "cuda", "12.1.0-runtime")
    assert "does not have the tag 12.1.0-runtime any more" in problems(client, remote=True)[0]
    forget(registry, "cuda", digest_of(image_bytes("cuda one")))
    assert "does not have sha256:" in problems(client, remote=True)[0]


def test_remote_check_costs_no_pull_while_nothing_moves(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    load(client.root).write()
    pulls = registry.count("GET", "/manifests/")
    assert not problems(client, remote=True)
    assert registry.count("GET", "/manifests/") == pulls
    assert registry.count("HEAD", "/manifests/") == 2


def test_a_tag_that_is_gone_keeps_its_pin(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = client.text
    forget(registry, "python", "3.11")
    assert client.states(day(1), upgrade=True)["python:3.11"] == "gone"
    assert client.text == before


def test_offline_check(client: Client) -> None:
    assert problems(client) == ["there is no bakegen.lock\n    run: bakegen lock"]
    client.ask()
    assert any(
        "docker/base/Dockerfile: this file is not what manifest and lock describe" in p for p in problems(client)
    )
    load(client.root).write()
    assert not problems(client)
    path = client.root / "bakegen.yaml"
    path.write_text(path.read_text().replace("python:3.11", "python:3.12"))
    found = problems(client)
    assert any(re.search(r"bakegen.yaml:6:\d+: .*python:3.12 is not in bakegen.lock", p) for p in found)


def test_a_family_that_the_lock_does_not_know_is_not_rendered(client: Client) -> None:
    client.ask()
    path = client.root / "bakegen.yaml"
    path.write_text(path.read_text().replace("python:3.11", "python:3.12"))
    with pytest.raises(ManifestError, match=r"bakegen.lock does not know .*python:3.12\n.*bakegen lock"):
        load(client.root).render()


@pytest.mark.parametrize("times", [1, 2])
def test_a_registry_that_says_slow_down_is_waited_for(client: Client, registry: FakeRegistry, times: int) -> None:
    registry.fault("/manifests/3.11", status=429, headers={"Retry-After": "7"}, times=times)
    client.ask()
    assert client.waits == [7.0] * times
    assert len(pins(client)) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "86400"}},
        {"hang_up": True},
        {"cut": 20},
        {"body": b"<html>log in</html>"},
        {"body": image_bytes("something else")},
    ],
)
def test_whatever_a_registry_does_the_old_lock_stays(
    client: Client, registry: FakeRegistry, fault: dict[str, object]
) -> None:
    client.ask()
    before = client.text
    registry.put("python", "3.11", image_bytes("python two"))
    registry.fault("GET /v2/python/manifests/", times=99, **fault)
    with pytest.raises(RegistryError, match=registry.host):
        client.ask(day(1), upgrade=True)
    assert client.text == before


def test_all_that_fails_is_told_at_once(client: Client, registry: FakeRegistry) -> None:
    registry.fault("/manifests/", status=403, times=99)
    with pytest.raises(RegistryError) as caught:
        client.ask()
    assert len(caught.value.problems) == 2


def test_a_lock_is_known_by_what_it_says_not_by_its_first_line(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    before = client.text
    (client.root / "bakegen.lock").write_text(before.partition("\n")[2])
    registry.put("python", "3.11", image_bytes("python two"))
    assert client.states(day(1), upgrade=True)["python:3.11"] == "moved"
    assert client.text.splitlines()[0] == before.splitlines()[0]


def test_a_lock_that_changes_meanwhile_is_not_overwritten(client: Client, registry: FakeRegistry) -> None:
    client.ask()
    registry.put("python", "3.11", image_bytes("python two"))
    late = client.ask(day(1), upgrade=True, write=False)
    registry.put("python", "3.11", image_bytes("python three"))
    client.ask(day(1), upgrade=True)
    before = client.text
    with pytest.raises(FilesError, match="changed this file meanwhile"):
        late.apply()
    assert client.text == before


def test_bases_of_one_reference_agree_on_tags(registry: FakeRegistry, tmp_path: Path) -> None:
    ref = f"{registry.host}/python:3.11"
    text = (
        f"version: 1\nfamily: f\nbases: {{p: {{ref: '{ref}', tags: '3.*'}}, q: '{ref}'}}\nimages: {{a: {{from: p}}}}\n"
    )
    with pytest.raises(ManifestError, match=r"q and p are both .*python:3.11, but differ in 'tags'"):
        load(write_project(tmp_path, text)).plan()


def test_a_tag_is_not_locked_to_what_somebody_wrote_by_hand(client: Client, registry: FakeRegistry) -> None:
    old = digest_of(image_bytes("python one"))
    path = client.root / "bakegen.yaml"
    text = path.read_text()
    path.write_text(text.replace("/python:3.11", f"/python:3.11@{old}"))
    client.ask()
    new = registry.put("python", "3.11", image_bytes("python two"))
    path.write_text(text)
    client.ask(day(1))
    assert pins(client)["python:3.11"] == new


def test_what_waits_outlives_a_skipped_digest(registry: FakeRegistry, tmp_path: Path) -> None:
    root = write_project(tmp_path, manifest(registry, "lock: {min_age: 7}"))
    client = Client(root, registry)
    client.ask()
    good = registry.put("python", "3.11", image_bytes("good"))
    client.ask(day(1), upgrade=True)
    bad = registry.put("python", "3.11", image_bytes("bad"))
    write_project(root, manifest(registry, f"lock: {{min_age: 7, skip: {bad}}}"))
    client.ask(day(3), upgrade=True)
    assert client.text.count("  - resolved") == 1
    assert client.states(day(9), upgrade=True)["python:3.11"] == "moved"
    assert pins(client)["python:3.11"] == good


def test_a_skipped_digest_is_not_locked_anew(registry: FakeRegistry, tmp_path: Path) -> None:
    bad = digest_of(image_bytes("python one"))
    client = Client(write_project(tmp_path, manifest(registry, f"lock: {{skip: {bad}}}")), registry)
    with pytest.raises(ManifestError, match=r"bakegen.yaml:6:\d+: .*which lock.skip of the manifest names"):
        client.ask()


def test_a_clock_that_went_back(client: Client, registry: FakeRegistry) -> None:
    client.ask(day(30))
    registry.put("python", "3.11", image_bytes("python two"))
    client.ask(day(20), upgrade=True, min_age=7)
    assert client.states(day(1), upgrade=True)["python:3.11"] == "moved"


def test_an_error_has_the_place_of_its_reference(client: Client, registry: FakeRegistry) -> None:
    forget(registry, "python", "3.11")
    with pytest.raises(RegistryError, match=r"bakegen.yaml:6:\d+: .*/python:3.11"):
        client.ask()


@pytest.mark.parametrize("tag", ["9" * 5000, "3." + "9" * 127])
def test_tags_that_are_none_are_passed_over(client: Client, registry: FakeRegistry, tag: str) -> None:
    client.ask()
    registry.put("cuda", f"12.1.{tag}-runtime", image_bytes("odd"))
    assert client.states(day(1), upgrade=True)["cuda:12.1.0-runtime"] == "current"


def test_two_hundred_references_with_two_hundred_requests(registry: FakeRegistry, tmp_path: Path) -> None:
    for number in range(200):
        registry.put(f"r{number}", "1", image_bytes(f"image {number}"))
    bases = "".join(f"  b{number}: {registry.host}/r{number}:1\n" for number in range(200))
    text = f"version: 1\nfamily: f\nbases:\n{bases}images:\n  a: {{from: b0, run: 'true'}}\n"
    client = Client(write_project(tmp_path, text), registry)
    client.ask()
    assert len(pins(client)) == 200
    assert registry.count(part="/manifests/") == 200


def test_project_with_another_lock(client: Client) -> None:
    client.ask()
    project: Project = load(client.root)
    assert project.with_lock(None).plan()["base"].from_ref.endswith("/python:3.11")
    with pytest.raises(ManifestError):
        project.with_lock(Lock({})).plan()
    ref = ImageRef.parse(f"{client.registry.host}/python:3.11")
    assert project.lock
    assert str(project.lock.pinned(ref)) == project.plan()["base"].from_ref


def test_index_of_another_kind(registry: FakeRegistry, tmp_path: Path) -> None:
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    registry.put("python", "3.11", index({AMD64: b"x"}, kind, attestations=True), kind)
    client = Client(write_project(tmp_path, manifest(registry)), registry)
    client.ask()
    assert f"media_type: {kind}" in client.text
    assert "unknown" not in client.text


def test_what_waits_for_age_is_no_problem_of_a_remote_check(registry: FakeRegistry, tmp_path: Path) -> None:
    client = Client(write_project(tmp_path, manifest(registry, "lock: {min_age: 7}")), registry)
    client.ask()
    load(client.root).write()
    registry.put("python", "3.11", image_bytes("python two"))
    assert "has moved" in problems(client, remote=True, now=day(1))[0]
    client.ask(day(1), upgrade=True)
    assert not problems(client, remote=True, now=day(7))
    assert "has moved" in problems(client, remote=True, now=day(8))[0]


def test_a_digest_that_the_manifest_skips_is_not_taken(registry: FakeRegistry, tmp_path: Path) -> None:
    root = write_project(tmp_path, manifest(registry))
    client = Client(root, registry)
    client.ask()
    before = client.text
    bad = registry.put("python", "3.11", image_bytes("python bad"))
    write_project(root, manifest(registry, f"lock: {{skip: {bad}}}"))
    assert client.states(day(1), upgrade=True)["python:3.11"] == "current"
    load(client.root).write()
    assert not problems(client, remote=True)
    registry.put("python", "3.11", image_bytes("python bad", "another arm"))
    write_project(root, manifest(registry, f"lock: {{skip: [{digest_of(b'python bad')}]}}"))
    assert client.states(day(2), upgrade=True)["python:3.11"] == "current"
    assert pins(client)["python:3.11"] == read(before.encode(), "").pins[f"{registry.host}/python:3.11"].digest
    assert not problems(client, remote=True)
    registry.put("python", "3.11", image_bytes("python mended"))
    assert client.states(day(3), upgrade=True)["python:3.11"] == "moved"
