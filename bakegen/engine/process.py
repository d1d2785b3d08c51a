"""One child process: its stderr line by line as it comes, its stdout kept, stopped on demand and always reaped.

The child has a session (on Windows: a process group) of its own, so that a terminal's Ctrl-C reaches bakegen alone,
which then passes it on once. Reading happens on threads: a blocking read in the main thread would hold up Ctrl-C on
Windows, and a queue with a timeout lets the caller refresh its display while the child is silent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Self

from bakegen.errors import EngineError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

CHUNK = 1 << 16
PATIENCE = 5.0  # seconds that a child gets between the polite signal and the last one
WINDOWS = "win32"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child left behind."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def error(self) -> str:
        """Return what the child complained about, as text without a line end."""
        return self.stderr.decode(errors="replace").strip()


def spawn_options(platform: str) -> dict[str, Any]:
    """Return the Popen options that put a child into a session or process group of its own."""
    if platform == WINDOWS:
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200)}
    return {"start_new_session": True}


def interrupt_signal(platform: str) -> int:
    """Return the signal that asks docker to cancel: Ctrl-Break is the only one a Windows process group can be sent."""
    if platform == WINDOWS:
        return int(getattr(signal, "CTRL_BREAK_EVENT", 1))
    return int(signal.SIGINT)


class Process:
    """A running child. A context manager: leaving it early stops the child, and it is reaped in every case."""

    def __init__(
        self, argv: Sequence[str], *, cwd: Path | str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start ``argv``; raises EngineError when the program cannot be started."""
        self.argv = tuple(argv)
        self._interrupts = 0
        self._stdout: list[bytes] = []
        self._queue: SimpleQueue[list[bytes] | None] = SimpleQueue()
        try:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=None if env is None else dict(env),
                **spawn_options(sys.platform),
            )
        except OSError as error:
            raise EngineError(_not_started(self.argv, error)) from error
        self._stdout_thread = Thread(target=self._read_stdout, args=(self._popen.stdout,), daemon=True)
        self._stderr_thread = Thread(target=self._read_stderr, args=(self._popen.stderr,), daemon=True)
        self._stdout_thread.start()
        self._stderr_thread.start()

    def __enter__(self) -> Self:
        """Return the process itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what still runs of the child, politely first, and reap it."""
        try:
            if self._alive():
                self.interrupt()
                self._stderr_thread.join(PATIENCE)
        finally:
            if self._alive():
                self.kill()
            self._popen.wait()
            self._stdout_thread.join(1.0)
            self._stderr_thread.join(1.0)

    @property
    def pid(self) -> int:
        """Return the child's process id, which on POSIX is its session's and process group's too."""
        return self._popen.pid

    def lines(self, tick: float | None = None) -> Iterator[bytes | None]:
        """Yield the lines of stderr with their line ends, as they come, and None after ``tick`` seconds of silence.

        Ends when the child and all that hold its stderr are gone; with a tick, also when a stray grandchild holds it
        long after the child has ended. The last line may lack its end.
        """
        silent = 0.0
        while True:
            try:
                batch = self._queue.get(timeout=tick)
            except Empty:
                silent = silent + (tick or 0.0) if self._popen.poll() is not None else 0.0
                if silent > PATIENCE:
                    return
                yield None
                continue
            if batch is None:
                return
            yield from batch

    def wait(self) -> int:
        """Return the exit code once the child has ended; negative when a signal ended it (POSIX)."""
        returncode = self._popen.wait()
        self._stdout_thread.join(PATIENCE)
        return returncode

    def stdout(self) -> bytes:
        """Return what the child has written to stdout so far."""
        return b"".join(self._stdout)

    def interrupt(self) -> None:
        """Ask the child to cancel, as Ctrl-C does; from the second call on, end it."""
        self._interrupts += 1
        if self._interrupts > 1:
            self.kill()
        else:
            self._signal(interrupt_signal(sys.platform))

    def kill(self) -> None:
        """End the child and, on POSIX, its whole session without asking."""
        if sys.platform == WINDOWS:
            self._popen.kill()
        else:
            self._signal(int(signal.SIGKILL))

    def _alive(self) -> bool:
        """Return whether the child, or a child of its own that holds stderr, still runs.

        `docker` ends at once when interrupted; its plugin, which does the work, up to a second later.
        """
        return self._popen.poll() is None or self._stderr_thread.is_alive()

    def _signal(self, number: int) -> None:
        """Send a signal to the child's group, while somebody is in it."""
        if not self._alive():
            return
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == WINDOWS:
                self._popen.send_signal(number)
            else:
                os.killpg(self._popen.pid, number)

    def _read_stdout(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), CHUNK):
                self._stdout.append(chunk)

    def _read_stderr(self, pipe: IO[bytes]) -> None:
        """Cut stderr into lines; the parts of a line longer than a chunk are joined once, when its end is there."""
        open_line: list[bytes] = []
        with pipe:
            while chunk := os.read(pipe.fileno(), CHUNK):
                head, newline, rest = chunk.partition(b"\n")
                open_line.append(head + newline)
                if newline:
                    *lines, tail = rest.split(b"\n")
                    self._queue.put([b"".join(open_line), *(line + b"\n" for line in lines)])
                    open_line = [tail]
        if last := b"".join(open_line):
            self._queue.put([last])
        self._queue.put(None)


def run(
    argv: Sequence[str],
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Finished:
    """Return what a short command printed and its exit code.

    Raises EngineError when it cannot be started or takes longer than ``timeout`` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    stderr: list[bytes] = []
    with Process(argv, cwd=cwd, env=env) as process:
        for line in process.lines(tick=0.1):
            if line is not None:
                stderr.append(line)
            elif deadline is not None and time.monotonic() > deadline:
                raise EngineError(_too_slow(process.argv, timeout or 0.0))
        returncode = process.wait()
        return Finished(process.argv, returncode, process.stdout(), b"".join(stderr))


def _not_started(argv: tuple[str, ...], error: OSError) -> Problem:
    return Problem(
        f"{argv[0] if argv else 'docker'} cannot be started: {error.strerror or error}",
        why="bakegen needs the docker client for this",
        next="check that the file exists and may be executed; `bakegen doctor` shows what bakegen finds",
    )


def _too_slow(argv: tuple[str, ...], timeout: float) -> Problem:
    return Problem(
        f"`{' '.join(argv)}` has not answered in {timeout:.0f} s",
        why="the engine, or the connection to it, is stuck",
        next="try the command by hand; check DOCKER_HOST and the docker context",
    )
