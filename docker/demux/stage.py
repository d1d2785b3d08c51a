"""demux: take one audio track out of a video as 16 kHz mono WAV, which is what the speech stages read."""

import argparse
import json
import shutil
import subprocess  # noqa: TID251 - this is a program of an image, not of bakegen
import sys
from pathlib import Path
from typing import NoReturn


def fail(message: str) -> NoReturn:
    """Say in one line what is wrong and what to do, and leave with exit code 2."""
    print(f"demux: {message}", file=sys.stderr)
    sys.exit(2)


def ffmpeg(*args: str) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end and return what it said."""
    if shutil.which("ffmpeg") is None:
        fail("ffmpeg is not installed; run this stage in its image, or install ffmpeg")
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *args], capture_output=True, text=True, check=False)


def demux(video: Path, audio: Path, track: int) -> None:
    """Write the audio track with this number (from 0) of the video."""
    if not video.is_file():
        fail(f"no video at {video}; mount its folder into the container and name it as the container sees it")
    if audio.resolve() == video.resolve():
        fail(f"cannot write {audio} over its own source; name another file")
    source = ["-y", "-i", f"file:{video}", "-map", f"0:a:{track}", "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le"]
    done = ffmpeg(*source, "-f", "wav", f"file:{audio}")
    if done.returncode:
        fail(f"cannot take audio track {track} from {video}: {' '.join(done.stderr.split()) or 'ffmpeg failed'}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", type=Path, help="any file that ffmpeg reads")
    parser.add_argument("audio", nargs="?", type=Path, help="the .wav file to write")
    parser.add_argument("--track", type=int, default=0, help="which audio track, from 0 (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="print the versions as JSON and stop")
    args = parser.parse_args()
    if args.selfcheck:
        found = ffmpeg("-version").stdout.split()[2]
        print(json.dumps({"stage": "demux", "python": sys.version.split()[0], "ffmpeg": found}))
    elif args.audio is None:
        fail("give VIDEO and AUDIO, for example: film.mkv audio.wav")
    else:
        demux(args.video, args.audio, args.track)


if __name__ == "__main__":
    main()
