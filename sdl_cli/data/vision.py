"""torchvision, imported without torch's compiler, which takes as long and as much memory as torch itself.

One module of torchvision 0.29 (`ops.roi_align`) asks the compiler for one function, which sdl never calls. While torchvision is
imported, a stand-in has it; afterwards the compiler can be imported as ever.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_COMPILER, _UTILS = "torch._dynamo", "torch._dynamo.utils"


def import_torchvision() -> ModuleType:
    """The package, whose import may take seconds the first time."""
    if not {"torchvision", _COMPILER} & set(sys.modules):
        before = set(sys.modules)
        stand_ins = _stand_ins()
        sys.modules.update(stand_ins)
        try:
            importlib.import_module("torchvision")
        except (ImportError, AttributeError):  # another version asks for more: begin again, with the compiler
            for name in set(sys.modules) - before:
                if name.partition(".")[0] == "torchvision":
                    del sys.modules[name]
        finally:
            for name in stand_ins:
                sys.modules.pop(name, None)
    return importlib.import_module("torchvision")


def _stand_ins() -> dict[str, ModuleType]:
    """Modules in the compiler's place, with what torchvision asks for as it is imported."""
    compiler, utils = ModuleType(_COMPILER), ModuleType(_UTILS)
    compiler.__path__ = []  # a package
    vars(compiler)["utils"], vars(utils)["is_compile_supported"] = utils, _is_compile_supported
    return {_COMPILER: compiler, _UTILS: utils}


def _is_compile_supported(device: str) -> Any:
    return importlib.import_module(_UTILS).is_compile_supported(device)
