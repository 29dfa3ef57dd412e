"""Clock against Python's own calendar, for every step, before and after 1970."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funnelsim.vocabulary.clock import Clock, ClockError, end_of_day
from funnelsim.vocabulary.errors import FunnelsimError

STEPS = ("hour", "day", "week", "month")
EPOCH = datetime(1970, 1, 1)
moments = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1))
many = settings(max_examples=150, deadline=None, derandomize=True)


def plain_step(step: str, moment: datetime) -> int:
    """Step of a moment by Python's datetime: step 0 holds 1970-01-01 00:00."""
    if step == "hour":
        return (moment - EPOCH) // timedelta(hours=1)
    if step == "day":
        return moment.date().toordinal() - date(1970, 1, 1).toordinal()
    if step == "week":
        monday = moment.date() - timedelta(days=moment.weekday())
        return (monday - date(1969, 12, 29)).days // 7  # the Monday of the week of 1970-01-01
    return (moment.year - 1970) * 12 + moment.month - 1


@many
@given(moments)
@example(datetime(1969, 12, 31, 23, 59, 59, 999999))
@example(datetime(1969, 12, 28, 23, 59, 59))
@example(datetime(1969, 12, 29))
@example(datetime(1900, 2, 28, 23))
@example(datetime(2024, 2, 29))
def test_step_agrees_with_pythons_calendar(moment: datetime) -> None:
    for step in STEPS:
        assert Clock(step).step_of(np.datetime64(moment)) == plain_step(step, moment)


@many
@given(moments)
def test_step_holds_its_moment(moment: datetime) -> None:
    at = np.datetime64(moment)
    for step in STEPS:
        clock = Clock(step)
        index = clock.step_of(at)
        assert clock.start_of(index) <= at < clock.start_of(index + 1)


@many
@given(st.integers(-3000, 3000))
def test_start_is_the_first_moment_of_its_step(index: int) -> None:
    for step in STEPS:
        clock = Clock(step)
        start = clock.start_of(index)
        assert start.dtype == np.dtype("datetime64[s]")
        assert clock.step_of(start) == index
        assert clock.step_of(start - np.timedelta64(1, "s")) == index - 1
        assert clock.aligned_step_of(start) == index


@pytest.mark.parametrize("index", [-500, -1, 0, 1, 2957])
def test_weeks_begin_on_monday(index: int) -> None:
    assert Clock("week").start_of(index).item().weekday() == 0


@pytest.mark.parametrize(
    ("step", "index", "start"),
    [
        ("hour", -1, "1969-12-31T23:00:00"),
        ("day", -1, "1969-12-31T00:00:00"),
        ("week", 0, "1969-12-29T00:00:00"),
        ("week", 1, "1970-01-05T00:00:00"),
        ("month", -1, "1969-12-01T00:00:00"),
        ("month", 680, "2026-09-01T00:00:00"),
    ],
)
def test_starts_by_hand(step: str, index: int, start: str) -> None:
    assert np.datetime_as_string(Clock(step).start_of(index)) == start


@pytest.mark.parametrize("step", STEPS)
def test_moments_are_accepted_in_every_common_form(step: str) -> None:
    clock, expected = Clock(step), plain_step(step, datetime(2026, 9, 30, 18, 5))
    text = "2026-09-30T18:05"
    for unit in ("m", "s", "ms", "us", "ns"):
        assert clock.step_of(np.array([text], dtype=f"datetime64[{unit}]")).tolist() == [expected]
    assert clock.step_of(text) == expected
    assert clock.step_of([text, text]).tolist() == [expected, expected]
    assert clock.step_of(datetime(2026, 9, 30, 18, 5)) == expected
    assert clock.step_of(pd.Timestamp(text)) == expected
    assert clock.step_of(pd.Series(pd.to_datetime([text]))).tolist() == [expected]
    assert clock.step_of(np.empty((0,), dtype="datetime64[s]")).shape == (0,)


def test_shape_of_steps_is_that_of_the_moments() -> None:
    grid = np.array([["1969-12-31", "1970-01-01"], ["1970-01-02", "1970-01-08"]], dtype="datetime64[D]")
    assert Clock("day").step_of(grid).tolist() == [[-1, 0], [1, 7]]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["NaT", ["2026-01-01", "NaT"], np.datetime64("NaT"), [None]])
def test_missing_moment_has_no_step(step: str, moment: object) -> None:
    with pytest.raises(ClockError, match="NaT"):
        Clock(step).step_of(moment)


@pytest.mark.parametrize(
    ("step", "moment"),
    [
        ("hour", "2026-09-30T18:00:01"),
        ("day", "2026-09-30T00:00:01"),
        ("day", "1969-12-31T23:59:59"),
        ("week", "2026-09-30"),  # a Wednesday
        ("week", "2026-09-28T01:00"),  # a Monday, but not its first moment
        ("month", "2026-09-30"),
        ("month", "2026-09-01T01:00"),
    ],
)
def test_moment_inside_a_step_is_not_aligned(step: str, moment: str) -> None:
    with pytest.raises(ClockError, match=f"{moment[:10]} falls inside .*{step}.*finer step"):
        Clock(step).aligned_step_of(moment)


def test_unknown_step_is_refused_with_the_choices() -> None:
    with pytest.raises(ClockError, match=r"'fortnight' is unknown; use one of hour, day, week, month"):
        Clock("fortnight")  # type: ignore[arg-type]
    assert issubclass(ClockError, FunnelsimError)


@pytest.mark.parametrize(
    "moment", ["2026-02-28", date(2026, 2, 28), datetime(2026, 2, 28), np.datetime64("2026-02-28")]
)
def test_a_plain_date_means_the_end_of_that_day(moment) -> None:
    assert end_of_day(moment) == np.datetime64("2026-02-28T23:59:59.999999")


@pytest.mark.parametrize(
    "moment", ["2026-02-28 17:05", "2026-02-28T17:05:00", pd.Timestamp("2026-02-28 17:05")]
)
def test_a_moment_with_a_time_stays(moment) -> None:
    assert end_of_day(moment) == np.datetime64("2026-02-28T17:05")


@pytest.mark.parametrize(
    "moment",
    ["03/04/2026", "2026-06", "20260601", "2026-02-30", "xx", "", None, pd.NaT, 7, EPOCH.replace(tzinfo=UTC)],
)
def test_what_is_no_moment_is_refused_with_the_value(moment) -> None:
    with pytest.raises(ClockError, match=re.escape(repr(moment))):
        end_of_day(moment)


@pytest.mark.parametrize(
    ("step", "moment", "until"),
    [
        ("day", "2026-03-18T12:00", "2026-03-18T12:00"),
        ("week", "2026-03-18T12:00", "2026-03-15T23:59:59.999999"),
        ("week", "2026-03-15T23:59:59.999999", "2026-03-15T23:59:59.999999"),
        ("week", "2026-03-15T23:59:59", "2026-03-08T23:59:59.999999"),
        ("month", "2026-03-18", "2026-02-28T23:59:59.999999"),
        ("month", "2026-03-31T23:59:59.999999", "2026-03-31T23:59:59.999999"),
    ],
)
def test_a_running_week_or_month_is_not_known_yet(step, moment, until) -> None:
    assert Clock(step).known_until(np.datetime64(moment)) == np.datetime64(until)
