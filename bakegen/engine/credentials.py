"""Docker's own credentials: its config file, and the helper programs that keep passwords elsewhere.

https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from bakegen.errors import Problem, RegistryError, Where
from bakegen.registry.credentials import Credentials, Login
from bakegen.registry.manifests import printable

TIMEOUT = 30.0  # seconds: a helper may ask a server of its own; one that waits for a person would wait for ever
#: What every helper says where it has no login: https://github.com/docker/docker-credential-helpers
_NONE = "credentials not found"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def docker_credentials(env: Mapping[str, str] = os.environ) -> Credentials:
    """Return the logins of docker's config file, its helpers and DOCKER_AUTH_CONFIG.

    The file is read now, a helper only when a host of its own is asked for. Raises RegistryError when the file, or
    the variable (which docker reads since https://github.com/docker/cli/pull/6008), is not JSON.
    """
    file = _directory(env) / "config.json"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(_unreadable(str(file), str(error))) from error
    return Credentials(
        _object(text, str(file)),
        partial(ask_helper, env=env, config=file),
        overrides=_object(env.get("DOCKER_AUTH_CONFIG", ""), "DOCKER_AUTH_CONFIG"),
        source=str(file),
    )


def _directory(env: Mapping[str, str]) -> Path:
    """Return docker's directory; for a user without a home one that does not exist."""
    home = env.get("HOME") or env.get("USERPROFILE")
    if not (env.get("DOCKER_CONFIG") or home):
        with suppress(RuntimeError):
            home = str(Path.home())
    return Path(env.get("DOCKER_CONFIG") or Path(home or os.devnull) / ".docker")


def ask_helper(name: str, server: str, *, env: Mapping[str, str], config: Path) -> Login | None:
    """Return the login that ``docker-credential-NAME`` has for a server; None where it has none.

    Raises RegistryError when there is no such program, when it fails, or does not end within 30 s.
    """
    program = shutil.which(f"docker-credential-{name}", path=env.get("PATH")) if _NAME.fullmatch(name) else None
    if program is None:
        raise RegistryError(_no_helper(name, config))
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            env=dict(env),
            timeout=TIMEOUT,
            check=False,  # in this session, as docker does it: `pass` may ask for a passphrase on the terminal
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(_failed(name, server, config, f"it has not answered in {TIMEOUT:.0f} s")) from None
    except OSError as error:
        raise RegistryError(_failed(name, server, config, error.strerror or str(error))) from error
    if done.returncode:
        said = (done.stdout + b" " + done.stderr).decode(errors="replace")
        if _NONE in said.lower():
            return None
        raise RegistryError(_failed(name, server, config, printable(said) or f"exit code {done.returncode}"))
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    except (ValueError, AttributeError):  # what it printed may be a secret: it is not shown
        raise RegistryError(_failed(name, server, config, "its answer is not the JSON of a login")) from None
    return Login.from_helper(username, secret)


def _object(text: str, source: str) -> dict[str, Any]:
    """Return the JSON object in ``text``, an empty one where there is no text."""
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = Where(source, error.lineno, error.colno)
        raise RegistryError(_unreadable(where, error.msg)) from None
    if not isinstance(content, dict):
        raise RegistryError(_unreadable(source, "it is not a JSON object"))
    return content


def _unreadable(where: Where | str, why: str) -> Problem:
    return Problem(
        "docker's configuration cannot be read",
        where=where if isinstance(where, Where) else Where(where),
        why=why,
        next="mend it, or move it away and log in anew with `docker login`",
    )


def _no_helper(name: str, config: Path) -> Problem:
    return Problem(
        f"docker-credential-{name} is not on the PATH",
        where=Where(str(config)),
        why="credsStore or credHelpers in this file name it as the keeper of passwords",
        next="install it, or take its name out of the file and log in anew with `docker login`",
    )


def _failed(name: str, server: str, config: Path, why: str) -> Problem:
    return Problem(
        f"docker-credential-{name} gives no login for {server}",
        where=Where(str(config)),
        why=why,
        next=f"try it by hand: echo {server} | docker-credential-{name} get",
    )
