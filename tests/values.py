"""The value types of a package, for tests of what holds for all of them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from types import ModuleType


def value_types(package: ModuleType) -> list[type]:
    """Every dataclass that the package's modules define or use."""
    names = [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    found = [kind for name in names for kind in vars(importlib.import_module(name)).values()]
    return sorted({kind for kind in found if isinstance(kind, type) and dataclasses.is_dataclass(kind)}, key=repr)
