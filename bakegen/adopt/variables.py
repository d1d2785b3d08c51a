"""Text with variables -> text, as far as their values are known; what is not known stays in it as ``${NAME}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bakegen.adopt.model import UNKNOWN

_BRACED = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<how>:?[-=?+])?(?P<word>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\})"
)
_MAX_DEPTH = 8
_MAX_TEXT = 20_000  # characters; variables that double each other would fill any memory


def known(text: str) -> bool:
    """Return whether nothing in a text is left open."""
    return UNKNOWN not in text


def unknowns(text: str) -> tuple[str, ...]:
    """Return the names that are left open in a text, in their order."""
    return tuple(dict.fromkeys(re.findall(r"\$\{([^}]*)\}", text)))


def left_open(name: str) -> str:
    """Return what stands for a value that is not known."""
    return f"${{{re.sub('[{}]', '', name)}}}"


def interpolated(text: str, env: Mapping[str, str], depth: int = 0) -> str:
    """Return a text of a compose file with its variables replaced, ``$$`` being a dollar.

    Rules: https://docs.docker.com/reference/compose-file/interpolation/
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, how = match["plain"] or match["name"], match["how"] or ""
        word = match["word"] or ""
        if word and not how:
            return match[0]
        return chosen(name, how, env.get(name), lambda: interpolated(word, env, depth + 1))

    return text if depth > _MAX_DEPTH else _BRACED.sub(value, text)[:_MAX_TEXT]


def chosen(name: str, how: str, value: str | None, word: Callable[[], str]) -> str:
    """Return what ``${name<how>word}`` stands for, such as ``${name:-word}``."""
    empty = value is None or (how.startswith(":") and not value)
    if how.endswith(("-", "=")):
        return word() if empty else value or ""
    if how.endswith("+"):
        return "" if empty else word()
    return left_open(name) if value is None else value


def dotenv(text: str) -> dict[str, str]:
    """Return the variables of a .env file, as compose reads it; what it cannot read is left out.

    https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
    """
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*?)\s*", line)
        if match is None:
            continue
        name, value = match[1], match[2]
        if quoted := re.fullmatch(r"""(["'])(.*)\1(\s+#.*)?""", value):
            found[name] = quoted[2] if quoted[1] == "'" else interpolated(quoted[2], found)
        else:
            found[name] = interpolated(re.sub(r"\s+#.*|^#.*", "", value), found)
    return found
