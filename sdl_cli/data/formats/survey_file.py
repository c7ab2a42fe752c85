"""Files of SPSS, Stata and SAS opened with pyreadstat: their variables, and their values a block of rows at a time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.data.formats.survey_dates import System, clock_of
from sdl_cli.data.formats.survey_labels import Variable, own_words
from sdl_cli.data.formats.survey_sav import check_dictionary
from sdl_cli.data.formats.survey_xpt import Records, records_of
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.phrases import printable, shortened

Values = dict[str, list[Any]]  # by column
_READERS = {"sav": "read_sav", "por": "read_por", "dta": "read_dta", "sas7bdat": "read_sas7bdat", "xpt": "read_xport"}
_SYSTEMS: dict[str, System] = {"sav": "spss", "por": "spss", "dta": "stata", "sas7bdat": "sas", "xpt": "sas"}
_NAMES = {"sav": "SPSS", "por": "SPSS portable", "dta": "Stata", "sas7bdat": "SAS", "xpt": "SAS transport"}
_SAS7BDAT = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
_STATA, _TAIL_BYTES = b"<stata_dta>", 64
_STATA_HEADER = re.compile(
    rb"<stata_dta><header><release>(\d{3})</release><byteorder>(LSF|MSF)</byteorder><K>(.{4})", re.DOTALL
)  # its version, the order of bytes, the number of columns
_STATA_COLUMN_BYTES = 100  # that describe one: its type, names and format
_ENCODED = frozenset(("sav", "dta", "sas7bdat", "xpt"))  # of a .por the letters are known
_TAGGED = frozenset(("sav", "dta", "sas7bdat"))  # whose declared missing values can be read


def kind_of(head: bytes, path: Path) -> str | None:
    """The kind of a file by its first bytes, or by its ending where these are no text; None for other files."""
    if head.startswith((b"$FL2", b"$FL3")):
        return "sav"
    if head.startswith(_STATA):
        return "dta"
    if head.startswith(_SAS7BDAT):
        return "sas7bdat"
    if head.startswith(b"HEADER RECORD*******LIB"):
        return "xpt"
    if b"SPSS PORT FILE" in head:
        return "por"
    ending = path.suffix.lower().lstrip(".").replace("zsav", "sav")
    return ending if ending in _READERS else None


@dataclass(frozen=True)
class SurveyFile:
    """An opened file.

    Arguments:
        kind: its ending. variables: by name. num_rows: None where only reading it tells. row_bytes: of a row, unpacked.
        read: pyreadstat's function for it. options: what it is always given. records: the rows of a transport file.
    """

    path: Path
    kind: str
    variables: dict[str, Variable]
    num_rows: int | None
    row_bytes: int
    read: Callable[..., Any]
    options: dict[str, Any]
    records: Records | None = None

    def blocks(self, names: Collection[str], block_rows: Callable[[int], int]) -> Iterator[Values]:
        """The values of these columns a block of rows at a time; there is at least one block.

        Arguments:
            block_rows: how many rows to read next, at least 1, from the number of rows read so far.
        Raises DataError: the file is damaged, or ends before its last row.
        """
        chosen = {} if len(names) == len(self.variables) else {"usecols": list(names)}
        start = 0
        while True:
            rows = block_rows(start)
            found = self._block(start, rows, chosen)
            held = len(next(iter(found.values()), ()))
            start += held
            if held or start == 0:
                yield found
            if held < rows or start == self.num_rows:
                break
        if self.num_rows is not None and start != self.num_rows:
            raise DataError(f"{self.path}: it ends after {start:,} of {self.num_rows:,} rows.", "Copy or export it again.")

    def _block(self, start: int, rows: int, chosen: dict[str, Any]) -> Values:
        if self.records is None:
            return _called(self, self.path, row_offset=start, row_limit=rows, **chosen)
        piece = self.records.piece(start, rows)
        expected = self.records.rows_in(start, rows)
        found = (
            _called(self, io.BytesIO(piece), row_limit=expected, **chosen) if expected else {name: [] for name in self.variables}
        )
        return {name: [*values, *[None] * (expected - len(values))] for name, values in found.items()}  # blank rows at its end


def opened(path: Path, kind: str, encoding: str | None) -> SurveyFile:
    """Open a file and read its header. Raises DataError: it is damaged, or pyreadstat is missing; ConfigError: the encoding."""
    try:
        import pyreadstat
    except ImportError as error:
        raise DataError(f"{path}: reading files of {_NAMES[kind]} needs pyreadstat.", "pip install 'sdl-cli[survey]'") from error
    options: dict[str, Any] = {"output_format": "dict", "disable_datetime_conversion": True}
    options |= {"user_missing": True} if kind in _TAGGED else {}
    options |= {"encoding": _known_encoding(encoding)} if encoding and kind in _ENCODED else {}
    if kind == "sav":
        check_dictionary(path, options.get("encoding"))
    if kind == "dta":
        _require_whole(path)
    read = getattr(pyreadstat, _READERS[kind])
    file = SurveyFile(path, kind, {}, None, 0, read, options)
    meta = _meta(file)
    variables = {name: _variable(name, meta, _SYSTEMS[kind]) for name in meta.column_names}
    if not variables:
        raise DataError(f"{path}: the table has no columns.")
    widths = [max(1, int(width)) for width in meta.variable_storage_width.values()]
    records = records_of(path) if kind == "xpt" else None
    num_rows = meta.number_rows if records is None else records.num_rows
    return SurveyFile(path, kind, variables, None if num_rows is None else max(0, num_rows), sum(widths), read, options, records)


def _require_whole(path: Path) -> None:
    """Raise DataError for a newer file of Stata that is shorter than its columns take, or lacks its end.

    Value labels stand at the end: without them their columns would be read as numbers.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        found = _STATA_HEADER.match(file.read(_TAIL_BYTES * 2))
        file.seek(max(0, size - _TAIL_BYTES))
        has_end = b"</stata_dta>" in file.read()
    if found is None:
        return
    count = found[3][: 4 if found[1] == b"119" else 2]
    num_columns = int.from_bytes(count, "little" if found[2] == b"LSF" else "big")
    if not has_end or num_columns * _STATA_COLUMN_BYTES > size:
        raise DataError(f"{path}: this Stata file cannot be read: a part of it is missing.", "Copy or export it again.")


def _known_encoding(encoding: str) -> str:
    import codecs

    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise ConfigError(
            f"dataset.encoding: {shortened(encoding)} is not known.", "For example utf-8 or windows-1252."
        ) from error


def _meta(file: SurveyFile) -> Any:
    return _guarded(file, lambda: file.read(str(file.path), metadataonly=True, **file.options))[1]


def _called(file: SurveyFile, source: Any, **more: Any) -> Values:
    source = str(source) if isinstance(source, Path) else source
    found: Values = _guarded(file, lambda: file.read(source, **file.options, **more))[0]
    return found


def _guarded(file: SurveyFile, call: Callable[[], Any]) -> Any:
    """What pyreadstat gives. Raises DataError for what it cannot read: it has many kinds of errors for a damaged file."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "column .* is duplicated")  # and renamed: whose values these are is not known
            return call()
    except MemoryError as error:
        raise DataError(f"{file.path}: this file takes more memory than is free.", "Give fewer rows or columns.") from error
    except Exception as error:
        what = f"{file.path}: this {_NAMES[file.kind]} file cannot be read: {shortened(str(error), 120) or type(error).__name__}"
        if isinstance(error, UnicodeError) or "convert string" in str(error):
            hint = "Set the encoding of its texts, for example dataset.encoding=windows-1252"
            raise DataError(f"{what}.", hint if file.kind in _ENCODED else "Save it as .sav.") from error
        raise DataError(f"{what}.", "Is it complete? Copy or export it again.") from error


def _variable(name: str, meta: Any, system: System) -> Variable:
    is_text = meta.readstat_variable_types.get(name) == "string"
    labels = meta.variable_value_labels.get(name) or {}
    words, shared = own_words(labels, is_text)
    ranges = tuple((_end(each["lo"], is_text), _end(each["hi"], is_text)) for each in meta.missing_ranges.get(name, ()))
    label = printable(str(meta.column_names_to_labels.get(name) or "")).strip()
    clock = None if is_text else clock_of(meta.original_variable_types.get(name), system)
    return Variable(
        name, "" if label == name else label, is_text, meta.variable_measure.get(name) or "unknown", words, shared, ranges, clock
    )


def _end(value: Any, is_text: bool) -> Any:
    return str(value).strip() if is_text else value
