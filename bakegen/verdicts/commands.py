"""The tools that a RUN step starts and what it removes, told from its title; conservative where a shell is not simple.

The title is the RUN as BuildKit names it: flags, arguments expanded, continuations joined. Of a heredoc it has the
first line only (moby/buildkit, frontend/dockerfile/dockerfile2llb/convert.go, summarizeHeredoc).
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_FLAG = re.compile(r"""\s*--(?:mount|network|security|device)=(?:"[^"]*"|'[^']*'|[^\s"'])*""")
_HEREDOC = re.compile(r"<<-?\s*[\"']?\w+[\"']? \((.*?)(?:\.\.\.)?\)\s*$")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_ENDS = frozenset({"&&", "||", ";", ";;", "|", "|&", "&", "\n", "(", ")", "{", "}"})
_WRAPPERS = frozenset(
    {
        "sudo",
        "env",
        "exec",
        "command",
        "time",
        "nice",
        "if",
        "then",
        "do",
        "else",
        "elif",
        "while",
        "until",
        "!",
        "xargs",
    }
)
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_PIP = re.compile(r"pip\d*(?:\.\d+)?")
_PYTHON = re.compile(r"python\d*(?:\.\d+)?")
#: the verbs that fetch: https://pip.pypa.io/en/stable/cli/ and https://docs.astral.sh/uv/reference/cli/
_PIP_VERBS = frozenset({"install", "download", "wheel"})
_UV_VERBS = frozenset({"pip install", "pip sync", "sync", "add", "run", "tool install"})
_DEPTH = 4  # of sh -c inside sh -c


@dataclass(frozen=True, slots=True)
class Call:
    """One start of a tool: ``tool`` is pip, uv, apt or wheels (docker/pip-install.py); ``user`` is whom su or sudo names."""

    tool: str
    words: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""

    def option(self, *names: str) -> str:
        """Return the value of the last of these options, "" without one."""
        found = ""
        for word, after in zip(self.words, [*self.words[1:], ""], strict=False):
            name, equals, value = word.partition("=")
            if name in names:
                found = value if equals else after
        return found

    def has(self, *names: str) -> bool:
        """Return whether one of these words is there."""
        return any(word in names for word in self.words)


@dataclass(frozen=True, slots=True)
class Script:
    """What a step does, as far as its title tells: ``removed`` are the paths removed after the last tool was started."""

    text: str
    calls: tuple[Call, ...]
    removed: tuple[str, ...] = ()
    hidden: bool = False


def script(title: str) -> Script:
    """Return what the RUN step with this title does; ``hidden`` when a heredoc keeps most of it to itself."""
    text = command_of(title)
    heredoc = _HEREDOC.search(text)
    if heredoc:
        text = f"{text[: heredoc.start()]} ; {heredoc[1]}"
    calls: list[Call] = []
    removed: list[str] = []
    for found in _walk(text, {}, "", 0):
        if isinstance(found, Call):
            calls.append(found)
            removed.clear()
            if found.tool == "apt" and found.has("clean", "distclean"):
                calls.pop()
                removed.append("/var/cache/apt/archives")
        else:
            removed.extend(found)
    return Script(text, tuple(calls), tuple(removed), heredoc is not None)


def command_of(title: str) -> str:
    """Return the command of a RUN's title, without RUN and its flags; "" for another instruction."""
    if not title.startswith("RUN "):
        return ""
    position = len("RUN")
    while match := _FLAG.match(title, position):
        position = match.end()
    return title[position:].strip()


def _walk(text: str, env: Mapping[str, str], user: str, depth: int) -> Iterator[Call | tuple[str, ...]]:
    """Yield the calls of a shell text and the paths it removes, in order."""
    exported = dict(env)
    for words in _simple(text):
        assigned, rest, who = _unwrapped(words)
        if not rest:
            if not words or words[0] != "env":
                exported.update(assigned)  # a shell variable; it reaches tools when the environment has it already
            continue
        if rest[0] == "export":
            exported.update((match[1], match[2]) for word in rest[1:] if (match := _ASSIGNMENT.fullmatch(word)))
            continue
        if rest[0] == "unset":
            exported.update(dict.fromkeys(rest[1:], ""))
            continue
        yield from _command(rest, {**exported, **assigned}, who or user, depth)


def _command(words: Sequence[str], env: Mapping[str, str], user: str, depth: int) -> Iterator[Call | tuple[str, ...]]:
    program, rest = posixpath.basename(words[0]), list(words[1:])
    inner = next((i + 1 for i, word in enumerate(rest) if re.fullmatch(r"-[a-z]*c", word)), 0)
    if program in _SHELLS or program == "su":
        if 0 < inner < len(rest) and depth < _DEPTH:
            who = (
                next((word for word in rest[: inner - 1] if not word.startswith("-")), "root")
                if program == "su"
                else user
            )
            yield from _walk(rest[inner], env, who, depth + 1)
    elif program == "rm":
        yield tuple(word.rstrip("/*") or "/" for word in rest if word.startswith("/"))
    elif call := _call(program, rest, env, user):
        yield call


def _call(program: str, rest: list[str], env: Mapping[str, str], user: str) -> Call | None:
    if _PYTHON.fullmatch(program):
        while rest and rest[0].startswith("-") and not rest[0].startswith("-m"):
            rest.pop(0)
        if rest and posixpath.basename(rest[0]) == "pip-install.py":
            return Call("wheels", tuple(rest[1:]), env, user)
        if not rest or not rest[0].startswith("-m"):
            return None
        module = rest.pop(0)[2:] or (rest.pop(0) if rest else "")
        program = module if module in {"pip", "uv"} else ""
    plain = [word for word in rest if not word.startswith("-")]
    if _PIP.fullmatch(program) and _PIP_VERBS & set(plain[:2]):
        return Call("pip", tuple(rest), env, user)
    if program == "uvx" or (program == "uv" and {" ".join(plain[:2]), *plain[:1]} & _UV_VERBS):
        return Call("uv", tuple(rest), env, user)
    if program in {"apt", "apt-get", "aptitude"}:
        return Call("apt", tuple(rest), env, user)
    return None


def _unwrapped(words: Sequence[str]) -> tuple[dict[str, str], list[str], str]:
    """Return the assignments ahead of a command, the command without what wraps it, and whom sudo -u names."""
    assigned: dict[str, str] = {}
    rest, user = list(words), ""
    while rest:
        match = _ASSIGNMENT.fullmatch(rest[0])
        if match:
            assigned[match[1]] = match[2]
        elif rest[0] not in _WRAPPERS and not rest[0].startswith("-"):
            break
        elif rest[0] in {"-u", "--user"} and "sudo" in words and len(rest) > 1:
            user = rest.pop(1)
        rest.pop(0)
    return assigned, rest, user


def _simple(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a shell text as words; nothing of a text whose quotes do not close."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            yield words
            return
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();&|\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    current: list[str] = []
    try:
        for word in lexer:
            if word in _ENDS or not word.strip("();&|\n"):
                yield current
                current = []
            else:
                current.append(word)
    except ValueError:
        return
    yield current
