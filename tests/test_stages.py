"""The small programs of the reference family: what each promises without its libraries, and three of them on a film."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Split = Callable[[dict[str, Any], int], Iterator[tuple[float, float, str]]]

DOCKER = Path(__file__).parents[1] / "docker"
BASES = ("base", "base-cuda", "base-ml")
INPUTS = {  # how many files each stage reads before it writes one
    "asr": 1,
    "demux": 1,
    "diarization": 2,
    "lyrics-detection": 2,
    "mux": 2,
    "post-ner": 2,
    "pre-ner": 1,
    "pyannote-vad": 1,
    "second-pass-translation": 1,
    "silero-vad": 1,
    "subtitle-gen": 1,
}
STAGES = (*INPUTS, "tmdb")
MODELS = ("asr", "diarization", "pyannote-vad", "second-pass-translation", "pre-ner")
WORDS = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want."

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def run(stage: str, *arguments: str | Path, bare: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a stage's program as its image does; bare means with the standard library and no other package."""
    python = [sys.executable, "-I", *(["-S"] if bare else [])]
    command: list[str | Path] = [*python, DOCKER / stage / "stage.py", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_MODEL"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def probe(path: Path) -> dict[str, Any]:
    """Return what ffprobe sees in a file."""
    command: list[str | Path] = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def write_segments(path: Path, *rows: tuple[float, float, str], **more: object) -> Path:
    """Write segments as the stages exchange them."""
    lines = [json.dumps({"start": start, "end": end, "text": text, **more}) + "\n" for start, end, text in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def read_srt(path: Path) -> list[tuple[int, int, str]]:
    """Return start, end (milliseconds) and text of the cues of an .srt file."""
    cues = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        _, times, text = block.split("\n", 2)
        numbers = [int(part) for part in re.findall(r"\d+", times)]
        start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (numbers[:4], numbers[4:]))
        cues.append((start, end, text))
    return cues


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Three seconds of test picture and a 440 Hz tone in stereo at 44.1 kHz."""
    path = tmp_path / "film: a test.mkv"
    picture = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=3"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=3", "-ac", "2"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *picture, *sound, "-c:v", "mpeg4", "-c:a", "aac", f"file:{path}"], check=True
    )
    return path


def test_every_image_has_its_program() -> None:
    assert sorted(path.parent.name for path in DOCKER.glob("*/stage.py")) == sorted(BASES + STAGES)


@pytest.mark.parametrize("image", BASES + STAGES)
def test_a_program_is_short_enough_to_read(image: str) -> None:
    assert len((DOCKER / image / "stage.py").read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.process
@pytest.mark.parametrize("image", BASES + STAGES)
def test_help_needs_no_library(image: str) -> None:
    done = run(image, "--help", bare=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage:")
    assert f"{image}: " in done.stdout


def assert_one_clear_line(stage: str, done: subprocess.CompletedProcess[str]) -> None:
    """Check that the program ended as a mistake of the caller ends: exit code 2, one line that names the stage."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"{stage}: ")


@pytest.mark.process
@pytest.mark.parametrize("stage", STAGES)
def test_no_arguments_is_one_clear_error(stage: str) -> None:
    done = run(stage, bare=True)
    assert_one_clear_line(stage, done)
    assert "give " in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("stage", INPUTS)
def test_a_missing_input_is_one_clear_error(stage: str, tmp_path: Path) -> None:
    missing, output = tmp_path / "missing", tmp_path / "output.mkv"
    done = run(stage, *[missing] * INPUTS[stage], output, bare=True)
    assert_one_clear_line(stage, done)
    assert str(missing) in done.stderr
    assert not output.exists()


@pytest.mark.process
@pytest.mark.parametrize("stage", MODELS)
def test_a_missing_model_is_one_clear_error(stage: str, tmp_path: Path) -> None:
    there = write_segments(tmp_path / "there", (0, 1, "Good evening."))
    done = run(stage, *[there] * INPUTS[stage], tmp_path / "output", "--model", tmp_path / "no-model", bare=True)
    assert_one_clear_line(stage, done)
    assert str(tmp_path / "no-model") in done.stderr


@pytest.mark.process
def test_a_missing_key_is_one_clear_error(tmp_path: Path) -> None:
    done = run("tmdb", "Metropolis", tmp_path / "names.jsonl", bare=True)
    assert_one_clear_line("tmdb", done)
    assert "TMDB_API_KEY" in done.stderr


def requirements() -> dict[str, list[str]]:
    """Return the requirement lines of every image that has a file, without its comments."""
    texts = {path.parent.name: path.read_text(encoding="utf-8") for path in DOCKER.glob("*/requirements.txt")}
    return {image: [line for line in text.splitlines() if not line.startswith("#")] for image, text in texts.items()}


def test_every_requirement_is_pinned() -> None:
    loose = [line for lines in requirements().values() for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]
    assert loose == []


def test_images_agree_on_versions() -> None:
    """A child may not change what its parent has, so one package has one version in the family."""
    versions: dict[str, set[str]] = {}
    for line in (line for lines in requirements().values() for line in lines):
        name, _, version = line.partition("==")
        versions.setdefault(name.lower(), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.process
@needs_ffmpeg
def test_demux_gives_what_the_speech_stages_read(film: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio.wav"
    done = run("demux", film, audio)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = probe(audio)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["sample_rate"], stream["channels"]) == ("pcm_s16le", "16000", 1)
    assert float(found["format"]["duration"]) == pytest.approx(3, abs=0.1)


@pytest.mark.process
@needs_ffmpeg
def test_demux_names_a_track_that_is_not_there(film: Path, tmp_path: Path) -> None:
    done = run("demux", film, tmp_path / "audio.wav", "--track", "1")
    assert_one_clear_line("demux", done)
    assert "track 1" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("output", ["film.avi", "film: a test.mkv"])
def test_mux_never_writes_over_the_film_or_a_format_it_does_not_know(output: str, tmp_path: Path) -> None:
    film, srt = tmp_path / "film: a test.mkv", tmp_path / "film.srt"
    film.write_bytes(b"precious")
    srt.write_text("1\n00:00:00,000 --> 00:00:01,000\nGood evening.\n", encoding="utf-8")
    assert_one_clear_line("mux", run("mux", film, srt, tmp_path / output, bare=True))
    assert film.read_bytes() == b"precious"


@pytest.mark.process
@needs_ffmpeg
@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "subrip"), (".mp4", "mov_text")])
def test_from_film_to_subtitled_film(film: Path, tmp_path: Path, suffix: str, codec: str) -> None:
    pytest.importorskip("pysrt", reason="pysrt is not installed: pip install -r docker/subtitle-gen/requirements.txt")
    audio, srt, output = tmp_path / "audio.wav", tmp_path / "film.srt", tmp_path / f"subtitled{suffix}"
    segments = write_segments(tmp_path / "segments.jsonl", (0.2, 1.0, "Guten Abend, Käthe!"), (1.2, 2.5, "Good night."))
    for done in (
        run("demux", film, audio),
        run("subtitle-gen", segments, srt),
        run("mux", film, srt, output, "--language", "deu"),
    ):
        assert (done.returncode, done.stderr) == (0, "")
    found = probe(output)
    kinds = {stream["codec_type"]: stream for stream in found["streams"]}
    assert sorted(kinds) == ["audio", "subtitle", "video"]
    assert kinds["subtitle"]["codec_name"] == codec
    assert kinds["subtitle"]["tags"]["language"] == "deu"
    assert float(found["format"]["duration"]) == pytest.approx(3, abs=0.2)
    back = tmp_path / "back.srt"
    subprocess.run(["ffmpeg", "-v", "error", "-i", output, "-map", "0:s:0", back], check=True)
    assert read_srt(back) == [(200, 1000, "Guten Abend, Käthe!"), (1200, 2500, "Good night.")]


@pytest.mark.process
def test_cues_are_easy_to_read(tmp_path: Path) -> None:
    """Long text becomes cues of two lines, a short one stays while there is room, and no two touch."""
    pytest.importorskip("pysrt", reason="pysrt is not installed: pip install -r docker/subtitle-gen/requirements.txt")
    rows = [(0.0, 6.0, WORDS), (6.0, 6.1, "Yes."), (6.5, 6.6, "No."), (9.0, 9.1, "Perhaps.")]
    segments, srt = write_segments(tmp_path / "segments.jsonl", *rows), tmp_path / "film.srt"
    assert run("subtitle-gen", segments, srt, "--width", "30").returncode == 0
    cues = read_srt(srt)
    assert " ".join(text.replace("\n", " ") for _, _, text in cues) == f"{WORDS} Yes. No. Perhaps."
    assert max(len(line) for _, _, text in cues for line in text.split("\n")) <= 30
    assert max(text.count("\n") for _, _, text in cues) == 1
    assert all(later[0] - earlier[1] >= 80 for earlier, later in pairwise(cues))
    assert cues[-3:] == [(6000, 6420, "Yes."), (6500, 7300, "No."), (9000, 9800, "Perhaps.")]


@pytest.mark.process
def test_lyrics_stand_between_notes(tmp_path: Path) -> None:
    pytest.importorskip("pysrt", reason="pysrt is not installed: pip install -r docker/subtitle-gen/requirements.txt")
    segments = write_segments(tmp_path / "segments.jsonl", (0, 2, "La la la"), lyrics=True)
    assert run("subtitle-gen", segments, tmp_path / "film.srt").returncode == 0
    assert read_srt(tmp_path / "film.srt") == [(0, 2000, "♪ La la la ♪")]


@given(
    words=st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60), max_size=40),
    start=st.floats(0, 90_000),
    length=st.floats(0, 600),
    width=st.integers(8, 80),
)
def test_splitting_keeps_every_letter_and_the_time(words: list[str], start: float, length: float, width: int) -> None:
    split: Split = runpy.run_path(str(DOCKER / "subtitle-gen" / "stage.py"))["split"]
    cues = list(split({"start": start, "end": start + length, "text": " ".join(words)}, width))
    assert "".join("".join(text.split()) for _, _, text in cues) == "".join("".join(words).split())
    assert all(len(line) <= width for _, _, text in cues for line in text.split("\n"))
    assert all(text.count("\n") <= 1 for _, _, text in cues)
    if cues:
        assert cues[0][0] == start
        assert cues[-1][1] == pytest.approx(start + length)
        assert all(earlier[1] == later[0] for earlier, later in pairwise(cues))
