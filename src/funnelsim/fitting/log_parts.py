"""A large log in parts on disk: DuckDB splits it by deal once, and hands out one part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from funnelsim.fitting.log_files import (
    DEALS,
    HISTORY,
    LogError,
    LogSource,
    LogTable,
    Query,
    faults_of_amount,
    faults_of_id,
    faults_of_moment,
    literal,
    open_table,
)
from funnelsim.fitting.log_moves import UNSAID, LogDeals, LogMoves
from funnelsim.fitting.log_places import LogPlaces
from funnelsim.vocabulary.stages import Stages

_GUESS = 1000  # added to the code of an outcome that is one of several of its kind
_ROWS_AT_ONCE = 100_000  # rows of a part that DuckDB holds before it writes them
_MOST_OPEN_FILES = 100

Ints = npt.NDArray[np.int64]
Faults = list[tuple[str, str, str]]  # column, condition in SQL, what to do


@dataclass(frozen=True)
class Limits:
    """What DuckDB may use.

    Parameters
    ----------
    folder : Path
        For what does not fit into memory.
    memory_bytes : int
    threads : int
    """

    folder: Path
    memory_bytes: int
    threads: int


@contextmanager
def connected(limits: Limits) -> Iterator[Query]:
    """A connection to a DuckDB in memory that reaches for no network; its errors are errors of the log.

    Raises
    ------
    LogError
        If the library is missing, or cannot read the files or hold what it must.
    """
    try:
        import duckdb
    except ImportError as error:
        raise LogError("reading large logs needs DuckDB; pip install 'funnelsim[big]'") from error
    settings = {
        "memory_limit": f"{limits.memory_bytes}B",
        "threads": limits.threads,
        "temp_directory": str(limits.folder / "spilled"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "preserve_insertion_order": True,
        "partitioned_write_flush_threshold": _ROWS_AT_ONCE,
        "partitioned_write_max_open_files": _MOST_OPEN_FILES,
        "enable_progress_bar": False,
    }
    connection = duckdb.connect(":memory:")
    try:
        for name, value in settings.items():
            connection.execute(f"SET {name} = {literal(value)}")
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise LogError(
            f"DuckDB ran out of its memory; give more than memory={limits.memory_bytes}"
        ) from error
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        raise LogError(f"the log cannot be read ({message}); look at its files") from error
    finally:
        connection.close()


@dataclass(frozen=True)
class Split:
    """A log that lies in parts in a folder.

    Parameters
    ----------
    folder : Path
    n_parts : int
    unit : str
        Unit of the amounts.
    ids : (str, str)
        SQL that gives the ids of both tables for a key.

    Notes
    -----
    A key is a hash of 64 bits of an id. That no two deals share one is checked, so joining by keys is exact.
    """

    folder: Path
    n_parts: int
    unit: str
    ids: tuple[str, str]


@dataclass(frozen=True)
class LogReader:
    """The two tables of a log, found and understood; nothing is read yet.

    Parameters
    ----------
    deals, history : LogTable
    places : LogPlaces
    """

    deals: LogTable
    history: LogTable
    places: LogPlaces

    @classmethod
    def of(
        cls,
        connection: Query,
        sources: tuple[LogSource, LogSource],
        columns: tuple[Mapping[str, str] | None, Mapping[str, str] | None],
        stages: Stages,
    ) -> LogReader:
        """Find the files and their columns."""
        deals = open_table(connection, "deals", sources[0], DEALS, columns[0])
        history = open_table(connection, "history", sources[1], HISTORY, columns[1])
        if "amount" in history and "amount" not in deals:
            raise LogError("only the history has amounts; give the deals table the column 'amount'")
        return cls(deals, history, LogPlaces(stages))

    def check_deals(self, connection: Query) -> tuple[int, str]:
        """Number of deals, and the currency they name; refuses cells that cannot be used."""
        table = self.deals
        faults: Faults = [("deal_id", *fault) for fault in faults_of_id(table)]
        for column in ("created_at", "closed_at"):
            faults += [(column, *fault) for fault in faults_of_moment(table, column)]
        faults += [("amount", *fault) for fault in faults_of_amount(table, "amount")]
        n_deals = sum(_survey(connection, table, "''", faults).values())
        _refuse_no_row(table, n_deals)
        currencies = _survey(connection, table, table.text("currency"), [])
        named = sorted(set(currencies) - {""})
        if len(named) > 1 or any(len(name) != 3 or not name.isupper() for name in named):
            raise LogError(
                f"deals, column {table.titles['currency']!r}: {named[:5]}; give amounts in one currency, "
                "written with its three letters, or convert them first"
            )
        return n_deals, "".join(named)

    def check_moves(self, connection: Query) -> dict[str, int]:
        """Number of moves by the text of their stage; refuses cells that cannot be used."""
        table = self.history
        faults: Faults = [("deal_id", *fault) for fault in faults_of_id(table)]
        faults += [
            ("entered_at", *fault) for fault in faults_of_moment(table, "entered_at", is_required=True)
        ]
        faults += [("recorded_at", *fault) for fault in faults_of_moment(table, "recorded_at")]
        faults += [("amount", *fault) for fault in faults_of_amount(table, "amount")]
        moves = _survey(connection, table, table.text("stage"), faults)
        _refuse_no_row(table, len(moves))
        return moves

    def split(self, connection: Query, folder: Path, n_parts: int, unit: str, moves: dict[str, int]) -> Split:
        """Write the log into a folder for each table and part, every cell as a number."""
        deals, history = self.deals, self.history
        outcome = "outcome" if "outcome" in deals else "stage"
        said = _survey(connection, deals, deals.text(outcome), [])
        meant = self.places.outcomes(said, deals, outcome)
        outcomes = {text: code + _GUESS * is_guess for text, (code, is_guess) in meant.items()}
        placed = _survey(connection, deals, deals.text("stage"), [])
        has_stage = "outcome" in deals and self.places.stages.n_open > 1
        stages = self.places.codes(placed, deals) if has_stage else dict.fromkeys(placed, -1)
        of_deals = {
            "created_at": deals.micros("created_at"),
            "closed_at": deals.micros("closed_at"),
            "outcome": _case(deals.text(outcome), outcomes),
            "stage": _case(deals.text("stage"), stages),
            "amount": deals.number("amount"),
        }
        of_moves = {
            "stage": _case(history.text("stage"), self.places.codes(moves, history)),
            "entered_at": history.micros("entered_at"),
            "recorded_at": history.micros("recorded_at"),
            "amount": history.number("amount"),
        }
        of_moves = {name: sql for name, sql in of_moves.items() if name in history}
        for name, table, columns in (("deals", deals, of_deals), ("moves", history, of_moves)):
            connection.execute(_copy(table, columns, n_parts, folder / name))
        return Split(folder, n_parts, unit, (_ids_of_key(deals), _ids_of_key(history)))


def _refuse_no_row(table: LogTable, n_rows: int) -> None:
    if not n_rows:
        raise LogError(f"{table.name}: there is a header, but no row below it; export the records again")


def _survey(connection: Query, table: LogTable, text: str, faults: Faults) -> dict[str, int]:
    """Rows by a text, in one pass that also counts faults; the first fault found is refused."""
    counts = "".join(f", count(*) FILTER (WHERE {condition})" for _, condition, _ in faults)
    rows = connection.execute(f"SELECT {text}, count(*){counts} FROM {table.relation} GROUP BY 1").fetchall()
    for place, (column, condition, what) in enumerate(faults, start=2):
        n_rows = sum(row[place] for row in rows)
        if n_rows:
            table.refuse_cell(connection, column, condition, what, n_rows)
    return {row[0]: row[1] for row in rows}


def _case(text: str, codes: Mapping[str, int]) -> str:
    """SQL of the code of each text."""
    cases = " ".join(f"WHEN {literal(name)} THEN {code}" for name, code in codes.items())
    return f"CAST(CASE {text} {cases} END AS SMALLINT)"


def _key(table: LogTable) -> str:
    return f"hash(coalesce(CAST({table.cell('deal_id')} AS VARCHAR), ''))"


def _ids_of_key(table: LogTable) -> str:
    return f"SELECT CAST({table.cell('deal_id')} AS VARCHAR) FROM {table.relation} WHERE {_key(table)} = "


def _copy(table: LogTable, columns: dict[str, str], n_parts: int, folder: Path) -> str:
    listed = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    rows = f"SELECT file_row, {_key(table)} AS key, {listed} FROM {table.relation}"
    parted = f"SELECT *, CAST(key % {n_parts} AS INTEGER) AS part FROM ({rows})"
    written = "FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (part)"
    return f"COPY ({parted}) TO {literal(folder)} ({written})"


def read_part(connection: Query, split: Split, number: int) -> tuple[LogDeals, LogMoves, Ints] | None:
    """Deals and moves of a part, and the keys of the deals; None when nothing lies in it.

    Raises
    ------
    LogError
        If an id stands for two deals, or a move for none.
    """
    deals = _rows(connection, split.folder / "deals" / f"part={number}", "key")
    moves = _rows(connection, split.folder / "moves" / f"part={number}", "file_row")
    if deals is None:
        if moves is None:
            return None
        _refuse_unknown_id(connection, split, moves["key"][0], len(moves["key"]))
    keys = deals["key"]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        _refuse_repeated_id(connection, split, keys[twice[0]])
    if moves is None:
        nothing = np.zeros(0, dtype=np.int64)
        return _deals(deals), _moves(nothing, {"stage": nothing, "entered_at": nothing}), keys
    deal = np.searchsorted(keys, moves["key"]).clip(max=len(keys) - 1)
    unknown = np.flatnonzero(keys[deal] != moves["key"])
    if len(unknown):
        _refuse_unknown_id(connection, split, moves["key"][unknown[0]], len(unknown))
    return _deals(deals), _moves(deal, moves), keys


def id_of_key(connection: Query, split: Split, key: int) -> str:
    """Id of the deal that has a key."""
    return str(connection.execute(f"{split.ids[0]} {key}").fetchone()[0])


def _rows(connection: Query, folder: Path, order: str) -> dict[str, npt.NDArray[Any]] | None:
    """Columns of a part's rows, in the order of one of them; rows mostly lie in that order already."""
    if not folder.exists():
        return None
    files = literal(folder / "*.parquet")
    rows = connection.execute(f"SELECT * FROM read_parquet({files}, hive_partitioning = false)").fetchnumpy()
    if (rows[order][1:] < rows[order][:-1]).any():
        position = np.argsort(rows[order], kind="stable")
        rows = {name: column[position] for name, column in rows.items()}
    return dict(rows)


def _refuse_repeated_id(connection: Query, split: Split, key: int) -> NoReturn:
    one, other = (row[0] for row in connection.execute(f"{split.ids[0]} {key} LIMIT 2").fetchall())
    if one == other:
        raise LogError(f"deals, column 'deal_id': {one!r} stands in several rows; keep one row a deal")
    raise LogError(f"deals, column 'deal_id': {one!r} and {other!r} have one hash; rename one of them")


def _refuse_unknown_id(connection: Query, split: Split, key: int, n_moves: int) -> NoReturn:
    value = connection.execute(f"{split.ids[1]} {key} LIMIT 1").fetchone()[0]
    raise LogError(
        f"history, column 'deal_id': {value!r} is not in the deals table; add the deal, or delete its moves "
        f"(in this part of the log: {n_moves:,} such moves)"
    )


def _filled(column: npt.NDArray[Any], kind: str, missing: Any) -> npt.NDArray[Any]:
    values = np.ma.filled(column.astype(kind), missing) if np.ma.isMaskedArray(column) else column
    return np.asarray(values, dtype=kind)


def _dates(column: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    never = np.datetime64("NaT").astype(np.int64)
    return _filled(column, "int64", never).view("datetime64[us]")


def _deals(columns: Mapping[str, npt.NDArray[Any]]) -> LogDeals:
    said = _filled(columns["outcome"], "int64", UNSAID)
    is_guess = said >= _GUESS
    return LogDeals(
        row=_filled(columns["file_row"], "int64", 0),
        created_at=_dates(columns["created_at"]),
        closed_at=_dates(columns["closed_at"]),
        outcome=np.where(is_guess, said - _GUESS, said),
        is_guess=is_guess,
        stage=_filled(columns["stage"], "int64", -1),
        amount=_filled(columns["amount"], "float64", np.nan),
    )


def _moves(deal: Ints, columns: Mapping[str, npt.NDArray[Any]]) -> LogMoves:
    never, unknown = np.full(len(deal), np.datetime64("NaT", "us")), np.full(len(deal), np.nan)
    moves = LogMoves(
        deal=deal,
        stage=_filled(columns["stage"], "int64", -1),
        entered_at=_dates(columns["entered_at"]),
        recorded_at=_dates(columns["recorded_at"]) if "recorded_at" in columns else never,
        amount=_filled(columns["amount"], "float64", np.nan) if "amount" in columns else unknown,
    )
    return moves.sorted_by_deal_and_time()
