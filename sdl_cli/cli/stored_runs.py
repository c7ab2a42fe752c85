"""The verbs on a finished run: evaluate, predict, export, decompose and report. Heavy imports are inside each."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from sdl_cli.cli.exits import check_choice, check_loudness, ending
from sdl_cli.cli.options import ConfigDir, Debug, Json, Quiet, Run, Trust, Verbose
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
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score a finished run again: on its own test part, or on other data (dataset=npz dataset.path=other.npz)."""
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        from sdl_cli.report.loudness import display_of
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import hydra as bridge
        from sdl_cli.run import stored
        from sdl_cli.run.evaluate import evaluate as score
        from sdl_cli.run.request import TABLES
        from sdl_cli.settings.parse import parse_group

        def check(values: dict[str, Any]) -> None:
            parse_group("dataset", TABLES["dataset"], values["dataset"])

        folder, display, dataset = typed_path(run), display_of(as_json, quiet, verbose), None
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
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A table, texts, a folder of images, an image, or an npz; - for stdin.")
    ],
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="FILE", help="The CSV to write, predictions.csv unless given; - for stdout."),
    ] = None,
    on_error: Annotated[
        str, typer.Option("--on-error", metavar="fail|skip", help="What to do with an image that cannot be read.")
    ] = "fail",
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="The sheet of a workbook that is meant.")] = None,
    trust: Trust = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Predict new inputs with a finished run: id, prediction and the probability of each class, as CSV.

    With - in place of INPUT a CSV, or texts, come from stdin, and the predictions go to stdout unless -o names a file.
    """
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        check_choice("--on-error", on_error, ("fail", "skip"))
        from sdl_cli.phrases import counted
        from sdl_cli.report.loudness import display_of
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import run_folder, stored
        from sdl_cli.run.predict import STDOUT
        from sdl_cli.run.predict import predict as predict_rows

        folder, from_stdin = typed_path(run), source == "-"
        file = typed_path(out if out is not None else "-" if from_stdin else "predictions.csv")
        if as_json and file == STDOUT:
            hint = "Leave out one of them." if out is not None else "Name a file for the predictions: -o predictions.csv"
            raise ConfigError(f"{'-o -' if out is not None else 'The predictions'} and --json both write to stdout.", hint)
        display = display_of(as_json or file == STDOUT, quiet, verbose)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            found = run_folder.read_run(stored.single_run(folder, display.notice))
            observer = observe_run(display)
            if from_stdin:
                from sdl_cli.run.from_stdin import spooled

                single = found.single("predicting with", display.notice)
                with spooled(single.folder, display.notice) as (copy, said):
                    values = predict_rows(single, copy, file, replace(observer, on_notice=said), trust, on_error, sheet)
            else:
                values = predict_rows(found, typed_path(source), file, observer, trust, on_error, sheet)
        where = "stdout" if file == STDOUT else values["out"]
        display.lines([f"{counted(values['rows'], 'prediction')} written to {where}"])
        answer(values)


@commands.command(short_help="Write a finished run's model as ONNX or torch.export.")
def export(
    run: Run,
    out: Annotated[str, typer.Argument(metavar="FILE", help="model.onnx, or model.pt2 for torch.export.")],
    trust: Trust = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a finished run's model as ONNX (.onnx) or torch.export (.pt2), check it against the run, and describe its inputs."""
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        from sdl_cli.report.loudness import display_of
        from sdl_cli.report.watching import observe_run
        from sdl_cli.run import run_folder, stored
        from sdl_cli.run.export import export as export_model

        folder, display = typed_path(run), display_of(as_json, quiet, verbose)
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
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Take the network of a finished run (model=deep_net, a table with classes) apart into sub-nets that sum to it.

    Linear programs split the weights of its last hidden layer so that each sub-net decides all training rows as the network does,
    from a random half of the units (Olson, Wyner and Berk 2018). Shown are the test accuracy of each, how much their errors have
    in common, and what averages of them gain. The result is kept in RUN, and sdl report shows it.
    """
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        from sdl_cli.report import decompose_words
        from sdl_cli.report.loudness import display_of
        from sdl_cli.run import stored
        from sdl_cli.study.decompose.result import Decomposition
        from sdl_cli.study.decompose.run import Asked
        from sdl_cli.study.decompose.run import run as take_apart

        folder, display = typed_path(run), display_of(as_json, quiet, verbose)
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
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a report as one HTML file that needs no network: the verdict first, then what it rests on.

    With --figures, each of its figures is also written by itself, 89 mm and 183 mm wide (one and two columns of a journal), with
    a paragraph on methods that names numbers, versions and references.
    """
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        from sdl_cli.phrases import counted
        from sdl_cli.report.html.write import write_report
        from sdl_cli.report.loudness import display_of
        from sdl_cli.run import stored

        folder, display = typed_path(run), display_of(as_json, quiet, verbose)
        permission.begin(display.notice, trust)
        with stored.reading(folder):
            places = [None if given is None else typed_path(given) for given in (out, figures)]
            values = write_report(folder, places[0], trust, display.notice, places[1])
        display.lines([f"Report written to {values['out']} ({values['bytes'] / 1000:,.0f} kB). Open it in any browser."])
        if written := values.get("figures"):
            display.lines([f"{counted(len(written['files']), 'file')} written to {written['folder']}."])
        answer(values)


@commands.command(short_help="Answer requests over HTTP with a finished run.")
def serve(
    run: Run,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; any but the loopback address needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8000,
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", metavar="FILE", help="The token that requests must bring; or in SDL_SERVE_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A name by which requests may call this server.")
    ] = None,
    max_rows: Annotated[int, typer.Option("--max-rows", min=1, help="Most rows in one request.")] = 10_000,
    max_mb: Annotated[float, typer.Option("--max-mb", min=0.001, max=1000, help="Largest request, in MB.")] = 10.0,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Answer requests over HTTP with a finished run, until Ctrl-C.

    POST /predict takes {"rows": [{"age": 61, ...}]}, {"texts": ["..."]}, {"series": [[...]]} or the content of one photo, as the
    run's data was; GET /health says whether it answers, and / shows an example to paste. Nothing of a request is kept.

    Needs FastAPI and uvicorn: pip install "sdl-cli[serve]"
    """
    with ending(as_json, debug) as answer:
        from sdl_cli.cli import serving
        from sdl_cli.report.console import Display

        asked = serving.Asked(host, port, None if token_file is None else typed_path(token_file), tuple(allow_host or ()))
        answer(serving.serve(typed_path(run), asked, max_rows, int(max_mb * 1e6), trust, Display(as_json)))
