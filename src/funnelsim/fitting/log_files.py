"""The two tables of a large log: their files, their columns, and what SQL makes of every cell."""

from __future__ import annotations

import csv
import glob
import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.scales import scale_of
from funnelsim.vocabulary.stages import name_key

LogSource = str | Path | Sequence[str | Path]
Query = Any  # a connection of DuckDB: this module does not import the library

SMALLER = "for logs that fit into memory, read_deals reads much more"
_DELIMITERS = ",;\t|"
_TEXT_FILES = (".csv", ".tsv", ".txt")
_PARQUET_FILES = (".parquet", ".pq")
_ROWS_PER_FILE = 2**40
_EMPTY_WORDS = ("-", "–", "—", "na", "n/a", "#n/a", "null", "none", "nan", "nat", "<na>")
_ISO = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_NUMBER = r"\d+(\.\d+)?"
_LARGEST_AMOUNT = "1e15"
_NO_TYPE = '"NULL"'
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_IDS = re.compile("VARCHAR|UUID|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")


class LogError(FunnelsimError):
    """A large log that cannot be used as it stands."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read, those that must be there, and those that must not.

    Parameters
    ----------
    option : str
        Keyword of ``fit_log`` that says what the files call them.
    required, optional : tuple of str
    refused : mapping of str to str
        Columns that would change the counts but are not read, and the way out.
    """

    option: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    refused: Mapping[str, str]


DEALS = Columns(
    "columns",
    ("deal_id",),
    ("created_at", "amount", "outcome", "closed_at", "stage", "currency"),
    {},
)
HISTORY = Columns(
    "history_columns",
    ("deal_id", "stage", "entered_at"),
    ("recorded_at", "amount"),
    {"seq": f"sequence numbers are not read; leave the column out if times tell the order ({SMALLER})"},
)


@dataclass(frozen=True)
class LogTable:
    """A table of a log, as SQL.

    Parameters
    ----------
    name : str
        What messages call it.
    relation : str
        SQL after FROM; beside the files' columns it has ``file_row``, the order of rows over all files, and
        ``file_name``.
    titles, kinds : mapping of str to str
        Canonical name of each column that is there, to what the files call it, and to its type in DuckDB.
    """

    name: str
    relation: str
    titles: Mapping[str, str]
    kinds: Mapping[str, str]

    def __contains__(self, column: str) -> bool:
        return column in self.titles

    def cell(self, column: str) -> str:
        """SQL of a column's cells as they stand in the files."""
        return identifier(self.titles[column])

    def text(self, column: str) -> str:
        """SQL of trimmed text; '' where empty or where there is no such column."""
        return f"coalesce(trim(CAST({self.cell(column)} AS VARCHAR)), '')" if column in self else "''"

    def micros(self, column: str) -> str:
        """SQL of a moment in microseconds since 1970; NULL where empty or where there is no such column."""
        if column not in self:
            return "CAST(NULL AS BIGINT)"
        if self.kinds[column] == "TIMESTAMP_NS":  # a cast would round; read_deals cuts off
            return f"CAST(floor(epoch_ns({self.cell(column)}) / 1000.0) AS BIGINT)"
        return f"epoch_us(TRY_CAST({self.cell(column)} AS TIMESTAMP))"

    def number(self, column: str) -> str:
        """SQL of an amount; NULL where empty, NaN, or where there is no such column."""
        if column not in self:
            return "CAST(NULL AS DOUBLE)"
        return f"nullif(TRY_CAST({self.cell(column)} AS DOUBLE), CAST('nan' AS DOUBLE))"

    def refuse_cell(self, connection: Query, column: str, condition: str, what: str, n_rows: int) -> None:
        """Raise with the first cell that fulfils a condition."""
        query = f"SELECT file_name, CAST({self.cell(column)} AS VARCHAR) FROM {self.relation}"
        file, value = connection.execute(f"{query} WHERE {condition} ORDER BY file_row LIMIT 1").fetchone()
        shown = "an empty cell" if value is None else repr(value)
        raise LogError(
            f"{file}, column {self.titles[column]!r}: {shown} in {n_rows:,} row(s), such as this one: {what}"
        )


def identifier(name: str) -> str:
    """A name in SQL's quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text in SQL's quotes."""
    return "'" + str(text).replace("'", "''") + "'"


def open_table(
    connection: Query, option: str, source: LogSource, wanted: Columns, mapping: Mapping[str, str] | None
) -> LogTable:
    """Find the files of a table and its columns in them.

    Raises
    ------
    LogError
        If a file is missing or of another kind, files differ in their columns, or a column is missing.
    """
    files = _files(option, source)
    headers = [_header(connection, file) for file in files]
    for file, (_, kinds) in zip(files, headers, strict=True):
        if kinds != headers[0][1]:
            raise LogError(f"{file} has other columns or types than {files[0]}; make them alike")
    kinds = headers[0][1]
    titles = _titles(files[0].name, list(kinds), wanted, mapping or {})
    selects = [
        f"SELECT {place * _ROWS_PER_FILE} + {row} AS file_row, {literal(file.name)} AS file_name, * "
        f"FROM {relation}"
        for place, (file, ((row, relation), _)) in enumerate(zip(files, headers, strict=True))
    ]
    relation = f"({' UNION ALL '.join(selects)})"
    return LogTable(option, relation, titles, {name: kinds[title] for name, title in titles.items()})


def _files(option: str, source: LogSource) -> list[Path]:
    patterns = [source] if isinstance(source, str | Path) else list(source)
    if not patterns or not all(isinstance(pattern, str | Path) for pattern in patterns):
        raise LogError(f"{option} is {source!r}; give the path of a CSV or Parquet file, or several of them")
    files: list[Path] = []
    for pattern in patterns:
        found = [str(pattern)] if Path(pattern).exists() else sorted(glob.glob(str(pattern), recursive=True))
        if not found:
            raise LogError(f"{option}: there is no file {str(pattern)!r}; check the path")
        files += map(Path, found)
    folders = [file for file in files if file.is_dir()]
    if folders:
        raise LogError(f"{option}: {str(folders[0])!r} is a folder; name its files, as '{folders[0]}/*.csv'")
    return files


def _header(connection: Query, file: Path) -> tuple[tuple[str, str], dict[str, str]]:
    """SQL of the row number and of the file's rows, and the type of every column."""
    suffix = (file.with_suffix("") if file.suffix.lower() == ".gz" else file).suffix.lower()
    if suffix in _PARQUET_FILES:
        rows = f"read_parquet({literal(file)}, file_row_number = true)"
        described = connection.execute(f"DESCRIBE SELECT * EXCLUDE file_row_number FROM {rows}").fetchall()
        kinds = {name: "VARCHAR" if kind == _NO_TYPE else kind for name, kind, *_ in described}
        texts = [identifier(name) for name, kind, *_ in described if kind == _NO_TYPE]
        if texts:  # columns of nothing but empty cells
            replaced = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in texts)
            rows = f"(SELECT * REPLACE ({replaced}) FROM {rows})"
        return ("file_row_number", rows), kinds
    if suffix not in _TEXT_FILES:
        raise LogError(f"{file.name} is no CSV or Parquet file by its name; rename or convert it ({SMALLER})")
    titles, delimiter = _csv_header(file)
    types = ", ".join(f"{literal(title)}: 'VARCHAR'" for title in titles)
    rows = (
        f"read_csv({literal(file)}, columns = {{{types}}}, auto_detect = false, header = true, "
        f"delim = {literal(delimiter)}, quote = '\"', escape = '\"')"
    )
    return ("row_number() OVER ()", rows), dict.fromkeys(titles, "VARCHAR")


def _csv_header(file: Path) -> tuple[list[str], str]:
    opened = gzip.open if file.suffix.lower() == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"{file.name} cannot be read as UTF-8 text ({error}); export it again") from error
    delimiter = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    titles = [title.strip() for title in next(csv.reader([first], delimiter=delimiter), [])]
    if not all(titles) or len({title.casefold() for title in titles}) < len(titles) or not titles:
        raise LogError(f"{file.name}: the header {titles} has empty or repeated names; give each its own")
    return titles, delimiter


def _key(name: str) -> str:
    return re.sub(r"[_\-]+", "", name_key(name))


def _titles(file: str, titles: list[str], wanted: Columns, mapping: Mapping[str, str]) -> dict[str, str]:
    """What the file calls each canonical column that it has."""
    known = (*wanted.required, *wanted.optional)
    found: dict[str, str] = {}
    for name, title in mapping.items():
        if name not in known or title not in titles:
            raise LogError(
                f"{wanted.option}={{{name!r}: {title!r}}}: on the left stands one of {known}, on the right "
                f"one of the columns of {file}: {titles}"
            )
        found[name] = title
    for name in (*known, *wanted.refused):
        free = [title for title in titles if title not in found.values() and _key(title) == _key(name)]
        if name in wanted.refused and free:
            raise LogError(f"{file}, column {free[0]!r}: {wanted.refused[name]}")
        if name in found or not free:
            continue
        if len(free) > 1 and name not in free:
            raise LogError(f"{file}: each of {free} could be {name!r}; choose with {wanted.option}=")
        found[name] = name if name in free else free[0]
    missing = [name for name in wanted.required if name not in found]
    if missing:
        raise LogError(
            f"{file}: there is no column {missing[0]!r}. Columns found: {titles}; name yours with "
            f"{wanted.option}={{canonical name: the file's name}}"
        )
    return found


def faults_of_moment(table: LogTable, column: str, *, is_required: bool = False) -> list[tuple[str, str]]:
    """Conditions in SQL under which a moment cannot be used, with what to do then."""
    if column not in table:
        return []
    kind, cell = table.kinds[column], table.cell(column)
    if kind not in (*_MOMENTS, "VARCHAR"):
        way_out = "convert it to moments of the business's time zone, without an offset"
        raise LogError(f"{table.name}, column {table.titles[column]!r} is of type {kind}; {way_out}")
    empty = f"{cell} IS NULL" if kind != "VARCHAR" else f"coalesce({cell}, '') = ''"
    faults = [(empty, "a move without a date; fill it in, or delete the row")] if is_required else []
    if kind == "VARCHAR":
        is_bad = f"NOT regexp_full_match({cell}, {literal(_ISO)}) OR {table.micros(column)} IS NULL"
        message = f"not a moment; write it as 2026-03-05 or 2026-03-05 17:30:00, without an offset; {SMALLER}"
        faults.append((f"NOT {empty} AND ({is_bad})", message))
    message = "the year is not between 1900 and 2199; correct it, or leave the date empty"
    range_ = "BETWEEN epoch_us(TIMESTAMP '1900-01-01') AND epoch_us(TIMESTAMP '2200-01-01') - 1"
    return [*faults, (f"{table.micros(column)} NOT {range_}", message)]


def faults_of_amount(table: LogTable, column: str) -> list[tuple[str, str]]:
    """Conditions in SQL under which an amount cannot be used, with what to do then."""
    if column not in table:
        return []
    title, kind, cell = table.titles[column], table.kinds[column], table.cell(column)
    scale = scale_of(title)
    if scale != 1.0:
        raise LogError(
            f"{table.name}, column {title!r} counts in {scale:,g}; write amounts in single units, under a "
            f"title without a scale; {SMALLER}"
        )
    if kind != "VARCHAR" and not _NUMBERS.fullmatch(kind):
        raise LogError(f"{table.name}, column {title!r} is of type {kind}; give numbers")
    message = f"not an amount from 0 to {_LARGEST_AMOUNT}; write it as 1234.50, or leave it empty; {SMALLER}"
    faults = [(f"{table.number(column)} NOT BETWEEN 0 AND {_LARGEST_AMOUNT}", message)]
    if kind == "VARCHAR":
        faults.append((f"coalesce({cell}, '') <> '' AND NOT regexp_full_match({cell}, '{_NUMBER}')", message))
    return faults


def faults_of_id(table: LogTable) -> list[tuple[str, str]]:
    """Conditions in SQL under which a deal's id cannot be used, with what to do then."""
    kind, cell = table.kinds["deal_id"], table.cell("deal_id")
    if not _IDS.fullmatch(kind):
        way_out = "write ids as text or whole numbers"
        raise LogError(f"{table.name}, column {table.titles['deal_id']!r} is of type {kind}; {way_out}")
    if table.name != "deals":
        return []  # an id that is no deal's is found when moves meet their deals
    words = ", ".join(map(literal, ("", *_EMPTY_WORDS)))
    text = f"coalesce(CAST({cell} AS VARCHAR), '')"
    return [
        (f"lower({text}) IN ({words})", "the row has no deal id; fill it in"),
        (f"regexp_matches({text}, '^\\s|\\s$')", "blanks around an id; take them away in both tables"),
    ]
