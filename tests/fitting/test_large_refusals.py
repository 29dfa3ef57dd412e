"""What fit_log refuses, with file, column, value and the way out; and what it leaves behind: nothing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.fitting.large import LogError, fit_log
from funnelsim.nouns.funnel_file import funnel_to_json

pytest.importorskip("duckdb")
STAGES = fs.Stages.named(["lead", "offer"])
TWO_LOSSES = fs.Stages(
    STAGES.open, (fs.Outcome("won", "won"), fs.Outcome("no budget", "lost"), fs.Outcome("rival", "lost"))
)


def deals_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "deal_id": ["D1", "D2", "D3", "D4"],
            "created_at": ["2026-01-05", "2026-01-06", "2026-01-07 09:30", ""],
            "amount": ["100", "", "250.5", "7"],
            "outcome": ["won", "lost", "open", ""],
            "closed_at": ["2026-02-01", "2026-02-02", "", ""],
        },
        dtype=object,
    )


def moves_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "deal_id": ["D1", "D1", "D1", "D2", "D4"],
            "stage": ["lead", "Offer", "won", "lead", "lead"],
            "entered_at": [
                "2026-01-05",
                "2026-01-20 10:00",
                "2026-02-01",
                "2026-01-06",
                "2026-01-08T12:00:01.5",
            ],
        },
        dtype=object,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the tables; temporary folders are made in another one, which must end up empty."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def fitted(
    folder: Path, deals: pd.DataFrame | None = None, moves: pd.DataFrame | None = None, **options: Any
) -> fs.Funnel:
    """Fit the tables as CSV files, and see that nothing stays behind, whatever happens."""
    (deals_table() if deals is None else deals).to_csv(folder / "deals.csv", index=False)
    (moves_table() if moves is None else moves).to_csv(folder / "moves.csv", index=False)
    settings = {"stages": STAGES, "as_of": "2026-03-31", "parts": 2, "progress": False} | options
    try:
        return fit_log(folder / "deals.csv", folder / "moves.csv", **settings)
    finally:
        assert list((folder / "temporary").iterdir()) == []


def test_the_tables_are_fine_as_they_stand(folder: Path) -> None:
    history = fs.read_deals(deals_table(), moves_table(), stages=STAGES, as_of="2026-03-31", tz="UTC")
    assert funnel_to_json(fitted(folder)) == funnel_to_json(fs.fit(history))


def put(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row, column] = value
        return frame

    return change


BAD_DEALS = {
    "id": (put(1, "deal_id", ""), "deals.csv, column 'deal_id': an empty cell .* fill it in"),
    "word for empty": (put(1, "deal_id", "N/A"), "'N/A' in 1 row"),
    "blanks": (put(1, "deal_id", " D2"), "blanks around an id"),
    "twice": (
        lambda deals: pd.concat([deals, deals.iloc[[1]]]),
        "'D2' stands in several rows; keep one row a deal",
    ),
    "date": (
        put(0, "created_at", "05/01/2026"),
        "column 'created_at': '05/01/2026' .* write it as 2026-03-05",
    ),
    "offset": (put(0, "closed_at", "2026-02-01T10:00:00Z"), "without an offset"),
    "no such day": (put(0, "closed_at", "2026-02-30"), "'2026-02-30' in 1 row"),
    "year": (put(0, "created_at", "9999-12-31"), "between 1900 and 2199"),
    "amount": (put(0, "amount", "1,234"), "column 'amount': '1,234' .* write it as 1234.50"),
    "not a number": (put(0, "amount", "nan"), "'nan'"),
    "negative": (put(0, "amount", "-5"), "'-5'"),
    "outcome": (put(1, "outcome", "abandoned"), r"no place is called 'abandoned' \(1 rows\)"),
    "open but closed": (put(2, "closed_at", "2026-02-01"), "'D3', column 'closed_at': the deal is open but"),
    "closed, not said how": (put(3, "closed_at", "2026-02-01"), "'D4', .* nothing says how it ended"),
    "contradiction": (put(0, "outcome", "lost"), "'D1', column 'outcome': the outcome contradicts"),
    "lost without a date": (put(1, "closed_at", ""), "'D2', column 'closed_at': .* fill in the date"),
    "no date": (put(2, "created_at", ""), "'D3', column 'created_at': no dated move"),
}


@pytest.mark.parametrize("case", BAD_DEALS)
def test_bad_deals(folder: Path, case: str) -> None:
    change, message = BAD_DEALS[case]
    with pytest.raises(LogError, match=message):
        fitted(folder, deals=change(deals_table()))


BAD_MOVES = {
    "unknown deal": (put(4, "deal_id", "D9"), "'D9' is not in the deals table"),
    "no deal": (put(4, "deal_id", ""), "is not in the deals table"),
    "unknown stage": (
        put(1, "stage", "Demo"),
        r"column 'stage': no place is called 'Demo' \(1 rows\); known",
    ),
    "no stage": (put(1, "stage", ""), r"no place is called '' \(1 rows\)"),
    "no date": (put(1, "entered_at", ""), "moves.csv, column 'entered_at': an empty cell in 1 row"),
    "date": (put(1, "entered_at", "20 Jan 2026"), "'20 Jan 2026'"),
    "won and lost": (
        lambda moves: pd.concat([moves, moves.iloc[[2]].assign(stage="lost")]),
        "'D1', column 'stage': the history has the deal won and lost in the same moment",
    ),
    "sequence": (lambda moves: moves.assign(seq=1), "column 'seq': sequence numbers are not read"),
    "no column": (lambda moves: moves.drop(columns="stage"), "there is no column 'stage'. Columns found"),
}


@pytest.mark.parametrize("case", BAD_MOVES)
def test_bad_moves(folder: Path, case: str) -> None:
    change, message = BAD_MOVES[case]
    with pytest.raises(LogError, match=message):
        fitted(folder, moves=change(moves_table()))


def test_tables_without_rows(folder: Path) -> None:
    with pytest.raises(LogError, match="deals: there is a header, but no row"):
        fitted(folder, deals=deals_table()[:0])
    with pytest.raises(LogError, match="history: there is a header, but no row"):
        fitted(folder, moves=moves_table()[:0])


def test_ids_may_be_numbers_and_parts_empty(folder: Path) -> None:
    """Two deals in seven parts, one of them without a move."""
    deals = deals_table()[1:3].assign(deal_id=[17, 18])
    moves = moves_table()[3:4].assign(deal_id=17)
    expected = fs.fit(fs.read_deals(deals, moves, stages=STAGES, as_of="2026-03-31", tz="UTC"))
    assert funnel_to_json(fitted(folder, deals, moves, parts=7)) == funnel_to_json(expected)
    moves.to_parquet(folder / "moves.parquet")
    funnel = fit_log(
        folder / "deals.csv", folder / "moves.parquet", stages=STAGES, as_of="2026-03-31", progress=False
    )
    assert funnel_to_json(funnel) == funnel_to_json(expected)


def test_an_outcome_of_several_kinds_is_not_guessed(folder: Path) -> None:
    with pytest.raises(LogError, match=r"'D2', column 'outcome': .* name the one that is meant"):
        fitted(folder, stages=TWO_LOSSES)
    named = put(1, "outcome", "Rival")(deals_table())
    assert fitted(folder, deals=named, stages=TWO_LOSSES).hazards[0].exits.sum(axis=0).tolist() == [
        0,
        1,
        0,
        0,
        1,
    ]


BAD_OPTIONS = {
    "columns": ({"columns": {"deal": "deal_id"}}, "on the left stands one of"),
    "as_of": ({"as_of": "soon"}, "is not a moment"),
    "too early": ({"as_of": "2025-01-01"}, "no deal is known"),
    "too late": ({"as_of": "2028-01-01"}, "give the day of the export"),
    "window": ({"window_start": "2026-03-31"}, "nothing could be learnt"),
    "arrivals": ({"arrivals_until": "2025-12-01"}, "lies before the first deal"),
    "workers": ({"workers": 0}, "workers=0 must be"),
    "parts": ({"parts": 10_000}, "is more than"),
    "memory": ({"memory": "1MB"}, "give at least"),
    "scale": ({"unit": "万元"}, "unit='万元' holds a scale"),
    "memory words": ({"memory": "a lot"}, "as a number or as '2GB'"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(folder: Path, case: str) -> None:
    options, message = BAD_OPTIONS[case]
    with pytest.raises(fs.FunnelsimError, match=message):
        fitted(folder, **options)


def test_amounts_under_a_title_with_a_scale_are_refused(folder: Path) -> None:
    deals = deals_table().rename(columns={"amount": "金额（万元）"})
    with pytest.raises(LogError, match="counts in 10,000; write amounts in single units"):
        fitted(folder, deals, columns={"amount": "金额（万元）"})


def test_files_that_cannot_be_read(folder: Path) -> None:
    fitted(folder)
    deals, moves = folder / "deals.csv", folder / "moves.csv"
    options = {"stages": STAGES, "as_of": "2026-03-31", "progress": False}
    with pytest.raises(LogError, match="there is no file"):
        fit_log(deals, folder / "nothing-*.csv", **options)
    with pytest.raises(LogError, match="is a folder"):
        fit_log(deals, folder, **options)
    (folder / "moves.xlsx").write_bytes(b"PK")
    with pytest.raises(LogError, match="no CSV or Parquet file"):
        fit_log(deals, folder / "moves.xlsx", **options)
    (folder / "broken.parquet").write_text("deal_id")
    with pytest.raises(LogError, match="the log cannot be read"):
        fit_log(deals, folder / "broken.parquet", **options)
    moves.write_text(moves.read_text() + "D4\n")
    with pytest.raises(LogError, match="the log cannot be read"):
        fit_log(deals, moves, **options)
    aware = moves_table().assign(entered_at=pd.date_range("2026-01-05", periods=5, tz="UTC"))
    aware.to_parquet(folder / "aware.parquet")
    with pytest.raises(LogError, match=r"is of type TIMESTAMP.*without an offset"):
        fit_log(deals, folder / "aware.parquet", **options)


def test_currencies(folder: Path) -> None:
    one = deals_table().assign(currency="EUR")
    assert fitted(folder, deals=one).unit == "EUR"
    with pytest.raises(LogError, match="the deals name 'EUR'"):
        fitted(folder, deals=one, unit="USD")
    with pytest.raises(LogError, match="amounts in one currency"):
        fitted(folder, deals=deals_table().assign(currency=["EUR", "USD", "", ""]))


def test_the_missing_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(LogError, match=r"pip install 'funnelsim\[big\]'"):
        fitted(folder)


def test_edges_that_the_dates_contradict_are_asked_for(folder: Path) -> None:
    """What `read_deals` takes from the dates, and says, is refused with the same dates."""
    day = np.repeat(np.arange(200), 2)
    closed = day + 1 + np.arange(400) * 7 % 40
    created, closed_at = (np.datetime64("2025-01-01") + days for days in (day, closed))
    whole = pd.DataFrame(
        {"deal_id": np.arange(400).astype(str), "created_at": created, "closed_at": closed_at}
    ).assign(outcome="lost")
    moves = pd.DataFrame({"deal_id": whole["deal_id"], "stage": "lead", "entered_at": created})
    cut = closed >= 100
    edges = {"window_start": str(closed_at[cut].min()), "arrivals_until": "2025-07-19"}
    for missing, given in edges.items():
        other = {name: date for name, date in edges.items() if name != missing}
        with pytest.raises(LogError, match=f"{missing}='{given}'"):
            fitted(folder, whole[cut], moves[cut], as_of="2025-08-20", **other)
    read = fs.read_deals(whole[cut], moves[cut], stages=STAGES, as_of="2025-08-20", tz="UTC")
    found = fitted(folder, whole[cut], moves[cut], as_of="2025-08-20", **edges)
    assert funnel_to_json(found) == funnel_to_json(fs.fit(read))


def test_progress_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    fitted(folder, progress=told.append)
    assert told[2:5] == [
        "5 moves; splitting them into 2 part(s)",
        "counted part 1 of 2",
        "counted part 2 of 2",
    ]
    assert capsys.readouterr().err == ""
    fitted(folder, progress=True)
    assert "counted part 2 of 2" in capsys.readouterr().err


@pytest.mark.thorough
def test_little_memory_gives_the_same_answer_in_more_parts(folder: Path) -> None:
    """200,000 deals in 64 MB: parts of 64,000 rows; what does not fit is spilled."""
    n = 200_000
    start = np.datetime64("2025-01-01T00:00") + np.arange(n) * np.timedelta64(3, "m")
    ids = np.char.mod("OPP-%010d", np.random.default_rng(0).permutation(n))
    deals = pd.DataFrame({"deal_id": ids, "amount": np.arange(n) % 977})
    moves = pd.concat(
        [
            pd.DataFrame({"deal_id": ids, "stage": stage, "entered_at": start + np.timedelta64(days, "D")})
            for stage, days in (("lead", 0), ("offer", 9), ("won", 20))
        ]
    )
    deals.to_parquet(folder / "deals.parquet")
    moves.sample(frac=1.0, random_state=0).to_parquet(folder / "moves.parquet")
    told: list[str] = []
    funnels = [
        fit_log(
            folder / "deals.parquet",
            folder / "moves.parquet",
            stages=STAGES,
            as_of="2026-03-31",
            arrivals_until="2026-03-31",
            memory=memory,
            progress=told.append,
        )
        for memory in (64 * 2**20, "2GB")
    ]
    assert "600,000 moves; splitting them into 12 part(s)" in told
    assert "600,000 moves; splitting them into 1 part(s)" in told
    assert funnel_to_json(funnels[0]) == funnel_to_json(funnels[1])
