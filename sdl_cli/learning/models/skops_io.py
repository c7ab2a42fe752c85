"""skops, imported without torch, which it has no use for and which takes seconds to import.

skops asks scikit-learn for its list of estimators, and for that list every package of scikit-learn is imported: with scikit-learn
1.9 also a copy of array-api-compat, whose part for torch imports torch. A package that cannot be imported is passed over.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_FOR_TORCH = "sklearn.externals.array_api_compat.torch"


def import_skops() -> ModuleType:
    """The module `skops.io`, whose import may take a second the first time."""
    modules: dict[str, Any] = sys.modules
    if {"skops.io", "torch", _FOR_TORCH} & set(modules):
        return importlib.import_module("skops.io")
    modules[_FOR_TORCH] = None  # which makes its import an ImportError
    try:
        return importlib.import_module("skops.io")
    finally:
        del modules[_FOR_TORCH]
