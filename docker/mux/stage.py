"""mux: put an .srt file into a video as its subtitle track; picture and sound are copied as they are."""

import argparse
import json
import shutil
import subprocess  # noqa: TID251 - this is a program of an image, not of bakegen
import sys
from pathlib import Path
from typing import NoReturn


def fail(message: str) -> NoReturn:
    """Say in one line what is wrong and what to do, and leave with exit code 2."""
    print(f"mux: {message}", file=sys.stderr)
    sys.exit(2)


def ffmpeg(*args: str) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end and return what it said."""
    if shutil.which("ffmpeg") is None:
        fail("ffmpeg is not installed; run this stage in its image, or install ffmpeg")
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *args], capture_output=True, text=True, check=False)


def mux(video: Path, srt: Path, output: Path, language: str) -> None:
    """Write the video with the subtitles as its only subtitle track, shown by default."""
    for path in (video, srt):
        if not path.is_file():
            fail(f"no file at {path}; mount its folder into the container and name it as the container sees it")
    codec = {".mkv": "srt", ".mp4": "mov_text"}.get(output.suffix.lower())
    if codec is None or output.resolve() == video.resolve():
        fail(f"cannot write {output}; name another file than the video, ending in .mkv or .mp4")
    inputs = ["-y", "-i", f"file:{video}", "-f", "srt", "-i", f"file:{srt}"]
    tracks = ["-map", "0:v?", "-map", "0:a?", "-map", "1:s:0", "-disposition:s:0", "default", "-c", "copy"]
    done = ffmpeg(*inputs, *tracks, "-c:s", codec, "-metadata:s:s:0", f"language={language}", f"file:{output}")
    if done.returncode:
        fail(f"cannot put {srt} into {output}: {' '.join(done.stderr.split()) or 'ffmpeg failed'}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", type=Path, help="any file that ffmpeg reads")
    parser.add_argument("srt", nargs="?", type=Path, help="the subtitles, UTF-8")
    parser.add_argument("output", nargs="?", type=Path, help="the .mkv or .mp4 file to write")
    parser.add_argument("--language", default="und", help="ISO 639-2 code of the subtitles (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="print the versions as JSON and stop")
    args = parser.parse_args()
    if args.selfcheck:
        found = ffmpeg("-version").stdout.split()[2]
        print(json.dumps({"stage": "mux", "python": sys.version.split()[0], "ffmpeg": found}))
    elif args.output is None:
        fail("give VIDEO, SRT and OUTPUT, for example: film.mkv film.srt film.subtitled.mkv")
    else:
        mux(args.video, args.srt, args.output, args.language)


if __name__ == "__main__":
    main()
