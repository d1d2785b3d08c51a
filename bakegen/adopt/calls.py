"""The commands of scripts -> the builds that they ask for: file, context, tags, arguments."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bakegen.adopt.model import Call, Command, Found, Use
from bakegen.adopt.shell_words import joined
from bakegen.adopt.variables import known, unknowns
from bakegen.errors import Problem, Where
from bakegen.tree import Tree

_PROGRAMS = frozenset({"docker", "podman", "nerdctl", "buildah", "docker.exe", "podman.exe", "finch"})
_PRINTS = frozenset({"echo", "printf", "log", "info", "print", "write-host", "write-output", "rem", "#"})
_BUILDS = (("build",), ("buildx", "build"), ("image", "build"), ("builder", "build"), ("bud",), ("buildx", "b"))
#: Flags of `docker build`, `docker buildx build` and `podman build` that take no value of their own.
_BARE = frozenset(
    [
        "--all-platforms",
        "--check",
        "--compress",
        "--debug",
        "--disable-content-trust",
        "--force-rm",
        "--help",
        "--layers",
        "--load",
        "--no-cache",
        "--no-hosts",
        "--pull",
        "--push",
        "--quiet",
        "--rm",
        "--squash",
        "--squash-all",
        "--stream",
        "--tls-verify",
        "-D",
        "-q",
    ]
)
_KEPT = {"-t": "tag", "--tag": "tag", "-f": "file", "--file": "file", "--build-arg": "arg", "--target": "stage"} | {
    "--platform": "platform",
    "--secret": "secret",
}
#: Flags that change an image and that a manifest has no word for.
_LOST = frozenset({"--build-context", "--network", "--ssh", "--label", "--add-host", "--shm-size", "--ulimit"})
_SECRETIVE = re.compile(r"token|secret|passw|credential|api_?key|private|(^|_)(keys?|auth|pwd|pat)(_|$)", re.IGNORECASE)


@dataclass(slots=True)
class Options:
    """What a build is told, as it is written."""

    tag: list[str] = field(default_factory=list)
    file: list[str] = field(default_factory=list)
    arg: list[str] = field(default_factory=list)
    stage: list[str] = field(default_factory=list)
    platform: list[str] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)


def builds(commands: Iterable[Command], tree: Tree) -> Found:
    """Return the builds among the commands of a script, second names given to images, and what is not understood."""
    calls: list[Call] = []
    uses: list[Use] = []
    notes: list[Problem] = []
    for command in commands:
        words = _docker(command.words)
        if words is None:
            continue
        if rest := _after(words, _BUILDS):
            call, problems = _call(command, options(rest[0]), tree)
            calls += [call] if call else []
            notes += problems
        elif (rest := _after(words, (("tag",), ("image", "tag")))) and len(rest[0]) == len(("source", "target")):
            uses.append(Use(command.where, rest[0][1], source=rest[0][0]))
    return Found(tuple(dict.fromkeys(calls)), tuple(uses), tuple(dict.fromkeys(notes)))


def _docker(words: Sequence[str]) -> Sequence[str] | None:
    """Return what follows docker in a command, whatever runs it: sudo, time, a function of the script."""
    if words[0].lower() in _PRINTS:
        return None
    for index, word in enumerate(words):
        name = word.replace("\\", "/").rpartition("/")[2].lower()
        if name in _PROGRAMS or (not known(word) and re.search("docker|podman|builder|engine", word, re.IGNORECASE)):
            return [w for w in words[index + 1 :] if not re.fullmatch(r"--(context|host|config|log-level)=.*", w)]
    return None


def _after(words: Sequence[str], verbs: Iterable[tuple[str, ...]]) -> tuple[list[str]] | None:
    """Return what follows one of the verbs, in a tuple of one."""
    return next(((list(words[len(v) :]),) for v in verbs if tuple(words[: len(v)]) == v), None)


def options(words: Sequence[str]) -> Options:
    """Return the options of a build; words that the shell would not give to it end them."""
    found = Options()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word in {"|", ">", "2>&1", ">>", "&&", "||", ";"}:
            break
        if word == "--":
            found.operands += queue
            break
        if not word.startswith("-") or word == "-":
            found.operands.append(word)
            continue
        name, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2 and not equals:  # noqa: PLR2004 - -tNAME, -qt NAME
            name, value, equals = _cluster(word)
        if name in _BARE or (not equals and not queue):
            continue
        _take(found, name, value if equals else queue.pop(0))
    return found


def _cluster(word: str) -> tuple[str, str, str]:
    """Return the flag, its value if it is stuck to it, and a mark for that, of short flags in one word."""
    letters = word[1:]
    while letters and f"-{letters[0]}" in _BARE:
        letters = letters[1:]
    return (f"-{letters[0]}", letters[1:], "=" if letters[1:] else "") if letters else ("-q", "", "")


def _take(found: Options, name: str, value: str) -> None:
    if name in _KEPT:
        getattr(found, _KEPT[name]).append(value)
    elif name in _LOST:
        found.lost.append(f"{name} {value}")


def _call(command: Command, given: Options, tree: Tree) -> tuple[Call | None, list[Problem]]:
    """Return the call that a command is, if its Dockerfile is one of the project's, and what is lost of it."""
    where = command.where
    context = given.operands[-1].replace("\\", "/") if given.operands else "."
    file = given.file[-1].replace("\\", "/") if given.file else ""
    open_names = unknowns(f"{context} {file} {command.cwd}")
    if open_names:
        names = ", ".join(f"${name}" for name in open_names)
        tip = "give it a default in the script, or name the image in bakegen.yaml by hand"
        return None, [Problem(f"a build whose files depend on {names}, which has no value here", where, next=tip)]
    if context == "-" or re.match(r"[a-z]+://|git@|github\.com/", context) or file == "-":
        return None, [Problem(f"a build of {context}, which is not in this project", where)]
    place = placed(command.cwd, posixpath.dirname(where.path), context, file, tree)
    if place is None:
        what = f"a build of {file or posixpath.join(context, 'Dockerfile')}, which does not exist"
        return None, [Problem(what, where, next="a path here counts from the top, or from the script's directory")]
    if any(part.startswith(("..", "/")) for part in place):
        return None, [Problem(f"a build of {place[1]} in {place[0]}, which is outside of the project", where)]
    return described(where, place, given)


def described(where: Where, place: tuple[str, str], given: Options, service: str = "") -> tuple[Call, list[Problem]]:
    """Return the call with what its options say; ``place`` are context and Dockerfile, ``where`` a place in a file."""
    notes = [Problem(f"{text}: not taken over, the manifest has no word for it", where) for text in given.lost]
    args, problems = arguments(given.arg, where)
    platforms = tuple(p for text in given.platform for p in text.split(",") if known(p) and p)
    secrets, more = _secrets(given.secret, where)
    stage = given.stage[-1] if given.stage else ""
    if not known(stage):
        problems.append(Problem(f"--target {stage}: its value is not known here; the last stage is taken", where))
        stage = ""
    call = Call(where, place[1], place[0], tuple(given.tag), args, stage, platforms, secrets, service)
    return call, [*notes, *problems, *more]


def placed(cwd: str, beside: str, context: str, file: str, tree: Tree) -> tuple[str, str] | None:
    """Return context and Dockerfile relative to the top, for a build in ``cwd``; None if there is no such file.

    A script is started from the top, or from its own directory: what exists decides.
    """
    for start in (cwd,) if cwd.startswith("//") else (joined("//", cwd), joined(f"//{beside}", cwd)):
        inside = joined(start, context)
        names = [joined(start, file)] if file else [joined(inside, name) for name in ("Dockerfile", "Containerfile")]
        for name in names:
            if not name.startswith("//"):
                continue
            if tree.kind(name[2:]) == "file" and inside.startswith(("//", "..")):
                return inside.removeprefix("//") or ".", name[2:]
    return None


def arguments(given: Iterable[str], where: Where) -> tuple[tuple[tuple[str, str], ...], list[Problem]]:
    """Return build arguments by name, and what is to be said of those that are left out."""
    found: dict[str, str] = {}
    notes: list[Problem] = []
    for text in given:
        name, equals, value = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            notes.append(Problem(f"the build argument {name!r} has no name that a Dockerfile could use", where))
        elif _SECRETIVE.search(name):
            tip = "pass it as a BuildKit secret: 'secrets' in bakegen.yaml"
            notes.append(
                Problem(f"the build argument {name} looks like a secret: its value stays out", where, next=tip)
            )
        elif not equals or not known(value):
            tip = f"give it in bakegen.yaml (args: {{{name}: ...}}) unless the Dockerfile's default will do"
            notes.append(Problem(f"the build argument {name} has no value that is known here", where, next=tip))
        else:
            found[name] = value
    return tuple(sorted(found.items())), notes


def _secrets(given: Iterable[str], where: Where) -> tuple[tuple[tuple[tuple[str, str], ...], ...], list[Problem]]:
    found: list[tuple[tuple[str, str], ...]] = []
    notes: list[Problem] = []
    for text in given:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        source = {"env": fields["env"]} if "env" in fields else {"src": fields.get("src") or fields.get("source") or ""}
        (key, value), name = next(iter(source.items())), fields.get("id", "")
        if name and not value:
            key, value = "env", name
        if not name or not known(text) or value.startswith(("/", "~", "..")):
            notes.append(Problem(f"--secret {text}: not taken over; say it in bakegen.yaml: secrets", where))
        else:
            found.append((("id", name), (key, value)))
    return tuple(found), notes
