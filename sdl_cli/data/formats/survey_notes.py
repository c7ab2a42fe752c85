"""What a user should know of how a survey file was read, a sentence for each kind of thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sdl_cli.data.files.sniffing import Asked
from sdl_cli.data.formats.survey_cells import Told
from sdl_cli.data.formats.survey_labels import Variable
from sdl_cli.phrases import counted, listed, shortened

_COLUMNS, _VALUES = 5, 4  # that a sentence names


def notes_of(variables: Mapping[str, Variable], told: Mapping[str, Told], asked: Asked) -> Iterator[str]:
    """Sentences about the columns of a file, by name; of new rows of a run only what may change from file to file."""
    lost = {_called(variables[n], n): one.lost for n, one in told.items() if one.lost}
    if asked.levels is not None:  # the same sentences for each chunk of rows
        yield from (f"{called}: values that are no date are missing." for called in lost)
        return
    if lost:
        each = [
            f"{called} ({counted(sum(v.values()), 'row')}, such as {shortened(next(iter(v)), 30)})" for called, v in lost.items()
        ]
        yield f"Values that are no date are missing: {_columns(each)}."
    if reasons := [f"{_called(variables[n], n)}: {_counts(one.reasons)}" for n, one in told.items() if one.reasons]:
        keep = "" if asked.missing_reasons == "column" else " (dataset.missing_reasons=column keeps the reasons as categories)"
        yield f"Missing, with the reasons that the file gives{keep}: {_columns(reasons, '; ')}."
    for name, one in list(told.items()):
        yield from _of_column(name, variables[name], one)
    if times := [_called(variables[n], n) for n in told if _is_time(variables[n])]:
        yield f"Times were read as seconds: {_columns(times)}."
    if texts := [n for n, one in told.items() if one.is_number_text and not one.is_text]:
        shown = _columns([_called(variables[n], n) for n in texts])
        how = f"dataset.categorical=[{shortened(texts[0])}]"
        yield f"Text in the file that holds numbers alone was read as numbers: {shown} (otherwise: {how})."


def _of_column(name: str, variable: Variable, told: Told) -> Iterator[str]:
    called = _called(variable, name)
    if told.by_words and variable.shared:
        apart = [word for word in variable.words.values() if any(word.startswith(f"{label} (") for label in variable.shared)]
        yield f"{called}: values with the same label are kept apart: {listed([shortened(word, 40) for word in apart], 6)}."
    if told.alone:
        yield f"{called}: values without a label are categories of their own: {_counts(told.alone)}."
    if told.partly and not variable.is_text:
        word = next(iter(told.partly)).partition(" = ")[2]
        yield (
            f"{called} was read as numbers, since only some of its values have labels: {_counts(told.partly)}. If one means "
            f"missing: 'dataset.missing_values=[{shortened(word, 30)}]'; for categories: dataset.categorical=[{shortened(name)}]"
        )


def _is_time(variable: Variable) -> bool:
    return variable.clock is not None and variable.clock.kind == "time"


def _called(variable: Variable, name: str) -> str:
    return f"{shortened(variable.label, 50)} ({shortened(name)})" if variable.label else shortened(name)


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return listed([f"{shortened(word, 30)} in {counted(count, 'row')}" for word, count in ordered], _VALUES, last=", ")


def _columns(shown: list[str], between: str = ", ") -> str:
    more = len(shown) - _COLUMNS
    return between.join(shown[:_COLUMNS]) + (f"{between}and {counted(more, 'more column')}" if more > 0 else "")
