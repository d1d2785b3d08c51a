"""Escaping: what a language reads is what was written, whatever it is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bakegen.render import escape
from tests import lab

_PIECES = st.sampled_from(
    ["$", "${", "}", "%{", '"', "'", "\\", " ", "\t", "<<EOF", "EOF", "#", "[", "--x", "\n", "&&", "é", "😀", "a", ","]
)
ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.lists(
    _PIECES, max_size=8
).map("".join)
ONE_LINE = ANY.filter(escape.single_line)
COMMAND = st.lists(_PIECES, min_size=1, max_size=8).map("".join).filter(str.strip)


def read_hcl(text: str) -> str:
    """Return the value of a quoted HCL template without interpolation, by the specification's rules."""
    assert text[0] == text[-1] == '"'
    assert not re.search(r"(?<!\$)(\$\$)*\$\{|(?<!%)(%%)*%\{", text.replace("$${", "").replace("%%{", ""))
    value: str = json.loads(text)
    return value.replace("$${", "${").replace("%%{", "%{")


def read_word(text: str) -> str:
    """Return a word as BuildKit expands it: ProcessWord in frontend/dockerfile/shell/lex.go, without variables."""
    found, quote, rest = "", "", iter(text)
    for char in rest:
        if char == "\\" and quote != "'":
            following = next(rest)
            found += following if not quote or following in '"$\\' else f"\\{following}"
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            assert char != "$" or quote == "'"
            found += char
    assert not quote
    return found


@given(ANY)
@example("$${")
@example("\\b\\f\\u0041")
@example("%%{")
@example("\x7f\x08\x0c")
def test_hcl(text: str) -> None:
    assert read_hcl(escape.hcl(text)) == text
    assert "\n" not in escape.hcl(text)


def test_hcl_knows_no_other_escapes_than_those_of_the_specification() -> None:
    """Read https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md, quoted template expressions."""
    written = escape.hcl("".join(map(chr, range(1, 0x300))))
    assert set(re.findall(r"\\(.)", written)) <= set('nrt"\\u')


@given(st.lists(ANY, max_size=4))
def test_hcl_list(texts: list[str]) -> None:
    items = re.findall(r'"(?:[^"\\]|\\.)*"', escape.hcl_list(texts))
    assert [read_hcl(item) for item in items] == texts


@given(ONE_LINE)
def test_dockerfile_value(text: str) -> None:
    written = escape.dockerfile_value(text)
    assert read_word(written) == text
    assert not written.endswith("\\")
    assert " " not in written or written[0] == '"'


@pytest.mark.parametrize("text", ["", "a b", "$x", "'", "#"])
def test_dockerfile_value_is_quoted_where_it_must(text: str) -> None:
    assert escape.dockerfile_value(text)[0] == '"'


def test_dockerfile_value_is_plain_where_it_can() -> None:
    assert escape.dockerfile_value("/opt/venv/bin:/usr/bin") == "/opt/venv/bin:/usr/bin"


@given(st.lists(ONE_LINE.filter(bool), min_size=2, max_size=3))
@example(["--from=x", "/app/"])
@example(["it's", "/app/"])
@example(['a"b', "/$HOME"])
@example(["[a", "b]"])
def test_dockerfile_paths(paths: list[str]) -> None:
    written = escape.dockerfile_paths(paths)
    words = json.loads(written) if written.startswith("[") else written.split(" ")
    assert [read_word(word) for word in words] == paths
    assert not written.startswith("--")
    assert "\n" not in written


@given(st.lists(ANY, max_size=4))
def test_exec_form(words: list[str]) -> None:
    written = escape.exec_form(words)
    assert json.loads(written) == words
    assert "\n" not in written


@given(ANY)
def test_shell_word(text: str) -> None:
    assert shlex.split(escape.shell_word(text)) == [text]


@given(COMMAND | ANY.filter(str.strip))
def test_run_command(command: str) -> None:
    """A line stays a line; anything that BuildKit would read otherwise is a heredoc whose end is not in it."""
    written = escape.run_command(command, ["--mount=type=cache,target=/x"])
    flags, _, rest = written.partition(" \\\n    ")
    assert flags == "--mount=type=cache,target=/x"
    heredoc = re.fullmatch(r"<<'(EOF+)'\nset -e\n(.*)\n(EOF+)", rest, re.DOTALL)
    if heredoc:
        assert heredoc[1] == heredoc[3]
        assert heredoc[1] not in heredoc[2].split("\n")
        assert heredoc[2] == command.rstrip()
        return
    assert rest == command
    assert not re.search(r"[\n\r]|<<|\\$|\\\s", rest)
    assert rest[0] not in "[#"
    assert not rest.startswith("--")
    assert rest == rest.strip()


@pytest.mark.parametrize("command", ["make", "a && b", "echo $HOME > x", "test 1 < 2", "echo \\$x"])
def test_simple_commands_stay_lines(command: str) -> None:
    assert escape.run_command(command) == command


@pytest.mark.parametrize(
    "command", ["a\nb", "cat <<X", "[ -f x ]", "# x", "--x", "a \\\n b", " a", "a\\ ", "EOF", "\\x"]
)
def test_other_commands(command: str) -> None:
    simple = escape.run_command(command) == command
    assert simple == (command == "EOF")


def test_frozen() -> None:
    pattern = re.fullmatch(r"/(.*)/Id", escape.frozen(["Foo.bar", "x"]))
    assert pattern
    lines = ["foo-bar==1", "FOO_bar==2", "foo.bar.baz==1", "x==1", "xx==1", "a-x==1"]
    assert [line for line in lines if not re.search(pattern[1], line, re.IGNORECASE)] == [
        "foo.bar.baz==1",
        "xx==1",
        "a-x==1",
    ]


@pytest.mark.parametrize(
    ("text", "one"),
    [("a", True), ("", True), ("\t", True), ("\u2028", True), ("a\n", False), ("\r", False), ("\x1b", False)],
)
def test_single_line(text: str, one: bool) -> None:
    assert escape.single_line(text) is one


def test_hcl_values() -> None:
    value = [{"type": "image", "push": "true"}, {"dest": "${x}", "n": 3, "off": False}]
    assert (
        escape.hcl_value(value)
        == '[{ "type" = "image", "push" = "true" }, { "dest" = "$${x}", "n" = 3, "off" = false }]'
    )
    assert (escape.hcl_value({}), escape.hcl_value([])) == ("{}", "[]")
    long = "x" * 100
    assert (
        escape.hcl_value([long, {"a": long}])
        == f"""[
    "{long}",
    {{
      "a" = "{long}"
    }},
  ]"""
    )


@pytest.mark.engine
def test_copied_names_on_a_real_engine(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    names = [
        "it's",
        'a"b',
        "$x",
        "--from=y",
        "#h",
        "sp ace",
        "é%{z}",
        "a=b",
        "{{c}}",
        "a&b",
        "`",
        "~",
        "a;b",
        "x\u2028y",
    ]
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    lines = [f"COPY {escape.dockerfile_paths([name, f'/{name}.out'])}\n" for name in names]
    (tmp_path / "Dockerfile").write_text("FROM scratch\n" + "".join(lines), encoding="utf-8")
    command = [str(engine.docker), "buildx", "build", "--output", f"type=local,dest={tmp_path / 'out'}", str(tmp_path)]
    done = subprocess.run(command, env=docker_env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()} == {
        f"{n}.out": n for n in names
    }
