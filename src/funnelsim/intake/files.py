"""Files to tables: what the bytes really are, their encoding and delimiter, and rows that do not fit."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from funnelsim.intake.findings import DataError, Findings
from funnelsim.intake.tables import Table
from funnelsim.vocabulary.words import listed

Source = str | Path | pd.DataFrame

_SHOWN_OF_CELL = 60  # letters of a nested cell
_DELIMITERS = ",;\t|"
_CSV_HINT = "give a CSV, Parquet or Excel file"
# First bytes, what they mean, and the way out; looked at in this order.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "an Excel workbook (or another zip archive)", "rename it to .xlsx, or unpack it"),
    (b"PAR1", "a Parquet file", "rename it to .parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "rename it to .xls"),
    (b"%PDF", "a PDF document", "export the table as CSV instead"),
    (b"<?xml", "an XML document", "export the table as CSV instead"),
    (b"<", "a web page (HTML), as some systems export under another name", "save it as CSV or .xlsx first"),
    (b"{", "JSON", "read it with pandas.read_json and give the frame"),
    (b"[", "JSON", "read it with pandas.read_json and give the frame"),
)
_ZIP, _PARQUET, _OLE = (signature for signature, _, _ in _SIGNATURES[:3])
_BINARY_KINDS: dict[str, tuple[bytes, ...]] = {
    ".parquet": (_PARQUET,),
    ".pq": (_PARQUET,),
    ".xlsx": (_ZIP,),
    ".xlsm": (_ZIP,),
    ".xls": (_OLE, _ZIP),  # Excel opens both under this name
}


class _UnreadableError(Exception):
    """Why a file cannot be read, and the way out; becomes a finding with the file's name."""


def table_names(deals: Source, history: Source | None) -> tuple[str, str]:
    """What messages call the two tables: their files' names, told apart where both have the same."""
    names = [
        f"{label} frame" if isinstance(source, pd.DataFrame) else Path(str(source)).name
        for label, source in (("deals", deals), ("history", history))
    ]
    return (names[0], names[1]) if names[0] != names[1] else (names[0], f"{names[1]} (history)")


def load(source: Source, name: str, findings: Findings) -> Table:
    """The table held by a file or frame; cells of text files stay text, so that ids keep leading zeros.

    Parameters
    ----------
    source : path or DataFrame
        CSV, TSV or text (plain or gzipped), Parquet, or the first sheet of an Excel workbook.
    name : str
        What messages call it.
    findings : Findings

    Raises
    ------
    DataError
        If the file is missing, empty, or is not what its name says; if columns share a name, or cells hold
        lists or dicts.
    """
    try:
        if isinstance(source, pd.DataFrame):
            _check_unique([str(title) for title in source.columns])
            table = Table.of_frame(name, source)
        else:
            table = _load_file(Path(source), name, findings)
        _check_cells(table, findings)
        if not len(table):
            raise _UnreadableError("there is a header, but no row below it; export the records again")
    except _UnreadableError as refusal:
        findings.refuse("unreadable file", str(refusal), file=name)
        raise DataError(findings.faults()) from refusal
    return table


def _check_cells(table: Table, findings: Findings) -> None:
    """Refuse cells that hold several values, as JSON and Parquet have them; no column can be read so."""
    for column in table.frame.columns:
        cells = table.frame[column]
        if not pd.api.types.is_object_dtype(cells.dtype) and not hasattr(cells.dtype, "pyarrow_dtype"):
            continue
        nested = {kind for kind in set(map(type, cells)) if kind.__hash__ is None or issubclass(kind, tuple)}
        if nested:
            at = next(place for place, cell in enumerate(cells) if type(cell) in nested)
            cell = cells.iloc[at]
            findings.refuse(
                "nested cell",
                f"the cell holds a {type(cell).__name__}, not a single value; make one text or number of it, "
                "or leave the column out",
                file=table.name,
                row=int(table.rows[at]),
                column=str(column),
                value=str(cell)[:_SHOWN_OF_CELL],
            )
    findings.stop_if_refused()


def _load_file(path: Path, name: str, findings: Findings) -> Table:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"{path} cannot be read ({error.strerror}); check the path") from error
    if content.startswith(b"\x1f\x8b"):
        packed, path = content, path.with_suffix("")
        content = _opened(lambda: gzip.decompress(packed))
    suffix = path.suffix.lower()
    _check_signature(content, suffix)
    if suffix in (".parquet", ".pq"):
        return _parquet(content, name)
    if suffix in _BINARY_KINDS:
        return _workbook(content, name, findings)
    return _text(content, name, findings)


def _check_signature(content: bytes, suffix: str) -> None:
    expected = _BINARY_KINDS.get(suffix)
    head = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if (expected and content.startswith(expected)) or not head:
        return
    for signature, kind, way_out in _SIGNATURES:
        if head.startswith(signature):
            raise _UnreadableError(f"it seems to be {kind}; {way_out}")
    if expected:
        raise _UnreadableError(
            f"it is no {suffix} file; it seems to be text: rename it to .csv, or {_CSV_HINT}"
        )


def _parquet(content: bytes, name: str) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise _UnreadableError("reading Parquet needs pyarrow; pip install 'funnelsim[parquet]'") from error
    return Table.of_frame(name, _opened(lambda: parquet.read_table(io.BytesIO(content)).to_pandas()))


def _workbook(content: bytes, name: str, findings: Findings) -> Table:
    try:
        import python_calamine
    except ImportError as error:
        raise _UnreadableError(
            "reading Excel needs python-calamine; pip install 'funnelsim[excel]'"
        ) from error
    book = _opened(lambda: python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)))
    sheets = {
        title: book.get_sheet_by_name(title).to_python(skip_empty_area=False) for title in book.sheet_names
    }
    filled = [title for title, rows in sheets.items() if rows] or list(sheets)
    if len(filled) > 1:
        message = f"only the sheet {filled[0]!r} was read, not {listed(filled[1:])}"
        findings.note("other sheets", message, file=name)
    return _of_rows(name, sheets[filled[0]], has_serial_dates=True)


def _opened(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # the libraries raise classes of their own for broken files
        raise _UnreadableError(f"the file is damaged ({error}); export the records again") from error


def _text(content: bytes, name: str, findings: Findings) -> Table:
    text = _decoded(content, name, findings)
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise _UnreadableError(
            f"line {reader.line_num} cannot be read ({error}); look for a quote that is never closed, or not "
            "doubled inside quotes"
        ) from error
    return _of_rows(name, rows, findings=findings)


def _decoded(content: bytes, name: str, findings: Findings) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return str(_opened(lambda: content.decode("utf-16")))
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise _UnreadableError(
            f"line {line} holds a NUL character, as no text file does; take it out, or {_CSV_HINT}"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _chinese(content)
    findings.note("encoding", "the text is not UTF-8; it was read as GB18030", file=name)
    return text


def _chinese(content: bytes) -> str:
    """Text in GB18030, told from a Western encoding, which it would turn into Chinese without complaint."""
    beyond_ascii = re.findall(rb"[\x80-\xff]+", content)
    n_single = sum(len(run) == 1 for run in beyond_ascii)  # common Chinese characters are two such bytes
    try:
        if n_single * 2 <= len(beyond_ascii):
            return content.decode("gb18030")
    except UnicodeDecodeError:
        pass
    raise _UnreadableError("its text is neither UTF-8 nor GB18030; save it as 'CSV UTF-8'")


def _of_rows(
    name: str, rows: list[list[Any]], *, findings: Findings | None = None, has_serial_dates: bool = False
) -> Table:
    """A table of rows as they stand in a sheet; blank ones are passed over but counted."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if "".join(map(str, row)).strip()]
    if not filled:
        raise _UnreadableError("it is empty; export the records again")
    titles = _titles(filled[0][1])
    numbers, body = [number for number, _ in filled[1:]], [row for _, row in filled[1:]]
    if findings is not None:
        numbers, body = _fitting(numbers, body, len(titles), name, findings)
    frame = pd.DataFrame(body, columns=titles, dtype=object)
    return Table(name, frame, np.array(numbers, dtype=np.int64), has_serial_dates=has_serial_dates)


def _titles(cells: list[Any]) -> list[str]:
    titles = [str(cell).strip() or f"column {place}" for place, cell in enumerate(cells, start=1)]
    _check_unique(titles)
    return titles


def _check_unique(titles: list[str]) -> None:
    repeated = sorted({title for title in titles if titles.count(title) > 1})
    if repeated:
        raise _UnreadableError(
            f"the header names {listed(repeated)} more than once; give each column its own name"
        )


def _fitting(
    numbers: list[int], body: list[list[str]], n_fields: int, name: str, findings: Findings
) -> tuple[list[int], list[list[str]]]:
    """Rows with as many fields as the header; the others are faults of the file."""
    fits = [len(row) == n_fields for row in body]
    for number, row, is_fit in zip(numbers, body, fits, strict=True):
        if not is_fit:
            findings.bad_row(
                f"the row has {len(row)} fields, the header {n_fields}; look for a delimiter inside a value "
                "that is not in quotes",
                file=name,
                row=number,
                value=" | ".join(row[:3]),
            )
    kept = [pair for pair, is_fit in zip(zip(numbers, body, strict=True), fits, strict=True) if is_fit]
    return [number for number, _ in kept], [row for _, row in kept]
