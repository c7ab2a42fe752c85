"""sdl: deep learning on small data, from one command line or from Python: `import sdl_cli as sdl`.

The names below are imported when they are first used, so that `import sdl_cli` itself takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from sdl_cli.api import Comparison, Curve, Evaluation, Run, compare, curve, forecast, load, train
    from sdl_cli.errors import ConfigError, DataError, DeviceError, RunError, SdlError
    from sdl_cli.learning.models.autoencoder import AutoencoderNet, AutoencoderNetRegressor
    from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
    from sdl_cli.learning.models.blend import Blend
    from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
    from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN, FinetunedCNNRegressor
    from sdl_cli.learning.models.preparation import Preparation, make_preparation
    from sdl_cli.learning.models.pretrained_table import PretrainedTable
    from sdl_cli.learning.models.rocket import Rocket, RocketRegressor
    from sdl_cli.settings.experiment import Training

_FROM = {
    "sdl_cli.api": ("Comparison", "Curve", "Evaluation", "Run", "compare", "curve", "forecast", "load", "train"),
    "sdl_cli.errors": ("ConfigError", "DataError", "DeviceError", "RunError", "SdlError"),
    "sdl_cli.learning.models.autoencoder": ("AutoencoderNet", "AutoencoderNetRegressor"),
    "sdl_cli.learning.models.baseline": ("Baseline", "BaselineRegressor"),
    "sdl_cli.learning.models.blend": ("Blend",),
    "sdl_cli.learning.models.deep_net": ("DeepNet", "DeepNetRegressor"),
    "sdl_cli.learning.models.finetuned_cnn": ("FinetunedCNN", "FinetunedCNNRegressor"),
    "sdl_cli.learning.models.preparation": ("Preparation", "make_preparation"),
    "sdl_cli.learning.models.pretrained_table": ("PretrainedTable",),
    "sdl_cli.learning.models.rocket": ("Rocket", "RocketRegressor"),
    "sdl_cli.settings.experiment": ("Training",),
}
_MODULES = {name: module for module, names in _FROM.items() for name in names}
__all__ = [
    "__version__",
    "Comparison",
    "Curve",
    "Evaluation",
    "Run",
    "compare",
    "curve",
    "forecast",
    "load",
    "train",
    "ConfigError",
    "DataError",
    "DeviceError",
    "RunError",
    "SdlError",
    "AutoencoderNet",
    "AutoencoderNetRegressor",
    "Baseline",
    "BaselineRegressor",
    "Blend",
    "DeepNet",
    "DeepNetRegressor",
    "FinetunedCNN",
    "FinetunedCNNRegressor",
    "Preparation",
    "make_preparation",
    "PretrainedTable",
    "Rocket",
    "RocketRegressor",
    "Training",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
