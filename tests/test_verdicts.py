"""Each rule of the verdicts, with small traces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakegen.trace.model import CacheUse, Step, Trace
from bakegen.verdicts.commands import script
from bakegen.verdicts.downloads import Download, downloads
from bakegen.verdicts.environment import RUNS_AS, Source, base_environment, environments, place, set_by
from bakegen.verdicts.judge import verdicts
from bakegen.verdicts.model import MountUsage, Verdict, amount

MB = 1_000_000
PIP_GOT = ("Collecting torch", "  Downloading torch-2.1-cp311.whl (12.5 MB)", "Successfully installed torch-2.1")
UV_GOT = (
    "Resolved 1 package in 1ms",
    "Downloading torch (10.0MiB)",
    "Prepared 1 package in 7ms",
    "Installed 1 package in 1ms",
)
UV_KEPT = ("Resolved 2 packages in 1ms", "Installed 2 packages in 1ms")
APT_GOT = (
    "Get:1 http://deb.debian.org/debian bookworm/main amd64 Packages [8790 kB]",
    "0 upgraded, 1 newly installed, 0 to remove and 6 not upgraded.",
    "Need to get 110 kB of archives.",
    "Get:1 http://deb.debian.org/debian bookworm/main amd64 bc amd64 1.07.1-3+b1 [110 kB]",
)


def step(command: str, target: str, *log: str, key: str = "k", **more: Any) -> Step:  # noqa: ANN401 - fields of Step
    mount = f"--mount=type=cache,id=m,target={target}"
    values: dict[str, Any] = {"number": 2, "count": 2, "intervals": ((0.0, 1.0),), **more}
    return Step(
        key,
        f"RUN {mount} {command}",
        "python",
        ("asr",),
        frozenset(),
        caches=(CacheUse(target, "m"),),
        log=log,
        **values,
    )


def judge(
    *steps: Step, before: int | None = 0, after: int | None = 4096, env: Mapping[str, str] | None = None
) -> tuple[Verdict, ...]:
    old, new = (None if size is None else ((MountUsage("m", size),) if size else ()) for size in (before, after))
    return verdicts(Trace(("asr",), steps, 0.0, 1.0), old, new, {"asr": env or {}})


def state(*steps: Step, **more: Any) -> str:  # noqa: ANN401 - as judge
    (found,) = judge(*steps, **more)
    assert bool(found.fix) is found.complains
    return found.state


PIP = step("pip install torch", "/root/.cache/pip", *PIP_GOT)
UV = step("uv pip install torch", "/root/.cache/uv", *UV_GOT)
WARM = step("uv pip install torch", "/root/.cache/uv", *UV_KEPT)


def test_cold_then_working() -> None:
    assert state(UV, after=11 * MB) == "cold"
    assert state(WARM, before=11 * MB, after=11 * MB) == "working"
    assert (
        state(
            step("pip install torch", "/root/.cache/pip", "Collecting torch", "  Using cached torch.whl (12 MB)"),
            before=13 * MB,
            after=13 * MB,
        )
        == "working"
    )


def test_what_was_kept_but_did_not_serve_is_cold() -> None:
    (found,) = judge(UV, before=11 * MB, after=22 * MB)
    assert (found.state, found.downloaded, found.delta) == ("cold", 10 * 1024**2, 11 * MB)
    assert "if the next run says so again" in found.reason


@pytest.mark.parametrize(
    ("made", "env"),
    [
        (PIP, {"PIP_NO_CACHE_DIR": "1", set_by("PIP_NO_CACHE_DIR"): "the base python:3.11"}),
        (PIP, {"PIP_NO_CACHE_DIR": "0", set_by("PIP_NO_CACHE_DIR"): "the base python:3.11"}),
        (UV, {"UV_NO_CACHE": "true", set_by("UV_NO_CACHE"): "ENV in base/Dockerfile:3"}),
        (step("sh -c 'python3 -m pip install --no-cache-dir torch'", "/root/.cache/pip", *PIP_GOT), {}),
        (step("PIP_NO_CACHE_DIR=1 pip install torch", "/root/.cache/pip", *PIP_GOT), {}),
        (step('["uv", "pip", "install", "--no-cache", "torch"]', "/root/.cache/uv", *UV_GOT), {}),
        (step("export UV_NO_CACHE=1 && uv pip install torch", "/root/.cache", *UV_GOT), {}),
    ],
)
def test_bypassed(made: Step, env: Mapping[str, str]) -> None:
    (found,) = judge(made, env=env)
    assert found.state == "bypassed"
    assert found.fix.startswith("remove ")
    assert env.get(set_by("PIP_NO_CACHE_DIR"), "") in found.reason


def test_what_turns_a_cache_off_leaves_other_directories_alone() -> None:
    env = {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "0"}
    assert state(step("pip download --no-cache-dir --dest /wheels torch", "/wheels", *PIP_GOT), after=13 * MB) == "cold"
    assert state(UV, after=11 * MB, env=env) == "cold"
    assert state(PIP, after=13 * MB, env=env) == "cold", "sizes are believed before words"
    assert (
        state(step("PIP_NO_CACHE_DIR= pip install torch", "/root/.cache/pip", *PIP_GOT), after=13 * MB, env=env)
        == "cold"
    )


def test_not_stored() -> None:
    (found,) = judge(PIP, after=12_288)
    assert (found.state, found.downloaded, found.delta) == ("not stored", 12_500_000, 12_288)
    assert "forbids HTTP caching" in found.reason
    (found,) = judge(PIP, before=50 * MB, after=50 * MB)
    assert found.state == "not stored"
    (found,) = judge(step("pip install -q torch", "/root/.cache/pip"))
    assert "rests on the size alone" in found.reason


def test_misplaced_mounts_and_homes() -> None:
    (found,) = judge(step("pip install torch", "/pip-cache", *PIP_GOT))
    assert found.reason.startswith("pip keeps its cache in /root/.cache/pip, the mount is at /pip-cache")
    (found,) = judge(PIP, env={RUNS_AS: "app"})
    assert "pip runs as app" in found.reason
    assert state(PIP, env={RUNS_AS: "app", "HOME": "/root"}, after=13 * MB) == "cold"
    assert (
        state(step("pip install torch", "/home/app/.cache/pip", *PIP_GOT), env={RUNS_AS: "app"}, after=13 * MB)
        == "cold"
    )
    assert state(step("uv pip install --cache-dir /c torch", "/c", *UV_GOT), after=13 * MB) == "cold"
    assert state(PIP, env={"PIP_CACHE_DIR": "/elsewhere"}) == "not stored"


def test_apt() -> None:
    command = "apt-get update && apt-get install -y bc"
    (found,) = judge(step(command, "/var/cache/apt", *APT_GOT), after=12_288)
    assert "docker-clean of the base" in found.reason
    assert found.downloaded == 110_000
    assert state(step(command, "/var/cache/apt", *APT_GOT), after=74 * MB) == "cold"
    assert state(step(command, "/var/lib/apt/lists", *APT_GOT), after=20 * MB) == "cold"
    assert state(step(command, "/var/lib/apt/lists", *APT_GOT), before=20 * MB, after=20 * MB) == "working"
    (found,) = judge(step(f"{command} && rm -rf /var/lib/apt/lists/*", "/var/lib/apt/lists", *APT_GOT))
    assert "the same RUN removes /var/lib/apt/lists" in found.reason
    assert state(step(f"{command} && apt-get clean", "/var/cache/apt", *APT_GOT)) == "not stored"
    assert (
        state(step(f"rm -rf /var/lib/apt/lists/* && {command}", "/var/lib/apt/lists", *APT_GOT), after=20 * MB)
        == "cold"
    )


def test_a_heredoc_is_told_from_its_log() -> None:
    assert state(step("<<EOF (set -e...)", "/root/.cache/pip", *PIP_GOT)) == "not stored"
    assert state(step("<<EOF (set -e...)", "/root/.cache/pip", *PIP_GOT), env={"PIP_NO_CACHE_DIR": "1"}) == "bypassed"


def test_bakegens_own_steps() -> None:
    own = "python /tmp/pip-install.py --requirement /tmp/r.txt && pip freeze --all > /opt/venv/constraints.txt"
    assert (
        state(step(own, "/root/.cache/wheels", "fetching torch==2.1", "installed torch==2.1"), after=9 * MB) == "cold"
    )
    assert state(step(own, "/root/.cache/wheels", "installed torch==2.1"), before=9 * MB, after=9 * MB) == "working"
    venv = "exec 9> /w/.lock && flock 9 && python3.11 -m venv /opt/venv && pip download --quiet --no-cache-dir --no-deps --dest /w pip==26 && pip install --quiet --no-cache-dir --no-index --find-links /w pip==26"
    assert state(step(venv, "/w"), after=2 * MB) == "cold"
    assert state(step(venv, "/w"), before=2 * MB, after=2 * MB) == "working"


def test_the_engine_dropped_it() -> None:
    for before, after in ((5 * MB, 0), (5 * MB, 4096)):
        (found,) = judge(UV, before=before, after=after)
        assert "GC limit is below what the family needs" in found.reason


def test_a_new_id_names_the_old_one() -> None:
    old = MountUsage(
        "uv-cp311", 5 * MB, 'cached mount /root/.cache/uv from exec /bin/sh -c uv pip install torch with id "/uv-cp311"'
    )
    trace = Trace(("asr",), (UV,), 0.0, 1.0)
    (found,) = verdicts(trace, (old,), (old, MountUsage("m", 11 * MB)), {})
    assert found.state == "cold"
    assert "its id may have changed: uv-cp311 with the same target" in found.reason


def test_steps_that_share_a_mount_share_its_size() -> None:
    first, second = judge(UV, step("uv pip install x", "/root/.cache/uv", *UV_KEPT, key="l"), after=11 * MB)
    assert (first.state, second.state) == ("cold", "working")
    assert first.reason.endswith("shared with 1 other step")


def test_what_nobody_measured_is_not_judged_but_by_proof() -> None:
    assert judge(UV, before=None, after=None) == ()
    assert state(WARM, before=None, after=None) == "working"
    assert state(UV, before=None, after=None, env={"UV_NO_CACHE": "1"}) == "bypassed"


def test_a_size_that_the_engine_does_not_know_proves_nothing() -> None:
    trace = Trace(("asr",), (UV,), 0.0, 1.0)
    for size in (None, 0):
        assert verdicts(trace, (), (MountUsage("m", size),), {}) == ()


def test_only_what_was_executed_is_judged() -> None:
    assert judge(step("pip install x", "/c", cached=True), step("pip install x", "/c", failed=True)) == ()


def test_downloads() -> None:
    assert downloads(PIP_GOT) == {"pip": Download(12_500_000)}
    assert downloads(UV_GOT) == {"uv": Download(10 * 1024**2)}
    assert downloads(UV_KEPT) == {"uv": Download(0, reused=True)}
    assert downloads(("Prepared 2 packages in 7ms",))["uv"].known is None
    assert downloads(APT_GOT) == {"archives": Download(110_000), "lists": Download(8_790_000)}
    assert downloads(("Need to get 52.5 kB/1,162 kB of archives.",))["archives"] == Download(52_500, reused=True)
    assert downloads(("hello",)) == {}


@given(st.lists(st.text()), st.text())
def test_anything_can_stand_in_logs_and_commands(log: list[str], text: str) -> None:
    downloads(log)
    script(f"RUN {text}")


def test_environments() -> None:
    sources = {
        "child": Source("child/Dockerfile", "FROM base:1\nRUN a\nENV X=late\nRUN b\n", parents={"base:1": "base"}),
        "base": Source(
            "base/Dockerfile",
            "ARG V=1\nFROM python AS one\nARG V\nENV PIP_NO_CACHE_DIR=$V A=b\nWORKDIR /w\nRUN x\nFROM one\nUSER app:app\nRUN y\n",
            args={"V": "2"},
        ),
    }
    found = environments(sources, {"python": base_environment({"HOME": "/h"}, "python")})
    assert found["child"]["PIP_NO_CACHE_DIR"] == "2"
    assert found["child"][set_by("PIP_NO_CACHE_DIR")] == "ENV in base/Dockerfile:4"
    assert found["child"][RUNS_AS] == "app"
    assert "V" not in found["child"]
    assert "X" not in found[place("child", "stage-0", 2)]
    assert found[place("child", "stage-0", 3)]["X"] == "late"
    assert RUNS_AS not in found[place("base", "one", 3)]
    assert found[place("base", "stage-1", 1)][set_by("HOME")] == "the base python"


def test_amounts() -> None:
    assert [amount(size) for size in (0, 999, 4096, 999_499, 999_500, 12_500_000, 2_614_000_000)] == [
        "0 B",
        "999 B",
        "4.1 kB",
        "999 kB",
        "1 MB",
        "12.5 MB",
        "2.61 GB",
    ]
