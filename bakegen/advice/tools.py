"""The tools whose downloads a cache mount keeps: how a call is known, where the cache is, what turns it off or empties it.

Sources: https://pip.pypa.io/en/stable/topics/caching/, https://docs.astral.sh/uv/reference/environment/,
https://python-poetry.org/docs/configuration/, https://docs.npmjs.com/cli/using-npm/config#cache,
https://doc.rust-lang.org/cargo/guide/cargo-home.html, https://pkg.go.dev/cmd/go#hdr-Environment_variables,
https://wiki.alpinelinux.org/wiki/Local_APK_cache, https://docs.docker.com/build/cache/optimize/#use-cache-mounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Variables of a call; None is one whose value cannot be told.
Env: TypeAlias = Mapping[str, str | None]
#: Where a tool's caches are, each with what the id of its mount ends in; None where that cannot be told.
Places: TypeAlias = tuple[tuple[str, str], ...] | None

_PIP = re.compile(r"pip\d*(\.\d+)?")
_OFF = frozenset({"", "0", "false", "f", "no", "n", "off"})  # what clap takes for false in UV_NO_CACHE


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool; ``fetches`` and ``purges`` look at the words of a call, without what wraps it.

    ``builds`` says that it keeps what it compiled, ``abi`` that what it keeps hangs on the Python version, ``keeps`` that
    later steps may need what is kept, ``edits`` that a mount is certain to leave the result as it is.
    """

    name: str
    rule: str
    fetches: Callable[[Sequence[str]], bool]
    places: Callable[[Env, Sequence[str]], Places]
    purges: Callable[[Sequence[str]], bool] = lambda _: False
    flags: tuple[str, ...] = ()
    variable: str = ""
    sharing: str = "shared"
    builds: bool = False
    abi: bool = False
    keeps: bool = False
    edits: bool = True

    def is_off(self, value: str) -> bool:
        """Return whether the tool's variable turns its cache off; pip takes any value for yes."""
        return bool(value) if self.name == "pip" else value.lower() not in _OFF


def verbs(words: Sequence[str]) -> list[str]:
    """Return the words of a call that are no options."""
    return [word for word in words[1:] if word and not word.startswith("-")]


def _calls(*programs: str, first: frozenset[str]) -> Callable[[Sequence[str]], bool]:
    return lambda words: words[0] in programs and bool(first & {*verbs(words)[:3]})


def _pip(first: frozenset[str]) -> Callable[[Sequence[str]], bool]:
    return lambda words: bool(_PIP.fullmatch(words[0])) and bool(first & {*verbs(words)[:2]})


def _uv(words: Sequence[str]) -> bool:
    plain = verbs(words)
    return words[0] == "uv" and (
        plain[:1] in (["sync"], ["add"]) or plain[:2] in (["pip", "install"], ["pip", "sync"], ["tool", "install"])
    )


def option(words: Sequence[str], *names: str) -> str | None:
    """Return the value of the last of these options, "" without one, None if it cannot be told."""
    found: str | None = ""
    for word, after in zip(words, [*words[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name in names:
            found = (value if equals else after) or None
    return found


def _cache(env: Env, words: Sequence[str], variable: str, name: str) -> str | None:
    """Return the cache of a tool that follows XDG: option, variable, XDG_CACHE_HOME, ~/.cache."""
    given = option(words, "--cache-dir")
    if given != "":
        return given if given and given.startswith("/") else None
    for key, tail in ((variable, ""), ("XDG_CACHE_HOME", f"/{name}"), ("HOME", f"/.cache/{name}")):
        if key in env and env[key] != "":
            value = env[key]
            return value.rstrip("/") + tail if value and value.startswith("/") else None
    return None


def _xdg(variable: str, name: str, *parts: str) -> Callable[[Env, Sequence[str]], Places]:
    def places(env: Env, words: Sequence[str]) -> Places:
        found = _cache(env, words, variable, name)
        if found is None:
            return None
        return tuple((f"{found}/{part}", part) for part in parts) or ((found, ""),)

    return places


def _below(variable: str, tail: str, home_tail: str, env: Env) -> str | None:
    """Return a directory below a variable's, or below the home."""
    for key, end in ((variable, tail), ("HOME", home_tail)):
        if env.get(key, "") != "":
            value = env[key]
            return value + end if value and value.startswith("/") and ":" not in value else None
    return None


def _npm(env: Env, words: Sequence[str]) -> Places:
    given = option(words, "--cache")
    if given == "":
        given = next((env[key] for key in ("npm_config_cache", "NPM_CONFIG_CACHE") if env.get(key, "") != ""), "")
    found = _below("", "", "/.npm", env) if given == "" else given
    return ((found, ""),) if found and found.startswith("/") else None


def _cargo(env: Env, _: Sequence[str]) -> Places:
    home = _below("CARGO_HOME", "", "/.cargo", env)
    return ((f"{home}/registry", "registry"), (f"{home}/git/db", "git")) if home else None


def _go(env: Env, words: Sequence[str]) -> Places:
    modules = (
        _below("GOMODCACHE", "", "", env) if env.get("GOMODCACHE") else _below("GOPATH", "/pkg/mod", "/go/pkg/mod", env)
    )
    built = _below("GOCACHE", "", "/.cache/go-build", env) if not env.get("XDG_CACHE_HOME") else None
    if modules is None or built is None:
        return None
    download = verbs(words)[:2] == ["mod", "download"]
    return ((modules, "mod"),) if download else ((modules, "mod"), (built, "build"))


def _fixed(*places: tuple[str, str]) -> Callable[[Env, Sequence[str]], Places]:
    return lambda _env, _words: places


def _first(*words: str) -> frozenset[str]:
    return frozenset(words)


ARCHIVES, LISTS = "/var/cache/apt", "/var/lib/apt/lists"
APT = Tool(
    "apt",
    "BG001",
    _calls(
        "apt-get",
        "apt",
        "aptitude",
        first=_first("install", "update", "upgrade", "dist-upgrade", "full-upgrade", "build-dep"),
    ),
    _fixed((ARCHIVES, "archives"), (LISTS, "lists")),
    _calls("apt-get", "apt", "aptitude", first=_first("clean", "distclean", "dist-clean")),
    sharing="locked",
)
_CONDA = ("conda", "mamba", "micromamba")
_DNF = ("dnf", "yum", "microdnf", "tdnf")
TOOLS: tuple[Tool, ...] = (
    APT,
    Tool(
        "apk",
        "BG002",
        _calls("apk", first=_first("add", "upgrade")),
        _fixed(("/etc/apk/cache", "")),
        sharing="locked",
        edits=False,
    ),
    Tool(
        "dnf",
        "BG003",
        _calls(*_DNF, first=_first("install", "update", "upgrade", "groupinstall", "builddep")),
        _fixed(("/var/cache/dnf", "")),
        _calls(*_DNF, first=_first("clean")),
        sharing="locked",
        edits=False,
    ),
    Tool(
        "pip",
        "BG004",
        _pip(_first("install", "download", "wheel")),
        _xdg("PIP_CACHE_DIR", "pip"),
        lambda words: bool(_PIP.fullmatch(words[0])) and verbs(words)[:2] == ["cache", "purge"],
        ("--no-cache-dir",),
        "PIP_NO_CACHE_DIR",
        builds=True,
        abi=True,
    ),
    Tool(
        "uv",
        "BG005",
        _uv,
        _xdg("UV_CACHE_DIR", "uv"),
        lambda words: words[0] == "uv" and verbs(words)[:2] in (["cache", "clean"], ["cache", "prune"]),
        ("--no-cache", "--no-cache-dir", "-n"),
        "UV_NO_CACHE",
        builds=True,
        abi=True,
    ),
    Tool(
        "poetry",
        "BG006",
        _calls("poetry", first=_first("install", "add", "sync")),
        _xdg("POETRY_CACHE_DIR", "pypoetry", "cache", "artifacts"),
        lambda words: words[0] == "poetry" and verbs(words)[:2] == ["cache", "clear"],
        ("--no-cache",),
        builds=True,
        abi=True,
    ),
    Tool(
        "conda",
        "BG007",
        lambda words: words[0] in _CONDA and bool({"install", "create", "update"} & {*verbs(words)[:2]}),
        lambda _env, _words: (("/opt/conda/pkgs", ""),),
        _calls(*_CONDA, first=_first("clean")),
        sharing="locked",
        edits=False,
    ),
    Tool(
        "npm",
        "BG008",
        _calls("npm", first=_first("ci", "install", "i")),
        _npm,
        lambda words: words[0] == "npm" and verbs(words)[:2] == ["cache", "clean"],
    ),
    Tool(
        "yarn",
        "BG009",
        lambda words: (
            words[0] in {"yarn", "yarnpkg"}
            and verbs(words)[:1] in (["install"], ["add"], [])
            and "--version" not in words
        ),
        lambda _env, _words: None,
        lambda words: words[0] == "yarn" and verbs(words)[:2] == ["cache", "clean"],
        sharing="locked",
        edits=False,
    ),
    Tool(
        "pnpm",
        "BG010",
        _calls("pnpm", first=_first("install", "i", "add", "fetch")),
        lambda _env, _words: None,
        lambda words: words[0] == "pnpm" and verbs(words)[:2] == ["store", "prune"],
        edits=False,
    ),
    Tool(
        "cargo",
        "BG011",
        _calls("cargo", first=_first("build", "install", "fetch", "test", "chef")),
        _cargo,
        keeps=True,
    ),
    Tool(
        "go",
        "BG020",
        lambda words: (
            words[0] == "go"
            and (
                bool({"build", "install", "get", "test"} & {*verbs(words)[:1]})
                or verbs(words)[:2] == ["mod", "download"]
            )
        ),
        _go,
        lambda words: words[0] == "go" and verbs(words)[:1] == ["clean"],
        keeps=True,
    ),
    Tool("ccache", "BG021", lambda words: words[0] == "ccache", lambda _env, _words: None, edits=False),
)
