"""What holds ahead of each instruction, across stages and images, with who set it."""

from __future__ import annotations

import pytest

from bakegen.advice import State, Surroundings, Value, handed_down
from bakegen.advice.state import Step, plain_shell, steps
from bakegen.dockerfile.parser import parse


def last(text: str, around: Surroundings | None = None) -> Step:
    """Return the last step of a text."""
    return steps(parse(text), "d/Dockerfile", around or Surroundings())[-1]


def test_variables_and_who_set_them() -> None:
    step = last("ARG V=1\nFROM python:3.11\nARG V\nENV A=$V B=x\nENV B=$A/y\nRUN true\n")
    assert step.state.env["A"] == Value("1", "d/Dockerfile:4")
    assert step.state.env["B"] == Value("1/y", "d/Dockerfile:5")
    assert step.args == {"V"}
    assert step.variables["V"] == "1"


def test_an_env_beats_an_arg() -> None:
    step = last("FROM python:3.11\nENV A=env\nARG A=arg\nRUN true\n")
    assert (step.variables["A"], step.args) == ("env", frozenset())


def test_what_the_build_is_given_beats_a_default() -> None:
    around = Surroundings(args={"A": "given"})
    assert last("FROM python:3.11\nARG A=default\nRUN true\n", around).variables["A"] == "given"
    assert "B" not in last("FROM python:3.11\nARG A=default\nRUN true\n", around).variables


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("FROM python:3.11\nENV A=$B\nRUN true\n", ""),  # of this base it is known that it does not set B
        ("FROM someone/else:1\nENV A=$B\nRUN true\n", None),
        ("FROM python:3.11\nARG B\nENV A=$B\nRUN true\n", None),
    ],
)
def test_what_is_unknown_stays_unknown(text: str, known: str | None) -> None:
    assert last(text).state.env["A"].text == known


def test_stages_hand_down() -> None:
    text = "FROM python:3.11-bookworm AS a\nARG C=1\nENV A=1\nUSER 7\nWORKDIR /x\nFROM a AS b\nWORKDIR y\nRUN true\n"
    step = last(text)
    assert step.chain == (0, 1)
    assert (step.state.user.text, step.state.workdir.text, step.state.distro) == ("7", "/x/y", "bookworm")
    assert {"A", "C"} <= step.state.env.keys()
    assert "A" not in last(text + "FROM debian:12\nRUN true\n").state.env


def test_images_hand_down_all_but_arguments() -> None:
    base = parse("FROM python:3.11-bookworm\nARG B=1\nENV A=1\nUSER app\n")
    state = handed_down(base, "base/Dockerfile", Surroundings())
    assert (state.env["A"], state.user.text, state.base) == (
        Value("1", "base/Dockerfile:3"),
        "app",
        "python:3.11-bookworm",
    )
    assert "B" not in state.env
    around = Surroundings(parents={"registry/base:1": state})
    step = last("ARG R=registry\nFROM ${R}/base:1\nRUN true\n", around)
    assert step.state.env["A"].where == "base/Dockerfile:3"
    assert (step.root, step.home) == (False, None)


def test_a_target_hands_down_its_own() -> None:
    text = parse("FROM debian:12 AS one\nENV A=1\nFROM debian:12 AS two\nENV A=2\n")
    assert handed_down(text, "x", Surroundings()).env["A"].text == "2"
    assert handed_down(text, "x", Surroundings(), "ONE").env["A"].text == "1"


@pytest.mark.parametrize(
    ("text", "root", "home"),
    [
        ("FROM debian:12\nRUN true\n", True, "/root"),
        ("FROM debian:12\nUSER root:root\nRUN true\n", True, "/root"),
        ("FROM debian:12\nENV HOME=/h\nRUN true\n", True, "/h"),
        ("FROM debian:12\nUSER app\nRUN true\n", False, None),
        ("FROM debian:12\nUSER app\nENV HOME=/h\nRUN true\n", False, "/h"),
        ("FROM someone/else\nRUN true\n", False, None),
        ("FROM someone/else\nRUN apt-get update\nRUN true\n", True, "/root"),
        ("FROM someone/else\nRUN sudo apt-get update\nRUN true\n", False, None),
        ("FROM someone/else\nUSER $X\nRUN apt-get update\nRUN true\n", False, None),
        ("FROM scratch\nRUN true\n", True, "/root"),
    ],
)
def test_user_and_home(text: str, root: bool, home: str | None) -> None:
    step = last(text)
    assert (step.root, step.home) == (root, home)


def test_what_bases_are_known_to_set() -> None:
    assert last("FROM golang:1.23\nRUN true\n").variables["GOPATH"] == "/go"
    assert last("FROM docker.io/library/rust:1\nRUN true\n").variables["CARGO_HOME"] == "/usr/local/cargo"
    assert last("FROM mcr.microsoft.com/windows/nanoserver:1809\nRUN true\n").script is None


def test_docker_clean_is_remembered() -> None:
    text = "FROM debian:12\nRUN rm -f /etc/apt/apt.conf.d/docker-clean\n"
    assert handed_down(parse(text), "x", Surroundings()).keeps_debs
    assert not handed_down(parse("FROM debian:12\nRUN true\n"), "x", Surroundings()).keeps_debs


@pytest.mark.parametrize(
    ("shell", "plain"),
    [
        (Value(), True),
        (Value("/bin/sh -c"), True),
        (Value("/bin/bash -o pipefail -c"), True),
        (Value("/bin/bash -euxo pipefail -c"), True),
        (Value("powershell -Command"), False),
        (Value("conda run -n x /bin/bash -c"), False),
        (Value("/bin/bash wrapper.sh -c"), False),
        (Value(None, "Dockerfile:3"), False),
    ],
)
def test_shells(shell: Value, plain: bool) -> None:
    assert plain_shell(State(shell=shell)) is plain
