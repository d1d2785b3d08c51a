"""Bake and compose files are taken in so that buildx prints of our bake file what it prints of theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bakegen import cli
from bakegen.adopt.bakefile import in_order
from bakegen.adopt.from_bake import Asked, Intake, changes, from_bake, write
from bakegen.adopt.journal import undo
from bakegen.build.options import Options, request
from bakegen.engine.bake import _escaped
from bakegen.errors import BakegenError, ConflictError, EngineError, ManifestError
from bakegen.project import MANIFEST, load
from bakegen.render import BAKE_FILE
from tests.lab.layout import Layout
from tests.test_dockerfile_parser import CORPUS

pytestmark = pytest.mark.buildx

BAKE_FILES = sorted((CORPUS / "bake").glob("*")) if (CORPUS / "bake").is_dir() else []
#: Files of the corpus that bake resolves only with others, with variables, or not at all.
NOT_ALONE = {
    *("2i2c-org__example-image-stack__docker-bake.hcl", "NERSC__interactEM__docker__docker-bake-ci.hcl"),
    *("dani-garcia__vaultwarden__docker__docker-bake.hcl", "ikawrakow__ik_llama.cpp__docker-bake.override.hcl"),
    *("redis__agent-memory-server__docker-bake.json", "rstudio__rstudio-docker-products__docker-bake.hcl"),
}
#: Files that hold variables only.
NO_TARGETS = {"NERSC__interactEM__operators__vars-base.hcl", "NERSC__interactEM__operators__vars-local.hcl"}

Adopt = Callable[..., Intake]


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Return the environment of a docker client with buildx, and no variable that a bake file could take."""
    layout = Layout.from_environment()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    lab = {"PATH": f"{layout.client_bin}{os.pathsep}{os.environ['PATH']}", "DOCKER_CONFIG": str(layout.docker_config)}
    for env in (kept, {**kept, **lab}):
        docker = shutil.which("docker", path=env["PATH"])
        version = [docker or "docker", "buildx", "version"]
        if docker and subprocess.run(version, env=env, capture_output=True, check=False).returncode == 0:
            return env
    found: Mapping[str, str] = request.getfixturevalue("docker_env")
    return found


@pytest.fixture
def adopt(client: Mapping[str, str]) -> Adopt:
    """Return what takes files in as the command line does."""

    def adopt(root: Path, *files: str, compose: bool = False, **variables: str) -> Intake:
        docker = (str(shutil.which("docker", path=client["PATH"])),)
        return from_bake([root / file for file in files], root, docker, Asked(client, variables, compose=compose))

    return adopt


def bake(root: Path, env: Mapping[str, str], files: Sequence[str], *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON that buildx prints, or None when it refuses."""
    docker = str(shutil.which("docker", path=env["PATH"]))
    flags = [word for file in files for word in ("--file", file)]
    command = [docker, "buildx", "bake", "--progress=quiet", *flags, *arguments]
    done = subprocess.run(command, cwd=root, env=dict(env), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def everything(root: Path, env: Mapping[str, str], *files: str) -> tuple[Any, ...]:
    """Return all that bake says of files: the names, the default group, and all groups and targets at once."""
    names = bake(root, env, files, "--list=type=targets,format=json")
    others = sorted({entry["name"] for entry in names} - {"default"})
    default = bake(root, env, files, "--print", "default")
    # a group is shown as the names of its members
    shown = [(entry["name"], entry.get("group", False)) for entry in names]
    return shown, default, bake(root, env, files, "--print", *others) if others else None


def assert_reproduced(root: Path, env: Mapping[str, str], intake: Intake, *files: str) -> Any:  # noqa: ANN401 - JSON
    """Assert that our bake file says what the originals say, and return that."""
    before = everything(root, env, *files)
    ours = root / "ours"
    ours.mkdir()
    (ours / BAKE_FILE).write_text(intake.files[BAKE_FILE], encoding="utf-8", newline="\n")
    assert everything(root, env, f"ours/{BAKE_FILE}") == before
    return before[2]


def one(root: Path, text: str, name: str = "docker-bake.hcl") -> Path:
    """Write a bake file below ``root``; return ``root``."""
    root.mkdir(exist_ok=True)
    (root / name).write_text(text, encoding="utf-8", newline="")
    return root


@pytest.mark.skipif(not BAKE_FILES, reason="needs the corpus of public bake files; BAKEGEN_CORPUS names its directory")
@pytest.mark.parametrize("file", BAKE_FILES, ids=lambda file: file.name.rpartition("__docker-bake")[0] or file.name)
def test_the_corpus(tmp_path: Path, client: Mapping[str, str], adopt: Adopt, file: Path) -> None:
    shutil.copyfile(file, tmp_path / file.name)
    if file.name in NOT_ALONE | NO_TARGETS:
        with pytest.raises(ManifestError) as caught:
            adopt(tmp_path, file.name)
        assert ("no target" in str(caught.value)) is (file.name in NO_TARGETS)
        return
    assert_reproduced(tmp_path, client, adopt(tmp_path, file.name), file.name)


def test_the_corpus_is_whole() -> None:
    if not BAKE_FILES:
        pytest.skip("needs the corpus of public bake files; BAKEGEN_CORPUS names its directory")
    assert len(BAKE_FILES) == 42
    assert {file.name for file in BAKE_FILES} >= NOT_ALONE | NO_TARGETS


#: Attributes of a target as HCL, and what the image says of it.
ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("", {"bake": {"dockerfile": "Dockerfile", "tags": []}}),
    "there": ('context = "./app/"', {"dockerfile": "app/Dockerfile", "context": "app", "bake": {"tags": []}}),
    "above": (
        'context = "app"\n dockerfile = "../root.Dockerfile"',
        {"dockerfile": "root.Dockerfile", "context": "app", "bake": {"tags": []}},
    ),
    "dotted": ('dockerfile = "./root.Dockerfile"', {"bake": {"dockerfile": "./root.Dockerfile", "tags": []}}),
    "cwd": (
        'context = "cwd://app"\n dockerfile = "cwd://root.Dockerfile"',
        {"bake": {"context": "app", "dockerfile": "cwd://root.Dockerfile", "tags": []}},
    ),
    "outside": ('context = "../x"', {"bake": {"context": "../x", "dockerfile": "Dockerfile", "tags": []}}),
    "remote": (
        'context = "https://example.org/x.git#v1:sub"\n dockerfile = "./D"',
        {"bake": {"context": "https://example.org/x.git#v1:sub", "dockerfile": "./D", "tags": []}},
    ),
    "inline": (
        'dockerfile-inline = "FROM a$${x}%%{y}\\nRUN b\\n"\n dockerfile = "D"',
        {"bake": {"dockerfile_inline": "FROM a${x}%{y}\nRUN b\n", "dockerfile": "D", "tags": []}},
    ),
    "arguments": (
        'args = { A = "1", E = "", N = null, a-b = "$${x}", T = "%%{if}" }',
        {
            "args": {"A": "1", "E": "", "T": "%{if}"},
            "bake": {"dockerfile": "Dockerfile", "tags": [], "args": {"a-b": "${x}"}},
        },
    ),
    "labels": (
        'labels = { "" = "e", "a b" = "$${x}", n = null, "k$${y}" = "" }',
        {"labels": {"a b": "${x}", "k${y}": ""}, "bake": {"dockerfile": "Dockerfile", "tags": [], "labels": {"": "e"}}},
    ),
    "tags": (
        'tags = ["x:1", "a.b:5000/x", "x:1", "$${x}", "x:", "A B"]',
        {"bake": {"dockerfile": "Dockerfile", "tags": ["x:1", "a.b:5000/x", "${x}", "x:", "A B"]}},
    ),
    "contexts": (
        'contexts = { base = "target:nothing", "a:1" = "docker-image://b", "c$${x}" = "./c/", d = "cwd://x", e = "" }',
        {
            "bake": {
                "dockerfile": "Dockerfile",
                "tags": [],
                "contexts": {"base": "target:nothing", "a:1": "docker-image://b", "c${x}": "./c/", "d": "cwd://x"},
            }
        },
    ),
    "platforms": (
        'platforms = ["linux/arm64", "linux/amd64/v1"]',
        {"platforms": ["linux/arm64", "linux/amd64/v1"], "bake": {"dockerfile": "Dockerfile", "tags": []}},
    ),
    "local": (
        'platforms = ["local", "linux/arm64"]',
        {"bake": {"dockerfile": "Dockerfile", "tags": [], "platforms": ["local", "linux/arm64"]}},
    ),
    "secrets": (
        'secret = ["id=a,env=A_B", {type = "file", id = "b", src = "secret.txt"}]',
        {
            "secrets": [{"id": "a", "env": "A_B"}, {"id": "b", "src": "secret.txt"}],
            "bake": {"dockerfile": "Dockerfile", "tags": []},
        },
    ),
    "odd-secrets": (
        'secret = ["type=env,id=HOME", "id=a b,env=X"]',
        {"bake": {"dockerfile": "Dockerfile", "tags": [], "secret": [{"id": "HOME"}, {"id": "a b", "env": "X"}]}},
    ),
    "twice": (
        'secret = ["id=a,env=A", "id=a,env=B"]',
        {"secrets": [{"id": "a", "env": "B"}], "bake": {"dockerfile": "Dockerfile", "tags": []}},
    ),
    "caches": (
        'cache-from = ["type=gha", "user/app:c"]\n cache-to = [{type = "local", dest = "o$${x}", mode = "max"}]',
        {
            "bake": {
                "dockerfile": "Dockerfile",
                "tags": [],
                "cache_from": [{"type": "gha"}, {"type": "registry", "ref": "user/app:c"}],
                "cache_to": [{"type": "local", "dest": "o${x}", "mode": "max"}],
            }
        },
    ),
    "outputs": (
        'output = ["type=image,push=true", "out", "-"]\n attest = ["type=provenance,mode=max", "type=sbom,disabled=true"]',
        {
            "bake": {
                "dockerfile": "Dockerfile",
                "tags": [],
                "output": [
                    {"type": "image", "push": "true"},
                    {"type": "local", "dest": "out"},
                    {"type": "tar", "dest": "-"},
                ],
                "attest": [{"type": "provenance", "mode": "max"}, {"type": "sbom", "disabled": "true"}],
            }
        },
    ),
    "switches": (
        'pull = true\n no-cache = false\n no-cache-filter = ["b", "a"]\n target = ""\n network = ""\n call = "check"',
        {
            "bake": {
                "dockerfile": "Dockerfile",
                "tags": [],
                "target": "",
                "no_cache": False,
                "no_cache_filter": ["b", "a"],
                "pull": True,
                "network": "",
                "call": "check",
            }
        },
    ),
    "limits": (
        'shm-size = "128m"\n ulimits = ["nofile=1:2"]\n entitlements = ["network.host"]\n extra-hosts = { h = "1.2.3.4" }',
        {
            "bake": {
                "dockerfile": "Dockerfile",
                "tags": [],
                "extra_hosts": {"h": "1.2.3.4"},
                "shm_size": "128m",
                "ulimits": ["nofile=1:2"],
                "entitlements": ["network.host"],
            }
        },
    ),
    "annotations": (
        'annotations = ["index:a=$${b}", "c="]\n description = "x $${y}: %%{z}"',
        {
            "description": "x ${y}: %{z}",
            "bake": {"dockerfile": "Dockerfile", "tags": [], "annotations": ["index:a=${b}", "c="]},
        },
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a directory with two Dockerfiles and a secret."""
    (tmp_path / "app").mkdir()
    for name in ("app/Dockerfile", "root.Dockerfile", "secret.txt"):
        (tmp_path / name).write_text("FROM scratch\n")
    return tmp_path


def test_odd_values(project: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    one(project, "".join(f'target "{name}" {{\n {text}\n}}\n' for name, (text, _) in ODD.items()))
    intake = adopt(project, BAKE_FILE)
    shown = assert_reproduced(project, client, intake, BAKE_FILE)
    assert shown["target"].keys() == ODD.keys()
    (project / BAKE_FILE).unlink()
    (project / MANIFEST).write_text(intake.files[MANIFEST], encoding="utf-8", newline="\n")
    read = load(project / MANIFEST)
    assert read.manifest.source.data["images"] == {name: image for name, (_, image) in ODD.items()}
    assert read.render() == {BAKE_FILE: intake.files[BAKE_FILE]}


def test_groups(tmp_path: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    """Groups with names of targets, groups in groups, empty ones, images with names that bakegen else keeps for groups."""
    one(
        tmp_path,
        """
        target "gpu" {}
        group "default" { targets = ["b", "base", "gpu"] }
        group "base" {
          description = "x $${y}"
          targets = ["base", "b"]
        }
        target "base" {}
        target "b" { contexts = { x = "target:linked" } }
        target "linked" {}
        group "none" { targets = [] }
        target "hidden" {}
        group "hidden" { targets = ["b"] }
        target "Gpu" {}
        target "m" {
          name = "m-${x}"
          matrix = { x = ["2", "1"] }
        }
        """,
    )
    intake = adopt(tmp_path, BAKE_FILE)
    before = everything(tmp_path, client, BAKE_FILE)
    one(tmp_path / "ours", intake.files[BAKE_FILE])
    after = everything(tmp_path, client, "ours/docker-bake.hcl")
    assert after[1:] == before[1:]
    assert set(before[0]) - set(after[0]) == {("hidden", False)}
    assert any("left out: the target hidden" in note for note in intake.notes)
    (tmp_path / BAKE_FILE).unlink()
    data = load(one(tmp_path, intake.files[MANIFEST], MANIFEST)).manifest.source.data
    assert [*data["images"]] == ["gpu", "base", "b", "linked", "Gpu", "m-1", "m-2"]
    assert [*data["groups"]] == ["default", "base", "none", "hidden", "m"]
    assert data["groups"]["base"] == {"description": "x ${y}", "images": ["base", "b"]}


def test_a_target_called_default(tmp_path: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    one(tmp_path, 'target "default" { tags = ["x"] }')
    intake = adopt(tmp_path, BAKE_FILE)
    assert_reproduced(tmp_path, client, intake, BAKE_FILE)
    assert "groups" not in intake.files[MANIFEST].replace("auto_groups", "")


def test_what_computed_the_values_is_told(tmp_path: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    """Variables have their defaults, or what is given; what the environment holds gets nowhere."""
    text = """
    variable "TAG" { default = "dev" }
    variable "TOKEN" {}
    function "t" {
      params = [n]
      result = "x/${n}:${TAG}"
    }
    target "base" { args = { TOKEN = TOKEN } }
    target "a" {
      inherits = ["base"]
      tags = [t("a")]
    }
    target "docker-metadata-action" {}
    """
    one(tmp_path, text)
    leaking = {**client, "TOKEN": "s3cret", "TAG": "env"}
    docker = (str(shutil.which("docker", path=client["PATH"])),)
    plain = from_bake([tmp_path / BAKE_FILE], tmp_path, docker, Asked(leaking))
    assert "s3cret" not in "".join(plain.files.values())
    assert "x/a:dev" in plain.files[BAKE_FILE]
    assert any("TAG, TOKEN" in note and "not used" in note for note in plain.notes)
    given_tag = adopt(tmp_path, BAKE_FILE, TAG="v1")
    assert "x/a:v1" in given_tag.files[BAKE_FILE]
    head = " ".join(line.lstrip("# ") for line in given_tag.files[MANIFEST].splitlines() if line.startswith("#"))
    assert "variables TAG, TOKEN, functions t, inheritance." in head
    assert "Given with --set: TAG." in head
    assert "docker-metadata-action is a target of its own now" in head
    other = bake(
        one(tmp_path / "o", plain.files[BAKE_FILE]),
        {**client, "REGISTRY": "r", "TAG": "t"},
        [BAKE_FILE],
        "--print",
        "a",
    )
    assert other["target"]["a"]["tags"] == ["x/a:dev"]


def test_several_files_and_formats(tmp_path: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    one(tmp_path, '\ufeffvariable "T" { default = "x:1" }\r\n', "vars.hcl")
    one(
        tmp_path,
        '{"target": {"b": {"tags": ["${T}"]}, "a": {}}, "group": {"default": {"targets": ["b", "a"]}}}',
        "b.json",
    )
    intake = adopt(tmp_path, "vars.hcl", "b.json")
    assert_reproduced(tmp_path, client, intake, "vars.hcl", "b.json")
    assert intake.files[MANIFEST].index("  b:") < intake.files[MANIFEST].index("  a:")
    assert intake.files[MANIFEST].startswith('# Taken from vars.hcl, b.json by "bakegen adopt --from-bake"')


COMPOSE = """
name: x
services:
  api.v1:
    image: ${REPO:-repo}/api
    build:
      context: ./api
      args: [FOO, BAR=b]
      target: prod
      additional_contexts: { base: "service:base", up: ../up }
      secrets: [token]
  base: { build: .. }
  db: { image: postgres }
secrets:
  token: { file: ./token }
"""


def test_compose(tmp_path: Path, adopt: Adopt) -> None:
    """Compose files count from their own directory; services without build are no images."""
    one(tmp_path / "deploy", COMPOSE, "compose.yaml")
    (tmp_path / "deploy" / "token").touch()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    intake = adopt(tmp_path, "deploy/compose.yaml", compose=True)
    data = load(one(tmp_path, intake.files[MANIFEST], MANIFEST)).manifest.source.data
    assert data["images"] == {
        "base": {"dockerfile": "Dockerfile", "bake": {"tags": []}},
        "api_v1": {
            "args": {"BAR": "b"},
            "secrets": [{"id": "token", "src": "deploy/token"}],
            "bake": {
                "context": "deploy/api",
                "dockerfile": "Dockerfile",
                "tags": ["repo/api"],
                "contexts": {"base": "target:base", "up": "up"},
                "target": "prod",
            },
        },
    }
    assert data["groups"] == {"default": ["api_v1", "base"]}


def test_what_compose_takes_from_env_files(tmp_path: Path, adopt: Adopt) -> None:
    one(tmp_path, COMPOSE.replace("FOO", "API_TOKEN"), "compose.yaml")
    (tmp_path / "token").touch()
    one(tmp_path, "export REPO='other'\nAPI_TOKEN=hush\n", ".env")
    with pytest.raises(ManifestError, match=r"API_TOKEN of \.env would stand in the manifest") as caught:
        adopt(tmp_path, "compose.yaml", compose=True)
    assert "hush" not in str(caught.value)
    intake = adopt(tmp_path, "compose.yaml", compose=True, API_TOKEN="public")  # noqa: S106 - the point of it
    assert "API_TOKEN: public" in intake.files[MANIFEST]
    assert "tags: [other/api]" in intake.files[MANIFEST]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "couldn't find a bake definition"),
        ('variable "x" {}', "there is no target in it"),
        ('target "a" {\n  tags = [unknown]\n}', "docker-bake.hcl:2,11-18: "),
        ('target "-a" {}', "cannot be called so in a manifest"),
        ('target "a" { secret = ["id=x,src=nowhere"] }', "make the file, empty if need be"),
        ('target "a" { ssh = ["default"] }', "looks for the SSH agent"),
        ('target "a" { contexts = { b = "target:nowhere" } }', "nowhere"),
        ("\x00", "docker-bake.hcl"),
    ],
)
def test_files_that_cannot_be_taken_in(tmp_path: Path, adopt: Adopt, text: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        adopt(one(tmp_path, text), BAKE_FILE)
    assert words in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path, adopt: Adopt) -> None:
    for name in ("nowhere.hcl", "."):
        with pytest.raises(ManifestError, match="cannot be read"):
            adopt(tmp_path, name)
    os.mkfifo(tmp_path / "pipe.hcl")
    with pytest.raises(ManifestError, match="this is no file"):
        adopt(tmp_path, "pipe.hcl")
    one(tmp_path / "a", COMPOSE, "compose.yaml")
    one(tmp_path / "b", COMPOSE, "compose.yaml")
    with pytest.raises(ManifestError, match="several directories"):
        adopt(tmp_path, "a/compose.yaml", "b/compose.yaml", compose=True)


def test_an_old_buildx(tmp_path: Path) -> None:
    old = tmp_path / "docker"
    old.write_text("#!/bin/sh\necho 'unknown flag: --list' >&2\nexit 1\n")
    old.chmod(0o755)
    one(tmp_path, 'target "a" {}')
    with pytest.raises(EngineError, match="buildx is too old"):
        from_bake([tmp_path / BAKE_FILE], tmp_path, (str(old),), Asked(os.environ))


def test_another_result_is_refused(tmp_path: Path, adopt: Adopt) -> None:
    """A template of the user's own may render anything: then nothing is written."""
    one(tmp_path, 'target "a" { tags = ["x"] }')
    one(tmp_path, '# {{ mark }}\ntarget "a" {}\n', "docker-bake.hcl.j2")
    with pytest.raises(BakegenError, match="would not be the same: target a"):
        adopt(tmp_path, BAKE_FILE)


def test_write_and_undo(tmp_path: Path, adopt: Adopt) -> None:
    original = '\ufeff# mine\r\ntarget "a" {}\r\n'
    files = [one(tmp_path, original) / BAKE_FILE]
    intake = adopt(tmp_path, BAKE_FILE)
    todo = changes(intake, tmp_path, files)
    write(todo, tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    assert load(tmp_path).changes() == ()
    with pytest.raises(ConflictError, match="bakegen has rendered this file"):
        adopt(tmp_path, BAKE_FILE)
    one(tmp_path, 'target "b" {}', "other.hcl")
    with pytest.raises(ConflictError, match="there is a manifest already"):
        changes(adopt(tmp_path, "other.hcl"), tmp_path, files)
    (tmp_path / "other.hcl").unlink()
    undo(tmp_path)
    assert (tmp_path / BAKE_FILE).read_bytes() == original.encode()
    assert [path.name for path in tmp_path.iterdir()] == [BAKE_FILE]


def test_another_bake_file_stays(tmp_path: Path, adopt: Adopt) -> None:
    one(tmp_path, 'target "mine" {}')
    files = [one(tmp_path, 'target "a" {}', "other.hcl") / "other.hcl"]
    with pytest.raises(ConflictError, match="hand-written, and stays"):
        changes(adopt(tmp_path, "other.hcl"), tmp_path, files, force=True)


def test_another_directory(tmp_path: Path, client: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH is where files count from, and where the manifest is written."""
    for name, value in client.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "project" / "app").mkdir(parents=True)
    (tmp_path / "project" / "app" / "Dockerfile").write_text("FROM scratch\n")
    one(tmp_path / "project", 'target "a" { context = "app" }')
    monkeypatch.chdir(tmp_path)
    assert cli.run(["adopt", "project", "--from-bake", f"project/{BAKE_FILE}", "--write"]) == 0
    assert load("project").plan()["a"].dockerfile == "app/Dockerfile"
    assert cli.run(["adopt", "nowhere", "--from-bake", f"project/{BAKE_FILE}"]) == 2


def test_links_stay(tmp_path: Path, adopt: Adopt) -> None:
    file = one(tmp_path, 'target "a" {}', "real.hcl") / "real.hcl"
    (tmp_path / BAKE_FILE).symlink_to(file)
    with pytest.raises(ConflictError, match="this is a link"):
        changes(adopt(tmp_path, BAKE_FILE), tmp_path, [tmp_path / BAKE_FILE])


def test_the_command_line(
    tmp_path: Path, client: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in client.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(one(tmp_path, 'variable "T" { default = "1" }\ntarget "a" { tags = ["x:${T}"] }'))
    assert cli.run(["adopt", "--from-bake", BAKE_FILE, "--set", "T=2"]) == 0
    shown = capsys.readouterr()
    assert "+++ b/bakegen.yaml" in shown.out
    assert "x:2" in shown.out
    assert "nothing is written" in shown.err
    assert not (tmp_path / MANIFEST).exists()
    assert cli.run(["adopt", "--from-bake", BAKE_FILE, "--write"]) == 0
    assert "wrote bakegen.yaml\nwrote docker-bake.hcl\n" in capsys.readouterr().err
    assert cli.run(["render", "--check"]) == 0
    assert cli.run(["adopt", "--from-bake", BAKE_FILE, "--write"]) == 4
    assert cli.run(["adopt", "--from-bake", "a", "--from-compose", "b"]) == 2
    assert cli.run(["adopt", "--from-bake", "a", "--only", "BG012"]) == 2
    assert cli.run(["adopt", "--undo"]) == 0
    assert not (tmp_path / MANIFEST).exists()
    capsys.readouterr()
    assert cli.run(["adopt", "--from-bake", BAKE_FILE, "--json"]) == 0
    assert "x:1" in json.loads(capsys.readouterr().out)["files"][MANIFEST]
    assert cli.run(["adopt", "--from-bake", "a", "--set", "x"]) == 2


def test_a_build_is_told_what_the_bake_file_says(project: Path, client: Mapping[str, str], adopt: Adopt) -> None:
    """The definition that bakegen builds by, without asking buildx first, has what decides about access and order."""
    one(project, "".join(f'target "{name}" {{\n {text}\n}}\n' for name, (text, _) in ODD.items()))
    intake = adopt(project, BAKE_FILE)
    shown = bake(project, client, [BAKE_FILE], "--print", *ODD)["target"]
    (project / BAKE_FILE).unlink()
    found = load(one(project, intake.files[MANIFEST], MANIFEST)).plan()
    asked = request(found, [image.name for image in found.images], project, Options(), epoch="1").definition
    assert asked is not None
    for name, target in shown.items():
        for key in (
            "context",
            "dockerfile",
            "contexts",
            "output",
            "cache-from",
            "cache-to",
            "ssh",
            "entitlements",
            "target",
        ):
            ours = json.loads(json.dumps(asked[name].get(key)))
            assert (ours or None) == (target.get(key) or None), (name, key)


def test_order_of_names() -> None:
    hcl = 'group "all" {}\ntarget "z" {}\n  target "m" {\n    matrix = {}\n}\ntarget "a" {}'
    assert in_order(["a", "m-1", "m-2", "z", "unknown"], [hcl], {"m": ["m-2", "m-1"], "all": ["z", "a"]}) == [
        *("z", "m-1", "m-2", "a", "unknown"),
    ]
    assert in_order(["a", "b"], ["services:\n  b:\n    build: .\n  'a': {}\n"], {}) == ["b", "a"]
    assert in_order(["b", "a"], ['{"target": {\n"b": {},\n"a": {}}}'], {}) == ["b", "a"]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn", "Cc"]), max_size=8) | st.sampled_from(
    [
        "",
        "${",
        "$${",
        "${x}",
        "%{",
        "%%{ if }",
        '"',
        "\\",
        "\n",
        "a\nb\n",
        "é",
        "e\u0301",
        "no",
        "1.10",
        "\t",
        "\x1b",
        "'",
        ": ",
        " #",
    ]
)
FILLED = TEXT.filter(str.strip)
KEY = TEXT.map(lambda text: unicodedata.normalize("NFC", text))  # HCL takes two forms of a key for one key
WORD = st.sampled_from(["a", "b", "x/y:1", "index:k=v", "1.2", "no", "é", "a b"])
ENTRY = st.dictionaries(WORD, TEXT, max_size=2).flatmap(
    lambda more: st.sampled_from(["image", "gha", "registry"]).map(lambda kind: {**more, "type": kind})
)
TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "args": st.dictionaries(st.sampled_from(["A", "b_C", "a-b", "é"]), TEXT, max_size=3),
        "labels": st.dictionaries(KEY, TEXT, max_size=3),
        "tags": st.lists(FILLED, max_size=3),
        "description": TEXT,
        "target": TEXT,
        "network": TEXT,
        "dockerfile-inline": TEXT,
        "context": st.sampled_from(["app", ".", "..", "./app//", "https://x.y/z.git#a", "nowhere", "cwd://app"]),
        "dockerfile": st.sampled_from(["Dockerfile", "../root.Dockerfile", "./root.Dockerfile", "x/${y}", "cwd://D"]),
        "contexts": st.dictionaries(
            KEY.filter(str.strip), st.sampled_from(["target:linked", "docker-image://x", "./a", "${x}"]), max_size=2
        ),
        "output": st.lists(ENTRY, max_size=2),
        "cache-from": st.lists(ENTRY, max_size=2),
        "cache-to": st.lists(ENTRY, max_size=2),
        "annotations": st.lists(st.builds("{}={}".format, st.sampled_from(["k", "index:k"]), TEXT), max_size=2),
        "platforms": st.lists(st.sampled_from(["linux/amd64", "local", "linux/arm64/v8"]), max_size=2),
        "secret": st.lists(st.fixed_dictionaries({"id": WORD, "env": WORD}), max_size=2),
        "no-cache": st.booleans(),
        "pull": st.booleans(),
        "no-cache-filter": st.lists(WORD, max_size=2),
        "extra-hosts": st.dictionaries(WORD, WORD, max_size=2),
        "entitlements": st.lists(WORD, max_size=2),
    },
)


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(targets=st.lists(TARGETS, min_size=10, max_size=25))
def test_any_target(project: Path, client: Mapping[str, str], adopt: Adopt, targets: list[dict[str, Any]]) -> None:
    """Whatever bake makes of a target, it makes of the adopted one."""
    made = {f"t{number}": target for number, target in enumerate(targets)} | {"linked": {}}
    one(project, json.dumps(_escaped({"target": made})), "in.json")
    intake = adopt(project, "in.json")
    one(project, intake.files[BAKE_FILE])
    assert bake(project, client, [BAKE_FILE], "--print", *made) == bake(project, client, ["in.json"], "--print", *made)
