"""Feed the program invalid input: random command lines, damaged run folders, tables and images.

    python benchmarks/fuzz.py [--seed 0] [--commands 2000] [--runs 300] [--tables 500] [--images 200] [--processes 200]

Every input is made in a temporary folder by seeded mutation of valid input, and only our own program reads it. About 100 inputs
share a process, each with its own time limit; `--processes` of the command lines run as whole programs. Counted are: "should not
happen" (an error that sdl itself calls a bug), tracebacks, hangs, and processes that died. The command of each failure is
printed; `--keep FOLDER` keeps its input.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 100  # inputs that share a process
LIMIT_SECONDS = 60  # of one input
SMALL = ["dataset=wine", "model=baseline", "model.num_trees=3"]
SMALL_CURVE = ["curve.num_repeats=1", "parallel.num_jobs=1"]
SMALL_COMPARE = ["compare.arms=[logistic,svm]", "compare.num_repeats=1", "compare.num_candidates=1", "compare.curve=false"]
SMALL_COMPARE += ["parallel.num_jobs=1", "compare.minutes=0.1"]
KEPT = {*SMALL, *SMALL_CURVE, *SMALL_COMPARE, "training.epochs=1"}  # so that valid commands finish quickly
RUNS = {  # name -> the command that makes a valid run folder, small
    "wine": "train dataset=wine model=baseline model.num_trees=3",
    "net": "train dataset=wine model=deep_net model.depth=1 model.width=4 training.epochs=1",
    "table": "train dataset=table dataset.path=patients.csv dataset.target=outcome model=baseline model.num_trees=3",
    "photos": "train dataset=image_folder dataset.path=photos dataset.size_px=8 model=baseline model.num_trees=3",
    "boosting": "train dataset=wine model=sklearn model.estimator=sklearn.ensemble.HistGradientBoostingClassifier "
    "model.params.max_iter=3",
    "repeats": "train dataset=wine model=baseline model.num_trees=3 num_repeats=2",
    "sweep": "train -m dataset=wine model=baseline model.num_trees=3 seed=0,1",
    "curve": "curve dataset=wine model=baseline model.num_trees=3 curve.num_repeats=1 parallel.num_jobs=1",
    "compare": "compare dataset=wine compare.arms=[logistic,svm] compare.num_repeats=2 compare.num_candidates=1 "
    "compare.curve=false parallel.num_jobs=1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("commands", 2000), ("runs", 300), ("tables", 500), ("images", 200), ("processes", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--keep", type=Path, help="a folder for the input that failed")
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "SEED", "FIRST", "LAST"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, *numbers = arguments.worker
        _work(kind, *map(int, numbers))
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_valid(root)
        todo = [("commands", arguments.commands), ("runs", arguments.runs), ("tables", arguments.tables)]
        todo += [("images", arguments.images), ("processes", arguments.processes)]
        batches = [
            (kind, first, min(first + BATCH, total)) for kind, total in todo for first in range(0, total, BATCH) if first < total
        ]
        found = list(_run_batches(root, arguments.seed, batches, arguments.at_once))
        failed = _report(found, todo, time.perf_counter() - started)
        if arguments.keep and failed:
            shutil.copytree(root, arguments.keep, dirs_exist_ok=True, symlinks=True)
    sys.exit(bool(failed))


def make_valid(root: Path) -> None:
    """Make a folder with the valid data and finished runs that all inputs are mutated from."""
    base = root / "base"
    base.mkdir()
    rng = np.random.default_rng(0)
    rows = ["id;age;sex;site;visit;outcome"]
    for i in range(60):
        sex, site = "mf"[i % 2], ("north", "south", "west")[i % 3]
        rows.append(f"p{i};{30 + i % 40};{sex};{site};{rng.normal(i % 2):.3f};{('ill', 'well')[i % 2]}")
    (base / "patients.csv").write_text("\n".join(rows).replace(";", ",") + "\n")
    texts = [f'"note {i}: {"pain and fever" if i % 2 else "no complaint"}",{i % 2}' for i in range(40)]
    (base / "notes.csv").write_text("\n".join(["text,label", *texts]) + "\n")
    np.savez(base / "good.npz", X=rng.normal(size=(40, 3)) + np.arange(40)[:, None] % 2, y=np.arange(40) % 2)
    _photos(base / "photos", rng)
    for name, command in RUNS.items():
        option = "hydra.sweep.dir" if " -m " in f" {command} " else "hydra.run.dir"
        done = subprocess.run(
            [sys.executable, "-m", "sdl_cli", *command.split(), f"{option}=runs/{name}"],
            cwd=base,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def _photos(folder: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    for number in range(16):
        place = folder / ("ant" if number % 2 else "bee")
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (12, 16, 3), dtype=np.uint8) + (100 if number % 2 else 0)
        ending = ("png", "jpg", "bmp", "gif", "tiff", "webp")[number // 2 % 6]
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number}.{ending}")


# processes


def _run_batches(root: Path, seed: int, batches: list[tuple[str, int, int]], at_once: int) -> Iterator[dict[str, Any]]:
    """Run batches in parallel and yield the outcome of each input; a batch whose process died continues after that input."""
    waiting, running = list(batches), {}
    while waiting or running:
        while waiting and len(running) < at_once:
            kind, first, last = waiting.pop(0)
            place = root / f"{kind}-{first}"
            shutil.copytree(root / "base", place, symlinks=True, dirs_exist_ok=True)
            log = (place / "log.jsonl").open("w")
            command = [sys.executable, __file__, "--worker", kind, str(seed), str(first), str(last)]
            process = subprocess.Popen(command, cwd=place, stdout=log, stderr=subprocess.PIPE)
            running[process] = kind, first, last, place, [first, time.monotonic()]
        time.sleep(0.2)
        for process, (kind, first, last, place, seen) in list(running.items()):
            lines = (place / "log.jsonl").read_text().splitlines()
            found = [json.loads(line) for line in lines if line.endswith("}")]
            if first + len(found) > seen[0]:
                seen[:] = first + len(found), time.monotonic()
            stuck = time.monotonic() - seen[1] > 2 * LIMIT_SECONDS + 30  # in C code, which no alarm interrupts
            if process.poll() is None and not stuck:
                continue
            process.kill()
            error = (process.communicate()[1] or b"").decode(errors="replace")
            del running[process]
            yield from found
            at = first + len(found)
            if at < last:
                verdict = "hang" if stuck else "died"
                what = (place / "now.txt").read_text() if (place / "now.txt").exists() else "?"
                yield {"kind": kind, "number": at, "command": what, "verdict": verdict, "text": error[-500:], "code": None}
                if at + 1 < last:
                    waiting.insert(0, (kind, at + 1, last))


def _report(found: list[dict[str, Any]], todo: list[tuple[str, int]], seconds: float) -> list[dict[str, Any]]:
    verdicts = ("ok", "should not happen", "traceback", "hang", "died")
    print(f"{'':10} {'inputs':>7} " + " ".join(f"{v:>18}" for v in verdicts) + "   exit codes")
    for kind, total in todo:
        own = [one for one in found if one["kind"] == kind]
        counts, codes = Counter(one["verdict"] for one in own), Counter(str(one["code"]) for one in own)
        shown = ", ".join(f"{code}: {number}" for code, number in sorted(codes.items()))
        print(f"{kind:10} {len(own):>7} " + " ".join(f"{counts[v]:>18}" for v in verdicts) + f"   {shown}")
        assert len(own) == total
    failed = [one for one in found if one["verdict"] != "ok"]
    for one in failed:
        print(f"\n{one['kind']} {one['number']}: {one['verdict']}\n  sdl {one['command']}\n  {one['text'].strip()[-700:]}")
    print(f"\n{len(failed)} of {len(found)} inputs failed; {seconds / 60:.1f} minutes")
    return failed


class TooLongError(BaseException):
    """Raised when one input exceeds its time limit."""


def _work(kind: str, seed: int, first: int, last: int) -> None:
    """Run inputs first to last in this process and its own folder; write one line of JSON for each to the real stdout."""
    out = os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
    os.environ["COLUMNS"] = "100"
    make: dict[str, Callable[[random.Random], list[str]]] = {
        "commands": command_line,
        "processes": command_line,
        "runs": damaged_run,
        "tables": damaged_table,
        "images": damaged_image,
    }
    signal.signal(signal.SIGALRM, _over)
    for number in range(first, last):
        rng = random.Random(f"{kind} {seed} {number}")
        command = make[kind](rng)
        Path("now.txt").write_text(shlex.join(command), errors="backslashreplace")
        code, text = (_as_program if kind == "processes" else _in_here)(command)
        is_shown = "Traceback (most" in text and "--debug" not in command  # which requests it
        verdict = "hang" if code == "hang" else "traceback" if code == "raised" or is_shown else "ok"
        if "should not happen" in text:
            verdict = "should not happen"
        if isinstance(code, int) and code not in (0, 1, 2):
            verdict = "died"
        print(
            json.dumps(
                {
                    "kind": kind,
                    "number": number,
                    "command": shlex.join(command),
                    "verdict": verdict,
                    "code": code,
                    "text": text[-3000:] if verdict != "ok" else "",
                }
            ),
            file=out,
            flush=True,
        )
        for left in ("out", "predictions.csv", "model.onnx"):
            shutil.rmtree(left, ignore_errors=True) if Path(left).is_dir() else Path(left).unlink(missing_ok=True)


def _over(*_: object) -> None:
    raise TooLongError


def _in_here(command: list[str]) -> tuple[Any, str]:
    """Run a command in this process: exit code, `hang` or `raised`, and its output."""
    from sdl_cli.cli import main as cli

    sys.argv = ["sdl", *command]
    caught = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    code: Any
    signal.alarm(LIMIT_SECONDS)
    with contextlib.redirect_stdout(caught), contextlib.redirect_stderr(caught):
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except TooLongError:
            code = "hang"
        except BaseException:
            import traceback

            traceback.print_exc()
            code = "raised"
        finally:
            signal.alarm(0)
    return code, caught.buffer.getvalue().decode("utf-8", "backslashreplace")


def _as_program(command: list[str]) -> tuple[Any, str]:
    """The same for a command run as a separate program."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sdl_cli", *command], capture_output=True, timeout=2 * LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as over:
        return "hang", str(over)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


# command lines

VERBS = ("train", "curve", "compare", "check", "evaluate", "predict", "report", "export", "list", "show", "runs", "forecast")
OPTIONS = [
    *(
        "--json",
        "--debug",
        "-m",
        "--resume",
        "--cfg job",
        "--cfg hydra",
        "--cfg all",
        "--resolve",
        "--package model",
        "--info all",
    ),
    *(
        "--info config",
        "--config-dir base",
        "--config-dir nowhere",
        "--help",
        "--trust",
        "--on-error skip",
        "-o out",
        "--limit 1",
    ),
    *(
        "--where status=done",
        "--where accuracy>0.5",
        "--sort accuracy",
        "--all",
        "--at 100",
        "--target 0.9",
        "--metric rmse",
        "--",
    ),
]
KEYS = (
    *("dataset", "model", "loss", "augment", "training", "seed", "num_repeats", "device", "precision", "memory_format"),
    *("num_threads", "threshold", "experiment", "tensorboard", "mlflow", "parallel", "parallel.num_jobs", "parallel.backend"),
    *("dataset.path", "dataset.target", "dataset.test_fraction", "dataset.num_train", "dataset.num_per_class", "dataset.seed"),
    *("dataset.features", "dataset.drop", "dataset.groups", "dataset.missing_values", "dataset.size_px", "dataset.name"),
    *("model.name", "model.kind", "model.num_trees", "model.depth", "model.width", "model.widths", "model.params.C"),
    *("model.estimator", "model.weights", "model.params", "training.epochs", "training.learning_rate", "training.batch_size"),
    *("loss.name", "loss.class_weight", "curve.sizes", "curve.at", "curve.target", "curve.metric", "compare.arms"),
    *("compare.minutes", "compare.metric", "compare.baseline", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
    *("hydra/launcher", "hydra/sweeper", "hydra.job.name", "hydra.verbose", "hydra.searchpath", "typo", "model.typo", "a.b.c"),
    *("target", "features", "path", "name", "", "=", "..", "seed.x", "@dataset", "dataset@x", "model:name", "0"),
)
VALUES = (
    *(
        "0",
        "1",
        "2",
        "-1",
        "1.5",
        "1e3",
        "1e400",
        "-1e400",
        "nan",
        "inf",
        "null",
        "none",
        "None",
        "true",
        "false",
        "",
        "''",
        '""',
    ),
    *("wine", "digits", "iris", "diabetes", "npz", "table", "text", "baseline", "deep_net", "forest", "logistic", "sklearn"),
    *("cosine", "mse", "auto", "cpu", "cuda:9", "float16", "patients.csv", "photos", "good.npz", "notes.csv", "nowhere.csv"),
    *("outcome", "label", "OUTCOME", "age", "[]", "[1]", "[1,2]", "[a,b", "{}", "{a:1}", "{a:[1,{b:2}]}", "[[[[1]]]]", "a,b"),
    *("0,1", "range(2)", "range(0,2)", "range(1000000000)", "range(0,1,0)", "range(1.0,2.0,0.5)", "interval(0,1)"),
    *(
        "choice(1,2)",
        "glob(*)",
        "glob(d*)",
        "shuffle(1,2)",
        "sort(2,1)",
        "tag(x,1)",
        "int(3.7)",
        "str(1)",
        "json_str({})",
        "str(2)",
    ),
    *(
        "${seed}",
        "${nothing}",
        "${",
        "${oc.env:HOME}",
        "${oc.env:NOTHING_HERE}",
        "$",
        "~",
        "~root",
        "~nobody",
        "a b",
        "a=b",
        "a'b",
    ),
    *(
        'a"b',
        "a\\",
        "\\'",
        "äöü",
        "日本",
        "\u202e",
        "\x07",
        "\x1b[31m",
        "a\nb",
        "\t",
        "#",
        "&",
        "|",
        ";",
        "(",
        ")",
        "%",
        "@",
        "!",
    ),
    *("sklearn.svm.SVC", "sklearn.svm.SVR", "sklearn.naive_bayes.MultinomialNB", "sklearn.neighbors.KNeighborsClassifier"),
    *(
        "os.system",
        "sklearn",
        ".",
        "..",
        "/",
        "/dev/null",
        "/proc/self/mem",
        "/root",
        "runs",
        "runs/wine",
        "base",
        "???",
        "y",
        "n",
    ),
    *("a" * 300, "/" * 300, "9" * 400, "[" * 200, "(" * 200, "{" * 150, "a" * 5000, "1" + "0" * 25, "0x10", "1_000", "+1"),
    *(
        "accuracy",
        "rmse",
        "roc_auc",
        "best",
        "last",
        "adamw",
        "balanced",
        "0.3",
        "most_probable",
        "processes",
        "threading",
        "loky",
    ),
)
RUN_NAMES = (*RUNS, "sweep/0", "repeats/repeats/0", "curve/cells", "compare/recommended", "nowhere", "a" * 300)
INPUTS = ("patients.csv", "good.npz", "photos", "photos/ant", "notes.csv", "runs", "nowhere", "/dev/null", ".", "", "a" * 300)


def command_line(rng: random.Random) -> list[str]:
    """A command line, usually close to a valid one."""
    verb = rng.choice(VERBS)
    words: list[str] = []
    if verb in ("train", "curve", "compare", "check"):
        words = _settings(rng, verb)
    elif verb in ("evaluate", "predict", "report", "export"):
        words = [f"runs/{rng.choice(RUN_NAMES)}"]
        if verb != "report":
            words.append(rng.choice(INPUTS) if verb != "evaluate" else _override(rng))
        if verb == "export":
            words[1:] = [rng.choice(("model.onnx", "out.pt2", "out", "", "a" * 300, "nowhere/model.onnx"))]
        if verb == "report":
            words += ["-o", rng.choice(("out", "out.html", "", "a" * 300, "nowhere/x.html", "."))] if rng.random() < 0.5 else []
    elif verb in ("list", "show"):
        words = [rng.choice(("dataset", "model", "model=deep_net", "x", "train", "", "=", "a" * 300, "model=" + "b" * 300))]
    elif verb == "forecast":
        words = [rng.choice((*INPUTS, "runs/curve/curve.csv"))]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        at = rng.randint(0, len(words))
        words[at:at] = rng.choice(OPTIONS).split()
    if rng.random() < 0.03:
        verb = rng.choice(("trian", "", "-h", "--version", "a" * 300, "device", "sdl"))
    free = [at for at, word in enumerate(words) if word not in KEPT]
    if rng.random() < 0.1 and free:
        at = rng.choice(free)
        words[at] = _scrambled(rng, words[at])
    return [word.replace("\0", "") for word in (verb, *words)]


def _settings(rng: random.Random, verb: str) -> list[str]:
    small = list(SMALL) if verb != "compare" else ["dataset=wine"]
    small += {"curve": SMALL_CURVE, "compare": SMALL_COMPARE}.get(verb, [])
    if verb == "check":
        small = small[:1]
    own = [_override(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if rng.random() < 0.15:
        own.append(rng.choice(INPUTS))
        if rng.random() < 0.5:
            own.append("target=outcome")
        small = small[1:]
    words = [*small, "training.epochs=1", *own]
    if verb == "check" or rng.random() < 0.1:
        words.remove("training.epochs=1")
    if rng.random() < 0.2:
        rng.shuffle(words)
    return words


def _override(rng: random.Random) -> str:
    sign = rng.choice(("", "", "", "", "", "", "+", "++", "~"))
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(VALUES)
    value = rng.choice(VALUES) if kind < 0.85 else ",".join(rng.choice(VALUES) for _ in range(rng.randint(2, 3)))
    return f"{sign}{rng.choice(KEYS)}={value}"


def _scrambled(rng: random.Random, text: str) -> str:
    letters = list(text) or ["x"]
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(letters))
        what = rng.choice(("cut", "swap", "add", "twice"))
        if what == "cut" and len(letters) > 1:
            del letters[at]
        elif what == "swap":
            letters[at] = chr(rng.choice((rng.randint(32, 126), rng.randint(160, 1000), 0x1F600)))
        elif what == "twice":
            letters[at] *= 2
        else:
            letters.insert(at, rng.choice("='\"[]{}(),:.~+${}\\ \n"))
    return "".join(letters)


# run folders


def damaged_run(rng: random.Random) -> list[str]:
    """A copy of a finished run with one to three damaged files, and a verb that reads it."""
    shutil.rmtree("hurt", ignore_errors=True)
    name = rng.choice(tuple(RUNS))
    shutil.copytree(Path("runs", name), "hurt", symlinks=True)
    files = sorted(path for path in Path("hurt").rglob("*") if path.is_file())
    for _ in range(rng.choice((1, 1, 2, 3))):
        _damage(rng, rng.choice(files))
    if rng.random() < 0.7:  # as if the run had ended like this: the check of its files must not be the only protection
        _sign(Path("hurt"))
    source = {"table": "patients.csv", "photos": "photos"}.get(name, "good.npz")
    verbs = [["evaluate", "hurt"], ["predict", "hurt", source], ["report", "hurt", "-o", "out"], ["export", "hurt", "model.onnx"]]
    verbs += [["runs", "hurt", "--all"], ["runs", ".", "--json"]]
    resume = {"curve": "curve", "compare": "compare"}.get(name, "train")
    return rng.choice([*verbs, [resume, "--resume", "hurt"]])


def _damage(rng: random.Random, path: Path) -> None:
    if not path.is_file():
        return
    if path.suffix in (".json", ".yaml") and rng.random() < 0.7:
        with contextlib.suppress(ValueError):
            _damage_values(rng, path)
            return
    content = bytearray(path.read_bytes())
    what = rng.choice(("cut", "flip", "empty", "remove", "grow", "folder", "words", "line"))
    if what == "remove":
        path.unlink()
    elif what == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(_damaged(rng, content, what))


def _damaged(rng: random.Random, content: bytearray, what: str) -> bytes:
    """The content with a part cut, flipped, grown or moved over another."""
    if what == "empty" or not content:
        return b""
    at = rng.randrange(len(content))
    if what == "cut":
        return bytes(content[:at])
    if what == "flip":
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        return bytes(content)
    if what == "grow":
        return bytes(content[:at] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 60))) + content[at:])
    if what == "line":
        lines = bytes(content).split(b"\n")
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
        return b"\n".join(lines)
    return rng.choice(("no such thing", "null", "[]", "{", "\ufeff", "- a", "a: [", "ä" * 200, "1")).encode()


def _damage_values(rng: random.Random, path: Path) -> None:
    """Replace one value somewhere in a JSON or YAML file by a value of any type."""
    import yaml

    text = path.read_text()
    values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    places: list[tuple[Any, Any]] = []

    def visit(at: Any) -> None:
        for key in list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ():
            places.append((at, key))
            visit(at[key])

    visit(values)
    for _ in range(rng.randint(1, 3)):
        if places:
            at, key = rng.choice(places)
            other: Any = [None, True, -1, 0, 1, 10**6, 2.5, "", "text", "é" * 20, [], [1, 2], {}, {"a": 1}, -(10**30)]
            with contextlib.suppress(KeyError, IndexError, TypeError):
                if rng.random() < 0.15:
                    del at[key]
                else:
                    at[key] = rng.choice(other)
    path.write_text(json.dumps(values) if path.suffix == ".json" else yaml.safe_dump(values))


def _sign(folder: Path) -> None:
    """Update the checksums in a run's status to its files as they are now."""
    import hashlib

    for status in folder.rglob("status.json"):
        with contextlib.suppress(ValueError, AttributeError, TypeError, OSError):
            values = json.loads(status.read_text())
            for name in values.get("files", ()):
                file = status.parent / name
                if file.is_file():
                    values["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
            status.write_text(json.dumps(values))


# tables and images


def damaged_table(rng: random.Random) -> list[str]:
    """A table with changed cells, lines, delimiters or bytes, and a verb that reads it."""
    source = Path(rng.choice(("patients.csv", "patients.csv", "patients.csv", "notes.csv")))
    content = bytearray(source.read_bytes())
    if rng.random() < 0.6:
        content = bytearray(_changed_cells(rng, content.decode()).encode("utf-8", "surrogateescape"))
    if rng.random() < 0.5:
        what = rng.choice(("cut", "flip", "grow", "line", "empty", "words"))
        content = bytearray(_damaged(rng, content, what))
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1", "utf-8-sig"))
    if encoding != "utf-8":
        content = bytearray(bytes(content).decode("utf-8", "replace").encode(encoding, "replace"))
    path = Path("hurt.csv")
    path.write_bytes(content)
    kind, target = ("text", "label") if source.name == "notes.csv" else ("table", "outcome")
    data = [f"dataset={kind}", "dataset.path=hurt.csv", f"dataset.target={target}"]
    if rng.random() < 0.15:
        data = ["hurt.csv", f"target={target}"]
    if kind == "table" and rng.random() < 0.25:
        return ["predict", "runs/table", "hurt.csv", "-o", "predictions.csv"]
    if rng.random() < 0.5:
        return ["check", *data]
    return ["train", *data, "model=baseline", "model.num_trees=3", "hydra.run.dir=out"]


def _changed_cells(rng: random.Random, text: str) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    odd = (
        "",
        "NA",
        "nan",
        "?",
        "1,5",
        "1.000",
        "1e999",
        "-",
        "'",
        '"',
        '"a',
        "true",
        "0x1f",
        "2020-01-31",
        "1/2",
        "\t",
        "é",
        "=1+1",
    )
    for _ in range(rng.choice((1, 1, 3, 10, 40))):
        row = rng.choice(rows)
        what = rng.choice(("cell", "cell", "cell", "more", "less", "row", "column", "delimiter"))
        if what == "cell" and row:
            row[rng.randrange(len(row))] = rng.choice(odd)
        elif what == "more":
            row.append(rng.choice(odd))
        elif what == "less" and row:
            row.pop(rng.randrange(len(row)))
        elif what == "row" and len(rows) > 2:
            rows.remove(row)
        elif what == "column":
            at, value = rng.randrange(max(len(rows[0]), 1)), rng.choice(odd)
            for other in rows[1:]:
                if at < len(other):
                    other[at] = value
    delimiter = rng.choice((",", ",", ",", ";", "\t", "|", " ", ", "))
    return rng.choice(("\n", "\n", "\r\n", "\r")).join(delimiter.join(row) for row in rows) + "\n"


def damaged_image(rng: random.Random) -> list[str]:
    """A folder of photos, some damaged or not photos at all, and a verb that reads it."""
    shutil.rmtree("hurt", ignore_errors=True)
    shutil.copytree("photos", "hurt")
    files = sorted(path for path in Path("hurt").rglob("*") if path.is_file())
    for _ in range(rng.randint(1, 4)):
        path = rng.choice(files)
        if not path.is_file():
            continue
        what = rng.choice(("cut", "flip", "grow", "empty", "words", "remove", "rename", "link", "mode"))
        if what == "remove":
            path.unlink()
        elif what == "rename":
            path.rename(path.with_suffix(rng.choice((".png", ".jpg", ".gif", ".tiff", ".bmp", ".heic", ".txt"))))
        elif what == "link":
            path.unlink()
            path.symlink_to(rng.choice(("nowhere", ".", path.name, "../../patients.csv")))
        elif what == "mode":
            _other_mode(rng, path)
        else:
            path.write_bytes(_damaged(rng, bytearray(path.read_bytes()), what))
    data = ["dataset=image_folder", "dataset.path=hurt"]
    data += ["dataset.on_error=skip"] if rng.random() < 0.5 else []
    small = ["dataset.size_px=8"] if rng.random() < 0.8 else []
    if rng.random() < 0.3:
        return ["predict", "runs/photos", "hurt", *(["--on-error", "skip"] if rng.random() < 0.5 else [])]
    if rng.random() < 0.3:
        return ["check", *data, *small]
    return ["train", *data, *small, "model=baseline", "model.num_trees=3", "hydra.run.dir=out"]


def _other_mode(rng: random.Random, path: Path) -> None:
    from PIL import Image

    size = rng.choice(((1, 1), (1, 40), (3, 2), (64, 64)))
    mode = rng.choice(("1", "L", "LA", "P", "RGBA", "I", "I;16", "F", "CMYK"))
    ending = rng.choice((".png", ".tiff", ".gif", ".bmp"))
    with contextlib.suppress(OSError, ValueError, KeyError):
        Image.new(mode, size).save(path.with_name(f"new{ending}"))


if __name__ == "__main__":
    main()
