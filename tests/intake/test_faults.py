"""Each kind of bad input: the message names file, row, column, value and the way out."""

import numpy as np
import pandas as pd
import pytest

from funnelsim.intake.currencies import Rates
from funnelsim.intake.deals import read_deals
from funnelsim.intake.findings import DataError
from funnelsim.intake.reader import Reader
from funnelsim.intake.reading import Reading, ReadingError
from funnelsim.intake.zones import ZoneError

DEALS = """deal_id,created_at,amount,outcome,closed_at
A,2026-01-05,1200,won,2026-02-01
B,2026-01-07,800,lost,2026-02-03
C,2026-01-09,500,open,
"""
HISTORY = """deal_id,stage,entered_at
A,lead,2026-01-05
A,offer,2026-01-20
B,lead,2026-01-07
C,lead,2026-01-09
"""


@pytest.fixture
def read(write, stages):
    """Reads the two tables above after replacing some text in them; gives the history."""

    def of(deals: tuple[str, str] = ("", ""), moves: tuple[str, str] = ("", ""), **options):
        deals_file = write("deals.csv", DEALS.replace(*deals, 1))
        history_file = write("moves.csv", HISTORY.replace(*moves, 1))
        return read_deals(deals_file, history_file, stages=stages, as_of="2026-03-31", **options)

    return of


def test_the_tables_themselves_have_no_fault(read):
    history = read()
    assert history.n_deals == 3
    assert list(history.deals["outcome"]) == ["won", "lost", "open"]
    assert not len(history.intake_issues)


# What is changed in which table; then row, column, value and the way out that the message must name.
FAULTS = [
    ("deals", "B,2026-01-07", ",2026-01-07", 3, "deal_id", "", "fill it in"),
    ("deals", "2026-01-07", "soon", 3, "created_at", "soon", "write it as 2026-03-05"),
    (
        "deals",
        "2026-02-03",
        "2026-02-30",
        3,
        "closed_at",
        "2026-02-30",
        "no such day in the calendar; correct it",
    ),
    (
        "deals",
        "2026-02-03",
        "0226-02-03",
        3,
        "closed_at",
        "0226-02-03",
        "not between 1900 and 2199; correct it",
    ),
    ("deals", "2026-02-03", "9999-12-31", 3, "closed_at", "9999-12-31", "or leave the date empty"),
    ("deals", "2026-02-03", "1769990400", 3, "closed_at", "1769990400", "convert it first"),
    ("moves", "2026-01-20", "Jan", 3, "entered_at", "Jan", "date_format="),
    ("moves", "2026-01-20", "", 3, "entered_at", "", "delete the row"),
    ("deals", "800", "-800", 3, "amount", "-800", "must not be negative; correct it"),
    ("deals", "800", "inf", 3, "amount", "inf", "must be finite; correct it"),
    ("deals", "800", "1e400", 3, "amount", "1e400", "a unit too small"),
    ("deals", "800", "a lot", 3, "amount", "a lot", "write a number"),
    ("moves", "offer", "ofer", 3, "stage", "ofer", "did you mean 'offer'?"),
    ("moves", "A,offer", "A,", 3, "stage", "", "delete the row"),
    ("deals", "lost", "losst", 3, "outcome", "losst", "did you mean 'lost'?"),
    ("deals", "won,2026-02-01", "won,", 2, "closed_at", "", "won without a closing date; fill in the date"),
    ("deals", "open,", "open,2026-02-01", 4, "closed_at", "2026-02-01", "empty the date"),
    ("deals", "open,", ",2026-02-01", 4, "closed_at", "2026-02-01", "fill in the outcome"),
    ("moves", "A,offer", "A,lost", (2, "deals"), "outcome", "won", "correct whichever is wrong"),
    ("moves", "C,lead", "C,won", (4, "deals"), "outcome", "open", "correct whichever is wrong"),
    (
        "moves",
        "C,lead,2026-01-09",
        "C,won,2026-01-09\nC,lost,2026-01-09",
        5,
        "stage",
        "won",
        "delete the row",
    ),
    ("deals", "B,2026-01-07,800", "B,2026-01-07,8,00", 3, "", "B | 2026-01-07 | 8", "not in quotes"),
]


@pytest.mark.parametrize(("table", "old", "new", "row", "column", "value", "way_out"), FAULTS)
def test_a_fault_says_where_it_is_and_the_way_out(read, table, old, new, row, column, value, way_out):
    row, file = row if isinstance(row, tuple) else (row, table)
    where = f"{file}.csv, row {row}"
    where += f", column {column!r}" if column else ""
    where += f", value {value!r}: " if value else ": "
    with pytest.raises(DataError) as error:
        read(**{table: (old, new)})
    line = next(line for line in str(error.value).splitlines() if where in line)
    assert way_out in line


@pytest.mark.parametrize(("table", "old", "new", "way_out"), [(*fault[:3], fault[-1]) for fault in FAULTS])
def test_a_deal_with_a_fault_can_be_set_aside(read, table, old, new, way_out):
    history = read(**{table: (old, new)}, faulty="set aside")
    assert history.n_deals == 2
    left_out = history.issues[history.issues["level"] == "left out"]
    assert any(way_out in message for message in left_out["message"])


def test_every_row_of_a_duplicate_id_is_named(read):
    with pytest.raises(DataError) as error:
        read(("C,", "A,"))
    assert "deals.csv, rows 2, 4, column 'deal_id', value 'A'" in str(error.value)
    assert "keep one row a deal" in str(error.value)


def test_all_faults_are_told_at_once_and_kept_as_a_table(read):
    with pytest.raises(DataError) as error:
        read(("1200,won,2026-02-01", "-1,won,"), ("C,lead", "C,laed"))
    faults = error.value.faults
    assert list(faults["rule"]) == ["unknown stage", "amount"]
    assert list(faults["file"]) == ["moves.csv", "deals.csv"]
    assert list(faults["row"]) == [5, 2]
    assert "2 faults" in str(error.value)
    assert "faulty='set aside'" in str(error.value)


@pytest.mark.parametrize("kind", [float, object])
def test_numbers_beyond_any_deal_are_refused_before_their_sum_overflows(kind):
    frame = pd.DataFrame({"deal_id": range(3), "created_at": "2026-01-05", "outcome": "open"})
    frame["amount"] = np.array([1e15, 1e308, 1e308]).astype(kind)
    with pytest.raises(
        DataError, match=r"rows 3, 4, column 'amount', value '1e\+308': an amount beyond 1e15"
    ):
        read_deals(frame, as_of="2026-02-01")


def test_a_long_list_is_cut_after_twenty():
    frame = pd.DataFrame({"deal_id": range(30), "created_at": "2026-01-01", "outcome": "open"})
    frame["amount"] = -1 - frame.index
    with pytest.raises(DataError, match=r"\.\.\. and 10 more") as error:
        read_deals(frame, as_of="2026-02-01")
    assert str(error.value).count("deals frame, row") == 20
    assert len(error.value.faults) == 30


def test_rows_with_the_same_fault_share_a_line():
    frame = pd.DataFrame({"deal_id": range(30), "created_at": "2026-01-01", "outcome": "opn"})
    with pytest.raises(DataError, match="rows 2, 3, 4, 5, 6 and 25 more, column 'outcome', value 'opn'"):
        read_deals(frame, as_of="2026-02-01")


def test_dates_that_can_be_read_both_ways_name_the_way_out(write):
    path = write("deals.csv", "deal_id,created_at,outcome\nA,3/2/2026,open\nB,4/5/2026,open\n")
    with pytest.raises(DataError, match=r"row 2, column 'created_at', value '3/2/2026'.*date_format="):
        read_deals(path)


def test_dates_written_both_ways_show_a_row_of_each(write):
    path = write("deals.csv", "deal_id,created_at,outcome\nA,13/2/2026,open\nB,4/25/2026,open\n")
    with pytest.raises(DataError) as error:
        read_deals(path)
    assert "row 2, column 'created_at', value '13/2/2026'" in str(error.value)
    assert "row 3, column 'created_at', value '4/25/2026'" in str(error.value)


def test_amounts_that_can_be_read_both_ways_name_the_way_out(write):
    path = write("deals.csv", "deal_id;created_at;outcome;amount\nA;2026-01-05;open;1.234\n")
    with pytest.raises(DataError, match=r"row 2, column 'amount', value '1\.234'.*decimal="):
        read_deals(path)
    assert read_deals(path, decimal=",").deals["amount"][0] == 1234


def test_times_without_a_zone_name_the_way_out(write):
    path = write("deals.csv", "deal_id,created_at,outcome\nA,2026-01-05 10:30,open\n")
    with pytest.raises(DataError, match=r"row 2, column 'created_at', value '2026-01-05 10:30'.*tz="):
        read_deals(path)
    assert read_deals(path, tz="Asia/Shanghai").n_deals == 1


def test_dates_after_today_are_refused_unless_as_of_is_given():
    frame = pd.DataFrame(
        {"deal_id": ["A", "B"], "created_at": ["2026-01-05", "2026-01-07"], "outcome": "open"}
    )
    reader = Reader(None, Reading(), Rates({}), sets_aside=False, today=np.datetime64("2026-01-06", "us"))
    with pytest.raises(DataError, match=r"row 3, column 'created_at', value '2026-01-07'.*as_of="):
        reader.read(frame, None)
    assert read_deals(frame, as_of="2026-01-06").n_deals == 1


def test_an_event_of_today_is_no_future():
    frame = pd.DataFrame({"deal_id": ["A"], "created_at": ["2026-01-06 23:59"], "outcome": "open"})
    reader = Reader(
        None, Reading(tz="UTC"), Rates({}), sets_aside=False, today=np.datetime64("2026-01-06", "us")
    )
    assert reader.read(frame, None).n_deals == 1


def test_a_deal_without_any_date_is_left_out():
    frame = pd.DataFrame({"deal_id": ["A", "B"], "created_at": ["2026-01-05", ""], "outcome": "open"})
    history = read_deals(frame.assign(amount=1), as_of="2026-02-01")
    assert list(history.issues["rule"]) == ["no date"]
    assert history.n_deals == 1


def test_a_loss_with_nothing_to_date_it_is_a_fault():
    frame = pd.DataFrame(
        {"deal_id": ["A"], "created_at": ["2026-01-05"], "outcome": ["lost"], "closed_at": [""]}
    )
    with pytest.raises(DataError, match=r"row 2, column 'closed_at': lost without .*fill in the date"):
        read_deals(frame, as_of="2026-02-01")
    history = read_deals(frame.assign(updated_at="2026-01-20"), as_of="2026-02-01")
    assert str(history.deals["closed_at"][0].date()) == "2026-01-20"


def test_a_history_of_other_deals_is_refused(read):
    with pytest.raises(
        DataError, match=r"moves.csv, column 'deal_id': no deal of the history is in deals\.csv"
    ):
        read(moves=(HISTORY, "deal_id,stage,entered_at\n17,lead,2026-01-05\n"))


def test_a_deals_table_alone_cannot_fill_several_stages(write, stages):
    with pytest.raises(DataError, match=r"deals\.csv: .*'lead', 'offer'.*give the stage history"):
        read_deals(write("deals.csv", DEALS), stages=stages)


def test_a_deals_table_alone_needs_dates_and_outcomes(write):
    with pytest.raises(DataError, match="no column 'created_at'") as error:
        read_deals(write("deals.csv", "deal_id,amount\nA,1\n"))
    assert "how deals ended" in str(error.value)


def test_nothing_left_is_refused_even_when_faults_are_set_aside(write):
    path = write("deals.csv", "deal_id,created_at,outcome\nA,soon,open\n")
    with pytest.raises(DataError, match="'soon'"):
        read_deals(path, faulty="set aside")


def test_options_that_are_unknown_are_refused(write):
    path = write("deals.csv", DEALS)
    with pytest.raises(ReadingError, match="'set aside'"):
        read_deals(path, faulty="drop")
    with pytest.raises(ReadingError, match="decimal"):
        read_deals(path, decimal=";")
    with pytest.raises(ZoneError, match="tz='Mars'"):
        read_deals(path, tz="Mars")


@pytest.mark.filterwarnings("ignore::funnelsim.intake.infer.InferredStagesWarning")
@pytest.mark.parametrize(
    ("dates", "n_faults"),
    [(["3/2/2026", "4/5/2026"], 1), (["soon", "later"], 2), (["2026-01-05", "soon"], 1)],
)
def test_unreadable_dates_of_the_history_are_not_told_as_faults_of_its_stages(dates, n_faults):
    deals = pd.DataFrame({"deal_id": ["A", "B"], "created_at": "2026-01-05", "outcome": ["lead", "offer"]})
    moves = pd.DataFrame({"deal_id": ["A", "B"], "stage": ["lead", "offer"], "entered_at": dates})
    with pytest.raises(DataError) as error:
        read_deals(deals, moves, as_of="2026-02-01")
    assert list(error.value.faults["column"]) == ["entered_at"] * n_faults
    with pytest.raises(DataError) as error:
        read_deals(deals.assign(created_at=["2026-01-05", "soon"]), moves, as_of="2026-02-01")
    assert list(error.value.faults["column"]) == ["entered_at"] * n_faults + ["created_at"]


@pytest.mark.filterwarnings("ignore::funnelsim.intake.infer.InferredStagesWarning")
def test_a_stage_that_only_a_faulty_row_names_is_set_aside_with_its_deal():
    deals = pd.DataFrame({"deal_id": ["A", "B"], "created_at": "2026-01-05", "outcome": "open"})
    moves = pd.DataFrame(
        {"deal_id": ["A", "B"], "stage": ["lead", "offer"], "entered_at": ["2026-01-05", "soon"]}
    )
    history = read_deals(deals, moves, as_of="2026-02-01", faulty="set aside")
    assert list(history.deals["deal_id"]) == ["A"]
    assert history.stages.names == ("lead", "won", "lost")


def test_a_history_in_place_of_the_deals_is_recognised(write, stages):
    path = write("moves.csv", HISTORY)
    for options in ({}, {"stages": stages}):
        with pytest.raises(DataError, match=r"moves\.csv: this looks like a stage history .*this one second"):
            read_deals(path, **options)
    with pytest.raises(DataError, match=r"moves\.csv: this looks like a stage history"):
        read_deals(path, write("deals.csv", DEALS))


def test_a_missing_creation_date_lists_every_column_there_is(write):
    with pytest.raises(DataError, match=r"Columns found: 'deal_id', 'Amount', 'started'; name yours"):
        read_deals(write("deals.csv", "deal_id,Amount,started\nA,1,2026-01-05\n"))
