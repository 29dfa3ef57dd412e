import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnelsim.intake.dates import AmbiguousDate, Moments, parse_dates


def parsed(*texts: str, **options) -> Moments:
    return parse_dates(np.array(texts, dtype=object), **options)


def days(moments: Moments) -> list[str]:
    return [str(day) for day in moments.wall.astype("datetime64[D]")]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05",
        "2026/3/5",
        "2026.03.05",
        "20260305",
        "2026年3月5日",
        "5 Mar 2026",
        "05-Mar-2026",
        "5 March 2026",
        "Mar 5, 2026",
        "March 5 2026",
        "5.3.2026",
    ],
)
def test_forms_that_can_be_read_one_way_only(text):
    moments = parsed(text)
    assert days(moments) == ["2026-03-05"]
    assert not moments.has_time.any()
    assert list(moments.problem) == [""]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-05T14:07:09", "14:07:09"),
        ("2026-03-05 14:07", "14:07:00"),
        ("2026/3/5 9:07", "09:07:00"),
        ("2026-03-05 02:07 PM", "14:07:00"),
        ("2026-03-05 12:00 am", "00:00:00"),
        ("2026-03-05 12:30pm", "12:30:00"),
        ("2026年3月5日 14:07", "14:07:00"),
    ],
)
def test_times_of_day(text, time):
    moments = parsed(text)
    assert str(moments.wall.astype("datetime64[s]")[0]) == f"2026-03-05T{time}"
    assert moments.has_time.all()


@pytest.mark.parametrize(
    ("offset", "minutes"),
    [("Z", 0), ("+00:00", 0), ("+05:30", 330), ("-0800", -480), ("+01", 60), (" UTC", 0)],
)
def test_offsets_are_kept_apart_from_the_wall_clock(offset, minutes):
    moments = parsed(f"2026-03-05T14:07:09.5{offset}")
    assert moments.offset_minutes[0] == minutes
    assert moments.wall[0] == np.datetime64("2026-03-05T14:07:09.500000")


def test_one_value_decides_the_order_for_its_column():
    assert days(parsed("3/2/2026", "14/2/2026")) == ["2026-02-03", "2026-02-14"]
    assert days(parsed("3/2/2026", "2/14/2026")) == ["2026-03-02", "2026-02-14"]


def test_day_equal_to_month_needs_no_decision():
    assert days(parsed("3/3/2026", "11/11/2025")) == ["2026-03-03", "2025-11-11"]


def test_dates_open_to_both_orders_are_refused():
    with pytest.raises(AmbiguousDate, match="date_format=") as error:
        parsed("", "1/1/2026", "3/2/2026")
    assert list(error.value.examples) == [2]


def test_contradicting_orders_show_a_row_of_each():
    with pytest.raises(AmbiguousDate, match="make them alike") as error:
        parsed("14/2/2026", "3/2/2026", "2/28/2026")
    assert list(error.value.examples) == [0, 2]


def test_a_given_format_settles_the_order_and_short_years():
    assert days(parsed("3/2/26", "4/2/26", date_format="%d/%m/%y")) == ["2026-02-03", "2026-02-04"]
    assert days(parsed("2026-02-03", "04/02/2026", date_format="%d/%m/%Y")) == ["2026-02-03", "2026-02-04"]


def test_a_time_may_follow_a_format_that_has_none():
    moments = parsed("02/23/26 08:55 PM", "02/23/26", date_format="%m/%d/%y")
    assert [str(wall) for wall in moments.wall.astype("datetime64[m]")] == [
        "2026-02-23T20:55",
        "2026-02-23T00:00",
    ]
    assert list(moments.has_time) == [True, False]


def test_a_format_may_carry_times_and_offsets():
    moments = parsed("05/03/2026 14:07 +0100", date_format="%d/%m/%Y %H:%M %z")
    assert str(moments.wall[0]) == "2026-03-05T13:07:00.000000"
    assert moments.offset_minutes[0] == 0


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("2026-02-30", "no such day"),
        ("2026-13-01", "no such day"),
        ("30 Foo 2026", "months are read in English; write the date as 2026-03-05 or 5 Mar 2026"),
        ("5 Marble 2026", "months are read in English"),
        ("5 janvier 2026", "months are read in English"),
        ("5 février 2026", "months are read in English"),
        ("5. März 2026 14:07", "months are read in English"),
        ("5 de enero de 2026", "months are read in English"),
        ("2026-02-03 25:00", "no such time"),
        ("2026-02-03 13:00 PM", "no such time"),
        ("03/02/26", "date_format="),
        ("1767225600", "unit='s'"),
        ("1767225600000", "'ms'"),
        ("46000", "convert it first"),
        ("soon", "write it as"),
    ],
)
def test_what_is_no_date_says_the_way_out(text, way_out):
    moments = parsed(text)
    assert np.isnat(moments.wall[0])
    assert way_out in moments.problem[0]


def test_a_value_that_does_not_fit_the_given_format_says_so():
    assert "'%d/%m/%Y'" in parsed("Feb 3, 2026", date_format="%d/%m/%Y").problem[0]


def test_an_english_month_that_does_not_fit_the_format_is_not_called_foreign():
    assert "'%d/%m/%Y'" in parsed("5 March 2026", date_format="%d/%m/%Y").problem[0]


def test_numbers_of_a_spreadsheet_count_days():
    # 46086 = 2026-03-05: 1970-01-01 is serial 25569, and 20517 days later is 2026-03-05
    moments = parsed("46086", "46086.5", has_serial_dates=True)
    assert [str(wall) for wall in moments.wall.astype("datetime64[m]")] == [
        "2026-03-05T00:00",
        "2026-03-05T12:00",
    ]
    assert list(moments.has_time) == [False, True]


def test_numbers_outside_1990_to_2100_are_no_serial_dates():
    assert parsed("12", has_serial_dates=True).problem[0]


def test_empty_is_no_date_and_no_fault():
    moments = parsed("", "2026-03-05")
    assert np.isnat(moments.wall[0])
    assert list(moments.problem) == ["", ""]


FORMS = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "%Y年%m月%d日"]


@given(st.lists(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)), min_size=1), st.sampled_from(FORMS))
def test_every_written_date_is_read_back(dates, form):
    moments = parsed(*(date.strftime(form) for date in dates))
    assert days(moments) == [date.isoformat() for date in dates]


@given(st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2199, 12, 31)), min_size=1))
def test_every_iso_moment_is_read_back_to_the_microsecond(moments):
    wall = parsed(*(moment.isoformat() for moment in moments)).wall
    assert list(wall) == [np.datetime64(moment) for moment in moments]


@given(
    st.lists(st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)), min_size=1),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]),
)
def test_slashed_dates_are_read_back_or_refused_never_misread(dates, form):
    try:
        moments = parsed(*(date.strftime(form) for date in dates))
    except AmbiguousDate:
        assert all(date.day <= 12 for date in dates)
    else:
        assert days(moments) == [date.isoformat() for date in dates]
