"""Build scripts of four languages -> the commands that they run, as far as these can be told without running them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakegen.adopt.calls import builds, options
from bakegen.adopt.makefile import recipes
from bakegen.adopt.model import Call, Command, Found
from bakegen.adopt.shell import commands
from bakegen.adopt.shell_words import Script
from bakegen.adopt.windows import batch, powershell
from bakegen.errors import Where
from bakegen.tree import Kind


class Files:
    """A tree of texts."""

    def __init__(self, **texts: str) -> None:
        """Take the texts by path."""
        self.texts: Mapping[str, str] = texts

    def kind(self, path: str) -> Kind:
        """Return what stands at a path."""
        if path in self.texts:
            return "file"
        return "directory" if path == "." or any(p.startswith(f"{path}/") for p in self.texts) else "missing"

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the path itself: no test here needs more."""
        return tuple(p for p in self.texts if p == pattern)

    def text(self, path: str) -> str | None:
        """Return a text."""
        return self.texts.get(path)


TREE = Files(**{f"docker/{name}/Dockerfile": "FROM scratch\n" for name in ("a", "b", "c")}, Dockerfile="FROM scratch\n")


def shell(text: str, path: str = "build.sh", **files: str) -> list[tuple[str, ...]]:
    """Return the docker commands of a shell script."""
    found = commands(Script(path, text), [*TREE.texts, *files], files.get)
    return [command.words for command in found if command.words[0] == "docker"]


def built(text: str, path: str = "build.sh") -> Found:
    return builds(commands(Script(path, text), list(TREE.texts), lambda _: None), TREE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1 B='x y'\ndocker $A \"$B\" $B", "docker|1|x y|x|y"),
        ("docker ${A:-d} ${A-e} ${B:=f} $B", "docker|d|e|f|f"),
        ("A=x\ndocker ${A:-d} ${A:+z}", "docker|x|z"),
        ("docker build \\\n  -t x \\\n  .", "docker|build|-t|x|."),
        ("export A=x; readonly B=y\ndocker $A$B", "docker|xy"),
        (
            "A=docker/a/Dockerfile\ndocker $(dirname $A) $(basename $(dirname $A)) ${A%/*} ${A##*/}",
            "docker|docker/a|a|docker/a|Dockerfile",
        ),
        ("A=(x 'y z'); A+=(w)\ndocker \"${A[@]}\" ${A[1]}", "docker|x|y z|w|y|z"),
        ('declare -A M=([k]=v [l]=w)\nfor i in "${!M[@]}"; do docker $i=${M[$i]}; done', "docker|k=v"),
        ("f() { docker $1 ${2:-none}; }\nf x", "docker|x|none"),
        ('f() { shift; docker "$@"; }\nf x y z', "docker|y|z"),
        ('if [ -z "$A" ]; then A=d; fi\ndocker $A', "docker|d"),
        ("A=1\nif true; then A=2; fi\ndocker $A", "docker|${A}"),
        ("if true; then A=2; else A=2; fi\ndocker $A", "docker|2"),
        ('[ -z "$A" ] && A=d\ndocker $A', "docker|d"),
        ("docker $(git rev-parse HEAD) `date`", "docker|${$(git)}|${$(date)}"),
        ("docker $UNKNOWN/x", "docker|${UNKNOWN}/x"),
        ("cat <<EOF\ndocker build wrong\nEOF\ndocker right", "docker|right"),
        ("# docker build wrong\necho docker wrong; docker right # tail", "docker|right"),
        ("docker docker/*/Dockerfile", "docker|docker/a/Dockerfile|docker/b/Dockerfile|docker/c/Dockerfile"),
        ("docker x{1,2}y", "docker|x1y|x2y"),
        ("source ./env.sh\ndocker $E", "docker|from env"),
        ("A=x\r\ndocker $A\r\n", "docker|x"),
    ],
)
def test_shell(text: str, words: str) -> None:
    found = shell(text, **{"env.sh": "E='from env'"})
    assert "|".join(found[0]).replace("from|env", "from env") == words


def test_a_loop_runs_once_a_word_and_a_subshell_leaves_nothing_behind() -> None:
    text = "for d in docker/*/; do (cd $d && docker build -t $(basename $d) .); done\ndocker build -t top ."
    assert [(call.context, call.dockerfile, call.tags) for call in built(text).calls] == [
        ("docker/a", "docker/a/Dockerfile", ("a",)),
        ("docker/b", "docker/b/Dockerfile", ("b",)),
        ("docker/c", "docker/c/Dockerfile", ("c",)),
        (".", "Dockerfile", ("top",)),
    ]


def test_a_script_counts_from_the_top_or_from_its_own_directory() -> None:
    from_own = built('cd "$(dirname "${BASH_SOURCE[0]}")/.."\ndocker build -t a docker/a', "ci/build.sh").calls
    from_top = built("docker build -t a docker/a", "ci/build.sh").calls
    beside = built("docker build -t a .", "docker/a/build.sh").calls
    assert [c.dockerfile for c in (*from_own, *from_top)] == ["docker/a/Dockerfile"] * 2
    assert beside[0].dockerfile == "Dockerfile"  # both exist: a script is started from the top
    assert (
        built("cd $(dirname $0); docker build -t a .", "docker/a/build.sh").calls[0].dockerfile == "docker/a/Dockerfile"
    )


def test_options_of_every_kind() -> None:
    words = [
        "-qt",
        "one",
        "--tag=two",
        "-fdocker/a/Dockerfile",
        "--build-arg",
        "A=1",
        "--no-cache",
        "--progress",
        "plain",
    ]
    found = options(
        [*words, "--target", "stage", "--platform=linux/amd64,linux/arm64", "--network", "host", "ctx", "|", "tee"]
    )
    assert (found.tag, found.file, found.arg) == (["one", "two"], ["docker/a/Dockerfile"], ["A=1"])
    assert (found.stage, found.platform, found.operands) == (["stage"], ["linux/amd64,linux/arm64"], ["ctx"])
    assert found.lost == ["--network host"]


@pytest.mark.parametrize("prefix", ["sudo", "DOCKER_BUILDKIT=1", "time", "run_or_die", "exec"])
@pytest.mark.parametrize(
    "verb", ["docker build", "docker buildx build", "docker image build", "podman build", "/usr/bin/docker build"]
)
def test_whatever_starts_it(prefix: str, verb: str) -> None:
    (call,) = built(f"{prefix} {verb} -t x docker/a").calls
    assert (call.tags, call.context, call.where) == (("x",), "docker/a", Where("build.sh", 1))


def test_what_is_not_known_is_said_and_left() -> None:
    found = built(
        "docker build -t x docker/$WHICH\n"
        "docker build -t x https://example.org/repo.git\n"
        "docker build -t x -f gone/Dockerfile .\n"
        "docker build -t x - < Dockerfile\n"
        "docker build -t x --build-arg A --build-arg B=$C --build-arg API_TOKEN=s3cr3t docker/a\n"
        "docker build -t ../up ..\n"
    )
    (call,) = found.calls
    assert call.args == ()
    said = [(problem.where and problem.where.line, problem.what) for problem in found.notes]
    assert [line for line, _ in said] == [1, 2, 3, 4, 5, 5, 5, 6]
    assert "$WHICH" in said[0][1]
    assert not any("s3cr3t" in str(problem) for problem in found.notes)


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "PIP_PASSWORD", "SSH_KEY", "AWS_ACCESS_KEY_ID", "DB_PWD", "apikey", "GIT_AUTH"]
)
def test_what_is_called_like_a_secret_stays_out(name: str) -> None:
    found = built(f"docker build --build-arg {name}=s3cr3t --build-arg KEYBOARD=us -t x docker/a")
    assert found.calls[0].args == (("KEYBOARD", "us"),)
    assert "s3cr3t" not in str(found)


def test_docker_tag_gives_a_second_name() -> None:
    (use,) = built("docker build -t a docker/a\ndocker tag a r.example/a:1").uses
    assert (use.source, use.reference) == ("a", "r.example/a:1")


def test_secrets_of_a_build_are_kept_by_name_only() -> None:
    (call,) = built("docker build --secret id=pip,src=pip.conf --secret id=key,env=KEY -t x docker/a").calls
    assert call.secrets == ((("id", "pip"), ("src", "pip.conf")), (("id", "key"), ("env", "KEY")))


BATCH = r"""@echo off
if "%REG%"=="" set REG=r.example
set "TAG=1"
if not defined TAG set TAG=2
rem docker build -t wrong .
cd /d "%~dp0.."
docker build -t %REG%/a:%TAG% ^
   -f docker\a\Dockerfile . || exit /b 1
if errorlevel 1 docker build -t wrong%1 docker\c
for %%i in (b c) do (
  docker build -t %REG%/%%i docker/%%i
)
for %%i in (a) do docker build -t again-%%i docker\%%i
call docker build -t called docker\a
"""


def test_batch() -> None:
    found = builds(batch(Script("ci/build.bat", BATCH.replace("\n", "\r\n"))), TREE)
    assert [(call.where.line, call.tags[0], call.dockerfile) for call in found.calls] == [
        (7, "r.example/a:1", "docker/a/Dockerfile"),
        (9, "wrong${1}", "docker/c/Dockerfile"),
        (11, "r.example/b", "docker/b/Dockerfile"),
        (11, "r.example/c", "docker/c/Dockerfile"),
        (13, "again-a", "docker/a/Dockerfile"),
        (14, "called", "docker/a/Dockerfile"),
    ]


POWERSHELL = r"""param([string]$Registry = "r.example")
$tag = '1'
$images = @("b", "c")
Set-Location "$PSScriptRoot/.."
docker build -t "$Registry/a:${tag}" `
  -f docker\a\Dockerfile .
foreach ($image in $images) {
  & docker build -t "$($Registry)/$image" docker/$image
}
# docker build -t wrong .
"""


def test_powershell() -> None:
    found = builds(powershell(Script("ci/build.ps1", POWERSHELL)), TREE)
    assert [(call.where.line, call.tags[0], call.dockerfile) for call in found.calls] == [
        (5, "r.example/a:1", "docker/a/Dockerfile"),
        (8, "r.example/b", "docker/b/Dockerfile"),
        (8, "r.example/c", "docker/c/Dockerfile"),
    ]


MAKE = """REG ?= r.example
IMAGE := $(REG)/a
LAZY = $(TAG)
TAG := 1
.PHONY: a all
all: a
a:
\t@docker build -t $(IMAGE):$(LAZY) \\
\t  -f docker/a/Dockerfile .
b:
\tdocker build -t $(REG)/$@ docker/$@
loop:
\tfor i in b c; do docker build -t $(REG)/loop-$$i docker/$$i; done
%-any:
\tdocker build -t $* docker/$*
"""


def test_makefile() -> None:
    found = builds(recipes(Script("Makefile", MAKE), list(TREE.texts), lambda _: None), TREE)
    assert [(call.where.line, call.tags[0], call.dockerfile) for call in found.calls] == [
        (8, "r.example/a:1", "docker/a/Dockerfile"),
        (11, "r.example/b", "docker/b/Dockerfile"),
        (13, "r.example/loop-b", "docker/b/Dockerfile"),
        (13, "r.example/loop-c", "docker/c/Dockerfile"),
    ]
    assert [problem.where and problem.where.line for problem in found.notes] == [15]


SOURCE = st.lists(
    st.sampled_from(
        [
            *"abx01 \n\t\r\"'`$(){}[]\\;&|<>=*?/.:,#!%^~@-\x00\ud800é",
            "docker build ",
            "for i in ",
            "; do ",
            "done\n",
            "${",
            "%%i",
            "foreach (",
        ]
    ),
    max_size=60,
).map("".join)


@settings(deadline=None)
@given(SOURCE)
def test_no_text_is_too_odd(text: str) -> None:
    script = Script("x/build.sh", text)
    for found in (
        commands(script, list(TREE.texts), lambda _: text),
        batch(script),
        powershell(script),
        recipes(script, list(TREE.texts), lambda _: text),
    ):
        assert all(isinstance(call, Call) for call in builds(found, TREE).calls)


@pytest.mark.parametrize(
    "text",
    [
        "f() { f; }\nf",
        "a() { b; b; }\nb() { a; a; }\na",
        "for a in 1 2 3 4 5 6 7 8 9; do " * 8 + "docker x; " + "done; " * 8,
        "source build.sh\n" * 3,
        "(" * 5000 + "docker x" + ")" * 5000,
        "A=x\n" + "A=$A$A\n" * 60 + "docker $A",
    ],
)
def test_a_script_without_end_ends(text: str) -> None:
    found = list(commands(Script("build.sh", text), [], lambda _: text))
    assert len(found) <= 20_001
    assert all(isinstance(one, Command) for one in found)
