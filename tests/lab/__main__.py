"""`python -m tests.lab`: bring the private engine up and down, and run commands in it."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys

from . import daemon, net, processes, service
from .layout import Layout
from .shell import LabError, say

EPILOG = """\
environment:
  BAKEGEN_LAB_HOME   root of the lab (default: ${XDG_CACHE_HOME:-~/.cache}/bakegen-lab)
  BAKEGEN_LAB_CACHE  downloads and stand-ins, which several labs can share (default: cache/ in the home)
  BAKEGEN_LAB_DNS    DNS servers for containers, where the machine's own listen on its loopback only
  BAKEGEN_LAB_SUITE  Debian suite to take Docker from (default: forky)
  BAKEGEN_LAB        private: tests use the private engine even where the machine has one

exit codes: 0 done, 1 something is lacking (the message says what to do), 3 `status`: the engine is down
"""


def main(argv: list[str]) -> int:
    """Carry out one verb; return the exit code."""
    options = _parser().parse_args(argv)
    layout = Layout.from_environment()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a half-done step is undone as on Ctrl-C
    try:
        code = _VERBS[options.verb](layout, options)
        sys.stdout.flush()
    except LabError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except BrokenPipeError:  # `status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        sys.stderr.write(
            f"error: the lab cannot use one of its files\n  why: {error}\n  do:  mend that, or set BAKEGEN_LAB_HOME\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description="A private Docker engine with buildx for the tests, on a bare Debian machine, as root.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("up", help="bring the engine up; at once when it is up already")
    verbs.add_parser("status", help="say whether it is up, and where everything is")
    verbs.add_parser("env", help='print export lines: eval "$(python -m tests.lab env)"')
    run = verbs.add_parser("run", help="bring it up and run a command in its environment: run -- docker buildx bake")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    for name, text in (("down", "stop it and leave nothing behind"), ("reset", "stop it and delete its data")):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--force", action="store_true", help="also while somebody uses it")
    verb.add_argument("--all", action="store_true", help="delete downloads and stand-ins too, if they are in the home")
    return parser


def _up(layout: Layout, _: argparse.Namespace) -> int:
    started = service.up(layout)
    say(f"{'up' if started else 'already up'}: unix://{layout.socket}")
    return 0


def _down(layout: Layout, options: argparse.Namespace) -> int:
    service.down(layout, force=options.force)
    say("down")
    return 0


def _reset(layout: Layout, options: argparse.Namespace) -> int:
    service.reset(layout, force=options.force, everything=options.all)
    say("down, data deleted")
    return 0


def _env(layout: Layout, _: argparse.Namespace) -> int:
    for name, value in service.describe(layout).env.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0


def _run(layout: Layout, options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise LabError("nothing to run", "no command was given", "python -m tests.lab run -- docker buildx ls")
    service.hold_for_exec(layout)
    service.up(layout)
    env = {**os.environ, **service.describe(layout).env}
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, env)  # noqa: S606 - the user's own command, no shell in between
    except BrokenPipeError:  # `status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        raise LabError(f"cannot run {command[0]}", str(error), "check the command's name") from error


def _status(layout: Layout, _: argparse.Namespace) -> int:
    alive = daemon.answers(layout)
    state = daemon.State.read(layout)
    rows = {
        "engine": "up" if alive else "down",
        "home": f"{layout.home} ({service.disk_usage(layout) if layout.home.exists() else 'not made yet'})",
        "cache": layout.cache,
        "socket": layout.socket,
        "registry": f"127.0.0.1:{state.registry_port}" if state else "-",
        "bridge": f"{layout.bridge} {net.subnet(state.subnet).bridge}" if state else layout.bridge,
        "processes": " ".join(f"{p.program or 'container'}={p.pid}" for p in processes.of(layout)) or "-",
    }
    for name, value in rows.items():
        sys.stdout.write(f"{name:<10} {value}\n")
    return 0 if alive else 3


_VERBS = {"up": _up, "down": _down, "reset": _reset, "env": _env, "run": _run, "status": _status}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
