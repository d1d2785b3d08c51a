"""The reference family: what is committed is what is rendered, builds, and works in its containers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bakegen.engine.bake import override_file
from bakegen.project import load
from bakegen.refs import ImageRef
from tests import lab
from tests.demo import build_arguments
from tests.support import ROOT, bakegen, tool

PROBE = ("-v", "error", "-of", "json", "-show_streams")
CUDA = (
    "base-cuda",
    "base-ml",
    "asr",
    "diarization",
    "lyrics-detection",
    "pyannote-vad",
    "second-pass-translation",
    "silero-vad",
)


def docker(engine: lab.Engine, env: dict[str, str], *arguments: str) -> str:
    """Return what a docker command prints."""
    done = subprocess.run([str(engine.docker), *arguments], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(engine: lab.Engine, docker_env: dict[str, str]) -> None:
    """Build all 15 images; minutes on a cold engine, seconds on a warm one."""
    done = bakegen("build", "default", *build_arguments(engine), cwd=ROOT, env=docker_env)
    assert done.returncode == 0, done.stderr


@pytest.mark.engine
@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("name", [image.name for image in load(ROOT / "bakegen.yaml").plan().images])
def test_selfcheck_in_the_container(name: str, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    plan = load(ROOT / "bakegen.yaml").plan()
    versions = json.loads(docker(engine, docker_env, "run", "--rm", plan.reference(plan[name]), "--selfcheck"))
    assert versions["python"].startswith("3.11.")
    if name in CUDA and name != "base-cuda":
        assert versions["torch.version.cuda"] == "12.1"


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_the_images_run_as_a_numeric_user_and_hold_no_caches(engine: lab.Engine, docker_env: dict[str, str]) -> None:
    plan = load(ROOT / "bakegen.yaml").plan()
    for name in ("base", "asr", "mux"):
        reference = plan.reference(plan[name])
        assert json.loads(docker(engine, docker_env, "image", "inspect", reference))[0]["Config"]["User"] == "10001"
        script = (
            "find / -xdev -type f \\( -name '*.whl' -o -name '*.deb' -o -name uv \\) 2>/dev/null"
            " | grep -v -e ensurepip -e /usr/share/python-wheels; find /root -type f"
        )
        found = docker(engine, docker_env, "run", "--rm", "--user=0", "--entrypoint=sh", reference, "-c", script)
        assert not [line for line in found.splitlines() if line not in ("/root/.bashrc", "/root/.profile")], found


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_demux_subtitle_gen_and_mux_on_a_clip(tmp_path: Path, engine: lab.Engine, docker_env: dict[str, str]) -> None:
    plan = load(ROOT / "bakegen.yaml").plan()
    tmp_path.chmod(0o777)

    def run(name: str, *arguments: str, entrypoint: str | None = None) -> str:
        flags = [
            "--rm",
            f"--volume={tmp_path}:/data",
            "--workdir=/data",
            *([f"--entrypoint={entrypoint}"] if entrypoint else []),
        ]
        return docker(engine, docker_env, "run", *flags, plan.reference(plan[name]), *arguments)

    clip = "-loglevel error -f lavfi -i testsrc=duration=3:size=160x120:rate=10 -f lavfi -i sine=frequency=440:duration=3 -shortest -y clip.mkv"
    run("demux", *clip.split(), entrypoint="ffmpeg")
    run("demux", "clip.mkv", "clip.wav")
    segments = [
        {"start": 0.2, "end": 1.4, "text": "Good morning."},
        {"start": 1.6, "end": 2.8, "text": "Who is there?"},
    ]
    (tmp_path / "segments.jsonl").write_text("".join(json.dumps(s) + "\n" for s in segments), encoding="utf-8")
    run("subtitle-gen", "segments.jsonl", "clip.srt")
    run("mux", "clip.mkv", "clip.srt", "out.mkv")
    probe = json.loads(run("mux", *PROBE, "out.mkv", entrypoint="ffprobe"))
    kinds = sorted(stream["codec_type"] for stream in probe["streams"])
    assert kinds == ["audio", "subtitle", "video"]
    text = run("mux", *["-v", "error", "-i", "out.mkv", "-map", "0:s:0", "-f", "srt", "-"], entrypoint="ffmpeg")
    assert "Who is there?" in text
    sound = json.loads(run("demux", *PROBE, "clip.wav", entrypoint="ffprobe"))["streams"][0]
    assert (sound["sample_rate"], sound["channels"]) == ("16000", 1)


@pytest.mark.buildx
def test_the_committed_bake_file_resolves_to_fifteen_targets(engine: lab.Engine, docker_env: dict[str, str]) -> None:
    done = subprocess.run(
        [str(engine.docker), "buildx", "bake", "--print"],
        cwd=ROOT,
        env=docker_env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["target"]) == 15


@pytest.mark.engine
def test_the_dockerfiles_are_clean_under_buildkits_own_check(
    engine: lab.Engine, docker_env: dict[str, str], tmp_path: Path
) -> None:
    plan = load(ROOT / "bakegen.yaml").plan()
    # buildx checks no target linked to another one: each parent is stood in for by a base
    base = f"docker-image://{engine.substitutions.get('python:3.11-slim', 'python:3.11-slim')}"
    refs = {image.name: {image.from_ref, image.uv_from or image.from_ref} for image in plan.images}
    contexts = {name: {ImageRef.parse(ref).context_name: base for ref in found} for name, found in refs.items()}
    override = tmp_path / "override.json"
    override.write_text(override_file(contexts=contexts), encoding="utf-8")
    command = [
        "buildx",
        "bake",
        "--call=check",
        "-f",
        "docker-bake.hcl",
        "-f",
        str(override),
        f"--allow=fs.read={tmp_path}",
    ]
    done = subprocess.run(
        [str(engine.docker), *command], cwd=ROOT, env=docker_env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


@pytest.mark.process
def test_the_dockerfiles_are_clean_under_hadolint() -> None:
    files = sorted(str(path) for path in ROOT.glob("docker/*/Dockerfile"))
    done = subprocess.run([tool("hadolint"), *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
