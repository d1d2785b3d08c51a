"""A Docker engine with buildx for the tests: the machine's own where it serves, else a private one.

    from tests import lab

    with lab.engine() as engine:
        subprocess.run([engine.docker, "buildx", "bake"], env={**os.environ, **engine.env})

`python -m tests.lab --help` shows the same from the command line. Only the standard library is used, so that the lab can
run before anything is installed.
"""

from .service import Engine, engine, find_engine
from .shell import LabError

__all__ = ["Engine", "LabError", "engine", "find_engine"]
