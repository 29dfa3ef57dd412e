"""The moment of observation and the edges of the windows: what is refused, and what is noted."""

import numpy as np
import pandas as pd
import pytest

from funnelsim.intake.deals import read_deals
from funnelsim.intake.observe import MomentError

DAYS = pd.date_range("2026-01-01", "2026-03-31").strftime("%Y-%m-%d")
DEALS = pd.DataFrame({"deal_id": range(len(DAYS)), "created_at": DAYS, "outcome": "open", "amount": 1.0})


def read(deals=DEALS, **options):
    return read_deals(deals, **({"as_of": "2026-03-31"} | options))


def notes(history, rule: str) -> list[str]:
    issues = history.intake_issues
    return list(issues.loc[issues["rule"] == rule, "message"])


@pytest.mark.parametrize("start", ["2026-03-31", "2026-04-01", "2030-01-01"])
def test_a_window_that_starts_at_its_end_is_refused(start):
    with pytest.raises(
        MomentError, match=rf"window_start={start} leaves no day before .*2026-03-31.*earlier"
    ):
        read(window_start=start)
    assert str(read(window_start="2026-03-30").window_start)[:10] == "2026-03-30"


def test_arrivals_that_end_before_the_first_deal_are_refused():
    with pytest.raises(
        MomentError, match=r"arrivals_until=2025-12-31 lies before the first deal \(2026-01-01\)"
    ):
        read(arrivals_until="2025-12-31")
    assert read(arrivals_until="2026-01-01").last_arrival_step == read().clock.step_of("2026-01-01")


def test_arrivals_that_end_after_the_observation_end_with_it_and_that_is_noted():
    history = read(arrivals_until="2026-04-01")
    assert history.last_arrival_step == history.cutoff_step
    assert "lies after the moment of observation (2026-03-31)" in notes(history, "arrivals_until")[0]
    assert not notes(read(arrivals_until="2026-03-31"), "arrivals_until")


@pytest.mark.parametrize("as_of", ["2027-05-07", "2035-01-01", "2190-01-01"])
def test_an_observation_long_after_the_last_event_is_refused(as_of):
    with pytest.raises(MomentError) as error:
        read(as_of=as_of)
    assert f"as_of={as_of} lies" in str(error.value)
    assert "after the last recorded event (2026-03-31); give the day of the export" in str(error.value)


def test_an_observation_four_hundred_days_after_the_last_event_is_not():
    assert read(as_of="2027-05-05").n_deals == len(DEALS)


def test_a_silence_says_whether_events_go_on():
    nothing = notes(read(as_of="2026-06-30"), "arrivals_until")
    assert nothing[0].startswith(
        "nothing at all is recorded in the 91 days after 2026-03-31 (give as_of= that day"
    )
    ended = DEALS.assign(outcome=["won"] + ["open"] * 89, closed_at=["2026-05-10"] + [""] * 89)
    going_on = notes(read(ended, as_of="2026-06-30"), "arrivals_until")
    assert going_on[0].startswith(
        "no deal arrives after 2026-03-31, though events go on for 40 of the 91 days since"
    )


def test_endings_all_in_the_last_step_leave_no_window_to_guess():
    closed = DEALS.assign(outcome="won", closed_at="2026-03-31")
    history = read(closed)
    assert history.window_start is None
    assert "closed in bulk" in notes(history, "window_start")[0]


def test_dates_long_before_the_others_are_noted_as_placeholders():
    deals = DEALS.assign(created_at=["1900-01-01", "1995-12-31", *DAYS[2:]])
    issues = read(deals).intake_issues
    noted = issues[issues["rule"] == "placeholder date"]
    assert list(zip(noted["level"], noted["row"], noted["column"], noted["value"], strict=True)) == [
        ("note", 2, "created_at", "1900-01-01"),
        ("note", 3, "created_at", "1995-12-31"),
    ]
    assert "looks like a placeholder" in noted["message"].iloc[0]
    kept = DEALS.assign(created_at=["1996-03-01", *DAYS[1:]])
    assert "placeholder date" not in set(read(kept).intake_issues["rule"])


def test_a_column_of_old_dates_has_no_placeholders():
    old = DEALS.assign(created_at=np.where(np.arange(len(DAYS)) == 0, "", DAYS.str.replace("2026", "1950")))
    assert "placeholder date" not in set(read(old, as_of="1950-03-31").intake_issues["rule"])
