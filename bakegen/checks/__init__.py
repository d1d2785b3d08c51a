"""What must hold between the values of a manifest. Each check yields every fault it finds; none raises."""

from bakegen.checks.caches import together
from bakegen.checks.chain import on_ground, uv_source
from bakegen.checks.cuts import sound
from bakegen.checks.faults import Fault
from bakegen.checks.image import values
from bakegen.checks.names import structure
from bakegen.checks.parents import edges, parents_of

__all__ = [
    "Fault",
    "edges",
    "on_ground",
    "parents_of",
    "sound",
    "structure",
    "together",
    "uv_source",
    "values",
]
