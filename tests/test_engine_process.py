"""The child process: lines as they come, one polite signal, then a last one, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bakegen.engine import process as module
from bakegen.engine.process import Process, interrupt_signal, run, spawn_options
from bakegen.errors import EngineError

pytestmark = pytest.mark.process


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "import os, signal, sys, time\n" + code)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_options_by_platform() -> None:
    assert spawn_options("linux") == spawn_options("darwin") == {"start_new_session": True}
    assert spawn_options("win32") == {"creationflags": 0x200}
    assert interrupt_signal("linux") == signal.SIGINT
    assert interrupt_signal("win32") == 1


def test_lines_stdout_and_exit_code() -> None:
    code = "sys.stderr.write('a\\nb\\r\\n\\nlast'); print('out'); sys.exit(3)"
    with Process(python(code)) as process:
        assert list(process.lines()) == [b"a\n", b"b\r\n", b"\n", b"last"]
        assert process.wait() == 3
        assert process.stdout() == b"out\n"


def test_lines_come_while_the_child_runs() -> None:
    with Process(python("sys.stderr.write('a\\n'); sys.stderr.flush(); time.sleep(30)")) as process:
        lines = process.lines(tick=0.05)
        assert next(line for line in lines if line is not None) == b"a\n"
        assert next(lines) is None
    assert process.wait() < 0


def test_huge_and_many_lines() -> None:
    code = "w = sys.stderr.buffer.write; w(b'x' * 3_000_000 + b'\\n'); [w(b'%d\\n' % n) for n in range(50_000)]; w(b'y' * 70_000)"
    with Process(python(code)) as process:
        first, *middle, last = [line for line in process.lines() if line is not None]
    assert first == b"x" * 3_000_000 + b"\n"
    assert middle == [b"%d\n" % number for number in range(50_000)]
    assert last == b"y" * 70_000


def test_stdout_and_stderr_together_do_not_block() -> None:
    code = "for n in range(2000): print('o' * 500); print('e' * 500, file=sys.stderr)"
    with Process(python(code)) as process:
        assert sum(1 for _ in process.lines()) == 2000
        process.wait()
        assert len(process.stdout()) == 2000 * 501


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interrupt_is_sent_once_and_politely() -> None:
    code = (
        "signal.signal(signal.SIGINT, lambda *_: (sys.stderr.write('stopping\\n'), sys.exit(130)))\n"
        "sys.stderr.write('ready\\n'); sys.stderr.flush(); time.sleep(30)"
    )
    with Process(python(code)) as process:
        seen = []
        for line in process.lines():
            seen.append(line)
            if line == b"ready\n":
                process.interrupt()
        assert seen == [b"ready\n", b"stopping\n"]
        assert process.wait() == 130


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_second_interrupt_kills() -> None:
    code = (
        "signal.signal(signal.SIGINT, signal.SIG_IGN); sys.stderr.write('ready\\n'); sys.stderr.flush(); time.sleep(30)"
    )
    with Process(python(code)) as process:
        for line in process.lines(tick=0.05):
            if line == b"ready\n" or line is None:
                process.interrupt()
        assert process.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX sessions")
def test_the_child_has_a_session_of_its_own() -> None:
    with Process(python("print(os.getsid(0) == os.getpid())")) as process:
        list(process.lines())
        process.wait()
        assert process.stdout() == b"True\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX sessions")
def test_a_grandchild_that_outlives_the_child_is_waited_for_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    code = (
        "pid = os.fork()\n"
        "if pid: sys.stderr.write(f'{pid}\\n'); sys.stderr.flush(); os._exit(0)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(30)"
    )
    with Process(python(code)) as process:
        grandchild = int(next(line for line in process.lines() if line) or 0)
        assert process.wait() == 0
        assert alive(grandchild)
    deadline = time.monotonic() + 5
    while alive(grandchild) and Path(f"/proc/{grandchild}/stat").exists() and time.monotonic() < deadline:
        if " Z " in Path(f"/proc/{grandchild}/stat").read_text():
            break
        time.sleep(0.02)
    assert time.monotonic() < deadline


def test_leaving_early_stops_the_child() -> None:
    def leave() -> None:
        with Process(python("time.sleep(30)")) as process:
            pids.append(process.pid)
            raise ValueError("on purpose")

    pids: list[int] = []
    begin = time.monotonic()
    with pytest.raises(ValueError, match="on purpose"):
        leave()
    assert time.monotonic() - begin < 3
    assert not alive(pids[0])


def test_not_started() -> None:
    with pytest.raises(EngineError, match="nonexistent-docker cannot be started"):
        Process(("nonexistent-docker",))


def test_run() -> None:
    done = run(
        python("print('out'); print(os.environ['X'], file=sys.stderr); sys.exit(2)"), env={**os.environ, "X": "err"}
    )
    assert (done.returncode, done.stdout, done.error) == (2, b"out\n", "err")


def test_run_gives_up() -> None:
    with pytest.raises(EngineError, match="has not answered in 0 s"):
        run(python("time.sleep(30)"), timeout=0.3)
