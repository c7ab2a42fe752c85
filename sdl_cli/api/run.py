"""What a program gets of a run: its numbers as numbers, its tables as DataFrames, and new rows predicted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdl_cli.files import typed_path
from sdl_cli.run import run_folder, stored
from sdl_cli.run.run_folder import StoredRun
from sdl_cli.settings.parts import permission

if TYPE_CHECKING:
    import pandas as pd

    from sdl_cli.measure.metrics import Lift, Measured
    from sdl_cli.report.console import Display
    from sdl_cli.run.answers import Answers
    from sdl_cli.run.result import RunResult

Values = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """A stored run scored again.

    Arguments:
        data, rows: name and number of the rows that were scored.
        metrics: name -> Measured (`value`, its 95 % interval `low` to `high`, and the `n` rows that it rests on).
        same_test_part: these are the run's own test rows. reproduced: its numbers are the stored ones; None for other rows.
    """

    data: str
    rows: int
    metrics: Mapping[str, Measured]
    same_test_part: bool
    reproduced: bool | None

    def __str__(self) -> str:
        from sdl_cli.report.cards import metric_lines
        from sdl_cli.report.words import scored_part

        return "\n".join([f"{self.data}, {scored_part(self.same_test_part)}: {self.rows:,} rows", *metric_lines(self.metrics)])

    def _repr_html_(self) -> str:
        from sdl_cli.report.html.card import evaluation_card

        return evaluation_card(self.data, self.rows, self.metrics)


class Run:
    """A finished run.

    Arguments:
        folder: its folder. display: where notices go. trust: allow its model to import code outside scikit-learn.
    Raises DataError: no finished run is there, or one of its files was changed.
    """

    def __init__(self, folder: str | Path, display: Display | None = None, trust: bool = False) -> None:
        self.folder = Path(folder)
        self._display, self._trust = display, trust
        with stored.reading(self.folder):
            self._stored = run_folder.read_run(self.folder)

    @property
    def config(self) -> Values:
        """Every setting, as nested dictionaries; those that were left to the data are filled in."""
        return self._stored.config

    @property
    def metrics(self) -> Mapping[str, Measured]:
        """Test metrics: name -> Measured (`value`, its 95 % interval `low` to `high`, and the `n` rows or splits it rests on)."""
        return self.result.test

    @property
    def baseline(self) -> Mapping[str, Measured]:
        """The same of the quick baseline on the same test rows; empty for a run that is the baseline."""
        return self.result.baseline

    @property
    def lift(self) -> Lift | None:
        """How much better than the quick baseline it is, with the 95 % interval; None for the baseline itself."""
        return self.result.lift

    @property
    def notes(self) -> list[str]:
        """Sentences on how data and settings were read."""
        return list(self.result.notes)

    @property
    def verdict(self) -> str:
        """The score and what it is worth beside the quick baseline, in plain sentences."""
        from sdl_cli.report.html.verdict import run_verdict

        return " ".join(run_verdict(self.result)[:2])

    @functools.cached_property
    def result(self) -> RunResult:
        """All that was measured, as `metrics.json` holds it."""
        from sdl_cli.run.result import RunResult

        with stored.reading(self.folder):
            return RunResult.from_json(self._stored.metrics)

    @property
    def predictions(self) -> pd.DataFrame:
        """The test rows: `id`, `truth`, `prediction`, and for classes a `probability_` of each."""
        return _read_table(self._one.folder / "predictions.csv")

    @property
    def history(self) -> pd.DataFrame:
        """A row for each epoch of a network; empty for a model that is not trained in epochs."""
        import pandas as pd

        file = self._one.folder / "history.csv"
        return _read_table(file) if file.is_file() else pd.DataFrame()

    @property
    def classes_(self) -> Any:
        """The classes `(K,)` in the order of probabilities; empty where a number is predicted."""
        from sdl_cli.run.answers import class_values

        return class_values(self._loaded[1]["inputs"])

    @property
    def model(self) -> Any:
        """The fitted scikit-learn estimator; its rows are what stands behind the reading of columns, its classes are indices."""
        return self._loaded[0]

    def predict(self, data: Any, *, on_error: str = "fail") -> pd.Series[Any]:
        """The class or number of each row.

        Arguments:
            data: what `sdl predict` takes (the path of a table, of texts, of a photo or a folder of them, of an npz), or a
                DataFrame with the columns of the run in any order, a list of texts or of paths of photos, or an array.
            on_error: `fail`, or `skip` images that cannot be read.
        Returns: a Series, with the index of a DataFrame, else positions, paths or ids.
        Raises DataError: rows that the run cannot take.
        """
        import pandas as pd

        found = self._answers(data, on_error)
        return pd.Series(
            found.labels(), index=pd.Index(found.ids), name=(self._loaded[1]["inputs"].get("source") or {}).get("target")
        )

    def predict_proba(self, data: Any, *, on_error: str = "fail") -> pd.DataFrame:
        """The probability of each class, one column each, of rows as for `predict`; DataError where a number is predicted."""
        import pandas as pd

        from sdl_cli.errors import DataError

        if not len(self.classes_):
            raise DataError("This run predicts a number, which has no probability.", "Use predict.")
        found = self._answers(data, on_error)
        return pd.DataFrame(found.outputs, index=pd.Index(found.ids), columns=list(found.classes))

    def evaluate(self, data: Any = None, target: Any = None, **settings: Any) -> Evaluation:
        """Score it again: on its own test part, which gives the stored numbers, or on other labelled rows.

        Arguments:
            data, target: as of `sdl_cli.train`; None for the run's own test part. A target that is not given is called as it was.
            settings: of the data set, and `device`.
        Raises DataError: the data has changed, or is of another kind. ConfigError: settings that evaluating does not take.
        """
        from sdl_cli.api.stored import evaluate

        return evaluate(self, data, target, settings, self._trust)

    def report(self, out: str | Path | None = None) -> Path:
        """Write its report as one HTML file, `report.html` in its folder unless `out` is given; returns where it is."""
        return write_report_of(self.folder, out, self._trust, self.notice)

    def notice(self, sentence: str) -> None:
        """Say a sentence where this run's notices go."""
        self.display.notice(sentence)

    @property
    def display(self) -> Display:
        """Where this run's notices go, and how far it is."""
        if self._display is None:
            from sdl_cli.report.notebook import display_here

            self._display = display_here()
        return self._display

    def __repr__(self) -> str:
        from sdl_cli.report.cards import run_line

        return f"<Run {self.folder}: {run_line(self.result)}>"

    def __str__(self) -> str:
        from sdl_cli.report.cards import run_lines

        return "\n".join(run_lines(self.result))

    def _repr_html_(self) -> str:
        from sdl_cli.report.html.card import run_card

        return run_card(self.result)

    @functools.cached_property
    def _one(self) -> StoredRun:
        """The run itself, or of a repeated one the first."""
        return self._stored.single("using", self.notice)

    @functools.cached_property
    def _loaded(self) -> tuple[Any, Values]:
        from sdl_cli.run.outputs import load_stored
        from sdl_cli.run.train import Observer

        with permission.during(self.notice, self._trust), stored.reading(self.folder):
            return load_stored(self._one, Observer(on_notice=self.notice), self._trust)

    def _answers(self, data: Any, on_error: str) -> Answers:
        from sdl_cli.errors import ConfigError
        from sdl_cli.run.answers import answers
        from sdl_cli.run.train import Observer

        if on_error not in ("fail", "skip"):
            raise ConfigError(f"on_error: {on_error!r} is not one of fail, skip.")
        with stored.reading(self.folder):
            return answers(*self._loaded, data, Observer(on_notice=self.notice), on_error)


def _read_table(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(file)


def write_report_of(folder: Path, out: str | Path | None, trust: bool, notice: Callable[[str], None]) -> Path:
    """Write the report of a folder as `sdl report` does; returns where it is."""
    from sdl_cli.report.html.write import write_report

    with permission.during(notice, trust), stored.reading(folder):
        return Path(write_report(folder, None if out is None else typed_path(str(out)), trust, notice)["out"])
