"""Looking into one run: each section on small runs, and the numbers in it against scikit-learn and formulas."""

from __future__ import annotations

import csv
import html
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as reference_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from sdl_cli.data.augment.policies import NoAugment, Noise, Shift, Strong, TextAugment
from sdl_cli.data.sources.builtin import Diabetes, Digits, Wine
from sdl_cli.data.sources.table import Table
from sdl_cli.data.sources.text import Text
from sdl_cli.errors import DataError
from sdl_cli.learning.losses import Auto
from sdl_cli.learning.models.settings import BaselineSettings, DeepNetSettings
from sdl_cli.measure import baseline, scoring
from sdl_cli.measure.statistics import wilson
from sdl_cli.report.html import attention, augmentation, confusion, importance, mistakes, reduction, reliability, residuals
from sdl_cli.report.html.inspect import BUILDERS, sections
from sdl_cli.report.html.opened import OpenedRun, Predicted, read_predictions
from sdl_cli.report.html.section import Section, short_name
from sdl_cli.run.fit_and_score import main_score
from sdl_cli.run.train import run
from sdl_cli.settings.experiment import PCA, Experiment, Select, Training

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module", autouse=True)
def _no_forest_beside() -> Iterator[None]:
    """The quick baseline that stands beside each run plays no part here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline, "baseline_outputs", lambda labelled, test, seed: baseline.majority_outputs(labelled, len(test)))
        yield


def finished(folder: Path, dataset: Any, model: Any, policy: Any = None, **more: Any) -> Path:
    experiment = Experiment(
        dataset,
        model,
        Auto(),
        policy or NoAugment(),
        Training(epochs=2),
        device="cpu",
        precision="float32",
        memory_format="contiguous",
        **more,
    )
    return run(experiment, folder).folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = DeepNetSettings(depth=5, width=8)
    return finished(tmp_path_factory.mktemp("runs") / "digits", Digits(num_per_class=20), net, Shift())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of a number, a category that alone decides, a date and a word, with names that are not to be trusted."""
    folder = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(0)
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", '"><img src=x onerror=alert(1)>', "day", "y"])
        for i in range(160):
            kind = rng.choice(["round", "$\\frac{1}$", "flat"])
            truth = HOSTILE if (kind == "round") != (rng.random() < 0.1) else "=1+1"
            writer.writerow(
                [round(float(rng.normal()), 3) if i % 9 else "", kind, f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}", truth]
            )
    return finished(folder / "run", Table(path=str(folder / "data.csv"), target="y"), BaselineSettings(num_trees=30))


@pytest.fixture(scope="module")
def ridge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("runs") / "ridge", Diabetes(), BaselineSettings(kind="ridge"))


def made(folder: Path) -> dict[str, Section]:
    """All sections by id; nothing may be left out."""
    told: list[str] = []
    found = sections(folder, notice=told.append)
    assert not told
    return {section.id: section for section in found}


@pytest.fixture(scope="module")
def looked(digits: Path) -> dict[str, Section]:
    return made(digits)


def test_which_sections_a_run_has(looked: dict[str, Section], mixed: Path, ridge: Path) -> None:
    assert list(looked) == ["confusion", "reliability", "mistakes", "attention", "augmentation"]
    assert list(made(mixed)) == ["confusion", "reliability", "mistakes", "importance"]
    assert list(made(ridge)) == ["residuals", "mistakes", "importance"]
    links = re.compile(r'href="data:[^"]*"')  # that save a figure: as large again as what the page shows
    assert sum(len(links.sub("", section.body)) for section in looked.values()) < 300_000
    assert sum(len(section.body) for section in looked.values()) < 450_000


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_text_from_data_stays_text(mixed: Path) -> None:
    found = made(mixed)
    body = "".join(section.body for section in found.values())
    tags = Tags()
    tags.feed(body)
    assert "script" not in tags.names and "img" not in tags.names and not tags.handlers
    assert html.escape(HOSTILE, quote=False) in found["confusion"].body
    assert '"&gt;&lt;img' in found["importance"].body


# predictions


def test_predictions_are_read_as_written(digits: Path, mixed: Path, ridge: Path) -> None:
    found = read_predictions(mixed / "predictions.csv")
    assert found.classes == (HOSTILE, "=1+1")  # the second stands as '=1+1 in the file
    assert len(found) == 32 and found.outputs.shape == (32, 2)
    np.testing.assert_allclose(found.outputs.sum(axis=1), 1)
    assert read_predictions(ridge / "predictions.csv").classes == ()
    opened = OpenedRun(digits)
    np.testing.assert_array_equal(opened.dataset.y[opened.test_rows], opened.predicted.truth)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "id,truth,prediction\n",
        "id,truth,prediction,probability_a\n1,a\n",
        "id,truth,prediction,probability_a\n1,a,b,1\n",
        "id,prediction\n1,2\n",
    ],
)
def test_damaged_predictions_are_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(DataError, match="p.csv: the stored predictions cannot be read"):
        read_predictions(tmp_path / "p.csv")


# confusion


def predicted(truth: Any, prediction: Any, outputs: Any, num_classes: int = 3) -> Predicted:
    names = tuple(f"class {k}" for k in range(num_classes))
    return Predicted([str(i) for i in range(len(truth))], names, np.asarray(truth), np.asarray(prediction), np.asarray(outputs))


def test_confusions_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    np.testing.assert_array_equal(
        confusion.count_confusions(truth, prediction, 5), confusion_matrix(truth, prediction, labels=range(5))
    )


def test_recall_and_precision_are_those_of_scikit_learn(mixed: Path) -> None:
    own = read_predictions(mixed / "predictions.csv")
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", confusion.build(OpenedRun(mixed)).body)  # type: ignore[union-attr]
    recalls = recall_score(own.truth, own.prediction, average=None)
    precisions = precision_score(own.truth, own.prediction, average=None)
    for k in range(2):
        row = cells[5 * (k + 1) : 5 * (k + 2)]
        assert row[2].startswith(f"{100 * recalls[k]:.1f} % (") and row[4].startswith(f"{100 * precisions[k]:.1f} % (")
    low, high = wilson(int((own.prediction[own.truth == 0] == 0).sum()), int((own.truth == 0).sum()))
    assert f"({100 * low:.1f} to {100 * high:.1f})" in cells[7]


def test_stored_decisions_are_shown_not_the_most_probable_class() -> None:
    own = predicted([0, 1], [1, 1], [[0.6, 0.4, 0], [0.1, 0.9, 0]])
    found = confusion.build(SimpleNamespace(is_classification=True, predicted=own))  # type: ignore[arg-type]
    assert found is not None and found.lead.startswith("1 of 2 test rows are classified correctly, and 1 wrongly.")


def test_many_classes_become_a_list() -> None:
    truth = np.repeat(np.arange(14), 4)
    prediction = truth.copy()
    prediction[:3] = 7  # three of class 0
    prediction[4] = 2
    found = confusion.build(
        SimpleNamespace(is_classification=True, predicted=predicted(truth, prediction, np.eye(14)[prediction], 14))
    )  # type: ignore[arg-type]
    assert found is not None and "<svg" not in found.body
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", found.body)
    assert cells[4:12] == ["class 0", "class 7", "3", "75.0 %", "class 1", "class 2", "1", "25.0 %"]
    assert "class 13" not in cells
    assert found.lead.endswith("The most frequent confusion: class 0 predicted as class 7 in 3 of 4 rows.")


def test_no_mistakes_are_said() -> None:
    own = predicted([0, 1, 2], [0, 1, 2], np.eye(3))
    opened: Any = SimpleNamespace(is_classification=True, predicted=own)
    assert confusion.build(opened).lead == "All 3 test rows are classified correctly."  # type: ignore[union-attr]
    assert mistakes.build(opened).lead == "No mistakes in 3 test rows."


# reliability


def test_bins_hold_equal_numbers_and_keep_ties_together() -> None:
    confidence = np.random.default_rng(0).random(160)
    bins = reliability.equal_count_bins(confidence)
    assert [len(rows) for rows in bins] == [16] * 10
    assert all(confidence[a].max() <= confidence[b].min() for a, b in zip(bins, bins[1:], strict=False))
    tied = np.concatenate([np.linspace(0.4, 0.9, 40), np.ones(60)])
    assert [len(rows) for rows in reliability.equal_count_bins(tied)] == [
        16,
        17,
        67,
    ]  # the cut at 50 falls back to 40, too near to 33
    assert len(reliability.equal_count_bins(np.linspace(0, 1, 29))) == 1


@pytest.mark.parametrize(("claimed", "words"), [(0.99, "over-confident"), (0.6, "under-confident"), (0.8, "no measurable bias")])
def test_confidence_is_judged_by_the_interval_of_the_accuracy(claimed: float, words: str) -> None:
    correct = np.arange(100) < 80
    sentence = reliability.verdict(np.full(100, claimed), correct)
    assert words in sentence
    assert f"claims {100 * claimed:.1f} % on average and is right in 80.0 % (71.1 to 86.7) of 100 test rows" in sentence


def test_calibration_error_is_the_stored_one(digits: Path, looked: dict[str, Section]) -> None:
    opened = OpenedRun(digits)
    error = opened.result.test["calibration_error"]
    assert f"are {100 * error.value:.1f} points apart on average (expected calibration error" in looked["reliability"].lead


def test_how_far_probabilities_that_are_right_can_be_off_by_chance() -> None:
    # all in one bin: the gap is that of a share of 100 tosses of a coin, whose 95 % lie within 1.96 standard errors of 0.05
    even = np.full(100, 0.5)
    assert reliability.error_by_chance(even) == pytest.approx(1.96 * 0.05, abs=0.02)
    assert reliability.error_by_chance(even, distinct=0.25) == pytest.approx(2 * reliability.error_by_chance(even))
    assert reliability.error_by_chance(np.ones(100)) == 0
    assert reliability.error_by_chance(np.linspace(0.4, 1, 30)) > 0.1 > reliability.error_by_chance(np.linspace(0.4, 1, 3000))


# residuals and mistakes


def test_residuals_name_the_stored_errors(ridge: Path) -> None:
    found = made(ridge)
    stored = OpenedRun(ridge).result.test
    assert (
        f"{stored['rmse'].value:.3f} (" in found["residuals"].lead and f"{stored['mae'].value:.3f} (" in found["residuals"].lead
    )


def test_thinned_keeps_the_largest_errors() -> None:
    errors = np.abs(np.random.default_rng(0).normal(size=3000))
    kept = residuals.thinned(errors)
    assert len(kept) == len(set(kept)) == 500
    assert set(np.argsort(-errors)[:50]) <= set(kept)
    np.testing.assert_array_equal(residuals.thinned(errors[:500]), np.arange(500))


def test_worst_mistakes_come_first() -> None:
    outputs = [[0.5, 0.4, 0.1], [0.9, 0.1, 0], [0.2, 0.2, 0.6], [0.7, 0.2, 0.1]]
    own = predicted([1, 1, 2, 1], [0, 0, 2, 0], outputs)
    np.testing.assert_array_equal(mistakes.worst_mistakes(own), [1, 3, 0])
    numbers = Predicted(["a", "b", "c"], (), np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 2.0]), np.array([1.0, 5.0, 2.0]))
    np.testing.assert_array_equal(mistakes.worst_mistakes(numbers), [1, 2])


def test_unusual_values_are_the_ends_of_a_column_and_rare_words(mixed: Path) -> None:
    opened = OpenedRun(mixed)
    dataset, labelled = opened.dataset, opened.parts.labelled
    largest = labelled[np.nanargmax(dataset.X[labelled, 0])]
    [told] = mistakes.unusual_values(dataset, labelled, np.array([largest]))
    known = dataset.X[labelled, 0][~np.isnan(dataset.X[labelled, 0])]
    assert told.startswith(f"size = {dataset.X[largest, 0]:,.6g} ({200 / len(known):.1f} %)")
    middle = labelled[np.argsort(dataset.X[labelled, 0])[len(known) // 2]]
    [told] = mistakes.unusual_values(dataset, labelled, np.array([middle]))
    assert "size" not in told


def test_cells_are_told_as_the_user_wrote_them(mixed: Path) -> None:
    dataset = OpenedRun(mixed).dataset
    kinds = dataset.columns
    assert mistakes._cell(kinds[0], np.array([np.nan])) == "missing"
    assert mistakes._cell(kinds[1], np.array([2.0])) == "= round"
    assert mistakes._cell(kinds[1], np.array([3.0])) == "= a level not seen in training"
    assert mistakes._cell(kinds[2], dataset.X[0, 2:7]) == "= 2024-01-01"


def test_names_are_cut_in_their_middle() -> None:
    assert short_name("train/bees/0001.jpg", 40) == "train/bees/0001.jpg"
    assert short_name("abcdefghij", 7) == "abc…hij"
    assert len(short_name("x" * 99, 20)) == 20


# importance


def test_importance_of_a_linear_model_is_known() -> None:
    # permuting column j adds 2 b_j^2 var(x_j) to the expected squared error, whatever the others are
    rng = np.random.default_rng(0)
    X, b = rng.normal(size=(3000, 4)), np.array([2.0, -1.0, 0.5, 0.0])
    y = X @ b + rng.normal(size=3000)
    found = importance.permutation_importance(
        lambda rows: rows @ b,
        lambda out: scoring.rmse(y, out),
        X,
        [[0], [1], [2], [3]],
        higher_is_better=False,
        num_permutations=10,
    )
    assert found is not None
    np.testing.assert_array_equal(found.columns, [0, 1, 2, 3])
    np.testing.assert_allclose(found.values, np.sqrt(1 + 2 * b**2) - 1, atol=0.06)
    assert (found.low[:3] > 0).all() and found.low[3] == found.high[3] == found.values[3] == 0  # not 1e-16
    assert ((found.low <= found.values) & (found.values <= found.high)).all()


def test_importance_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 3))
    y = X @ [1.0, 2.0, 0.0] + rng.normal(size=200)
    model = LinearRegression().fit(X, y)
    theirs = reference_importance(model, X, y, scoring="neg_root_mean_squared_error", n_repeats=200, random_state=0)
    ours = importance.permutation_importance(
        model.predict, lambda out: scoring.rmse(y, out), X, [[0], [1], [2]], higher_is_better=False, num_permutations=200
    )
    assert ours is not None
    np.testing.assert_allclose(ours.values, theirs.importances_mean[ours.columns], atol=0.03)


def test_interval_holds_the_noise_of_few_rows() -> None:
    # whatever the shuffles, 12 rows tell little: the interval of a column that helps a little must hold 0
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 1))
    y = (X[:, 0] + 2 * rng.normal(size=12) > 0).astype(int)
    probs = lambda rows: np.stack([rows[:, 0] <= 0, rows[:, 0] > 0], axis=1).astype(float)  # noqa: E731
    name, score = main_score(y, True, None, False)
    found = importance.permutation_importance(probs, score, X, [[0]], higher_is_better=True)
    assert name == "accuracy" and found is not None and found.low[0] <= 0 < found.high[0]


def test_original_columns_of_a_mixed_table(mixed: Path) -> None:
    opened = OpenedRun(mixed)
    names = [name for name, _ in opened.dataset.own_columns]
    places = [place for _, place in opened.dataset.own_columns]
    assert opened.dataset.row_shape == [len(names)]  # a date is one column, whatever it is made of
    assert names == ["size", '"><img src=x onerror=alert(1)>', "day"]
    assert places == [[0], [1], [2, 3, 4, 5, 6]]
    assert made(mixed)["importance"].lead.startswith('"><img src=x onerror=alert(1)> matters most: without it accuracy falls by')


def test_a_shifted_threshold_is_judged_by_balanced_accuracy() -> None:
    y = np.array([0, 0, 0, 1])
    name, score = main_score(y, True, np.array([1.0, 4.0]), False)
    outputs = np.array([[0.7, 0.3], [0.9, 0.1], [0.9, 0.1], [0.7, 0.3]])  # 0.3 x 4 is more than 0.7: called 1
    assert name == "balanced_accuracy"
    assert score(outputs)(np.ones((1, 4)))[0] == pytest.approx((2 / 3 + 1) / 2)


def test_a_slow_model_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 100))
    monkeypatch.setattr(importance.time, "perf_counter", lambda: next(clock))
    X = np.zeros((20, 2))
    assert (
        importance.permutation_importance(lambda rows: rows[:, 0], lambda out: scoring.rmse(X[:, 0], out), X, [[0], [1]], False)
        is None
    )


# attention and augmentation


def test_overlay_is_brightest_where_the_map_is_largest() -> None:
    cells = np.zeros((4, 4))
    cells[0, 3] = 2.0
    drawn = attention.overlay(np.full((1, 8, 8), 128, np.uint8), cells)
    assert drawn.shape == (3, 128, 128) and drawn.dtype == np.uint8
    light = drawn.astype(int).sum(axis=0)
    assert light[:8, -8:].min() > light[-64:, :64].max()
    nothing = attention.overlay(np.full((3, 8, 8), 128, np.uint8), np.zeros((4, 4)))
    assert len(np.unique(nothing.reshape(3, -1), axis=1).T) == 1


def test_right_and_wrong_images_are_chosen() -> None:
    truth = np.array([0, 0, 0, 1, 2, 1])
    prediction = np.array([0, 0, 0, 1, 1, 0])
    own = predicted(truth, prediction, np.eye(3)[prediction])
    right, wrong = attention.chosen_rows(own)
    np.testing.assert_array_equal(right, [0, 3, 1, 2])  # one of each class first
    np.testing.assert_array_equal(wrong, [4, 5])


def test_networks_without_a_map_say_so(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.learning.models import gradcam

    monkeypatch.setattr(gradcam, "class_maps", lambda *_: None)
    found = attention.build(OpenedRun(digits))
    assert found is not None and found.body == "" and "no feature map" in found.lead


def test_attention_pairs_each_image_with_its_map(looked: dict[str, Section]) -> None:
    body = looked["attention"].body
    assert body.count("<img") == 2 * body.count("<figcaption>") > 8


def test_augmented_versions_stand_beside_their_original(digits: Path, looked: dict[str, Section]) -> None:
    body = looked["augmentation"].body
    assert body.count("<img") == 4 * 6 and body.count(", unchanged") == 4
    opened = OpenedRun(digits)
    assert augmentation.build(opened).body == body  # type: ignore[union-attr]  # seeded
    rows = augmentation.shown_rows(opened.dataset, opened.parts.labelled)
    assert set(rows) <= set(opened.parts.labelled) and len(set(opened.dataset.y[rows])) == 4


def test_mixed_images_carry_their_shares(digits: Path) -> None:
    opened = OpenedRun(digits)
    opened.config = {
        **opened.config,
        "augment": {"name": "strong", **{k: getattr(Strong(), k) for k in Strong.__dataclass_fields__ if k != "name"}},
    }
    found = augmentation.build(opened)
    assert found is not None and re.search(r"\d+ % \d \+ \d+ % \d", found.body) and "shares" in found.lead


def test_noise_is_shown_in_the_units_of_the_columns(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run", Wine(), DeepNetSettings(depth=1, width=4), Noise(std=0.0, drop_probability=0.5))
    opened = OpenedRun(folder)
    body = augmentation.build(opened).body  # type: ignore[union-attr]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", body)
    row = opened.parts.labelled[:1]
    assert augmentation.shown_rows(opened.dataset, opened.parts.labelled)[0] == row[0]
    own, *versions = cells[:6]  # of the first column: its own value or its mean, and nothing else
    assert own == f"{opened.dataset.X[row[0], 0]:,.4g}"
    assert set(versions) == {own, f"{opened.model.mean_[0]:,.4g}"}


def test_texts_are_shown_with_their_copies(tmp_path: Path) -> None:
    words = ["red", "green", "blue", "grey", "white", "black", "pink", "brown"]
    rng = np.random.default_rng(0)
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([" ".join(rng.choice(words, 9)) + f" {HOSTILE} {i}", "ab"[i % 2]] for i in range(60))
    policy = TextAugment(synonym_fraction=0.0)
    settings = Text(path=str(tmp_path / "texts.csv"), target="label")
    folder = finished(tmp_path / "run", settings, BaselineSettings(kind="logistic"), policy)
    found = made(folder)
    assert list(found) == ["confusion", "reliability", "mistakes", "augmentation"]
    assert html.escape(HOSTILE, quote=False) in found["mistakes"].body + found["augmentation"].body
    assert HOSTILE not in found["mistakes"].body + found["augmentation"].body


# what cannot be made


def test_changed_data_leaves_out_what_needs_it(mixed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(mixed, folder)
    data = mixed.parent / "data.csv"
    before = data.read_bytes()
    try:
        data.write_bytes(before + b"9,flat,2024-01-01,=1+1\n")
        told: list[str] = []
        found = sections(folder, notice=told.append)
        assert [section.id for section in found] == ["confusion", "reliability", "mistakes"]
        assert told == [
            "Left out of the report: importance of columns. The data set data has changed since this run. Restore it, or train again."
        ]
        assert "The rows themselves cannot be shown. The data set data has changed since this run." in found[2].body
        data.unlink()
        told.clear()
        assert len(sections(folder, notice=told.append)) == 3
        assert len(told) == 1 and str(data) in told[0]
    finally:
        data.write_bytes(before)


def test_a_model_that_needs_trust_is_left_out(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise DataError("somewhere.Model is not trusted.", "Add --trust.")

    monkeypatch.setattr("sdl_cli.report.html.opened.load_stored", refuse)
    told: list[str] = []
    assert "importance" not in [section.id for section in sections(mixed, notice=told.append)]
    assert told == ["Left out of the report: importance of columns. somewhere.Model is not trusted. Add --trust."]


def test_our_own_mistake_ends_no_report(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILDERS, "residuals", lambda run: 1 / 0)
    told: list[str] = []
    assert len(sections(mixed, notice=told.append)) == 4
    assert told == ["Left out of the report: residuals. ZeroDivisionError: division by zero"]


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    assert sections(tmp_path, notice=told.append) == []
    assert len(told) == 1 and "this is not a run folder" in told[0]


def test_of_several_splits_a_row_is_named_once_where_it_went_worst() -> None:
    truth, outputs = np.zeros(5, np.int64), np.array([[0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.9, 0.1]])
    predicted = Predicted(["a", "b", "a", "c", "b"], ("no", "yes"), truth, outputs.argmax(1), outputs, 3 / 5)
    assert mistakes.worst_mistakes(predicted).tolist() == [1, 2, 3]
    numbers = Predicted(["a", "b", "a"], (), np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), 2 / 3)
    assert mistakes.worst_mistakes(numbers).tolist() == [2, 1]


def test_a_row_that_several_splits_tested_counts_once_for_chance() -> None:
    confidence, correct = np.full(40, 0.72), np.arange(40) % 4 > 0
    low, high = wilson(30, 40)
    assert f"({100 * low:.1f} to {100 * high:.1f})" in reliability.verdict(confidence, correct)
    low, high = wilson(7.5, 10)
    assert f"({100 * low:.1f} to {100 * high:.1f})" in reliability.verdict(confidence, correct, 0.25)


@pytest.mark.parametrize("reduce", [PCA(num_components=4), Select(num_features=4)], ids=lambda reduce: reduce.name)
def test_a_reduction_is_shown_with_what_it_kept(reduce: Any, tmp_path: Path) -> None:
    folder = finished(tmp_path / "run", Wine(), BaselineSettings(kind="logistic"), reduce=reduce)
    section = reduction.build(OpenedRun(folder))
    assert section is not None and section.lead.startswith("4 ")
    opened = OpenedRun(folder)
    kept = opened.result.reduction
    assert kept is not None and (kept["kept"], kept["of"]) == (4, 13)
    for name in kept.get("columns", []):
        assert html.escape(name) in section.body
    assert ("of their variance" in section.lead) == (reduce.name == "pca")
    plain = finished(tmp_path / "plain", Wine(), BaselineSettings(kind="logistic"))
    assert reduction.build(OpenedRun(plain)) is None and OpenedRun(plain).result.reduction is None
