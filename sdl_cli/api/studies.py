"""What a program gets of a comparison or a learning curve: tables as DataFrames, and what they come to."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdl_cli.api.run import Run, write_report_of
from sdl_cli.run import run_folder, stored

if TYPE_CHECKING:
    import pandas as pd

    from sdl_cli.measure.curve import LabelsNeeded
    from sdl_cli.report.console import Display
    from sdl_cli.study.compare.result import ComparisonResult
    from sdl_cli.study.curve.result import CurveResult

Values = dict[str, Any]


class Comparison:
    """Methods compared on the same splits.

    Arguments:
        folder: its folder. display: where notices go. trust: as of `Run`.
    Raises DataError: no finished comparison is there.
    """

    def __init__(self, folder: str | Path, display: Display | None = None, trust: bool = False) -> None:
        from sdl_cli.study.compare.result import ComparisonResult

        self.folder = Path(folder)
        self._display, self._trust = display, trust
        with stored.reading(self.folder):
            self.result: ComparisonResult = ComparisonResult.from_json(_read_study(self.folder, "comparison"))

    @property
    def leaderboard(self) -> pd.DataFrame:
        """A row for each method, best first: its mean `score` over splits, `low` to `high` (95 %), `difference` to the best with
        its adjusted `p`, whether that is `measurable`, what it is marked as, `seconds`, and every metric's mean."""
        from sdl_cli.report.cards import leaderboard

        return leaderboard(self.result)

    @functools.cached_property
    def recommended(self) -> Run:
        """The run of the method to use: it predicts, and can be evaluated. Raises DataError: it could not be kept."""
        return Run(stored.single_run(self.folder, lambda sentence: None), self._display, self._trust)

    @functools.cached_property
    def best(self) -> Run:
        """The run of the method with the best mean, which is not always the one to use."""
        is_one = self.result.best == self.result.recommended
        return self.recommended if is_one else Run(self.folder / "best", self._display, self._trust)

    @property
    def recommended_arm(self) -> str:
        """The name of the method to use."""
        return self.result.recommended

    @property
    def verdict(self) -> str:
        """What the comparison comes to, in plain sentences."""
        return self.result.verdict

    @property
    def config(self) -> Values:
        """Every setting, as nested dictionaries."""
        return run_folder.read_config(self.folder)

    def report(self, out: str | Path | None = None) -> Path:
        """Write its report as one HTML file, `report.html` in its folder unless `out` is given; returns where it is."""
        return write_report_of(self.folder, out, self._trust, lambda sentence: None)

    def __repr__(self) -> str:
        return f"<Comparison {self.folder}: {self.result.recommended} recommended of {len(self.result.arms)} methods>"

    def __str__(self) -> str:
        from sdl_cli.report.cards import comparison_lines

        return "\n".join(comparison_lines(self.result))

    def _repr_html_(self) -> str:
        from sdl_cli.report.html.card import comparison_card

        return comparison_card(self.result)


class Curve:
    """A learning curve and its forecast.

    Arguments:
        result: what was measured and forecast, as `curve.json` holds it.
    """

    def __init__(self, result: CurveResult) -> None:
        self.result, self.folder = result, result.folder

    @classmethod
    def stored(cls, folder: str | Path) -> Curve:
        """The curve in a folder. Raises DataError: no finished curve is there."""
        from sdl_cli.study.curve.result import CurveResult

        with stored.reading(Path(folder)):
            return cls(CurveResult.from_json(_read_study(Path(folder), "curve")))

    @property
    def points(self) -> pd.DataFrame:
        """What was measured: `size` labelled rows, `mean` score and its standard error `se` over `repeats`, `baseline`."""
        from sdl_cli.report.cards import points_table

        return points_table(self.result)

    @property
    def forecast(self) -> pd.DataFrame:
        """What more labels would bring: `size`, `mean`, and its interval `low` to `high`; empty with fewer than 3 sizes."""
        from sdl_cli.report.cards import forecast_table

        return forecast_table(self.result)

    @property
    def labels_needed(self) -> LabelsNeeded | None:
        """Labelled rows until the target: `low`, `mid` and `high`, and whether it is `reachable`; None where none was asked."""
        return self.result.labels_needed

    @property
    def verdict(self) -> str:
        """What the curve comes to, in plain sentences."""
        return self.result.verdict

    @property
    def warnings(self) -> list[str]:
        """What may make the forecast wrong."""
        return list(self.result.warnings)

    @property
    def config(self) -> Values:
        """Every setting, as nested dictionaries; empty for a curve that was measured elsewhere."""
        return {} if self.folder is None else run_folder.read_config(self.folder)

    def __repr__(self) -> str:
        return f"<Curve of {self.result.name or 'points'}: {len(self.result.points)} sizes>"

    def __str__(self) -> str:
        from sdl_cli.report.cards import curve_lines

        return "\n".join(curve_lines(self.result))

    def _repr_html_(self) -> str:
        from sdl_cli.report.html.card import curve_card

        return curve_card(self.result)


def _read_study(folder: Path, kind: str) -> Values:
    """The result in a curve's or a comparison's folder. Raises DataError: there is none."""
    from sdl_cli.report.html.subject import unfinished

    run_folder.require_run_folder(folder)
    if run_folder.read_state(folder) != "done":
        raise unfinished(folder, "learning curve" if kind == "curve" else kind, "curve" if kind == "curve" else "compare")
    return {**run_folder.read_json(folder / f"{kind}.json"), "folder": str(folder)}
