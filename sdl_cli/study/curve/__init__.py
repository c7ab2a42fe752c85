"""Learning curves: how a score grows with the number of labelled rows, and what more of them would bring."""

from sdl_cli.study.curve.forecast import Forecast, LabelsNeeded, forecast, labels_needed

__all__ = ["Forecast", "LabelsNeeded", "forecast", "labels_needed"]
