"""The family: models, loader, expansion of variants, checks."""

from bakegen.family.fields import Target
from bakegen.family.models import (
    Base,
    CacheMount,
    Caches,
    Copy,
    Defaults,
    Family,
    Group,
    Image,
    ImageFields,
    Include,
    Indexes,
    LockSettings,
    RegistrySettings,
    Run,
    Secret,
    Torch,
    Variants,
)

__all__ = [
    "Base",
    "CacheMount",
    "Caches",
    "Copy",
    "Defaults",
    "Family",
    "Group",
    "Image",
    "ImageFields",
    "Include",
    "Indexes",
    "LockSettings",
    "RegistrySettings",
    "Run",
    "Secret",
    "Target",
    "Torch",
    "Variants",
]
