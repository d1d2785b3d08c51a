"""base-ml: print the versions of what every torch image of the family stands on, as one JSON line."""

import argparse
import importlib
import json
import os
import sys
import tempfile
from importlib.metadata import version

STACK = ("numpy", "torchaudio", "librosa", "transformers", "huggingface_hub", "sentencepiece", "numba")


def versions() -> dict[str, object]:
    """Return the version of each package after importing it, and what torch was built for and finds."""
    # numba wants to write its cache beside librosa or below $HOME; a container may let it write to neither.
    os.environ.setdefault("NUMBA_CACHE_DIR", f"{tempfile.gettempdir()}/numba-{os.getuid()}")
    import torch

    found: dict[str, object] = {"stage": "base-ml", "python": sys.version.split()[0]}
    for module in STACK:
        importlib.import_module(module)
        found[module] = version(module)
    cudnn = torch.backends.cudnn.version()
    built = {"torch": torch.__version__, "torch.version.cuda": torch.version.cuda, "cudnn": cudnn}
    return {**found, **built, "gpus": gpus()}


def gpus() -> list[str]:
    """Return the names of the GPUs that torch can use."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def main() -> None:
    """Print the versions; --selfcheck is there because every stage has it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selfcheck", action="store_true", help="the same: import the stack and print its versions")
    parser.parse_args()
    print(json.dumps(versions()))


if __name__ == "__main__":
    main()
