"""The verbs on a finished run: evaluate, predict, export, decompose and report. Heavy imports are inside each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sdl_cli.cli.exits import check_choice, ending
from sdl_cli.cli.options import ConfigDir, Debug, Json, Run, Trust
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path
from sdl_cli.settings.parts import permission

commands = typer.Typer()


@commands.command(short_help="Score a finished run again, or on other data.")
def evaluate(
    run: Run,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Other data or device: dataset=npz dataset.path=other.npz, or device=cpu."),
    ] = None,
    config_dir: ConfigDir = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score a finished run again: on its own test part, or on other data (dataset=npz dataset.path=other.npz)."""
    with ending(as_json, debug) as answer:
        from sdl_cli.report.console import Display
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import hydra as bridge
        from sdl_cli.run import stored
        from sdl_cli.run.evaluate import evaluate as score
        from sdl_cli.run.request import TABLES
        from sdl_cli.settings.parse import parse_group

        def check(values: dict[str, Any]) -> None:
            parse_group("dataset", TABLES["dataset"], values["dataset"])

        folder, display, dataset = typed_path(run), Display(as_json), None
        permission.begin(display.notice, trust)
        # a path by itself is other data of the same kind
        kept = [f"dataset.path={o}" if "=" not in o and is_there(o) else o for o in overrides or []]
        if any(o.startswith("dataset=") for o in kept):  # a whole other data set is composed; single keys change the stored one
            chosen = [o for o in kept if o.partition("=")[0].startswith("dataset")]
            kept = [o for o in kept if o not in chosen]
            dataset = bridge.compose_checked("evaluate", chosen, check, config_dir)["dataset"]
        with stored.reading(folder):
            single = stored.single_run(folder, display.notice)
            values = score(single, bridge.parse_assignments(kept), dataset, observe_run(display), trust)
            display.evaluation(values)
        answer(values)


@commands.command(short_help="Predict new inputs with a finished run, as CSV.")
def predict(
    run: Run,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A table, texts, a folder of images, an image, or an npz.")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="The CSV to write; - for stdout.")] = "predictions.csv",
    on_error: Annotated[
        str, typer.Option("--on-error", metavar="fail|skip", help="What to do with an image that cannot be read.")
    ] = "fail",
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="The sheet of a workbook that is meant.")] = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Predict new inputs with a finished run: id, prediction and the probability of each class, as CSV."""
    with ending(as_json, debug) as answer:
        check_choice("--on-error", on_error, ("fail", "skip"))
        from sdl_cli.phrases import counted
        from sdl_cli.report.console import Display
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import run_folder, stored
        from sdl_cli.run.predict import STDOUT
        from sdl_cli.run.predict import predict as predict_rows

        folder, file = typed_path(run), typed_path(out)
        if as_json and file == STDOUT:
            raise ConfigError("-o - and --json both write to stdout.", "Leave out one of them.")
        display = Display(as_json or file == STDOUT)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            found = run_folder.read_run(stored.single_run(folder, display.notice))
            values = predict_rows(found, typed_path(source), file, observe_run(display), trust, on_error, sheet)
        where = "stdout" if file == STDOUT else values["out"]
        display.lines([f"{counted(values['rows'], 'prediction')} written to {where}"])
        answer(values)


@commands.command(short_help="Write a finished run's model as ONNX or torch.export.")
def export(
    run: Run,
    out: Annotated[str, typer.Argument(metavar="FILE", help="model.onnx, or model.pt2 for torch.export.")],
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a finished run's model as ONNX (.onnx) or torch.export (.pt2), check it against the run, and describe its inputs."""
    with ending(as_json, debug) as answer:
        from sdl_cli.report.console import Display
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import run_folder, stored
        from sdl_cli.run.export import export as export_model

        folder, display = typed_path(run), Display(as_json)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            found = run_folder.read_run(stored.single_run(folder, display.notice))
            values = export_model(found, typed_path(out), observe_run(display), trust)
        display.exported(values)
        answer(values)


@commands.command(short_help="Take a deep_net for a table apart into sub-nets that sum to it.")
def decompose(
    run: Run,
    subnets: Annotated[int, typer.Option("--subnets", metavar="K", help="Sub-nets; fewer if there are no K.")] = 10,
    bound: Annotated[
        float, typer.Option("--bound", help="Largest share of a unit's weight in a sub-net; larger ones differ more.")
    ] = 10.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice among all such sub-nets.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", help="Time limit of the solver.")] = 50.0,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take the network of a finished run (model=deep_net, a table with classes) apart into sub-nets that sum to it.

    Linear programs split the weights of its last hidden layer so that each sub-net decides all training rows as the network does,
    from a random half of the units (Olson, Wyner and Berk 2018). Shown are the test accuracy of each, how much their errors have
    in common, and what averages of them gain. The result is kept in RUN, and sdl report shows it.
    """
    with ending(as_json, debug) as answer:
        from sdl_cli.report import decompose_words
        from sdl_cli.report.console import Display
        from sdl_cli.run import stored
        from sdl_cli.study.decompose.result import Decomposition
        from sdl_cli.study.decompose.run import Asked
        from sdl_cli.study.decompose.run import run as take_apart

        folder, display = typed_path(run), Display(as_json)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            single = stored.single_run(folder, display.notice)
            values = take_apart(single, Asked(subnets, bound, seed, seconds), display.notice, trust)
        display.lines(decompose_words.lines(Decomposition.from_json(values)))
        answer(values)


@commands.command(short_help="Write a report of a run, a sweep, a curve or a comparison as one HTML file.")
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, a sweep, a curve or a comparison.")],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="FILE", help="The HTML file to write; report.html in RUN unless given.")
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            "--figures", metavar="DIR", help="Also write every figure into DIR, as SVG, PDF and PNG, and methods.txt for a paper."
        ),
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a report as one HTML file that needs no network: the verdict first, then what it rests on.

    With --figures, each of its figures is also written by itself, 89 mm and 183 mm wide (one and two columns of a journal), with
    a paragraph on methods that names numbers, versions and references.
    """
    with ending(as_json, debug) as answer:
        from sdl_cli.phrases import counted
        from sdl_cli.report.console import Display
        from sdl_cli.report.html.write import write_report
        from sdl_cli.run import stored

        folder, display = typed_path(run), Display(as_json)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            places = [None if given is None else typed_path(given) for given in (out, figures)]
            values = write_report(folder, places[0], trust, display.notice, places[1])
        display.lines([f"Report written to {values['out']} ({values['bytes'] / 1000:,.0f} kB). Open it in any browser."])
        if written := values.get("figures"):
            display.lines([f"{counted(len(written['files']), 'file')} written to {written['folder']}."])
        answer(values)
