"""The bench without an engine: what is chosen and edited, what baselines look like, what is read and told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from bakegen import cli
from bakegen.bench.baselines import Setting, commands, dockerfiles, unpinned
from bakegen.bench.bench import Wanted, command, machine, references
from bakegen.bench.downloads import amount, downloads, mount_sizes, mounted, read_output
from bakegen.bench.edits import applied, copy_project, edited
from bakegen.bench.model import SCENARIOS, Append, Choice, Downloads, Release, Results, Sample
from bakegen.bench.record import as_json, check_same, merged, read
from bakegen.bench.results import markdown, notes, rows, size
from bakegen.bench.room import Record, Room, descendants, word_of
from bakegen.bench.run import Bench, _doubt, clock, estimate
from bakegen.bench.scenarios import Ground, choose, closure, earlier
from bakegen.bench.sides import Baseline, Common, Ours, Output, Side, State, side_names
from bakegen.cli import bench as cli_bench
from bakegen.engine.info import EngineInfo
from bakegen.errors import FilesError, UsageError
from bakegen.files import DiskTree
from bakegen.project import Project, load
from tests.manifests import family, open_project
from tests.support import ROOT
from tests.test_render import GOLDEN, UPDATE

IMAGES = """\
base: {from: b, python: "3.11", apt: [git], pip: base.txt}
ml: {from: base, torch: {version: 2.1.2, packages: {torchaudio: 2.1.2, torchvision: "0.16.2", timm: 1.0.9}}, pip: ml.txt}
asr: {from: ml, pip: asr.txt, copy: [data.bin, app]}
vad: {from: ml, pip: vad.txt, copy: stage.py, entrypoint: [python, stage.py]}
mux: {from: base, copy: stage.py}"""
FILES = {
    "base.txt": "numpy==1.26.4\n",
    "ml.txt": "librosa==0.10.1\n",
    "asr.txt": "# why\n\nfaster-whisper==1.0.3\nav==12.3.0\n",
    "vad.txt": "silero-vad==5.1.2",
    "stage.py": "print()\n",
    "data.bin": "x\n",
    "app/main.py": "print()\n",
}


def ground(project: Project, *selection: str, package: str = "first==2.0.2") -> Ground:
    plan = project.plan()
    return Ground(plan, closure(plan, plan.select(selection)), DiskTree(project.root), project.manifest.source, package)


def chosen(project: Project, *selection: str, package: str = "first==2.0.2") -> dict[str, Choice]:
    return {choice.scenario: choice for choice in choose(ground(project, *selection, package=package))}


def test_a_choice_for_every_scenario(tmp_path: Path) -> None:
    found = chosen(open_project(tmp_path, family(IMAGES), FILES))
    assert tuple(found) == SCENARIOS == cli_bench._SCENARIOS
    assert not any(choice.why_not for choice in found.values())
    assert found["one-source"].edit == Append("app/main.py", "# bakegen bench {mark}")
    assert found["one-source"].text == "a line more in app/main.py, which asr copies"
    assert found["light-requirement"].text == "first==2.0.2 more in vad.txt, a set of vad alone"
    assert [name for name, choice in found.items() if choice.spares] == ["one-source", "light-requirement"]
    assert found["common-requirement"].text == "first==2.0.2 more in base.txt, on which 5 of 5 images stand"
    assert (found["base-bump"].base, found["base-bump"].edit) == ("b", None)
    assert found["torch-bump"].rounds == 2
    assert "2.1.2 -> 2.1.1, 0.16.2 -> 0.16.1" in found["torch-bump"].text


def test_a_selection_edits_what_it_builds(tmp_path: Path) -> None:
    found = chosen(open_project(tmp_path, family(IMAGES), FILES), "mux")
    assert found["one-source"].text.startswith("a line more in stage.py, which mux")
    assert found["light-requirement"].why_not == "no leaf image has a requirement file of its own"
    assert "2 of 2 images" in found["common-requirement"].text
    assert found["torch-bump"].why_not == "no image installs torch in a layer of its own"


def test_what_a_family_lacks_does_not_apply(tmp_path: Path) -> None:
    found = chosen(open_project(tmp_path, family("a: {from: b, run: 'true'}")))
    lacking = {name for name, choice in found.items() if choice.why_not}
    assert lacking == {"one-source", "light-requirement", "common-requirement", "torch-bump"}
    project = open_project(tmp_path / "known", family(IMAGES), {**FILES, "ml.txt": "First >= 2\n"})
    assert "ml.txt has first already" in chosen(project)["light-requirement"].why_not
    hashed = {**FILES, "vad.txt": "a==1 --hash=sha256:0\n"}
    assert "asr.txt" in chosen(open_project(tmp_path / "hashed", family(IMAGES), hashed))["light-requirement"].text
    oldest = family(IMAGES.replace("2.1.2", "2.6.0"))
    assert "no patch release" in chosen(open_project(tmp_path / "oldest", oldest, FILES))["torch-bump"].why_not


def test_every_edit_gives_a_family_that_loads_and_leaves_no_trace(tmp_path: Path) -> None:
    root = open_project(tmp_path / "users", family(IMAGES), FILES).root
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    copy = copy_project(root, tmp_path / "copy")
    for choice in chosen(load(root / "bakegen.yaml")).values():
        with applied(copy, choice.edit, 1, "mark-1"):
            plan = load(copy / "bakegen.yaml").plan()
            changed = [path for path in before if (copy / path.relative_to(root)).read_bytes() != before[path]]
            assert [path.name for path in changed] == ([Path(choice.edit.path).name] if choice.edit else [])
            torch = next(layer for layer in plan["ml"].layers if "torch" in getattr(layer, "title", ""))
            wanted = ("2.1.1", "0.16.1") if choice.scenario == "torch-bump" else ("2.1.2", "0.16.2")
            assert {f"torch=={wanted[0]}", f"torchvision=={wanted[1]}", "timm==1.0.9"} <= set(torch.requirements)  # type: ignore[union-attr]
        assert all((copy / path.relative_to(root)).read_bytes() == text for path, text in before.items())
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_edits_by_round() -> None:
    line = Append("r.txt", "first==2.0.2  # {mark}")
    assert edited("a", line, 3, "m") == "a\nfirst==2.0.2  # m\n"
    assert edited("", line, 3, "m") == "first==2.0.2  # m\n"
    assert (earlier("2.1.2", 2), earlier("0.16.10", 1)) == ("2.1.0", "0.16.9")


def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    choice = chosen(open_project(tmp_path, family(IMAGES), FILES))["torch-bump"]
    (tmp_path / "bakegen.yaml").write_text("x\n" * 20, encoding="utf-8")
    assert isinstance(choice.edit, Release)
    with pytest.raises(FilesError), applied(tmp_path, choice.edit, 1, "m"):
        pass


def test_the_reference_family_has_every_scenario() -> None:
    found = chosen(load(ROOT / "bakegen.yaml"), "default")
    assert not [choice.why_not for choice in found.values() if choice.why_not]
    assert "15 of 15" in found["common-requirement"].text
    assert found["base-bump"].base == "cuda"


@pytest.mark.parametrize("style", ["plain", "phase1"])
@pytest.mark.parametrize("name", ["uv", "pip"])
def test_baselines_are_what_a_hand_writes(name: str, style: str) -> None:
    plan = load(GOLDEN / name / "bakegen.yaml").plan()
    for image, text in dockerfiles(plan, [image.name for image in plan.images], style).items():
        path = GOLDEN / "bench" / name / f"{image}.{style}.Dockerfile"
        if os.environ.get(UPDATE):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.read_text(encoding="utf-8") == text
        assert "@sha256" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_the_commands_of_a_baseline() -> None:
    plan = load(ROOT / "bakegen.yaml").plan()
    names = closure(plan, ["tmdb"])
    setting = Setting(
        "x/plain", "ns", references(plan, names, ("python=elsewhere/python:1",)), ("t*.args.A=1", "z.args.B=2")
    )
    base, tmdb = commands(plan, names, setting, {"base": Path("B"), "tmdb": Path("T")})
    assert base[-1] == tmdb[-1] == "."
    assert "python:3.11-slim=docker-image://elsewhere/python:1" in base
    assert "ghcr.io/example/subtitles/base:cpu=docker-image://x/plain/base:bench" in tmdb
    assert "A=1" in tmdb
    assert "A=1" not in base
    assert not any("B=2" in words for words in (base, tmdb))
    assert all("BUILDKIT_CACHE_MOUNT_NS=ns" in words for words in (base, tmdb))
    assert unpinned("python:3.11-slim@sha256:" + "0" * 64) == "python:3.11-slim"


def test_a_script_is_named_after_itself() -> None:
    assert [name for name, _ in side_names(["plain", "ci/Our Build.sh", "our-build.sh", "plain", "bakegen.sh"])] == [
        "plain",
        "our_build",
        "our_build_2",
        "bakegen_2",
    ]


PRINTED = """\
Collecting numpy==1.26.4
  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (61 kB)
Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl (18.3 MB)
  Downloading https://files.example/six-1.17.0-py2.py3-none-any.whl (11 kB)
Using cached tqdm-4.67.1-py3-none-any.whl (78 kB)
Need to get 52.5 kB of archives.
Need to get 0 B/12.3 MB of archives.
Get:1 http://deb.example bookworm/main amd64 tree amd64 2.1.0-1 [52.5 kB]
Fetched 52.5 kB in 0s (1,234 kB/s)
"""


def test_what_pip_and_apt_fetch() -> None:
    assert downloads(PRINTED.splitlines(), {}) == Downloads(18_311_000, 2, 52_500)
    assert downloads(["Using cached x-1-py3-none-any.whl (1 kB)"], {}) == Downloads()


def test_what_uv_fetches() -> None:
    assert (
        downloads(["Resolved 2 packages in 3ms", "Installed 2 packages in 4ms"], {"/root/.cache/uv": 4096})
        == Downloads()
    )
    both = ["Downloading torch (731.0MiB)", " Downloaded torch", "Prepared 3 packages in 20.5s"]
    assert downloads(both, {"/root/.cache/uv": 9}) == Downloads(731 * 2**20, 3, exact=False)
    assert downloads(["Prepared 1 package in 1ms"], {"/root/.cache/uv": 5000}) == Downloads(5000, 1, exact=False)


def test_what_quiet_pip_keeps_counts_by_the_mount() -> None:
    assert downloads(["fetching six==1 tqdm==2"], {"/root/.cache/wheels": 90_000}) == Downloads(90_000, 2, exact=False)
    assert downloads([], {"/wheels": 17_000_000}) == Downloads(17_000_000, 1, exact=False)
    assert downloads([], {"/wheels": 0, "/var/cache/apt": 10**6}) == Downloads()


@pytest.mark.parametrize(
    ("number", "unit", "expected"), [("1,234", "kB", 1_234_000), ("17.4", "MiB", 18_245_222), ("0", "B", 0)]
)
def test_amounts(number: str, unit: str, expected: int) -> None:
    assert amount(number, unit) == expected


def vertex(name: str, *, cached: bool = False, digest: str = "d") -> bytes:
    times = {"started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}
    return json.dumps({"vertexes": [{"digest": digest, "name": name, "cached": cached, **times}]}).encode()


def test_run_steps_that_ran_and_that_did_not() -> None:
    lines = [
        vertex("[asr uv 2/2] RUN pip download"),
        vertex("[vad uv 2/2] RUN pip download"),
        vertex("[vad uv 2/2] RUN pip download", cached=True),  # the second bake of the same build
        vertex("[asr 3/4] RUN echo", cached=True),
        vertex("[asr 4/4] COPY a b"),
        b'{"logs": [{"vertex": "d", "data": "RmV0"}, {"vertex": "d", "data": "Y2hlZAo="}]}',
        b"#5 [2/3] 0.123 plain text",
        b"#5 0.5 more",
    ]
    printed, ran = read_output(lines)
    assert sorted(ran.values()) == [False, True]
    assert printed == ["plain text", "more", "Fetched"]
    _, single = read_output([vertex("[2/5] RUN a"), vertex("[stage-1 3/5] RUN b", cached=True)])
    assert sorted(single.values()) == [False, True]


def test_mounts_of_a_namespace_and_no_other() -> None:
    records = [
        {
            "Description": 'cached mount /wheels from exec /bin/sh -c a\nb with id "x-1/wheels-uv-amd64"',
            "Size": "8.192kB",
        },
        {"Description": 'cached mount /wheels from exec /bin/sh -c a with id "x-1/other"', "Size": "1MB"},
        {"Description": 'cached mount /wheels from exec /bin/sh -c a with id "x-12/other"', "Size": "1MB"},
        {"Description": 'cached mount /wheels from exec /bin/sh -c a with id "/x"', "Size": "1MB"},
        {"Description": "mount / from exec", "Size": "1MB"},
    ]
    assert mount_sizes(records, "x-1") == {"/wheels": 1_008_192}


def test_only_our_records_and_their_descendants() -> None:
    records: list[Record] = [
        {"ID": "a", "Description": "[2/2] COPY x-1 /.x", "Parents": ["theirs"]},
        {"ID": "b", "Description": "mount / from exec", "Parents": ["a"]},
        {"ID": "c", "Description": "mount / from exec", "Parents": ["b", "theirs"]},
        {"ID": "d", "Description": "[2/2] COPY x-12 /.x", "Parents": None},
        {"ID": "theirs", "Description": "pulled", "Parents": None},
    ]
    assert descendants(records, ["x-1"]) == {"a", "b", "c"}
    assert descendants(records, ["x-1", "x-12"]) == {"a", "b", "c", "d"}
    assert word_of("x/base:python-1") == "x-1"


def results(**samples: tuple[Sample | None, ...]) -> Results:
    choices = (Choice("cold", "all"), Choice("unchanged", "again"), Choice("torch-bump", "", why_not="no torch"))
    keyed = {("cold", name): found for name, found in samples.items()}
    keyed |= {
        ("unchanged", name): tuple(s and replace(s, seconds=s.seconds / 10) for s in f) for name, f in samples.items()
    }
    return Results({"cores": 2}, "bakegen bench", tuple(samples), choices, keyed)


def test_json_has_the_agreed_shape() -> None:
    found = as_json(results(plain=(Sample(10.0, Downloads(5, 1), 4), Sample(12.0)), bakegen=(Sample(5.0), Sample(6.0))))
    assert (found["schema"], found["machine"], found["command"]) == (1, {"cores": 2}, "bakegen bench")
    assert set(found["scenarios"]) == {"cold", "unchanged", "torch-bump"}
    assert found["scenarios"]["torch-bump"] == {"not_applicable": "no torch"}
    cold = found["scenarios"]["cold"]
    assert (cold["plain_s"], cold["bakegen_s"]) == ([10.0, 12.0], [5.0, 6.0])
    assert (cold["plain_wheel_bytes"], cold["bakegen_wheel_bytes"]) == (5, 0)
    assert cold["ratios"]["plain"] == {"bakegen_over_side": 0.5, "low": 0.5, "high": 0.5, "pairs": 2}
    assert found["scenarios"]["unchanged"]["of_plain_cold"] == 0.05
    assert json.loads(json.dumps(found)) == found


def test_the_table_tells_failures_and_keeps_the_rest() -> None:
    made = replace(
        results(plain=(None, None), bakegen=(Sample(5.0, runs=3), Sample(6.0, runs=3, cached=1))),
        errors={("cold", "plain"): "round 1: E: Unable | to\nlocate package"},
    )
    table = list(rows(made))
    assert table[1][:3] == ("cold", "plain", "failed")
    assert table[2][:4] == ("", "bakegen", "5.5", "5.0 to 6.0")
    told = list(notes(made))
    assert "cold, bakegen: 3 of 3 RUN steps ran, 0 came from the cache: cold" in told
    assert "cold, bakegen: 2 of 3 RUN steps ran, 1 came from the cache: NOT COLD" in told
    assert "Unable \\| to locate package" in markdown(made)
    assert as_json(made)["scenarios"]["cold"]["plain_s"] == [None, None]


def test_machine_and_command_name_no_host_and_no_path() -> None:
    info = EngineInfo(("/opt/docker",), server="28.5.2", buildx="0.29.1", root="/var/lib/docker", cpus=2, context="me")
    assert "/" not in json.dumps({**machine(info)})
    line = command(Wanted(("cpu",), ("cold",), ("plain", "/home/me/x.sh"), 1, ("python=host:5000/x",), ("a.args.B=c",)))
    assert line == (
        "bakegen bench cpu --rounds 1 --scenario cold --baseline plain --baseline FILE --base python=... --set a.args.B=..."
    )


def test_estimates_and_amounts_for_people() -> None:
    took = {("cold", "plain"): 100.0, ("cold", "bakegen"): 50.0}
    assert estimate(took, [("cold", "plain"), ("unchanged", "plain")]) == 175.0
    assert estimate({}, [("cold", "plain")]) == 0.0
    assert [clock(seconds) for seconds in (48, 700, 3900)] == ["48 s", "12 min", "1 h 05 min"]
    assert [size(n) for n in (0, 999, 11_000, 69_500_000)] == ["0 B", "999 B", "11 kB", "69.5 MB"]


def test_a_round_that_does_not_count_has_no_part_in_a_ratio() -> None:
    clean, doubtful = Sample(10.0), Sample(99.0, Downloads(5, 1), doubt="the engine dropped it")
    found = as_json(results(plain=(Sample(20.0), Sample(20.0)), bakegen=(clean, doubtful)))["scenarios"]["cold"]
    assert (found["bakegen_s"], found["bakegen_wheel_bytes"]) == ([10.0, None], 0)
    assert found["ratios"]["plain"] == {"bakegen_over_side": 0.5, "low": 0.5, "high": 0.5, "pairs": 1}
    assert found["bakegen_doubtful"] == {"2": "the engine dropped it"}
    made = results(plain=(Sample(20.0),), bakegen=(doubtful,))
    assert as_json(made)["scenarios"]["cold"]["ratios"]["plain"] == {
        "bakegen_over_side": None,
        "low": None,
        "high": None,
        "pairs": 0,
        "why_not": "no round counts: the engine dropped it",
    }
    table = list(rows(made))
    assert (table[1][4], table[2][2]) == ("none: no round counts: the engine dropped it", "does not count")
    assert {len(row) for row in table} == {len(table[0])}


def test_what_a_side_of_the_bench_may_not_have_lost() -> None:
    run = "base RUN --mount=type=bind,from=uv,target=/uv --mount=type=cache,id=a,target={} apt-get update"
    ran = {
        run.format("/var/cache/apt,sharing=locked"): False,
        run.format("/cached"): True,
        run.format("$HOME/.c"): False,
    }
    assert mounted(ran) == {"/var/cache/apt"}
    unchanged, cold = Choice("unchanged", ""), Choice("cold", "")
    ours = Ours(Common((), "x", "m", (), (), (), lambda: False), Path())
    assert "dropped the cache mounts at /var/cache/apt" in _doubt(cold, ours, ran, {"/root/.cache/uv": 5})
    assert not _doubt(cold, ours, ran, {"/var/cache/apt": 5})
    assert _doubt(unchanged, ours, ran, {"/var/cache/apt": 5}).startswith("2 RUN steps ran")
    assert not _doubt(unchanged, replace_name(ours), ran, {}), "a script may run what it wants"
    light = Choice("light-requirement", "", spares=True)
    assert not _doubt(light, ours, ran, {"/var/cache/apt": 5}), "one step came from the cache"
    none, held = dict.fromkeys(ran, False), {"/var/cache/apt": 5, "/cached": 5}
    assert "no RUN step came from the cache" in _doubt(light, ours, none, held)
    assert not _doubt(replace(light, spares=False), ours, none, held)


def replace_name(side: Ours) -> Ours:
    return Ours(side.common, side.root, "script")


class DroppingRoom(Room):
    """An engine that loses a record of a side's state during the builds that are named, and lists the rest."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__((), "x", Path())
        self.kept: dict[str, list[Record]] = {}
        self.dropped: list[str] = []

    def records(self) -> list[Record]:
        """Return what is left."""
        return [record for records in self.kept.values() for record in records]

    def base(self, name: str, reference: str) -> str:  # noqa: ARG002 - the parent's
        """Return a tag whose state has three records."""
        word = self.word()
        self.kept[word] = [{"ID": f"{word}-{n}", "Description": f"COPY {word}", "Parents": None} for n in range(3)]
        return f"x/base:{name}-{word.rpartition('-')[2]}"

    def images(self, *, dangling: bool = False) -> list[str]:  # noqa: ARG002 - the parent's
        """Return none."""
        return []

    def tags(self, side: str) -> list[str]:
        """Return one."""
        return [f"x/{side}/a:latest"]

    def drop_tags(self, references: Iterable[str]) -> None:
        """Take the side's word down."""
        self.dropped += [reference.split("/")[1] for reference in references if reference.endswith(":latest")]

    def prune(self, ids: Iterable[str]) -> None:
        """Drop nothing."""


class ForgetfulRoom(DroppingRoom):
    """An engine that is asked while it measures for somebody else, just before each build: it lists nothing then."""

    def __init__(self) -> None:
        """Begin with nothing pruned."""
        super().__init__()
        self.measures, self.pruned = False, set[str]()

    def records(self) -> list[Record]:
        """Return what there is, or nothing once."""
        found = [] if self.measures else super().records()
        self.measures = False
        return found

    def prune(self, ids: Iterable[str]) -> None:
        """Keep what was to go."""
        self.pruned.update(ids)


def test_only_what_a_build_has_made_is_dropped_even_if_the_engine_left_out_the_rest() -> None:
    room = ForgetfulRoom()

    class Adding(LosingSide):
        def build(self, state: State, scenario: str, number: int) -> Output:
            word = word_of(state.bases["b"])
            made = {"Description": f"RUN {word}", "Parents": None, "CreatedAt": f"{datetime.now(UTC)} UTC"}
            old = {**made, "CreatedAt": "2026-01-01 00:00:00.5 +0000 UTC"}
            room.kept[word] += [{**made, "ID": f"{word}-new{self.built}"}, {**old, "ID": f"{word}-late{self.built}"}]
            return super().build(state, scenario, number)

    choices = (Choice("cold", ""), Choice("one-source", ""))
    todo = Bench(room, [Adding("bakegen", room, set())], choices, {"b": "b:1"}, 1, lambda _: None)
    before = todo._timed

    def timed(number: int, choice: Choice, side: Side) -> Sample:
        room.measures = choice.scenario == "one-source"
        return before(number, choice, side)

    with patch.object(Bench, "_timed", lambda _, *words: timed(*words)):
        todo.run()
    (only,) = (found for found in room.pruned if "new" in found)
    assert room.pruned == {only}, "what was there before stays, also if it is listed late"


class LosingSide:
    """Builds in no time; in the builds of these numbers, counted over all, the engine loses a record."""

    def __init__(self, name: str, room: DroppingRoom, loses: set[int]) -> None:
        """Begin with no build."""
        self.name, self.root, self.room, self.loses, self.built = name, Path(), room, loses, 0
        self.keeps = name != "plain"

    def build(self, state: State, scenario: str, number: int) -> Output:  # noqa: ARG002 - the protocol's
        """Return as many seconds as builds, ten times that for a baseline."""
        self.built += 1
        if self.built in self.loses:
            self.room.kept[word_of(state.bases["b"])].pop()
        return Output(float(self.built) * (1 if self.name == "bakegen" else 10), ())


def test_only_what_has_caches_sees_a_new_wheel_before_it_is_timed() -> None:
    room = DroppingRoom()
    sides = [LosingSide("plain", room, set()), LosingSide("bakegen", room, set())]
    choice = Choice("light-requirement", "a wheel", new_wheel=True)
    Bench(room, list[Side](sides), (choice,), {"b": "debian"}, 1, lambda _: None).run()
    # as it was, and timed; between the two with the edit, as it was, and once more after the prune of what the edit has made
    assert [side.built for side in sides] == [2, 5]


@pytest.mark.parametrize(
    ("scenarios", "dropped"),
    [
        (("cold", "unchanged"), ["bakegen", "plain", "plain"]),  # the last side is left to the end of the bench
        (("unchanged", "one-source"), ["plain"]),  # what the next round begins with stays
    ],
)
def test_a_side_ends_its_scenarios_before_the_next_and_then_makes_room(
    scenarios: tuple[str, ...], dropped: list[str]
) -> None:
    room, told, saved = DroppingRoom(), list[str](), list[int]()
    sides: list[Side] = [LosingSide("plain", room, set()), LosingSide("bakegen", room, set())]
    choices = tuple(Choice(name, "") for name in scenarios)
    todo = Bench(room, sides, choices, {"b": "debian"}, 2, told.append)
    todo.measured = lambda: saved.append(sum(sample is not None for found in todo.samples.values() for sample in found))
    todo.run()
    one, two = scenarios
    assert [tuple(line.split()[1:4]) for line in told if line.endswith("begins")] == [
        *(("1/2", one, "bakegen"), ("1/2", two, "bakegen"), ("1/2", one, "plain"), ("1/2", two, "plain")),
        *(("2/2", one, "plain"), ("2/2", two, "plain"), ("2/2", one, "bakegen"), ("2/2", two, "bakegen")),
    ]
    assert saved == [1, 2, 3, 4, 5, 6, 7, 8]
    assert room.dropped == dropped


@pytest.mark.parametrize(
    ("loses", "seconds", "counts", "warnings"),
    [
        (set(), [2.0], True, 0),
        ({2}, [4.0], True, 1),  # measured again, after a new state was built
        ({2, 4}, [None], False, 2),
        ({1}, [2.0], True, 0),  # before anybody looked: that build made up for it
    ],
)
def test_a_round_in_which_the_engine_drops_something_is_measured_again(
    loses: set[int], seconds: list[float | None], counts: bool, warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakegen.bench.run._PAUSE", 0.0)
    room = DroppingRoom()
    sides: list[Side] = [LosingSide("plain", room, set()), LosingSide("bakegen", room, loses)]
    choices = (Choice("one-source", "a line"),)
    todo = Bench(room, sides, choices, {"b": "debian"}, 1, lambda _: None)
    todo.run()
    made = Results({}, "c", ("plain", "bakegen"), choices, {k: tuple(v) for k, v in todo.samples.items()})
    found = as_json(made)["scenarios"]["one-source"]
    assert (found["plain_s"], found["bakegen_s"]) == ([20.0], seconds)
    assert (found["ratios"]["plain"]["bakegen_over_side"] is not None) is counts
    assert len(todo.warnings) == warnings
    assert all("garbage collection" in text for _, text in todo.warnings)


def test_a_baseline_installs_the_torch_of_its_copy(tmp_path: Path) -> None:
    project = open_project(tmp_path / "p", family(IMAGES), FILES)
    choice = chosen(project)["torch-bump"]
    side = Baseline(Common(("docker",), "x", "bakegen.yaml", ("ml",), (), (), lambda: False), project.root, "plain")
    assert "torch==2.1.2" in side._written(project.plan())["ml"].read_text(encoding="utf-8")
    with applied(project.root, choice.edit, 1, "m"):
        text = side._written(load(project.root / "bakegen.yaml").plan())["ml"].read_text(encoding="utf-8")
        assert "torch==2.1.1" in text
        assert "torch==2.1.2" not in text


def test_results_survive_their_file_and_take_in_further_rounds_and_sides() -> None:
    first = replace(
        results(plain=(Sample(10.0, Downloads(5, 1), 4), None), bakegen=(Sample(5.0), Sample(6.0, doubt="gone"))),
        errors={("cold", "plain"): "round 2: no"},
        warnings=(("unchanged", "w"),),
        command="bakegen bench cpu --rounds 2 --scenario cold --scenario unchanged --scenario torch-bump --baseline plain",
        stopped=True,
    )
    again = read(json.dumps(as_json(first)), "f")
    assert as_json(again) == as_json(first)
    assert markdown(again) == markdown(first)
    later = replace(
        first,
        sides=("phase1", "bakegen"),
        choices=(Choice("one-source", "a line"), Choice("unchanged", "again")),
        samples={
            ("one-source", "bakegen"): (Sample(1.0), None),
            ("one-source", "phase1"): (None, None),
            ("unchanged", "bakegen"): (Sample(2.0), None),
            ("unchanged", "phase1"): (Sample(3.0), None),
        },
        errors={("unchanged", "phase1"): "round 2: disk", ("cold", "plain"): "round 1: yes"},
        warnings=(("one-source", "v"),),
        command="bakegen bench cpu --rounds 1 --scenario one-source --scenario unchanged --baseline phase1",
        stopped=False,
    )
    both = merged(again, later)
    assert [choice.scenario for choice in both.choices] == ["cold", "unchanged", "one-source", "torch-bump"]
    assert both.sides == ("plain", "phase1", "bakegen")
    assert both.samples["cold", "plain"] == first.samples["cold", "plain"]
    assert both.samples["cold", "phase1"] == (None, None)
    assert [s and s.seconds for s in both.samples["unchanged", "bakegen"]] == [0.5, 0.6, 2.0, None]
    assert [s and s.seconds for s in both.samples["unchanged", "phase1"]] == [None, None, 3.0, None]
    assert both.samples["one-source", "bakegen"] == (Sample(1.0),), "a round that was not begun leaves no place"
    assert both.errors == {("cold", "plain"): "round 2: no; round 1: yes", ("unchanged", "phase1"): "round 2: disk"}
    assert (both.warnings, both.stopped) == ((("unchanged", "w"), ("one-source", "v")), False)
    assert both.command == f"{first.command} && {later.command}"
    assert merged(both, later).command == both.command
    told = as_json(both)["scenarios"]
    assert told["one-source"]["of_plain_cold"] == 0.1
    assert told["unchanged"]["ratios"]["phase1"]["pairs"] == 1, "a pair is of one round"
    assert as_json(read(json.dumps(as_json(both)), "f")) == as_json(both)


def test_rounds_of_different_origin_do_not_stand_in_one_file() -> None:
    old = replace(
        results(plain=(Sample(10.0),)), command="bakegen bench cpu --rounds 2 --baseline plain && bakegen bench cpu"
    )
    more = replace(old, samples={}, sides=(), command="bakegen bench cpu --rounds 9 --scenario cold --baseline FILE")
    check_same(old, more, "f")
    check_same(replace(old, machine={"memory": 25_276_502_016}), replace(more, machine={"memory": 25_276_498_000}), "f")
    check_same(old, replace(more, choices=(Choice("one-source", "a line"),)), "f")
    for other in (
        replace(more, machine={"cores": 4}),
        replace(more, command=more.command.replace("cpu", "gpu")),
        replace(more, choices=(Choice("unchanged", "a line in another file"),)),
        replace(more, choices=(Choice("torch-bump", "2.1.2 -> 2.1.1"),)),
    ):
        with pytest.raises(UsageError, match="f has results of another"):
            check_same(old, other, "f")


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{", "null", '{"schema": 1}', '{"schema": 2, "scenarios": {}}', "[" * 100_000),
        '{"schema": 1, "machine": {}, "command": "", "complete": true, "scenarios": {"warm": {}}}',
        '{"schema": 1, "machine": {}, "command": "", "complete": true, "scenarios": {"cold": {"rounds": 3}}}',
    ],
)
def test_a_file_that_holds_something_else_is_left_alone(text: str) -> None:
    with pytest.raises(UsageError, match=r"f is there and holds no results|f has schema"):
        read(text, "f")


@pytest.mark.parametrize(
    ("made", "code"), [("directory", 7), ("binary", 7), ("other", 2), ("results of another schema", 2), ("nowhere", 7)]
)
def test_a_file_that_cannot_take_results_is_told_before_anything_is_built(
    made: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_project(tmp_path, family(IMAGES), FILES)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "out.json"
    if made == "directory":
        path.mkdir()
    elif made == "nowhere":
        path = tmp_path / "none" / "out.json"
    else:
        path.write_bytes({"binary": b"\xff\xfe", "other": b"# Notes"}.get(made, b'{"schema": 9, "scenarios": {}}'))
    assert cli.run(["bench", "--json", str(path)]) == code
    assert "out.json" in capsys.readouterr().err
