"""Numbers of draws and shares of intervals: what cannot be honoured is refused by name, everywhere alike."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

QUESTIONS: dict[str, Callable[..., object]] = {
    "table": lambda history, **asked: fs.fit(history, level_period=None, calendar=False).table(**asked),
    "segments": lambda history, **asked: fs.segments(history, "owner", **asked),
    "effects": lambda history, **asked: fs.effects(history, "source", **asked),
    "dwell": fs.dwell,
    "amounts": fs.amounts,
    "referrals": lambda history, **asked: fs.referrals(history, "owner", **asked),
}


def table_of(found: object) -> pd.DataFrame:
    """The table itself, or that of an answer; effects draw only when it is asked for."""
    return found if isinstance(found, pd.DataFrame) else found.table()


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(2, start="2026-03-01", as_of="2026-05-31", window_start=None)


@pytest.mark.parametrize("asked", [0, 1, -1, 2.5, True, "200", None, float("nan")])
def test_draws_that_leave_no_interval_are_refused(asked):
    with pytest.raises(FunnelsimError, match=r"n_draws .* must be a whole number of at least 2"):
        check_draws(asked, FunnelsimError)


@pytest.mark.parametrize("asked", [80, -1, 0, 1.0, 0.0, "a", None, True, float("nan"), np.float64(1.0)])
def test_shares_that_no_interval_holds_are_refused(asked):
    with pytest.raises(FunnelsimError, match=r"interval .* must lie between 0 and 1"):
        check_interval(asked, FunnelsimError)


def test_numbers_of_any_kind_will_do():
    check_draws(np.int32(2), FunnelsimError)
    for share in (0.8, np.float32(0.5), Fraction(9, 10)):
        check_interval(share, FunnelsimError)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_refuses_them_in_the_same_words(name, history):
    with pytest.raises(FunnelsimError, match=r"n_draws 2.5 must be a whole number of at least 2"):
        QUESTIONS[name](history, n_draws=2.5)
    with pytest.raises(FunnelsimError, match=r"n_draws 0 "):
        QUESTIONS[name](history, n_draws=0)
    with pytest.raises(FunnelsimError, match=r"interval 80 must lie between 0 and 1: 0.8 holds 80 %"):
        QUESTIONS[name](history, interval=80)
    with pytest.raises(FunnelsimError, match=r"interval 'a'"):
        QUESTIONS[name](history, interval="a")
    with pytest.raises(FunnelsimError, match=r"seed 'x' is no whole number"):
        table_of(QUESTIONS[name](history, seed="x"))
