"""What a mount is to the tools of a step: where their caches are, and whether they were told not to use them.

- pip: https://pip.pypa.io/en/stable/topics/caching/ and, for PIP_NO_CACHE_DIR, pip's
  ``_internal/cli/cmdoptions.py`` (``_handle_no_cache_dir``: any value that is not empty turns the cache off, 0 and false
  included; measured with pip 24.0)
- uv: https://docs.astral.sh/uv/concepts/cache/ and https://docs.astral.sh/uv/reference/environment/#uv_no_cache
- apt: https://docs.docker.com/reference/dockerfile/#example-cache-apt-packages
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bakegen.verdicts.commands import Call, Script
from bakegen.verdicts.downloads import Tool
from bakegen.verdicts.environment import RUNS_AS, set_by

ARCHIVES = "/var/cache/apt"
LISTS = "/var/lib/apt/lists"
_ROOT = frozenset({"", "root", "0"})
_OFF = frozenset({"", "0", "false", "f", "no", "n", "off"})  # what clap takes for false in UV_NO_CACHE
_FLAGS = {"pip": ("--no-cache-dir",), "uv": ("--no-cache", "--no-cache-dir", "-n")}
_VARIABLES = {"pip": "PIP_NO_CACHE_DIR", "uv": "UV_NO_CACHE"}
_PLACES = {
    "pip": ("--dest", "-d", "--wheel-dir", "-w", "--find-links", "-f"),
    "uv": ("--find-links", "-f"),
}


@dataclass(frozen=True, slots=True)
class Ban:
    """Why a tool does not use its cache: ``what`` says so, and ``by`` who set it, "" when it stands in the command."""

    what: str
    by: str = ""


def seen_by(call: Call, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one call: the step's, and what its command sets."""
    return {**env, **call.env, **{set_by(name): "" for name in call.env}}


def user_of(call: Call, env: Mapping[str, str]) -> str:
    """Return whom a call runs as, "root" when nothing says otherwise."""
    user = call.user or env.get(RUNS_AS, "")
    return "root" if user in _ROOT else user


def cache_directory(call: Call, env: Mapping[str, str]) -> str | None:
    """Return where pip or uv keeps its cache in a call, None when that hangs on a home that is not known.

    The home of a user who is not root stands in the image's /etc/passwd, unless HOME is set.
    """
    seen = seen_by(call, env)
    if given := call.option("--cache-dir") or seen.get(f"{call.tool.upper()}_CACHE_DIR", ""):
        return posixpath.normpath(given)
    if xdg := seen.get("XDG_CACHE_HOME", ""):
        return posixpath.join(xdg, call.tool)
    home = "" if call.user else seen.get("HOME", "")
    if not home and user_of(call, env) != "root":
        return None
    return posixpath.join(home or "/root", ".cache", call.tool)


def ban(call: Call, env: Mapping[str, str]) -> Ban | None:
    """Return what turns the cache off in a call of pip or uv, if anything does."""
    if call.tool not in _FLAGS:
        return None
    for flag in _FLAGS[call.tool]:
        if call.has(flag):
            return Ban(f"{flag} on the command")
    name = _VARIABLES[call.tool]
    value = seen_by(call, env).get(name, "")
    if value if call.tool == "pip" else value.lower() not in _OFF:
        return Ban(f"{name}={value}", seen_by(call, env).get(set_by(name), ""))
    return None


def uses(target: str, script: Script, env: Mapping[str, str]) -> Iterator[tuple[Tool, Call, bool]]:
    """Yield the tools whose files a mount at ``target`` keeps, the call of each, and whether that is its own cache.

    A directory that a call names (``pip download --dest``) is not the tool's own cache: what turns that off leaves it alone.
    """
    for call in script.calls:
        if call.tool == "apt":
            if _meet(target, ARCHIVES) and not call.has("update"):
                yield "archives", call, True
            if _meet(target, LISTS) and call.has("update"):
                yield "lists", call, True
        elif call.tool == "wheels":
            if target.endswith("/wheels"):
                yield "wheels", call, False
        elif call.tool in {"pip", "uv"}:
            tool: Tool = "pip" if call.tool == "pip" else "uv"
            named = [call.option(name) for name in _PLACES[tool]]
            if any(place.startswith("/") and _meet(target, place) for place in named):
                yield tool, call, False
            elif _is_cache(target, call, env):
                yield tool, call, True


def misplaced(call: Call, env: Mapping[str, str]) -> str:
    """Return, for people, where a call's cache is while a mount stands elsewhere."""
    directory, user = cache_directory(call, env), user_of(call, env)
    if directory is None:
        return f"{call.tool} runs as {user}, whose cache is in a home of its own"
    who = "" if user == "root" else f" as {user}"
    return f"{call.tool}{who} keeps its cache in {directory}"


def _is_cache(target: str, call: Call, env: Mapping[str, str]) -> bool:
    """Return whether a mount holds a call's cache, or a part of it. Where the home is not known, a likely name will do."""
    directory = cache_directory(call, env)
    if directory is not None:
        return _meet(target, directory)
    return not _within(target, "/root") and target.rstrip("/").endswith((f"/.cache/{call.tool}", "/.cache"))


def _within(path: str, directory: str) -> bool:
    return f"{posixpath.normpath(path)}/".startswith(f"{posixpath.normpath(directory).rstrip('/')}/")


def _meet(one: str, other: str) -> bool:
    return _within(one, other) or _within(other, one)


def removes(script: Script, target: str) -> str:
    """Return the path whose removal, after the last tool, empties a mount at ``target``; "" when there is none.

    What is below the target counts only where it is what apt, pip or uv keep there.
    """
    below = (LISTS, f"{ARCHIVES}/archives", "/root/.cache/pip", "/root/.cache/uv")
    for path in script.removed:
        if _within(target, path) or (path in below and _within(path, target)):
            return path
    return ""
