"""Fixtures every test may use, and the rule that engine tests do run where they must."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests import lab

REQUIRED = "BAKEGEN_REQUIRE_ENGINE"
_counts = {"passed": 0, "skipped": 0}

# a shell's background job ignores Ctrl-C, and hands that on to all that tests start: those of Ctrl-C would wait for ever
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine() -> Iterator[lab.Engine]:
    """Give a Docker engine with buildx: the machine's own where it serves, else the lab's. Without one, skip or fail."""
    try:
        with lab.engine() as found:
            yield found
    except lab.LabError as error:
        if os.environ.get(REQUIRED):
            pytest.fail(f"no engine, and {REQUIRED} is set: {error}")
        pytest.skip(f"no engine: {error}")


@pytest.fixture(scope="session")
def docker_env(engine: lab.Engine) -> dict[str, str]:
    """Return the environment in which the docker client talks to the engine."""
    return {**os.environ, **engine.env}


@pytest.fixture(autouse=True)
def _no_stray_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only tests that say so start processes: a unit test that reaches docker by accident fails at once."""
    if any(request.node.get_closest_marker(name) for name in ("engine", "buildx", "process")):
        return

    def refuse(*args: object, **_: object) -> None:
        raise AssertionError(f"a unit test started a process: {args}; mark it 'process', 'buildx' or 'engine'")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run unit tests first: what is quick to fail should fail first."""
    items.sort(key=lambda item: item.get_closest_marker("engine") is not None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the engine tests that ran."""
    counts = report.when == "call" or report.outcome == "skipped"
    if "engine" in report.keywords and counts and report.outcome in _counts:
        _counts[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that had to use an engine and did not."""
    if (
        os.environ.get(REQUIRED)
        and not session.config.option.collectonly
        and (_counts["passed"] == 0 or _counts["skipped"])
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many engine tests ran."""
    if os.environ.get(REQUIRED):
        terminalreporter.write_line(f"engine tests: {_counts['passed']} passed, {_counts['skipped']} skipped")
