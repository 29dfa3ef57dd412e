"""The lever on collections: what it does to cash, leaves alone, and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.numerics.collections import PAID, settled_from_issue
from funnelsim.vocabulary.randomness import Streams

TERMS = fs.Collections.by_hand(terms_days=30, late_mean_days=12, never_paid=0.1)


def funnel() -> fs.Funnel:
    return fs.sample_funnel().with_collections(TERMS)


def paid_by(terms: fs.Collections, age: int) -> float:
    rates = terms.rates(Streams(0), range(1))[0]
    return float(settled_from_issue(rates, age, terms.never_paid_odds)[0, PAID, -1])


def test_the_share_never_paid_is_multiplied_and_levers_compose() -> None:
    half = fs.Collection(never_paid=0.5)
    once = half.apply(funnel())
    assert once.collections.never_paid == pytest.approx(0.05, abs=1e-6)
    assert half.apply(once).collections.never_paid == pytest.approx(0.025, abs=1e-6)
    assert paid_by(once.collections, 45) / 0.95 == pytest.approx(paid_by(TERMS, 45) / 0.9, abs=1e-6)


def test_faster_payments_come_earlier_and_as_many_in_the_end() -> None:
    faster = fs.Collection(faster=2.0).apply(funnel()).collections
    expected = 0.9 * (1 - (12 / 13) ** (2 * 20 - 29))
    assert paid_by(faster, 20) == pytest.approx(expected, abs=2e-3)
    assert faster.never_paid == pytest.approx(0.1, abs=1e-6)


def test_shorter_terms_move_cash_by_as_many_days_and_bookings_not_at_all() -> None:
    """Payment on the due date and periods of 30 days: terms of 0 in place of 30 bring cash one period on."""
    history = fs.simulate_history(seed=1)
    made = fs.fit(history).with_collections(fs.Collections.by_hand(terms_days=30))
    position = history.pipeline()
    position = replace(
        position, won_step=position.won_step[:0], won_amount=position.won_amount[:0], won_attributes={}
    )
    periods = np.arange("2026-09-01", "2027-02-01", 30, dtype="datetime64[D]").astype(str).tolist()
    engine = fs.MonteCarlo(n_futures=200, n_draws=4)
    usual, sooner = (
        fs.forecast(f, position, periods=periods, measure="cash", engine=engine)
        for f in (made, fs.Collection(terms_days=0).apply(made))
    )
    np.testing.assert_allclose(sooner.draws()[:, :-1], usual.draws()[:, 1:])
    np.testing.assert_array_equal(sooner.draws("bookings"), usual.draws("bookings"))


def test_comparisons_of_cash_are_paired() -> None:
    """No future of quicker payments has less cash by the end than the same future without."""
    history = fs.simulate_history(seed=1)
    made = fs.fit(history).with_collections(TERMS)
    compared = fs.compare_levers(
        made,
        history.pipeline(),
        target=3_000_000,
        measure="cash",
        levers=[fs.Collection(faster=1.5), fs.Collection(never_paid=0.5), fs.Speed(1.1)],
        engine=fs.MonteCarlo(n_futures=400, n_draws=4),
    )
    usual = compared.base.draws()
    for changed in compared.outlooks[:2]:
        np.testing.assert_array_equal(changed.draws("bookings"), compared.base.draws("bookings"))
        assert changed.draws().sum(axis=1).mean() > usual.sum(axis=1).mean()
    halved = compared.outlooks[1].draws()
    assert (np.cumsum(halved, axis=1) >= np.cumsum(usual, axis=1) - 1e-6).all()


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(LeverError, match="does not know how wins are paid"):
        fs.Collection(faster=1.1).apply(fs.sample_funnel())
    with pytest.raises(LeverError, match="changes nothing"):
        fs.Collection()
    with pytest.raises(LeverError, match="pace of payments must be a finite factor"):
        fs.Collection(faster=0.0)
    with pytest.raises(LeverError, match=r"10\.0 % are never paid"):
        fs.Collection(never_paid=10.0).apply(funnel())
    with pytest.raises(LeverError, match="terms_days must be a number"):
        fs.Collection(terms_days=-5.0).apply(funnel())
