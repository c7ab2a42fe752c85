"""What a program must do with a series before an exported graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdl_cli.learning.models import series_features


def series_steps(inputs: Mapping[str, Any]) -> list[str]:
    """How a row of a file becomes a series."""
    channels, length = (int(n) for n in inputs["shape"])
    source = inputs.get("source", {})
    steps = [
        f"Put the numbers of the columns in `source.steps` into (channel, step) = ({channels}, {length}), in this order: all "
        "steps of the first channel, then those of the second, and so on."
    ]
    if source.get("fill") == "linear":
        return [*steps, "Fill missing values linearly from the neighbours in time, at the ends with the nearest value."]
    return [*steps, "None may be missing."]


_FEATURES = " ".join((series_features.SeriesFeatures.__doc__ or "").split()).partition("Learned state")[0]

ENCODER_STEPS = {
    "series": [
        "Make the numbers of `features`, channel by channel, as they are described here (also in sdl_cli.learning.models."
        f"series_features of the version that `written_by` names). {_FEATURES}",
        f"QUANTILES are {series_features.QUANTILES}, LAGS {series_features.LAGS}, BANDS {series_features.BANDS}.",
    ],
    "rocket": [
        "Take the mean over its steps off each channel and divide it by its number in `encoder.scale`.",
        "Let the kernels be all choices of three places a < b < c of 0 to 8, in lexicographic order, numbered from 0. For each "
        "dilation number e with d = `encoder.dilations`[e], and each kernel k, sum over the channels c with "
        "`encoder.channels`[e][k][c] = 1, at every step t: 3 (x[t + (a-4)d] + x[t + (b-4)d] + x[t + (c-4)d]) less the sum of "
        "x[t + (j-4)d] over j = 0 to 8, where x is 0 outside the series. Where e + k is odd and the series is longer than 8 d, "
        "only steps count at which no place falls outside the series.",
        "For each of the next `encoder.counts`[e] numbers of `encoder.thresholds`, a feature is the share of the steps at which "
        "the sum exceeds it; they come by dilation, then kernel, then threshold.",
    ],
}
