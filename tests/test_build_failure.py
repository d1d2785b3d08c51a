"""What the user is told when a bake fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bakegen.build.failure import Wreck, failure_error
from bakegen.build.tracker import Failure
from bakegen.errors import BakegenError, BuildFailed, EngineError

EXIT = 'process "/bin/sh -c make" did not complete successfully: exit code: 2'
TAIL = f"Dockerfile:3\n--------------------\n   3 | >>> RUN make\n--------------------\nERROR: target asr: failed to solve: {EXIT}"
DEFINITION: dict[str, dict[str, Any]] = {"asr": {"context": ".", "dockerfile": "docker/asr/Dockerfile"}, "web": {}}


def told(
    *failures: Failure,
    text: str = TAIL,
    lines: Sequence[str] = (),
    solved: Sequence[str] = ("asr", "web"),
    log: str = "",
) -> BakegenError:
    return failure_error(Wreck(failures, text, frozenset(solved)), DEFINITION, lambda _: tuple(lines), lambda _: log)


def test_a_step_that_broke() -> None:
    error = told(Failure("d", ("asr",), "RUN make", EXIT), lines=["one", "two"], log=".bakegen/runs/1/logs/asr.log")
    assert isinstance(error, BuildFailed)
    assert error.exit_code == 6
    assert str(error).splitlines() == [
        "docker/asr/Dockerfile:3: asr did not build: RUN make: exit code: 2",
        "    the last 2 lines of the step:",
        "      | one",
        "      | two",
        "    repair the step and build again: the steps before it are cached",
        "    log: .bakegen/runs/1/logs/asr.log",
    ]


def test_several_broken_steps() -> None:
    first = Failure("d", ("asr",), "RUN make", EXIT)
    second = Failure("e", ("asr", "web"), "RUN other", EXIT.replace("2", "1"))
    error = told(first, second)
    assert [problem.what for problem in error.problems] == [
        "asr did not build: RUN make: exit code: 2",
        "asr and web did not build: RUN other: exit code: 1",
    ]
    assert [str(problem.where) for problem in error.problems] == ["docker/asr/Dockerfile:3", "docker/asr/Dockerfile"]


def test_a_long_instruction_is_cut() -> None:
    error = told(Failure("d", ("asr",), "RUN " + "x" * 500 + "\n y", EXIT))
    assert len(error.problems[0].what) < 160


def test_other_errors_are_told_whole() -> None:
    words = "failed to resolve source metadata for docker.io/library/nope:1: not found"
    error = told(Failure("d", ("web",), "load metadata for docker.io/library/nope:1", words), text="")
    assert error.problems[0].what == f"web did not build: load metadata for docker.io/library/nope:1: {words}"
    assert "check the image's name and tag" in error.problems[0].next


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("write /x: no space left on device", "free some space"),
        ("pull access denied, repository does not exist", "docker login"),
        ("unexpected status: 401 Unauthorized", "docker login"),
        (EXIT.replace("2", "137"), "ran out of memory"),
        ("no such job abc", "buildx#3810"),
        (EXIT, "repair the step"),
    ],
)
def test_hints(words: str, hint: str) -> None:
    assert hint in told(Failure("d", ("asr",), "RUN make", words)).problems[0].next


def test_no_step_but_a_target() -> None:
    text = TAIL.replace(EXIT, "dockerfile parse error on line 3: unknown instruction: RUM")
    error = told(text=text)
    assert isinstance(error, BuildFailed)
    expected = "docker/asr/Dockerfile:3: asr did not build: dockerfile parse error on line 3: unknown instruction: RUM"
    assert str(error).splitlines()[0] == expected


def test_no_step_and_one_target() -> None:
    error = told(
        text="ERROR: failed to solve: failed to read dockerfile: open Dockerfile: no such file", solved=("web",)
    )
    assert error.problems[0].what == "web did not build: failed to read dockerfile: open Dockerfile: no such file"
    assert str(error.problems[0].where) == "Dockerfile"


def test_remote_and_inline_dockerfiles() -> None:
    wreck = Wreck((Failure("d", ("a",), "RUN make", EXIT),), "", frozenset({"a"}))
    inline = failure_error(wreck, {"a": {"dockerfile-inline": "FROM x"}}, lambda _: (), lambda _: "")
    assert inline.problems[0].where is None
    remote = failure_error(wreck, {"a": {"context": "https://x/y.git"}}, lambda _: (), lambda _: "")
    assert str(remote.problems[0].where) == "Dockerfile"


def test_the_engines_fault() -> None:
    error = told(text="ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?")
    assert isinstance(error, EngineError)


def test_buildxs_own_words() -> None:
    error = told(text="docker-bake.hcl:1\n----\nERROR: failed to find target nope")
    assert isinstance(error, BuildFailed)
    assert str(error) == "failed to find target nope"
    assert str(told(text="")) == "docker failed without a word"
