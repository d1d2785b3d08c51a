"""BuildKit's view of shell words: quotes, escapes and variables, and no more of a shell than that.

Rules: https://docs.docker.com/reference/dockerfile/#environment-replacement, and what the lexer does beyond them:
https://github.com/moby/buildkit/blob/master/frontend/dockerfile/shell/lex.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: What Go's unicode.IsSpace calls white space; Python's str.isspace knows four more.
SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_SPACES = frozenset(SPACE)
_SPECIAL = frozenset("@*#?-$!0")
_MAX_DEPTH = 50  # of ${a:-${b:-...}}; nobody nests deeper, and Python's stack ends
_MAX_STARS, _MAX_VALUE = (
    3,
    256,
)  # of a pattern and what it is held against: more could take a backtracking matcher hours
_MAX_TEXT = 65_536  # characters that variables bring in; ARGs that double each other would fill any memory


class ShellError(ValueError):
    """A word that BuildKit cannot expand."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a word became, the words that splits into, the variables used, and those without a value one needed."""

    text: str
    words: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def expand(word: str, env: Mapping[str, str], escape: str = "\\") -> Expansion:
    """Return ``word`` without its quotes and with its variables replaced; a ShellError says why that cannot be."""
    return _Lexer(word, env, escape).run()


def split(text: str, *, quotes: bool, escapes: bool) -> tuple[str, ...]:
    """Return the words of ``text``, variables kept as they are, quotes and escapes where that is asked for.

    The escape is a backslash whatever the escape directive says: heredocs are read like this.
    """
    return _Lexer(text, None, "\\", quotes=quotes, escapes=escapes).run().words


class _Lexer:
    """One pass over one text."""

    def __init__(
        self, text: str, env: Mapping[str, str] | None, escape: str, *, quotes: bool = False, escapes: bool = False
    ) -> None:
        self.text = text.removeprefix("\ufeff")
        self.env, self.keep, self.escape = env or {}, env is None, escape
        self.quotes, self.escapes = quotes, escapes
        self.position = self.depth = self.size = 0
        self.buffer: list[str] = []  # one for all levels: BuildKit forgets the word begun before a ${x:-y}
        self.used: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    def run(self) -> Expansion:
        text, words = self._until("", escapes=self.escapes)
        return Expansion(text, tuple(words), tuple(self.used), tuple(self.missing))

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _next(self) -> str:
        char = self._peek()
        self.position += 1
        return char

    def _until(self, stop: str, *, escapes: bool) -> tuple[str, list[str]]:
        """Return the text and the words up to ``stop``, which is eaten; nothing stands for the end."""
        outer, self.escapes = self.escapes, escapes
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ShellError("variables are nested too deep")
        self.buffer.clear()
        out: list[str] = []
        words: list[str] = []
        while (char := self._peek()) != stop:
            if not char:
                raise ShellError(f"{stop} is missing")
            part, splits = self._part(char)
            out.append(part)
            self._collect(part, words, splits=splits)
        self.position += 1
        self._flush(words)
        self.depth -= 1
        self.escapes = outer
        return "".join(out), words

    def _collect(self, part: str, words: list[str], *, splits: bool) -> None:
        if not splits:
            self.buffer.append(part)
            return
        for char in part:
            if char in _SPACES:
                self._flush(words)
            else:
                self.buffer.append(char)

    def _flush(self, words: list[str]) -> None:
        if word := "".join(self.buffer):
            words.append(word)
        self.buffer.clear()

    def _part(self, char: str) -> tuple[str, bool]:
        """Return what the next construct becomes, and whether white space in it ends a word."""
        if char == "$":
            return self._dollar(), True
        if char == "'":
            return self._single(), False
        if char == '"':
            return self._double(), False
        self.position += 1
        if char == "<":
            return self._angles(), False
        if char != self.escape:
            return char, True
        return (char if self.escapes else "") + self._next(), False

    def _angles(self) -> str:
        """Return the rest of ``<<``: white space between it and the name of a heredoc ends no word."""
        if self._peek() != "<":
            return "<"
        start = self.position
        self.position += 1
        while self._peek() in {"\t", "\r", " "}:
            self.position += 1
        return "<" + self.text[start : self.position]

    def _single(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise ShellError("a single quote is not closed")
        start, self.position = self.position, end + 1
        return self.text[start : end + 1] if self.quotes else self.text[start + 1 : end]

    def _double(self) -> str:
        self.position += 1
        out: list[str] = []
        while (char := self._peek()) != '"':
            if not char:
                raise ShellError("a double quote is not closed")
            out.append(self._dollar() if char == "$" else self._quoted())
        self.position += 1
        return f'"{"".join(out)}"' if self.quotes else "".join(out)

    def _quoted(self) -> str:
        """Return the next character of a double-quoted text: an escape counts before ``"``, ``$`` and itself."""
        char = self._next()
        if char != self.escape:
            return char
        kept = char if self.escapes else ""
        following = self._peek()
        if not following:
            return kept
        return kept + (self._next() if following in {'"', "$", self.escape} else char)

    def _dollar(self) -> str:
        self.position += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name, f"${name}") if name else "$"
        self.position += 1
        if self._peek() in {"", "{", "}", ":"}:
            raise ShellError("bad substitution")
        name = self._name()
        mark = self._next()
        if mark == "}":
            return self._value(name, f"${{{name}}}")
        return self._replaced(name) if mark == "/" else self._modified(name, mark)

    def _name(self) -> str:
        start = self.position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self.position += 1
        elif first and first in _SPECIAL:
            self.position += 1
        else:
            while (char := self._peek()).isalpha() or char.isdecimal() or char == "_":
                self.position += 1
        return self.text[start : self.position]

    def _get(self, name: str) -> str | None:
        self.used[name] = None
        value = self.env.get(name)
        self.size += len(value or "")
        if self.size > _MAX_TEXT:
            raise ShellError(f"its variables bring in more than {_MAX_TEXT} characters")
        return value

    def _value(self, name: str, written: str) -> str:
        """Return the value of a variable; where it has none, nothing, or what was written if that is to be kept."""
        if (value := self._get(name)) is not None:
            return value
        if self.keep:
            return written
        self.missing[name] = None
        return ""

    def _modified(self, name: str, mark: str) -> str:
        colon = mark == ":"
        kind = self._next() if colon else mark
        if (kind in {"#", "%"}) if colon else (kind not in {"+", "-", "?", "#", "%"}):
            raise ShellError(f"${{{name}{mark}...}} is no substitution that BuildKit knows")
        word, _ = self._until("}", escapes=kind in {"#", "%"})
        value = self._get(name)
        if value is None and self.keep:
            return f"${{{name}{':' if colon else ''}{kind}{word}}}"
        unset = value is None or (colon and not value)
        if kind == "-":
            return word if unset else value or ""
        if kind == "+":
            return "" if unset else word
        if kind == "?":
            if unset:
                raise ShellError(f"{name}: {word or 'it has no value'}")
            return value or ""
        if kind in {"#", "%"}:
            return _trimmed(self._value(name, ""), word, kind)
        raise ShellError(f"${{{name}:{kind}...}} is no substitution that BuildKit knows")

    def _replaced(self, name: str) -> str:
        every = self._peek() == "/"
        self.position += every
        pattern, _ = self._until("/", escapes=True)
        new, _ = self._until("}", escapes=True)
        value = self._value(name, "")
        if self.keep and name not in self.env:
            return f"${{{name}/{pattern}/{new}}}"
        if every and "$" in new:
            raise ShellError("a $ in the replacement of ${x//y/z} has a meaning of its own in BuildKit")
        return _replaced(value, "".join(_pattern(pattern, value, greedy=True)), new, every=every)


def _replaced(value: str, pattern: str, new: str, *, every: bool) -> str:
    """Return ``value`` with the first match, or all, replaced; an empty match right behind another does not count."""
    out, done, last = "", 0, -1
    for match in re.finditer(pattern, value):
        if match.start() == match.end() == last:
            continue
        out += value[done : match.start()] + new
        done = last = match.end()
        if not every:
            break
    return out + value[done:]


def _trimmed(value: str, word: str, kind: str) -> str:
    """Return ``value`` without the shortest prefix (#) or suffix (%) that matches, the longest if the sign is doubled."""
    greedy = word.startswith(kind)
    parts = _pattern(word[greedy:], value, greedy=greedy)
    if kind == "#":
        match = re.match("".join(parts), value)
        return value[match.end() :] if match else value
    match = re.match("".join(reversed(parts)), value[::-1])
    return value[: len(value) - match.end()] if match else value


def _pattern(text: str, value: str, *, greedy: bool) -> list[str]:
    """Return a shell pattern for ``value`` as regular expressions, one for each of its characters."""
    if text.count("*") > _MAX_STARS or len(value) > _MAX_VALUE:
        raise ShellError(f"a pattern here has at most {_MAX_STARS} *, and a value {_MAX_VALUE} characters")
    parts: list[str] = []
    chars = iter(text)
    for char in chars:
        if char == "\\":
            escaped = next(chars, "")
            if not escaped or escaped not in "*?\\}/":
                raise ShellError(f"\\{escaped} is no escape in a pattern")
            parts.append(re.escape(escaped))
        else:
            parts.append({"*": ".*" if greedy else ".*?", "?": "."}.get(char) or re.escape(char))
    return parts
