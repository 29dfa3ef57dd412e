"""Invoices: what is read, repaired and refused, with the row and the way out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.intake.findings import DataError
from funnelsim.intake.reading import ReadingError
from funnelsim.nouns.invoices import InvoicesError

ROWS = {
    "Invoice ID": ["1", "2", "3", "4"],
    "Invoiced at": ["2026-01-05", "2026-01-20", "2026-02-10", "2026-03-01"],
    "Due at": ["2026-02-04", "2026-02-19", "", "2026-03-31"],
    "Paid at": ["2026-02-20", "", "2026-03-02", ""],
    "Written off at": ["", "2026-03-15", "", ""],
    "Amount": ["€1,000.00", "€250.50", "€100.00", "€40.00"],
    "Disputed": ["no", "yes", "", "0"],
    "Credit class": ["A", "B", "A", ""],
}
AS_OF = "2026-03-31"


def frame(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(ROWS | {name.replace("_", " "): cells for name, cells in columns.items()})


def faults(rows: pd.DataFrame, **options: object) -> pd.DataFrame:
    with pytest.raises(DataError) as refusal:
        fs.read_invoices(rows, **({"as_of": AS_OF} | options))  # type: ignore[arg-type]
    return refusal.value.faults


def test_invoices_are_read_from_files_and_frames(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "invoices.csv", index=False)
    for source in (frame(), tmp_path / "invoices.csv"):
        read = fs.read_invoices(source, as_of=AS_OF)
        assert repr(read) == "Invoices(4 invoices, 1 unpaid, worth 40 EUR, at 2026-03-31)"
        assert read.table["is_disputed"].tolist() == [False, True, False, False]
        assert read.table["amount"].tolist() == [1000.0, 250.5, 100.0, 40.0]
        assert not len(read.issues)


def test_unpaid_invoices_enter_the_position_at_their_age() -> None:
    clock = fs.Clock("day")
    read = fs.read_invoices(frame(), as_of=AS_OF)
    at_end_of_february = read.receivables(clock, int(clock.step_of("2026-02-28")))
    assert at_end_of_february.amount.tolist() == [250.5, 100.0]
    assert at_end_of_february.age_steps.tolist() == [39, 18]
    assert at_end_of_february.is_disputed.tolist() == [True, False]
    assert at_end_of_february.paid_amount.tolist() == [1000.0]
    assert at_end_of_february.due_step.tolist() == [int(clock.step_of("2026-02-19")), -1]
    with pytest.raises(InvoicesError, match="known until 2026-03-31, the position stands at 2026-04-01"):
        read.receivables(clock, int(clock.step_of("2026-04-01")))


def test_an_earlier_day_forgets_what_came_after() -> None:
    seen = fs.read_invoices(frame(), as_of=AS_OF).as_of("2026-02-28")
    assert len(seen.table) == 3
    assert seen.table["paid_at"].isna().tolist() == [False, True, True]
    again = fs.read_invoices(frame(), as_of="2026-02-28")
    pd.testing.assert_frame_equal(seen.table, again.table)
    assert again.issues["rule"].tolist() == ["after as_of"]
    with pytest.raises(InvoicesError, match="after the cutoff"):
        seen.as_of("2026-03-01")


@pytest.mark.parametrize(
    ("columns", "rule", "row", "column", "way_out"),
    [
        ({"Invoice_ID": ["1", "", "3", "4"]}, "empty id", 3, "Invoice ID", "fill it in"),
        ({"Invoice_ID": ["1", "2", "3", "3"]}, "duplicate id", 4, "Invoice ID", "keep one row an invoice"),
        (
            {"Invoiced_at": ["2026-01-05", "", "2026-02-10", "2026-03-01"]},
            "empty date",
            3,
            "Invoiced at",
            "fill",
        ),
        ({"Amount": ["1", "2", "", "4"]}, "empty amount", 4, "Amount", "fill it in"),
        ({"Amount": ["1", "-2", "3", "4"]}, "amount", 3, "Amount", "must not be negative"),
        ({"Paid_at": ["2026-02-20", "2026-02-21", "", ""]}, "two ends", 3, "Written off at", "keep the date"),
        ({"Disputed": ["no", "perhaps", "", ""]}, "disputed", 3, "Disputed", "neither yes nor no"),
        ({"Paid_at": ["2026-02-20", "", "no date", ""]}, "date", 4, "Paid at", ""),
    ],
)
def test_faults_are_told_with_row_column_and_way_out(
    columns: dict[str, list[object]], rule: str, row: int, column: str, way_out: str
) -> None:
    found = faults(frame(**columns))
    first = found.iloc[0]
    assert (first["rule"], first["row"], first["column"]) == (rule, row, column)
    assert way_out in first["message"]


def test_faulty_invoices_can_be_set_aside_and_are_listed() -> None:
    read = fs.read_invoices(frame(Amount=["1", "-2", "3", "4"]), as_of=AS_OF, faulty="set aside")
    assert read.table["invoice_id"].tolist() == ["1", "3", "4"]
    assert read.issues[["level", "row", "value"]].to_numpy().tolist() == [["left out", 3, "-2"]]


def test_what_has_one_meaning_is_repaired_and_listed() -> None:
    read = fs.read_invoices(
        frame(
            Paid_at=["2026-01-02", "", "2026-03-02", ""],
            Due_at=["2026-01-01", "2026-02-19", "", "2026-03-31"],
        ),
        as_of=AS_OF,
    )
    assert read.table["paid_at"].iloc[0] == pd.Timestamp("2026-01-05")
    assert pd.isna(read.table["due_at"].iloc[0])
    assert read.issues["rule"].tolist() == ["settled before sent", "due before sent"]
    assert read.issues["row"].tolist() == [2, 2]


def test_missing_columns_currencies_and_options_are_refused() -> None:
    assert "missing column" in faults(frame().drop(columns="Amount"))["rule"].tolist()
    assert (
        "misspelt column"
        in faults(frame().rename(columns={"Written off at": "Writen off at"}))["rule"].tolist()
    )
    found = faults(frame(Amount=["€1", "$2", "€3", "€4"]))
    assert "several currencies" in found["message"].iloc[0]
    with pytest.raises(ReadingError, match="faulty"):
        fs.read_invoices(frame(), faulty="drop")  # type: ignore[arg-type]
    with pytest.raises(ReadingError, match="invoices is None"):
        fs.read_invoices(None)  # type: ignore[arg-type]


def test_dates_in_the_future_need_a_moment_of_observation() -> None:
    rows = frame(Paid_at=["2026-02-20", "", "2126-03-02", ""])
    with pytest.raises(DataError, match="after today"):
        fs.read_invoices(rows)
    assert fs.read_invoices(rows, as_of=AS_OF).table["paid_at"].isna().tolist() == [False, True, True, True]


def test_without_a_moment_the_last_date_is_taken_and_noted() -> None:
    read = fs.read_invoices(frame())
    assert str(read.cutoff)[:10] == "2026-03-15"
    assert read.issues["rule"].tolist() == ["as_of"]


def test_a_position_takes_the_invoices_of_its_cutoff() -> None:
    history = fs.simulate_history(seed=1)
    read = replace(fs.read_invoices(frame(), as_of=AS_OF), cutoff=np.datetime64("2027-01-01", "us"))
    position = history.pipeline().with_invoices(read)
    assert position.receivables is not None
    assert position.receivables.n_unpaid == 1
