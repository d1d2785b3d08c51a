"""Every kind of invalid value is one problem, at its line and column, with the right word or way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakegen.errors import ManifestError
from bakegen.family.load import known_keys, load, nearest
from tests.manifests import HEAD, at, family, places, problems

CASES = [
    # unknown keys, at any depth
    ("§imagse: {}\n" + family("a: {from: b}"), "unknown key 'imagse'", "did you mean images?"),
    (family("a: {§fron: b, from: b}"), "unknown key 'fron' in images.a", "did you mean from?"),
    (family("a: {from: b, torch: {version: '2', §cudda: '1'}}"), "unknown key 'cudda' in images.a.torch", "cuda?"),
    (
        family("a: {from: b, copy: [x, {src: x, §dst: /y}]}"),
        "unknown key 'dst' in images.a.copy[1]",
        "did you mean dest?",
    ),
    (
        family("a: {from: b, run: [{command: x, cache: [{target: /x, §shared: y}]}]}"),
        "unknown key 'shared'",
        "sharing?",
    ),
    (
        family("a: {from: b, variants: {target: cpu, include: [{§dscription: x}]}}"),
        "unknown key 'dscription'",
        "description?",
    ),
    (
        family("a: {from: c}", "bases: {c: {§reff: x, ref: y}}\n").replace(HEAD, "version: 1\nfamily: f\n"),
        "'reff' in bases.c",
        "ref?",
    ),
    (
        family("a: {from: b}", "groups: {x: {§imgs: [a], all: true}}\n"),
        "unknown key 'imgs' in groups.x",
        "did you mean images?",
    ),
    (
        family("a: {from: b}", "defaults: {§zzzzzz: 1}\n"),
        "unknown key 'zzzzzz' in defaults",
        "known here: installer, labels",
    ),
    (family("a: {§from_: b, from: b}"), "unknown key 'from_' in images.a", "did you mean from?"),
    # missing keys: the place is the mapping that should have them
    ("§family: f\nimages: {a: {dockerfile: D}}\n", "version is missing", ""),
    ("§version: 1\nfamily: f\n", "images is missing", ""),
    (family("a: {from: b, torch: §{cuda: '12.1'}}"), "images.a.torch.version is missing", ""),
    (family("a: {from: b, run: [§{cache: []}]}"), "images.a.run[0].command is missing", ""),
    (
        family("a: {from: b}", "bases: {c: §{distro: x}}\n").replace(HEAD, "version: 1\nfamily: f\n"),
        "bases.c.ref is missing",
        "",
    ),
    # wrong types, in the words of YAML
    (family("a: {from: b}").replace("version: 1", "version: §'1'"), "version: expected 1, found '1'", ""),
    (family("a: {from: b}").replace("version: 1", "version: §2"), "version: expected 1, found the number 2", ""),
    (family("a: {from: b}").replace("family: f", "family: §[f]"), "family: expected text, found a list", ""),
    (family("a: §null"), "images.a: expected a mapping of keys to values, found nothing", ""),
    (family("a: §text"), "images.a: expected a mapping of keys to values, found 'text'", ""),
    (family("a: {from: b, mixed_target: §no}"), "expected true or false, found 'no'", ""),
    (family("a: {from: b, entrypoint: §python x.py}"), "images.a.entrypoint: expected a list, found 'python x.py'", ""),
    (family("a: {from: b, cmd: [§1]}"), "images.a.cmd[0]: expected text, found the number 1", ""),
    (family("a: {from: b, env: {A: §null}}"), "images.a.env.A: expected text, found nothing", ""),
    (family("a: {from: b, env: §[A]}"), "images.a.env: expected a mapping of keys to values, found a list", ""),
    (family("a: {from: b, apt: §true}"), "images.a.apt: expected a list, found true", ""),
    (family("a: {from: b, installer: §conda}"), "expected 'uv' or 'pip', found 'conda'", ""),
    (family("a: {from: b, target: §gpu}"), "expected 'cpu' or 'cuda', found 'gpu'", ""),
    (
        family("a: {from: b, description: §'" + "x" * 99 + "', target: cpu, tag: []}")
        .replace("§'", "§{a: '")
        .replace("', t", "'}, t"),
        "found a mapping",
        "",
    ),
    ("version: 1\nfamily: f\nimages: §[]\n", "images: expected a mapping of keys to values, found a list", ""),
    ("version: 1\nfamily: f\nimages: §{}\n", "images: dictionary should have at least 1 item", ""),
    (family("a: {from: b}", "groups: {x: [§[a]]}\n"), "groups.x.images[0]: expected text, found a list", ""),
    (
        family("a: {from: b, copy: [§1]}"),
        "images.a.copy[0]: expected a mapping of keys to values, found the number 1",
        "",
    ),
    (family("a: {from: b, copy: {src: §1}}"), "images.a.copy[0].src: expected text, found the number 1", ""),
    (family(f"a: {{from: b, env: {{A: §{'x' * 70000}}}}}"), "longer than 32000 bytes", ""),
    (family("§" + "a" * 129 + ": {from: b}"), "is not a name: up to 128 letters", ""),
    # numbers that should be text: what was written is offered in quotes
    (family("a: {from: b, python: §3.10}"), "this is a number to YAML; put it in quotes", 'write "3.10"'),
    (family("a: {from: b, env: {A: §1}}"), "this is a number to YAML; put it in quotes", 'write "1"'),
    (family("a: {from: b, torch: {version: '2.1', cuda: §12.1}}"), "this is a number to YAML", 'write "12.1"'),
    (family("a: {from: b, copy: {src: x, chmod: §0755}}"), "this is a number to YAML", 'write "0755"'),
    # values
    (family("§../x: {from: b}"), "images: '../x' is not a name", ""),
    (family("a: {from: b}\n§..: {from: b}"), "images: '..' is not a name", ""),
    (family("a: {from: b}\n§'': {from: b}"), "images: '' is not a name", ""),
    (family("a: {from: b}\n§-x: {from: b}"), "images: '-x' is not a name", ""),
    (family("a: {from: b, env: {§1x: y}}"), "images.a.env: '1x' is not the name of a variable", ""),
    (
        family('a: {from: b, env: {"§\\u001b[2J": y}}').replace('"§', '§"'),
        r"images.a.env: '\x1b[2J' is not the name",
        "",
    ),
    (family('a: {from: b, env: {A: §"x\\ny"}}'), "a Dockerfile cannot hold U+000A in an environment variable", ""),
    (family('a: {from: b, labels: {a: §"x\\0y"}}'), "U+0000 cannot be passed to a build", ""),
    (family("a: {from: b, labels: {§'': x}}"), "images.a.labels: an empty text is not allowed here", ""),
    (family("a: {from: b, copy: §../x}"), "'../x' leaves the project: '..' is not allowed", ""),
    (family("a: {from: b, copy: §'!x'}"), "COPY cannot take a path that begins with ! or <<", ""),
    (family("a: {from: b, copy: §'<<x'}"), "COPY cannot take a path that begins with ! or <<", ""),
    (family("a: {from: b, copy: §/x}"), "'/x' is outside the project: paths are relative to the manifest", ""),
    (family("a: {from: b, copy: §~/x}"), "'~/x' is outside the project", ""),
    (family("a: {from: b, copy: §'C:/x'}"), "'C:/x' is outside the project", ""),
    (family("a: {from: b, copy: §'x\\y'}"), "write paths with forward slashes, on Windows too", ""),
    (family("a: {from: b, copy: §''}"), "'' is not a path", ""),
    (family("a: {from: b, copy: §' x'}"), "' x' is not a path", ""),
    (family("a: {from: b, copy: {src: x, dest: §x}}"), "'x' is not an absolute path in the image", ""),
    (family("a: {from: b, pip: §requests>=2}"), "is not the path of a requirement file", ""),
    (family("a: {from: b, apt: [ffmpeg, §--force]}"), "'--force' is not an apt package", ""),
    (family("a: {from: b, apt: [§'x; rm -rf /']}"), "is not an apt package", ""),
    (family("a: {from: b, python: §'2.7'}"), "'2.7' is not a Python version", ""),
    (family("a: {from: b, torch: {version: §'>=2'}}"), "'>=2' is not a version", ""),
    (family("a: {from: b, user: §'a b'}"), "'a b' is not a user name", ""),
    (family("a: {from: b, run: §''}"), "images.a.run[0].command: the command is empty", ""),
    (family('a: {from: b, run: §"x\\ey"}'), "control character U+001B is not allowed in a command", ""),
    (family("a: {from: b, run: [{command: x, cache: {target: §'/x,y'}}]}"), "'/x,y' is not a path to mount at", ""),
    (family("a: {from: b, run: [{command: x, cache: {target: §/}}]}"), "'/' is not a path to mount at", ""),
    (family("a: {from: b, run: [{command: x, cache: {target: §/../x}}]}"), "'/../x' is not a path to mount at", ""),
    (family("a: {from: b, run: [{command: x, cache: {target: /x, uid: §-1}}]}"), "uid: input should be greater", ""),
    (family("a: {from: b, run: [{command: x, cache: {target: /x, id: §'a,b'}}]}"), "'a,b' is not a cache id", ""),
    (family("a: {from: b, secrets: [§{id: x}]}"), "a secret comes from env or from src: give one of them", ""),
    (family("a: {from: b, secrets: [§{id: x, env: E, src: s}]}"), "a secret comes from env or from src", ""),
    (
        family("a: {from: b, secrets: [§{id: x, env: E, target: /x, as_env: E}]}"),
        "target or as_env: give one of them",
        "",
    ),
    (family("a: {from: b, secrets: {id: §'a,b', env: E}}"), "'a,b' is not the id of a secret", ""),
    (family("a: {from: b, secrets: {id: x, src: §''}}"), "an empty text is not allowed here", ""),
    (family("a: {from: b, platforms: §amd64}"), "'amd64' is not a platform such as linux/amd64", ""),
    (
        family('a: {from: b, secrets: {id: x, src: §"e\\u0301"}}'),
        "composed names (Unicode's NFC) only; rename the file",
        "",
    ),
    (family('a: {dockerfile: §"e\\u0301"}'), "bake finds files by composed names", ""),
    (family("a: {from: b}", "tag: §é\n"), "tag: 'é' is not a tag such as latest", ""),
    (family("a: {from: b}", "indexes: {pypi: §'http://x/ y'}\n"), "is not a URL without spaces, quotes or $", ""),
    (family("a: {from: b}").replace("'python:3.11-slim'", "§'Python:3.11 slim'"), "it contains white space", ""),
    (family("a: {from: b}").replace("'python:3.11-slim'", "§''"), "'' is not an image reference: it is empty", ""),
    (
        family("a: {from: b}").replace("'python:3.11-slim'", "§'Python'"),
        "'Python' is not an image reference: names are lower",
        "",
    ),
    (
        family("a: {from: b}").replace("'python:3.11-slim'", "§'python@sha256:ab'"),
        "a digest is sha256: and 64 hex digits",
        "",
    ),
    (
        family("a: {from: b}").replace("'python:3.11-slim'", "§3.11"),
        "bases.b: expected a mapping of keys to values, found the number 3.11",
        "",
    ),
    (
        family("a: {from: b}").replace("'python:3.11-slim'", "{ref: x, distro: §A B}"),
        "is not a distribution's code name",
        "",
    ),
]


@pytest.mark.parametrize(("manifest", "what", "tip"), CASES, ids=[f"{n}: {case[1]}" for n, case in enumerate(CASES)])
def test_one_problem(tmp_path: Path, manifest: str, what: str, tip: str) -> None:
    """One invalid value gives one problem: the checks of the rest add nothing that only follows from it."""
    (place,) = places(manifest)[1]
    found = problems(tmp_path, manifest, {"x": "", "D": ""})
    assert [at(p) for p in found] == [place], found
    assert what in found[0].what
    assert tip in found[0].next


def test_all_problems_in_one_go(tmp_path: Path) -> None:
    """Invalid values, files that are missing and faults between images come together, in the order of the lines."""
    manifest = family(
        "a: {from: b, §aptt: x, pip: §missing.txt}\n"  # the file is checked although the image has an unknown key
        "c: {from: a, target: cuda}\n"  # not reported: a is not what it will be
        "d: {from: b, target: §cuda}\n"
        "e: {from: §nothing}\n"
        "f: {from: b, python: §3.11, run: §'pip install x>=1'}\n"
        "h: {from: b, tag: §Upper}"
    )
    clean, expected = places(manifest)
    found = problems(tmp_path, clean)
    assert [at(p) for p in found] == expected
    assert [p.what.split(":")[0] for p in found] == [
        "unknown key 'aptt' in images.a",
        "missing.txt does not exist",
        "d is a cuda image on b, which is cpu",
        "e is built from 'nothing', which does not exist",
        "images.f.python",
        "the shell reads 'x>=1' as a redirect",
        "the tag of h",
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        # each names something that was cut out
        family("§a/b: {from: b}\nc: {from: a}\nd: {from: c, target: cpu}", "groups: {x: [a]}\n"),
        family("a: §[x]\nc: {from: a}\nd: {from: c}"),
        family("a: {§frm: b}\nc: {from: a}"),
        family("a: {from: §[b]}"),
        family("a: {from: b, dockerfile: §1, context: docker}"),
        family("a: {from: b, variants: {target: §[gpu]}}\nc: {from: a-cpu}").replace("§[", "[§"),
        family("a: {from: b, tag: §3}\nc: {from: b, tag: a}"),
        family("a: {from: b, torch: {version: §2}, unfreeze: x}"),
        family("a: {from: c}\nd: {from: a, target: cuda}", "bases: {c: §1}\n").replace(HEAD, "version: 1\nfamily: f\n"),
        family("a: {from: c}\nd: {from: b}", "bases: §c\n").replace(HEAD, "version: 1\nfamily: f\n"),
        family("a: {from: b}", "groups: {x: {images: a, §tagret: cpu}, y: [x]}\n"),
        family("a: {from: b}", "groups: {x: §3, y: [x]}\n"),
        family("a: {from: b}", "registry: §[x]\n"),
        family("a: {from: b}", "defaults: {installer: §[x]}\n"),
        family("a: {from: b, secrets: [§{id: x}, {id: x, env: E}]}"),
    ],
)
def test_nothing_is_reported_that_follows_from_a_cut(tmp_path: Path, manifest: str) -> None:
    clean, expected = places(manifest)
    assert [at(p) for p in problems(tmp_path, clean)] == expected


def test_harmless_cuts_leave_every_check(tmp_path: Path) -> None:
    manifest = family("a: {from: §nope}", "description: §1\ngroups: {x: [§y]}\n").replace("version: 1", "version: §3")
    clean, expected = places(manifest)
    found = problems(tmp_path, clean)
    assert sorted(at(p) for p in found) == sorted(expected)


def test_load_alone_raises() -> None:
    with pytest.raises(ManifestError, match=r"^m.yaml:1:1: version is missing$"):
        load(b"family: f\nimages: {a: {}}\n", "m.yaml")
    assert load(b"version: 1\nfamily: f\nimages: {a: {}}\n", "m.yaml").family.family == "f"


def test_known_keys_come_from_the_models() -> None:
    assert "images" in known_keys(())
    assert "from" in known_keys(("images", "a"))
    assert {"version", "cuda", "packages"} == known_keys(("images", "a", "torch"))
    assert {"src", "dest", "chmod"} == known_keys(("images", "a", "copy", 0))
    assert "cuda" in known_keys(("images", "a", "variants", "include", 0))
    assert {"target", "cuda", "python"} == known_keys(("images", "a", "variants", "exclude", 0))
    assert {"ref", "target", "distro", "python", "tags"} == known_keys(("bases", "x"))
    assert known_keys(("images", "a", "env")) == set()
    assert known_keys(("images", "a", "description", "x")) == set()
    assert known_keys(("nope", "x")) == set()


def test_nearest() -> None:
    assert nearest("imges", ["images", "groups"]) == "images"
    assert nearest("zzz", ["images"]) is None


def test_a_thousand_problems_are_told(tmp_path: Path) -> None:
    found = problems(tmp_path, family("\n".join(f"a{n}: {{from: b, x{n}: 1}}" for n in range(1000))))
    assert len(found) == 1000
    assert len({at(p) for p in found}) == 1000
