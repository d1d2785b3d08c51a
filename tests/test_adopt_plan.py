"""What a repository tells of its images: names, contexts, tags, arguments, parents; what is unclear is said."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakegen.adopt.compose import read_compose
from bakegen.adopt.listing import walked
from bakegen.adopt.manifest import manifest, values
from bakegen.adopt.model import AdoptedImage, Adoption
from bakegen.adopt.names import distinct, of_dockerfile, valid
from bakegen.adopt.run import Asked, Work, work
from bakegen.adopt.tags import common_tag, registry_of
from bakegen.adopt.variables import dotenv, interpolated
from bakegen.adopt.workflow import read_workflow
from bakegen.errors import ConflictError, UsageError
from tests.motivating import BASES, IMAGES, REGISTRY, write_repository
from tests.test_adopt_scripts import Files


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give an empty directory called ``shop``."""
    top = tmp_path / "shop"
    top.mkdir()
    return top


def write(top: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(textwrap.dedent(text), encoding="utf-8")
    return top


def adopt(top: Path, only: frozenset[str] | None = None, given: Mapping[str, str] | None = None) -> Work:
    """Return what adopting comes to, without asking git."""
    return work(top, walked(top), Asked(only=only, given=given or {}))


def adopted(top: Path, files: Mapping[str, str], **given: str) -> Adoption:
    """Return the plan of a repository; its manifest is one that resolves."""
    found = adopt(write(top, files), only=frozenset(), given=given)
    assert found.adoption is not None
    assert {image.name for image in found.project.plan().images} == {image.name for image in found.adoption.images}
    return found.adoption


def by_name(adoption: Adoption) -> dict[str, AdoptedImage]:
    return {image.name: image for image in adoption.images}


def said(adoption: Adoption) -> str:
    return "\n".join(str(problem) for problem in adoption.notes)


def test_the_motivating_repository(tmp_path: Path) -> None:
    found = adopt(write_repository(tmp_path))
    assert found.adoption is not None
    assert not found.adoption.notes
    images = by_name(found.adoption)
    tags = {tag: name for name, (_, tag, _) in IMAGES.items()}
    assert {
        name: (image.dockerfile, image.context, image.tags, image.args, image.parents) for name, image in images.items()
    } == {
        name: (f"services/{directory}/Dockerfile", ".", (f"{REGISTRY}/{tag}",), (), (tags[parent],) if parent else ())
        for name, (directory, tag, parent) in IMAGES.items()
    }
    assert {name: image.reference for name, image in images.items() if not image.parents} == BASES
    assert images["asr"].reason("tags") == "scripts/build_all.sh:15, scripts/build_all.bat:22, docker-compose.yml:21:12"
    plan = found.project.plan()
    assert plan.family.registry == REGISTRY
    assert [image.name for image in plan.images if image.target == "cuda"] == [
        name
        for name in (i.name for i in plan.images)
        if by_name(found.adoption)[name].parents[-1:] == ("base-ml",) or name in {"base-cuda", "base-ml"}
    ]
    order = [image.name for image in found.adoption.images]
    assert all(order.index(parent) < order.index(name) for name, image in images.items() for parent in image.parents)


COMPOSE = """\
services:
  api:
    build: ./services/api
    image: ${REG:-r.example}/api:${TAG}
  worker:
    build:
      context: .
      dockerfile: services/worker/Dockerfile
      target: slim
      args:
        MODE: ${MODE:-fast}
        PIP_TOKEN: ${PIP_TOKEN}
        UNSET:
      platforms: [linux/amd64]
  proxy: {image: "nginx:1"}
"""


def test_compose(repository: Path) -> None:
    worker = "ARG MODE=slow\nFROM alpine:3 AS slim\nARG MODE\nARG UNSET\nFROM slim\n"
    files = {"compose.yaml": COMPOSE, ".env": "TAG=7\nPIP_TOKEN=secret\n", "services/worker/Dockerfile": worker}
    found = adopted(repository, {**files, "services/api/Dockerfile": "FROM python:3.11\n"})
    api, slim = by_name(found)["api"], by_name(found)["worker"]
    assert (api.context, api.tags) == ("services/api", ("r.example/api:7",))
    assert (slim.context, slim.stage, slim.args, slim.platforms) == (".", "slim", (("MODE", "fast"),), ("linux/amd64",))
    assert (slim.tags, slim.reference) == (("shop-worker",), "alpine:3")  # as compose calls it
    assert "PIP_TOKEN looks like a secret" in said(found)
    assert "UNSET has no value" in said(found)
    assert "secret\n" not in said(found)


def test_an_override_file_changes_what_it_overrides(repository: Path) -> None:
    files = {
        "docker-compose.yml": "services: {a: {build: {context: a, target: prod}, image: a}}\n",
        "docker-compose.override.yml": "services: {a: {build: {target: dev}}}\n",
        "a/Dockerfile": "FROM scratch AS dev\nFROM scratch AS prod\n",
    }
    assert [image.stage for image in adopted(repository, files).images] == ["dev"]


WORKFLOW = """\
env: {REGISTRY: r.example}
jobs:
  images:
    strategy:
      matrix:
        image: [a, b]
        include: [{image: b, file: special}]
    env: {DIR: img}
    steps:
      - uses: docker/build-push-action@v6
        with:
          context: ${{ env.DIR }}/${{ matrix.image }}
          tags: |
            ${{ env.REGISTRY }}/${{ matrix.image }}:latest
            ${{ env.REGISTRY }}/${{ matrix.image }}:${{ github.sha }}
          build-args: |
            KIND=${{ matrix.image }}
      - working-directory: img
        run: |
          echo start
          docker build -t "$REGISTRY/c" -f c/Dockerfile c
"""


def test_a_workflow(repository: Path) -> None:
    dockerfiles = {f"img/{name}/Dockerfile": "ARG KIND=a\nFROM scratch\n" for name in "abc"}
    found = adopted(repository, {".github/workflows/ci.yml": WORKFLOW, **dockerfiles})
    images = by_name(found)
    assert {name: (i.context, i.tags, i.args) for name, i in images.items()} == {
        "a": ("img/a", ("r.example/a:latest", "r.example/a"), ()),
        "b": ("img/b", ("r.example/b:latest", "r.example/b"), (("KIND", "b"),)),
        "c": ("img/c", ("r.example/c",), ()),
    }
    assert images["c"].reason("dockerfile") == ".github/workflows/ci.yml:21"


def test_a_registry_that_only_the_argument_tells(repository: Path) -> None:
    files = {
        "a/Dockerfile": "FROM alpine:3\n",
        "b/Dockerfile": "ARG REGISTRY\nFROM ${REGISTRY}/a:1\n",
        "build.sh": "R=r.example/x\ndocker build -t $R/a:1 a\ndocker build -t $R/b:1 b\n",
    }
    found = adopted(repository, files)
    assert by_name(found)["b"].args == (("REGISTRY", "r.example/x"),)
    assert by_name(found)["b"].parents == ("a",)
    assert (found.registry, found.tag) == ("r.example/x", "1")


def test_a_variable_without_a_value_is_said_and_may_be_given(repository: Path) -> None:
    files = {
        "a/Dockerfile": "FROM alpine:3\n",
        "b/Dockerfile": "ARG REGISTRY\nFROM $REGISTRY/a:2\n",
        "build.sh": "docker build -t $REGISTRY/a:$TAG a\ndocker build -t $REGISTRY/b b --build-arg REGISTRY=$REGISTRY\n",
    }
    found = adopted(repository, files)
    assert by_name(found)["a"].tags == ("a",)
    assert "$REGISTRY has no value here" in said(found)
    assert "$TAG has no value here: latest is taken" in said(found)
    assert by_name(found)["b"].parents == ()
    found = adopted(repository, files, REGISTRY="r.example", TAG="2")
    assert by_name(found)["a"].tags == ("r.example/a:2",)
    assert by_name(found)["b"].parents == ("a",)
    assert not found.notes


def test_an_argument_that_is_only_called_like_a_variable(repository: Path) -> None:
    files = {
        "Dockerfile": "ARG VERSION=3.1\nARG REG=r.example\nFROM alpine:$VERSION\n",
        "build.sh": "docker build -t $REG/app:$VERSION .\n",
    }
    (image,) = adopted(repository, files).images
    assert image.tags == ("r.example/app",)


def test_names_that_two_images_want(repository: Path) -> None:
    files = {
        "cpu/Dockerfile": "FROM alpine:3\n",
        "gpu/Dockerfile": "FROM nvidia/cuda:12.1.0-base-ubuntu22.04\n",
        "old/Dockerfile": "FROM alpine:3\n",
        "build.sh": "docker build -t x/base:cpu cpu\ndocker build -t x/base:gpu gpu\ndocker build -t x/base:cpu old\n",
    }
    found = adopted(repository, files)
    assert {i.name: (i.dockerfile, i.tags) for i in found.images} == {
        "base-cpu": ("cpu/Dockerfile", ("x/base:cpu",)),
        "base-gpu": ("gpu/Dockerfile", ("x/base:gpu",)),
        "old": ("old/Dockerfile", ()),
    }
    assert "build.sh:3: x/base:cpu is built from old/Dockerfile here" in said(found)


def test_one_dockerfile_built_in_two_ways_is_two_images(repository: Path) -> None:
    files = {
        "Dockerfile": "ARG BASE=python:3.11\nFROM ${BASE}\n",
        "build.sh": "docker build -t app:cpu .\ndocker build -t app:cuda --build-arg BASE=nvidia/cuda:12.1.0-base-ubuntu22.04 .\n",
    }
    found = adopted(repository, files)
    assert {i.name: (i.args, i.reference) for i in found.images} == {
        "app-cpu": ((), "python:3.11"),
        "app-cuda": ((("BASE", "nvidia/cuda:12.1.0-base-ubuntu22.04"),), "nvidia/cuda:12.1.0-base-ubuntu22.04"),
    }


def test_the_base_is_found_through_stages_and_arguments(repository: Path) -> None:
    text = "ARG ROOT=first\nFROM ubuntu:24.04 AS first\nFROM alpine:3 AS side\nFROM $ROOT AS Mid\nFROM mid\n"
    (image,) = adopted(repository, {"Dockerfile": text}).images
    assert (image.reference, image.reason("from")) == ("ubuntu:24.04", "Dockerfile:2")


def test_cycles_and_images_that_stand_on_themselves(repository: Path) -> None:
    files = {
        "a/Dockerfile": "FROM x/b\n",
        "b/Dockerfile": "FROM x/c\n",
        "c/Dockerfile": "FROM x/a\n",
        "d/Dockerfile": "FROM x/d:latest\n",
        "build.sh": "for i in a b c d; do docker build -t x/$i $i; done\n",
    }
    found = adopted(repository, files)
    assert "images are built from each other" in said(found)
    assert "is this image itself" in said(found)


def test_several_parents_reach_the_bake_file(repository: Path) -> None:
    files = {
        "tools/Dockerfile": "FROM alpine:3\n",
        "base/Dockerfile": "FROM alpine:3\n",
        "app/Dockerfile": "FROM x/base:1 AS b\nFROM b\nCOPY --from=x/tools /t /t\nRUN --mount=type=bind,from=x/base:2,target=/m true\n",
        "build.sh": "docker build -t x/tools tools\ndocker build -t x/base:1 -t x/base:2 base\ndocker build -t x/app app\n",
    }
    top = write(repository, files)
    found = adopt(top, only=frozenset())
    assert found.adoption is not None
    assert by_name(found.adoption)["app"].parents == ("base", "tools")
    bake = next(change.new or "" for change in found.changes if change.path == "docker-bake.hcl")
    app = bake[bake.index('target "app"') :].partition("\n}\n")[0]
    for line in ('"x/base:1" = "target:base"', '"x/base:2" = "target:base"', '"x/tools" = "target:tools"'):
        assert line in app


def test_a_stage_of_the_parents_name_keeps_its_meaning(repository: Path) -> None:
    files = {
        "base/Dockerfile": "FROM alpine:3\n",
        "app/Dockerfile": "FROM base AS base\nRUN true\nFROM base\n",
        "build.sh": "docker build -t base base\ndocker build -t app app\n",
    }
    assert "a stage has the name of" in said(adopted(repository, files))


def test_the_last_resort_is_the_directory(repository: Path) -> None:
    files = {
        "docker/01_API-Server/Dockerfile": "FROM alpine:3\nCOPY src /src\n",
        "docker/tool/Dockerfile.gpu": "FROM alpine:3\nCOPY run.sh /\n",
        "docker/tool/run.sh": "",
        "src/x": "",
        "compose.yaml": "services: {api: {image: r.example/api-server:3}}\n",
    }
    images = by_name(adopted(repository, files))
    assert (images["api-server"].tags, images["api-server"].context) == (("r.example/api-server:3",), ".")
    assert images["api-server"].reason("tags") == "compose.yaml:1:25, and its directory is called so"
    assert (images["tool-gpu"].tags, images["tool-gpu"].context) == ((), "docker/tool")
    assert "no file names it" in images["tool-gpu"].reason("name")


def test_a_from_that_is_called_like_a_directory(repository: Path) -> None:
    files = {
        "images/base/Dockerfile": "FROM ubuntu:24.04\n",
        "images/mid/Dockerfile": "ARG R=q.example\nARG BASE=$R/team/base\nFROM $BASE\n",
        "images/top/Dockerfile": "FROM q.example/team/mid\n",
        "cuda/Dockerfile": "FROM nvidia/cuda:12.1.0-base-ubuntu22.04\n",
        "tools/Dockerfile": "FROM nvidia/cuda:12.1.0-base-ubuntu22.04\n",
        "helper/Dockerfile": "FROM other/tools\n",
        "ubuntu/Dockerfile": "FROM scratch\n",
    }
    found = adopted(repository, files)
    images = by_name(found)
    assert (images["mid"].parents, images["top"].parents) == (("base",), ("mid",))
    assert images["base"].tags == ("q.example/team/base",)
    assert images["cuda"].tags == images["tools"].tags == images["ubuntu"].tags == ()
    assert images["base"].reference == "ubuntu:24.04"
    assert "helper/Dockerfile:1: other/tools may be what tools/Dockerfile makes" in said(found)


@pytest.mark.parametrize("name", ["default", "cpu", "GPU", "con", "a b", "ünï", "..", "a/b", "x" * 300, "-", "A.B"])
def test_any_directory_gives_a_name_that_bake_takes(repository: Path, name: str) -> None:
    path = name.replace("/", "_")[:200]
    if path == "..":
        path = "dots.."
    (image,) = adopted(repository, {f"{path}/Dockerfile": "FROM scratch\n"}).images
    assert image.dockerfile == f"{path}/Dockerfile"


def test_what_is_no_dockerfile_is_left_and_said(repository: Path) -> None:
    files = {
        "ok/Dockerfile": "FROM scratch\n",
        "t/Dockerfile.j2": "FROM {{ x }}\n",
        "t2/Dockerfile": "{% if x %}\nFROM x\n",
        "e/Dockerfile": "",
        "gen/Dockerfile": "# Generated by bakegen\nFROM x\n",
        "docs/Dockerfile.md": "# how\n",
        "Dockerfile.dockerignore": "*\n",
        "d/Dockerfile/Dockerfile": "FROM scratch\n",
    }
    write(repository, files)
    (repository / "latin/").mkdir()
    (repository / "latin/Dockerfile").write_bytes("# é\nFROM x\n".encode("latin-1"))
    (repository / "loop").mkdir()
    (repository / "loop/Dockerfile").symlink_to("Dockerfile")
    (repository / "out").mkdir()
    (repository / "out/Dockerfile").symlink_to("/etc/passwd")
    found = adopted(repository, {})
    assert {image.dockerfile for image in found.images} == {"ok/Dockerfile", "d/Dockerfile/Dockerfile"}
    for path in (
        "t/Dockerfile.j2",
        "t2/Dockerfile",
        "e/Dockerfile",
        "latin/Dockerfile",
        "loop/Dockerfile",
        "out/Dockerfile",
    ):
        assert f"{path}" in said(found), path


def test_nothing_to_adopt(repository: Path) -> None:
    with pytest.raises(UsageError, match="no Dockerfile"):
        adopt(repository)
    with pytest.raises(UsageError, match="no such directory"):
        adopt(repository / "gone")


def test_a_hand_written_bake_file_is_not_replaced(repository: Path) -> None:
    write(repository, {"Dockerfile": "FROM scratch\n", "docker-bake.hcl": "# mine\n"})
    with pytest.raises(ConflictError, match="--from-bake"):
        adopt(repository)


def test_a_hand_written_dockerignore_stays(repository: Path) -> None:
    found: Work = adopt(write(repository, {"Dockerfile": "FROM scratch\n", ".dockerignore": "mine\n"}))
    assert ".dockerignore" not in {change.path for change in found.changes}
    assert found.project.family.dockerignore is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A ${A} ${B:-d} ${B-d} ${A:+y} ${B+y}x $$A ${N}", "a a d d y x $A ${N}"),
        ("${B:-${A}}", "a"),
        ("${B:?no}", "${B}"),
        ("${}", "${}"),
    ],
)
def test_interpolation(text: str, result: str) -> None:
    assert interpolated(text, {"A": "a"}) == result


def test_dotenv() -> None:
    text = "A=1 # c\n export B='x # y'\nC=\"$A-$B\"\n#D=1\nbad line\nE=\n"
    assert dotenv(text) == {"A": "1", "B": "x # y", "C": "1-x # y", "E": ""}


def test_registry_and_tag_in_common() -> None:
    assert registry_of(["r/a/x:1", "r/a/y", "r/a/b/z"]) == "r/a"
    assert registry_of(["r/a/x", "y"]) == ""
    assert common_tag(["a:1", "b:1", "c"]) == "1"
    assert common_tag(["a:1", "b"]) == "latest"


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12))
def test_every_image_gets_a_name_of_its_own(texts: list[str]) -> None:
    names = distinct({str(n): (valid(text), valid(text + text)) for n, text in enumerate(texts)})
    assert len({name.lower() for name in names.values()}) == len(texts)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_a_manifest_reads_back_whatever_it_holds(text: str) -> None:
    args = (("A", text.replace("\x00", "")),)
    image = AdoptedImage(of_dockerfile("x/Dockerfile", "top"), "x/Dockerfile", ".", ("r/x",), args)
    adoption = Adoption("f", "", "latest", (image,))
    _, found = manifest(adoption, dockerignore=True)
    assert found.source.data == values(adoption, dockerignore=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_and_files_that_are_nothing_known(repository: Path) -> None:
    for name in ("sub/Dockerfile", "build.sh", "compose.yaml", ".env", ".github/workflows/x.yml", "Makefile"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(repository / name)
    found = adopted(repository, {"Dockerfile": "FROM scratch\n", "docker/compose.yml": "a: [\n", "bake.hcl": "}\n"})
    assert [image.dockerfile for image in found.images] == ["Dockerfile"]
    for path in ("sub/Dockerfile", "compose.yaml", "docker/compose.yml:2:1", "bake.hcl"):
        assert path in said(found)


COMPOSE_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", ".", "..", "/", "a", "x:y", "${A", "${A:-b}", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["context", "dockerfile", "args", "tags", "target", "platforms", "image", "build", "secrets"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "1"]), COMPOSE_VALUES, max_size=3))
def test_no_compose_file_is_too_odd(services: object) -> None:
    tree = Files(**{"compose.yaml": json.dumps({"services": services}), "Dockerfile": "FROM scratch\n", "a/b": "x"})
    found = read_compose(["compose.yaml"], frozenset(), tree, {})
    assert all(tree.kind(call.dockerfile) == "file" for call in found.calls)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["steps", "strategy", "env"]), COMPOSE_VALUES | st.lists(COMPOSE_VALUES), max_size=3
    )
)
def test_no_workflow_is_too_odd(job: object) -> None:
    text = json.dumps({"jobs": {"docker": job}, "env": job})
    found = read_workflow("w.yml", [], Files(**{"w.yml": text, "Dockerfile": "FROM scratch\n"}), lambda _: None, {})
    assert not found.calls
