"""Periods against a walk through Python's calendar, day by day and month by month."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funnelsim.vocabulary.clock import Clock, ClockError
from funnelsim.vocabulary.periods import Periods, PeriodsError

DAY = Clock("day")
many = settings(max_examples=150, deadline=None, derandomize=True)


def day_step(text: str) -> int:
    return int(DAY.step_of(text))


def dates(periods: Periods) -> list[str]:
    return [str(edge) for edge in DAY.start_of(periods.edges).astype("datetime64[D]")]


def month_after(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def begins_period(day: date, unit: str, fiscal_start_month: int) -> bool:
    """Whether a period of this kind begins on a day, said as a person would."""
    if unit == "W":
        return day.weekday() == 0
    if day.day != 1:
        return False
    starts = {
        "M": range(1, 13),
        "Q": [(fiscal_start_month - 1 + 3 * k) % 12 + 1 for k in range(4)],
        "Y": [fiscal_start_month],
    }
    return day.month in starts[unit]


def plain_edges(cutoff: date, n: int, unit: str, fiscal_start_month: int) -> list[date]:
    """Walk back from the day after the cutoff to a beginning, then on to the n that follow."""
    day = cutoff + timedelta(days=1)
    while not begins_period(day, unit, fiscal_start_month):
        day -= timedelta(days=1)
    edges = [day]
    while len(edges) <= n:
        day += timedelta(days=1)
        if begins_period(day, unit, fiscal_start_month):
            edges.append(day)
    return edges


def plain_label(start: date, unit: str, fiscal_start_month: int) -> str:
    """Name of a period: a fiscal year is called after the year in which it ends."""
    if unit == "W":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    if unit == "M":
        return f"{start.year}-{start.month:02d}"
    quarter, day = 1, start
    while day.month != fiscal_start_month:  # months since the fiscal year began
        day = (day - timedelta(days=1)).replace(day=1)
        quarter += (start.month - day.month) % 12 in (3, 6, 9)
    last_month = day
    for _ in range(11):
        last_month = month_after(last_month)
    name = f"{last_month.year}" if fiscal_start_month == 1 else f"FY{last_month.year}"
    return f"{name}-Q{quarter}" if unit == "Q" else name


@many
@given(
    st.dates(date(1955, 1, 1), date(2100, 1, 1)),
    st.integers(1, 6),
    st.sampled_from("WMQY"),
    st.integers(1, 12),
)
@example(date(2026, 9, 30), 4, "Q", 1)  # cutoff on the last day of a period
@example(date(2026, 12, 31), 2, "Y", 1)
@example(date(2026, 3, 31), 2, "Y", 4)
@example(date(2026, 12, 27), 2, "W", 1)  # a Sunday
@example(date(2026, 12, 31), 3, "W", 1)  # week 53 spans the year end
@example(date(1969, 12, 31), 5, "Q", 12)
def test_calendar_periods_agree_with_a_walk_through_the_calendar(
    cutoff: date, n: int, unit: str, fiscal_start_month: int
) -> None:
    periods = Periods.parse(
        f"{n}{unit}", DAY, day_step(cutoff.isoformat()), fiscal_start_month=fiscal_start_month
    )
    edges = plain_edges(cutoff, n, unit, fiscal_start_month)
    assert dates(periods) == [edge.isoformat() for edge in edges]
    assert periods.labels == tuple(plain_label(edge, unit, fiscal_start_month) for edge in edges[:-1])


@pytest.mark.parametrize(
    ("text", "cutoff", "fiscal_start_month", "first_edge", "labels"),
    [
        ("2Q", "2026-09-29", 1, "2026-07-01", ("2026-Q3", "2026-Q4")),
        ("2Q", "2026-09-30", 1, "2026-10-01", ("2026-Q4", "2027-Q1")),
        ("2Q", "2026-09-29", 4, "2026-07-01", ("FY2027-Q2", "FY2027-Q3")),
        ("2Q", "2026-09-29", 2, "2026-08-01", ("FY2027-Q3", "FY2027-Q4")),
        ("2Q", "2027-01-31", 2, "2027-02-01", ("FY2028-Q1", "FY2028-Q2")),
        ("1Y", "2026-03-30", 4, "2025-04-01", ("FY2026",)),
        ("1Y", "2026-03-31", 4, "2026-04-01", ("FY2027",)),
        ("1Y", "2026-12-31", 1, "2027-01-01", ("2027",)),
        ("2M", "2026-12-30", 7, "2026-12-01", ("2026-12", "2027-01")),
        ("2W", "2026-12-31", 1, "2026-12-28", ("2026-W53", "2027-W01")),
        ("2W", "2027-12-31", 1, "2027-12-27", ("2027-W52", "2028-W01")),
        (" 13 w ", "2026-09-30", 1, "2026-09-28", tuple(f"2026-W{w}" for w in range(40, 53))),
        ("2q", "1969-12-30", 1, "1969-10-01", ("1969-Q4", "1970-Q1")),
    ],
)
def test_periods_by_hand(
    text: str, cutoff: str, fiscal_start_month: int, first_edge: str, labels: tuple[str, ...]
) -> None:
    periods = Periods.parse(text, DAY, day_step(cutoff), fiscal_start_month=fiscal_start_month)
    assert dates(periods)[0] == first_edge
    assert periods.labels == labels
    assert len(periods) == len(labels)


@pytest.mark.parametrize("fiscal_start_month", range(1, 13))
def test_every_fiscal_start_gives_four_quarters_a_year(fiscal_start_month: int) -> None:
    options = {"fiscal_start_month": fiscal_start_month}
    cutoff = day_step("2026-05-14")
    years = Periods.parse("1Y", DAY, cutoff, **options)
    at_start = int(years.edges[0]) - 1
    quarters = Periods.parse("4Q", DAY, at_start, **options)
    assert (quarters.edges[0], quarters.edges[-1]) == (years.edges[0], years.edges[1])
    assert quarters.labels == tuple(f"{years.labels[0]}-Q{k}" for k in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("step", "text", "cutoff", "edges"),
    [
        ("hour", "1W", "2026-09-30T17:59", ["2026-09-28T00", "2026-10-05T00"]),
        ("hour", "1W", "2026-10-04T23:59", ["2026-10-05T00", "2026-10-12T00"]),
        ("week", "2W", "2026-09-30", ["2026-10-05", "2026-10-12", "2026-10-19"]),
        ("month", "2M", "2026-08-31", ["2026-09-01", "2026-10-01", "2026-11-01"]),
        ("month", "2Q", "2026-08-31", ["2026-07-01", "2026-10-01", "2027-01-01"]),
        ("month", "1Y", "2026-12-31", ["2027-01-01", "2028-01-01"]),
    ],
)
def test_periods_on_other_clocks(step: str, text: str, cutoff: str, edges: list[str]) -> None:
    clock = Clock(step)
    periods = Periods.parse(text, clock, int(clock.step_of(cutoff)))
    assert periods.edges.tolist() == [int(clock.step_of(edge)) for edge in edges]


@pytest.mark.parametrize(
    ("step", "text", "cutoff"),
    [("week", "4Q", "2026-09-30"), ("week", "1M", "2026-09-30"), ("month", "13W", "2026-09-30")],
)
def test_period_that_cuts_a_step_is_refused(step: str, text: str, cutoff: str) -> None:
    clock = Clock(step)
    with pytest.raises(ClockError, match="falls inside"):
        Periods.parse(text, clock, int(clock.step_of(cutoff)))


@pytest.mark.parametrize(
    "edges",
    [
        ["2026-10-01", "2026-11-15", "2027-01-01"],
        [date(2026, 10, 1), date(2026, 11, 15), date(2027, 1, 1)],
        [datetime(2026, 10, 1), datetime(2026, 11, 15), datetime(2027, 1, 1)],
        pd.to_datetime(["2026-10-01", "2026-11-15", "2027-01-01"]),
        np.array(["2026-10-01", "2026-11-15", "2027-01-01"], dtype="datetime64[D]"),
    ],
)
def test_list_of_dates_gives_the_edges(edges: list[object]) -> None:
    periods = Periods.parse(edges, DAY, day_step("2026-10-10"))
    assert dates(periods) == ["2026-10-01", "2026-11-15", "2027-01-01"]
    assert periods.labels == ("2026-10-01 to 2026-11-15", "2026-11-15 to 2027-01-01")


@pytest.mark.parametrize(
    "text", ["", "Q", "4", "4X", "-1Q", "0Q", "1201M", "4QQ", "4.5M", "four Q", "4Q 2026", "M6"]
)
def test_text_that_is_no_number_of_periods_is_refused(text: str) -> None:
    with pytest.raises(PeriodsError, match=r"not understood; .*'4Q'"):
        Periods.parse(text, DAY, 0)


def test_largest_number_of_periods_is_accepted() -> None:
    assert len(Periods.parse("1200M", DAY, 0)) == 1200


@pytest.mark.parametrize(
    "edges",
    [[], ["2026-10-01"], ["2026-10-01", "2026-10-01"], ["2026-12-01", "2026-10-01", "2027-01-01"]],
)
def test_dates_that_do_not_increase_are_refused(edges: list[str]) -> None:
    with pytest.raises(PeriodsError, match="increasing"):
        Periods.parse(edges, DAY, 0)


@pytest.mark.parametrize("edge", ["01/10/2026", "next week", None])
def test_edge_that_is_no_iso_date_is_refused(edge: object) -> None:
    with pytest.raises(PeriodsError, match="ISO date"):
        Periods.parse(["2026-10-01", edge], DAY, 0)


def test_edge_inside_a_step_is_refused() -> None:
    with pytest.raises(ClockError, match="2026-10-15 falls inside"):
        Periods.parse(["2026-10-01", "2026-10-15T12:00"], DAY, 0)


@pytest.mark.parametrize("month", [0, 13, -1])
def test_fiscal_start_must_be_a_month(month: int) -> None:
    with pytest.raises(PeriodsError, match=f"1..12, not {month}"):
        Periods.parse("4Q", DAY, 0, fiscal_start_month=month)


def test_periods_must_reach_beyond_the_cutoff() -> None:
    edges = ["2026-07-01", "2026-10-01"]
    assert len(Periods.parse(edges, DAY, day_step("2026-09-29"))) == 1  # one step is left
    with pytest.raises(PeriodsError, match="nothing is left"):
        Periods.parse(edges, DAY, day_step("2026-09-30"))


def test_a_first_period_that_has_ended_is_refused() -> None:
    """What is realised stands in the first period; a period before it would take it."""
    edges = ["2026-04-01", "2026-07-01", "2026-10-01"]
    assert len(Periods.parse(edges, DAY, day_step("2026-06-29"))) == 2
    for cutoff in ("2026-06-30", "2026-08-01"):
        with pytest.raises(PeriodsError, match="2026-04-01 to 2026-07-01 has ended"):
            Periods.parse(edges, DAY, day_step(cutoff))


@pytest.mark.parametrize(
    ("edges", "labels"), [([0, 5, 5], ("a", "b")), ([0, 5, 4], ("a", "b")), ([0, 5], ("a", "b"))]
)
def test_edges_and_labels_must_fit(edges: list[int], labels: tuple[str, ...]) -> None:
    with pytest.raises(PeriodsError, match="edges must increase"):
        Periods(np.array(edges), labels, 0)


@many
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(-20, 20), st.integers(-30, 30))
def test_steps_ahead_and_period_of_by_counting(lengths: list[int], start: int, cutoff: int) -> None:
    edges = np.cumsum([start, *lengths])
    if edges[1] <= cutoff + 1:
        with pytest.raises(PeriodsError, match=r"nothing is left|has ended"):
            Periods(edges, tuple(map(str, range(len(lengths)))), cutoff)
        return
    periods = Periods(edges, tuple(map(str, range(len(lengths)))), cutoff)
    for edge, ahead in zip(edges, periods.steps_ahead, strict=True):
        assert ahead == len(range(cutoff + 1, edge))  # steps still to come before the edge
    steps = np.arange(start - 3, edges[-1] + 3)
    for step, found in zip(steps, periods.period_of(steps), strict=True):
        holders = [p for p in range(len(lengths)) if edges[p] <= step < edges[p + 1]]
        expected = holders[0] if holders else (-1 if step < start else len(lengths))
        assert found == expected


def test_steps_ahead_starts_at_zero_in_a_running_period() -> None:
    periods = Periods.parse("2M", DAY, day_step("2026-09-10"))
    assert periods.steps_ahead.tolist() == [0, 20, 51]  # 20 days of September are left, October has 31


def test_edges_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Periods.parse("2M", DAY, 0).edges[0] = 3
