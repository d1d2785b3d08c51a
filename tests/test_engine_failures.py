"""docker's own words, and what they mean."""

from __future__ import annotations

import pytest

from bakegen.engine.failures import error_text, explain
from bakegen.errors import BuildFailed, EngineError


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (
            "unknown flag: --progress\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help'",
            "docker is installed, but its buildx plugin is not",
        ),
        (
            "docker: unknown command: docker buildx\n\nRun 'docker --help'",
            "docker is installed, but its buildx plugin is not",
        ),
        ("docker: 'buildx' is not a docker command.", "docker is installed, but its buildx plugin is not"),
        ("ERROR: invalid progress mode rawjson", "buildx is too old: it cannot report progress as JSON"),
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "no Docker engine answers at unix:///var/run/docker.sock",
        ),
        (
            "ERROR: failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct",
            "no Docker engine answers at unix:///var/run/docker.sock",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock: Get x",
            "the Docker engine at unix:///run/docker.sock may not be used by this user",
        ),
        (
            "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
            "the Docker engine at unix:///var/run/docker.sock may not be used by this user",
        ),
        (
            "error during connect: Get http://gpu1:2375/_ping: dial tcp: lookup gpu1: no such host",
            "the connection to the Docker engine failed",
        ),
        ('ERROR: no builder "fast" found', "there is no builder named fast"),
        (
            'Failed to initialize: unable to resolve docker endpoint: context "gpu": context not found: open meta.json',
            "there is no docker context named gpu",
        ),
    ],
)
def test_engine_at_fault(words: str, what: str) -> None:
    error = explain(words)
    assert isinstance(error, EngineError)
    (problem,) = error.problems
    assert problem.what == what
    assert problem.why
    assert problem.next


def test_unknown_words_are_kept() -> None:
    error = explain("docker-bake.hcl:1\n----\nERROR: failed to find target nope\n")
    assert isinstance(error, BuildFailed)
    assert str(error) == "failed to find target nope"
    assert isinstance(explain("nope", EngineError), EngineError)
    assert str(explain("")) == "docker failed without a word"


def test_a_step_that_prints_such_words_is_no_engine_failure() -> None:
    words = 'ERROR: failed to solve: process "/bin/sh -c curl x" did not complete successfully: exit code: 7'
    assert isinstance(explain(words), BuildFailed)
    registry = "ERROR: target a: failed to solve: x: dial tcp 127.0.0.1:5000: connect: connection refused"
    assert isinstance(explain(registry), BuildFailed)


def test_error_text() -> None:
    assert error_text("a\nERROR: b\nERROR: c\nd") == "c\nd"
    assert error_text(" plain \n") == "plain"
