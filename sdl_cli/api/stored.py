"""Stored results again, and a stored run on other rows."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdl_cli.api.run import Evaluation, Run
from sdl_cli.api.studies import Comparison, Curve
from sdl_cli.errors import DataError
from sdl_cli.files import typed_path
from sdl_cli.run import run_folder, stored
from sdl_cli.settings.parts import permission

Values = dict[str, Any]
# of a stored run's own data set, what says nothing of other rows in a file of another kind
_OF_THE_FILE = ("test_path", "sheet", "range", "variable", "fill_down", "header_lines", "order", "id", "group")

_OF_FRAMES = ("table", "text", "image_table", "series")  # kinds of data that a DataFrame may be


def load(folder: str | Path, *, trust: bool = False) -> Run | Comparison | Curve:
    """A finished result: what `train` gives as a `Run`, what `compare` gives as a `Comparison`, what `curve` gives as a `Curve`.

    Arguments:
        folder: as `sdl train`, `sdl compare` or `sdl curve` printed it.
        trust: allow its model to import code outside scikit-learn. No code of the folder itself is ever run.
    Raises DataError: no such folder, a result that is not finished, or files that were changed since.
    """
    path = typed_path(str(folder))
    if (path / "sweep.json").is_file():
        inside = min((p.parent for p in path.glob("*/status.json")), default=None)
        hint = "Load one of its runs" + (f", for example {run_folder.quoted(inside)}." if inside else ".")
        raise DataError(f"{path}: this is a sweep of several runs.", hint)
    kind = run_folder.kind_of(path) if path.is_dir() else "run"
    if kind == "comparison":
        return Comparison(path, trust=trust)
    return Curve.stored(path) if kind == "curve" else Run(path, trust=trust)


def evaluate(run: Run, data: Any, target: Any, settings: Mapping[str, Any], trust: bool) -> Evaluation:
    """As of `Run.evaluate`."""
    from sdl_cli.measure.metrics import Measured
    from sdl_cli.report.watching import observe_run
    from sdl_cli.run import hydra as bridge
    from sdl_cli.run.evaluate import evaluate as score
    from sdl_cli.run.request import TABLES
    from sdl_cli.settings.parse import parse_group

    def check(values: Values) -> None:
        parse_group("dataset", TABLES["dataset"], values["dataset"])

    with tempfile.TemporaryDirectory(prefix="sdl-") as place:
        kept, whole = _overrides(run, data, target, settings, Path(place))
        dataset = bridge.compose_checked("evaluate", whole, check)["dataset"] if whole else None
        with permission.during(run.display.notice, trust), stored.reading(run.folder):
            values = score(run.folder, {**bridge.parse_assignments(kept)}, dataset, observe_run(run.display), trust)
    found = {name: Measured.from_json(value) for name, value in values["metrics"]["test"].items()}
    said = values["data"]
    return Evaluation(said["name"], said["rows"], found, bool(said["same_test_part"]), values["reproduced"])


def _overrides(run: Run, data: Any, target: Any, settings: Mapping[str, Any], place: Path) -> tuple[list[str], list[str]]:
    """What changes the run's own data set, and the overrides of a whole other one; either may be empty."""
    from sdl_cli.api.asked import asked, flattened, text_of
    from sdl_cli.data import DATASETS
    from sdl_cli.data.sources.new_in_memory import is_frame

    own = run.config["dataset"]
    if data is None:
        full = {"dataset.target": target} if target is not None else {}
        full |= {
            key if key in ("device", "precision") or "." in key else f"dataset.{key}": v for key, v in flattened(settings).items()
        }
        return [f"{key}={text_of(value)}" for key, value in full.items()], []
    is_path, is_table = isinstance(data, (str, Path)), is_frame(data)
    same_kind = is_path and "path" in own and not _is_named(data) or is_table and own["name"] in _OF_FRAMES
    if same_kind and "dataset" not in settings:
        settings = {**settings, "dataset": own["name"]}  # other data of the same kind
    overrides = asked(data, target, settings, {}, place).overrides
    kind = next(o.partition("=")[2] for o in overrides if o.startswith("dataset="))
    of_data = [o for o in overrides if o.startswith("dataset")]
    others = [o for o in overrides if o not in of_data]
    if kind != own["name"]:
        return others, of_data
    fields = {field.name for field in dataclasses.fields(DATASETS[kind])}
    reset = [] if is_path else [f"dataset.{key}=null" for key in _OF_THE_FILE if key in fields]
    as_the_run = {"dataset.missing_values", "dataset.text", "dataset.categorical"} if is_table else set()
    changed = [o for o in of_data if o.partition("=")[0] not in {"dataset", *as_the_run}]
    given = {o.partition("=")[0] for o in changed}
    return [*(o for o in reset if o.partition("=")[0] not in given), *changed, *others], []


def _is_named(data: Any) -> bool:
    from sdl_cli.settings.yaml_files import options

    return isinstance(data, str) and data in options("dataset")
