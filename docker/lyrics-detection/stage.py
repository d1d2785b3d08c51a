"""lyrics-detection: mark the segments that are sung, or spoken over music, by how the sound behaves."""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from platform import python_version

STACK = ("torch", "numpy", "numba", "librosa")


def mark(args: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the segments; `music` is the share, 0 to 1, of the energy that lies in held tones."""
    import librosa
    import numpy as np

    for row in map(json.loads, args.segments.read_text(encoding="utf-8").splitlines()):
        samples, _ = librosa.load(args.audio, sr=None, offset=row["start"], duration=row["end"] - row["start"])
        spectrum = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512))
        held, _ = librosa.decompose.hpss(spectrum, kernel_size=(31, 17), margin=(3.0, 1.0))
        tonal = 1 - float(librosa.feature.spectral_flatness(S=spectrum).mean())
        music = round(tonal * float((held**2).sum() / max((spectrum**2).sum(), 1e-12)), 3)
        yield json.dumps({**row, "music": music, "lyrics": music >= args.threshold}, ensure_ascii=False) + "\n"


def main() -> None:
    """Read the command line and run."""
    # numba wants to write its cache beside librosa or below $HOME; a container may let it write to neither.
    os.environ.setdefault("NUMBA_CACHE_DIR", f"{tempfile.gettempdir()}/numba-{os.getuid()}")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", nargs="?", type=Path, help=".wav, from demux")
    parser.add_argument("segments", nargs="?", type=Path, help="segments, JSON lines, from asr")
    parser.add_argument("output", nargs="?", type=Path, help="where to write the segments with their marks")
    parser.add_argument("--threshold", type=float, default=0.5, help="lyrics are from here on (default: %(default)s)")
    parser.add_argument("--selfcheck", action="store_true", help="import the stack and print its versions as JSON")
    args = parser.parse_args()
    if args.selfcheck:
        found = {"python": python_version()} | {name: metadata.version(name) for name in STACK if import_module(name)}
        cuda = import_module("torch").version.cuda
        print(json.dumps({"stage": "lyrics-detection", **found, "torch.version.cuda": cuda}))
        return
    if args.output is None:
        parser.exit(2, "lyrics-detection: give AUDIO, SEGMENTS and OUTPUT; see --help\n")
    for path in (args.audio, args.segments):
        if not path.exists():
            parser.exit(2, f"lyrics-detection: nothing at {path}; mount its folder and name it as seen there\n")
    try:
        args.output.write_text("".join(mark(args)), encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - damaged input fails in many ways; the user needs one line
        why = " ".join(str(error).split())[:300]
        parser.exit(2, f"lyrics-detection: {type(error).__name__}: {why}; look at the files that were given\n")


if __name__ == "__main__":
    main()
