"""base-cuda: print the versions of what every CUDA image of the family stands on, as one JSON line."""

import argparse
import importlib
import json
import os
import shutil
import sys
from ctypes.util import find_library
from importlib.metadata import version

STACK = {
    "numpy": "numpy",
    "scipy": "scipy",
    "soundfile": "soundfile",
    "dotenv": "python-dotenv",
    "tqdm": "tqdm",
    "rich": "rich",
    "pysubs2": "pysubs2",
    "pydantic": "pydantic",
    "requests": "requests",
}


def versions() -> dict[str, str | None]:
    """Return the version of each package after importing it, and which CUDA libraries the linker finds."""
    found: dict[str, str | None] = {"stage": "base-cuda", "python": sys.version.split()[0]}
    for module, distribution in STACK.items():
        importlib.import_module(module)
        found[distribution] = version(distribution)
    libraries = {name: find_library(name) for name in ("cudart", "cublas", "cudnn")}
    return {**found, "ffmpeg": shutil.which("ffmpeg"), "cuda": os.environ.get("CUDA_VERSION"), **libraries}


def main() -> None:
    """Print the versions; --selfcheck is there because every stage has it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selfcheck", action="store_true", help="the same: import the stack and print its versions")
    parser.parse_args()
    print(json.dumps(versions()))


if __name__ == "__main__":
    main()
