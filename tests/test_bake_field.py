"""``bake`` and ``auto_groups``: what of a bake target is no field of its own, and what it means to the rest of bakegen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bakegen import cli
from bakegen.build.options import Options, request
from bakegen.engine.bake import parents
from bakegen.family.bake import BakeTarget
from bakegen.family.places import inside, places_of
from bakegen.files import DiskTree
from bakegen.render import BAKE_FILE
from bakegen.verdicts.family import family_environments
from bakegen.views import dot, graph_json, mermaid, rows, tree
from tests.manifests import at, open_project, places, plan, problems
from tests.support import ROOT, write_project

LINKED = """\
version: 1
family: f
registry: ghcr.io/me
images:
  app: { dockerfile: app/Dockerfile, tag: app, bake: { contexts: { base: "target:base", tools: "target:tools" } } }
  tools: { bake: { dockerfile_inline: "FROM alpine", tags: ["x.io/tools:1"] } }
  base: { bake: { context: sub, target: runtime, tags: [] } }
"""
FILES = {
    "app/Dockerfile": "FROM base\nRUN true\n",
    "sub/Dockerfile": "FROM debian AS runtime\nENV FROM_BASE=1\nFROM x AS later\nENV LATER=1\n",
}


def test_links_are_parents(tmp_path: Path) -> None:
    found = plan(tmp_path, LINKED, FILES)
    assert [image.name for image in found.images] == ["base", "tools", "app"]
    assert found.parents == {"base": (), "tools": (), "app": ("base", "tools")}
    assert found.stages(["app", "base"]) == (("base",), ("app",))
    assert [row["from"] for row in rows(found, ["app", "base"])] == ["base", ""]
    assert [row["tags"] for row in rows(found, ["app", "tools", "base"])] == [
        ["ghcr.io/me/app:latest"],
        ["x.io/tools:1"],
        [],
    ]
    assert found.reference(found["tools"]) == "x.io/tools:1"
    assert found.reference(found["base"]) == "base"
    assert tree(found, ["app"]) == "(hand-written)\n├── base\n│   └── app\n└── tools"
    assert json.loads(graph_json(found, ["app"]))["images"][2]["parents"] == ["base", "tools"]
    assert mermaid(found, ["app"]).count("-->") == 4
    assert '"tools" -> "app";' in dot(found, ["app"])


def test_dockerfiles_that_are_there_are_read(tmp_path: Path) -> None:
    found = plan(tmp_path, LINKED, FILES)
    assert [(image.name, image.dockerfile, image.context) for image in found.images] == [
        ("base", "sub/Dockerfile", "sub"),
        ("tools", "", "."),
        ("app", "app/Dockerfile", "."),
    ]
    named = {image.name: [item.written for item in image.externals] for image in found.images}
    assert named == {"base": ["debian", "x"], "tools": ["alpine"], "app": []}
    seen = family_environments(found, DiskTree(tmp_path))["app [stage-0 2]"]
    assert (seen.get("FROM_BASE"), seen.get("LATER")) == ("1", None)


def test_what_is_not_there_is_no_fault(tmp_path: Path) -> None:
    text = "version: 1\nfamily: f\nimages:\n" + "".join(
        f"  i{n}: {{ bake: {bake}}}\n"
        for n, bake in enumerate(["{dockerfile: nowhere/D}", '{context: "https://x.y/z.git"}', "{context: ..}", "{}"])
    )
    found = plan(tmp_path, text)
    assert [(image.dockerfile, image.context) for image in found.images] == [
        ("nowhere/D", "."),
        ("", ""),
        ("", ""),
        ("Dockerfile", "."),
    ]
    assert not any(image.externals or image.unclear for image in found.images)


def test_check_takes_the_dockerfiles_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = "  gone: { bake: { dockerfile: gone/D } }\n  far: { bake: { context: .. } }\n"
    write_project(tmp_path, LINKED + images, FILES)
    monkeypatch.chdir(tmp_path)
    cli.run(["check"])
    shown = capsys.readouterr()
    assert "error" not in shown.err
    assert shown.err.endswith("of 2\n")


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    example = text.split("## What only bake says")[1].split("```yaml\n")[1].split("```")[0]
    found = plan(tmp_path, f"version: 1\nfamily: f\n{example}", {"api/Dockerfile": "FROM base\n"})
    assert found["api"].parents == ("tools",)
    assert found["api"].tags == ("docker.io/example/api:1.4", "ghcr.io/example/api:1.4")


@pytest.mark.parametrize(
    ("manifest", "what"),
    [
        ('a: {bake: {contexts: {b: §"target:nase"}}}\nbase: {bake: {}}', "did you mean target:base?"),
        ("a: {bake: {cache_from: [§{ref: x}]}}", "'type' is missing"),
        ("a: {bake: {§cache-from: [{type: gha}]}}", "did you mean cache_from?"),
        ("a: {bake: {pull: §always}}", "expected true or false"),
        ("a: {bake: {output: [{type: image, push: §true}]}}", "expected text, found true"),
        ("a: {dockerfile: D, bake: {§dockerfile: E}}", "say the same"),
        ("a: {tag: x, bake: {§tags: []}}", "say the same"),
        ("a: {§context: x, bake: {}}", "goes with 'dockerfile'"),
        ("a: {bake: {}, §apt: git}", "or leave 'bake' out"),
        ('a: {§bake: {contexts: {x: "target:b"}}}\nb: {bake: {contexts: {x: "target:a"}}}', "built from each other"),
    ],
)
def test_faults(tmp_path: Path, manifest: str, what: str) -> None:
    text = "version: 1\nfamily: f\nimages:\n" + "".join(f"  {line}\n" for line in manifest.splitlines())
    (tmp_path / "D").touch()
    found = problems(tmp_path, text)
    assert [what in str(problem) for problem in found] == [True], found
    if "each other" not in what:  # which of the circle is named first is not for a test to say
        assert [at(problem) for problem in found] == places(text)[1]


GROUPS = """\
version: 1
family: f
auto_groups: false
images:
  base: { bake: {} }
  cpu: { bake: {} }
  A: { bake: { tags: [] } }
  a: { bake: {} }
groups:
  z: { description: "all ${of} them", images: [cpu, base] }
  base: [cpu, base]
  empty: []
"""


def test_groups_as_they_are_written(tmp_path: Path) -> None:
    project = open_project(tmp_path, GROUPS)
    found = project.plan()
    assert found.bake_groups == (
        ("z", "all ${of} them", ("cpu", "base")),
        ("base", "", ("cpu", "base")),
        ("empty", "", ()),
    )
    assert dict(found.groups) == {"z": ("base", "cpu"), "base": ("base", "cpu")}
    assert set(found.select(["base"])) == {"base", "cpu"}
    assert set(found.select(["cpu"])) == {"cpu"}
    assert (
        'group "z" {\n  description = "all $${of} them"\n  targets = ["cpu", "base"]\n}' in project.render()[BAKE_FILE]
    )


def test_groups_of_ones_own_need_auto_groups_off(tmp_path: Path) -> None:
    found = [str(problem) for problem in problems(tmp_path, GROUPS.replace("auto_groups: false\n", ""))]
    assert len(found) == 3
    assert "'base' is an image and a group" in found[0]
    assert "an image cannot be called 'cpu'" in found[1]
    assert "selects nothing" in found[2]


def test_parents_from_the_registry(tmp_path: Path) -> None:
    """A parent without a tag is in no registry, and is built."""
    found = plan(tmp_path, LINKED, FILES)
    asked = request(found, ["app"], tmp_path, Options(parents="registry"), epoch="1")
    assert asked.definition is not None
    assert parents(asked.definition) == {"base": (), "app": ("base",)}
    assert asked.contexts == {"app": {"tools": "docker-image://x.io/tools:1"}}
    everything = request(found, ["app"], tmp_path, Options(), epoch="1")
    assert everything.definition is not None
    assert parents(everything.definition) == {"base": (), "tools": (), "app": ("base", "tools")}
    assert everything.contexts == {}


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        *(("./a//b/", "a/b"), (".", "."), ("a/../b", "b"), ("cwd://x", "x"), ("a/./Dockerfile", "a/Dockerfile")),
        *(
            (text, "")
            for text in (
                "..",
                "a/../../b",
                "/a",
                "~/a",
                "https://x/y",
                "git@x:y",
                "target:a",
                "C:\\a",
                "github.com/a/b",
            )
        ),
    ],
)
def test_paths_in_the_project(path: str, plain: str) -> None:
    assert inside(path) == plain


@pytest.mark.parametrize(
    ("bake", "where"),
    [
        (BakeTarget(), ("Dockerfile", ".")),
        (BakeTarget(context="a", dockerfile="../D"), ("D", "a")),
        (BakeTarget(context="a", dockerfile="../../D"), ("", "a")),
        (BakeTarget(context="..", dockerfile="cwd://a/D"), ("a/D", "")),
        (BakeTarget(context="https://x/y.git"), ("", "")),
        (BakeTarget(dockerfile="/etc/D"), ("", ".")),
        (BakeTarget(dockerfile_inline="FROM x"), ("", ".")),
    ],
)
def test_places(bake: BakeTarget, where: tuple[str, str]) -> None:
    assert places_of(bake) == where
