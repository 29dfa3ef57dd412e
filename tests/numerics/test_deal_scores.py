"""Scores of chances of single deals: by hand, by brute force over pairs, and as the protocol defines them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from funnelsim.numerics.deal_scores import (
    auc,
    brier,
    brier_skill,
    expected_calibration_error,
    reliability,
)

Shared = Callable[[str], Path]
Deals = tuple[np.ndarray, np.ndarray]


def some_deals(seed: int, n: int, n_levels: int | None = None) -> Deals:
    """Outcomes and chances that are a little too low; with few levels, many are tied."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.2, 4.0, n) * 0.9 + 0.01
    if n_levels:
        chance = np.ceil(chance * n_levels) / (n_levels + 1)
    return (rng.random(n) < np.minimum(chance * 1.15, 1.0)).astype(int), chance


# --- published numbers and the protocol


def test_brier_of_the_reference(shared: Shared) -> None:
    folder = shared("reference/08_scoring")
    binary = json.loads((folder / "input.json").read_text())["binary"]
    expected = json.loads((folder / "expected.json").read_text())["expected"]["brier_mean"]
    assert brier(binary["outcome"], binary["prob"]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("n", "n_levels"), [(1003, None), (500, 7), (6, None)])
def test_all_agree_with_the_protocol_of_the_figures(shared: Shared, n: int, n_levels: int | None) -> None:
    protocol: dict[str, Any] = {}
    exec(compile(shared("design/protocol.py").read_text(), "protocol", "exec"), protocol)
    won, chance = some_deals(4, n, n_levels)
    won[:2] = [0, 1]
    expected = protocol["deal_scores"](chance, won)
    found = {
        "brier": brier(won, chance),
        "bss": brier_skill(won, chance),
        "auc": auc(won, chance),
        "ece": expected_calibration_error(won, chance),
    }
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-12)


# --- Brier


def test_skill_of_the_pooled_rate_is_zero_and_that_of_the_truth_is_one() -> None:
    won = np.array([1, 0, 0, 0, 1])
    assert brier_skill(won, np.full(5, 0.4)) == pytest.approx(0.0, abs=1e-15)
    assert brier_skill(won, won) == 1.0
    assert brier_skill(won, [0.6, 0.2, 0.2, 0.2, 0.8]) == pytest.approx(1 - 0.064 / 0.24)


def test_skill_against_a_given_reference() -> None:
    """By hand: squares sum to .16 + .01 + .09 = .26; of 0.3 to .49 + .09 + .09; of three to .54."""
    won, chance = [1, 0, 0], [0.6, 0.1, 0.3]
    assert brier_skill(won, chance, 0.3) == pytest.approx(1 - 0.26 / 0.67)
    assert brier_skill(won, chance, [0.5, 0.2, 0.5]) == pytest.approx(1 - 0.26 / 0.54)


def test_one_outcome_has_no_skill_and_no_ranking() -> None:
    assert np.isnan(brier_skill([1, 1], [0.3, 0.4]))
    assert np.isnan(auc([0, 0], [0.3, 0.4]))
    assert brier_skill([1, 1], [0.8, 0.8], 0.6) == pytest.approx(0.75)


# --- AUC


def test_auc_by_hand() -> None:
    """Won .7 .4 .4, lost .4 .2: of six pairs four are right and two tied."""
    assert auc([1, 0, 1, 1, 0], [0.7, 0.4, 0.4, 0.4, 0.2]) == pytest.approx(5 / 6)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=30))
@settings(max_examples=80, deadline=None)
def test_auc_is_the_share_of_pairs_ranked_rightly(deals: list[tuple[bool, int]]) -> None:
    won, rank = np.array([deal[0] for deal in deals]), np.array([deal[1] for deal in deals])
    gaps = rank[won][:, None] - rank[~won]
    if gaps.size:
        expected = ((gaps > 0) + 0.5 * (gaps == 0)).mean()
        assert auc(won, rank / 6) == pytest.approx(expected)
        assert auc(~won, 1 - rank / 6) == pytest.approx(expected)
    else:
        assert np.isnan(auc(won, rank / 6))


def test_auc_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    won, chance = some_deals(9, 700, 12)
    assert auc(won, chance) == pytest.approx(metrics.roc_auc_score(won, chance))


# --- calibration


def test_calibration_error_by_hand() -> None:
    """Seven deals in three bins of 3, 2 and 2: gaps |.6 - 1|, |.9 - 0| and |1.7 - 2| over 7."""
    chance = np.array([0.9, 0.1, 0.5, 0.2, 0.8, 0.3, 0.4])
    won = np.array([1, 0, 0, 1, 1, 0, 0])
    assert expected_calibration_error(won, chance, n_bins=3) == pytest.approx((0.4 + 0.9 + 0.3) / 7)
    assert expected_calibration_error(won, chance, n_bins=1) == pytest.approx(0.2 / 7)
    assert expected_calibration_error(won, chance, n_bins=50) == pytest.approx(np.abs(won - chance).mean())


def test_tied_deals_are_split_by_order_or_kept_together() -> None:
    """One chance for all, and it is right: the order of the rows alone would make an error of 0.375."""
    won, chance = np.array([1, 1, 0, 0, 0, 0, 0, 0]), np.full(8, 0.25)
    assert expected_calibration_error(won, chance, n_bins=4) == pytest.approx(0.375)
    assert expected_calibration_error(won, chance, n_bins=4, split_ties=False) == 0.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_with_ties_together_the_order_of_deals_is_irrelevant(seed: int, n_bins: int, n: int) -> None:
    won, chance = some_deals(seed, n, 5)
    order = np.random.default_rng(seed).permutation(n)
    first, second = (
        reliability(won, chance, n_bins=n_bins),
        reliability(won[order], chance[order], n_bins=n_bins),
    )
    for name in vars(first):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12)
    error = (first.n_deals * np.abs(first.chance - first.rate)).sum() / n
    for deals in ((won, chance), (won[order], chance[order])):
        found = expected_calibration_error(*deals, n_bins=n_bins, split_ties=False)
        assert found == pytest.approx(error, abs=1e-12)


def test_reliability_curve_by_hand() -> None:
    chance = np.array([0.9, 0.1, 0.5, 0.2, 0.8, 0.3, 0.4])
    won = np.array([1, 0, 0, 1, 1, 0, 0])
    found = reliability(won, chance, n_bins=3)
    assert found.n_deals.tolist() == [3, 2, 2]
    np.testing.assert_allclose(found.chance, [0.2, 0.45, 0.85])
    np.testing.assert_allclose(found.rate, [1 / 3, 0.0, 1.0])
    assert not found.rate.flags.writeable


def test_deals_of_one_chance_go_to_the_bin_of_their_middle_one() -> None:
    """Eight deals, four bins of two: ranks 1 to 5 are tied, and rank 3 falls into the second bin."""
    found = reliability([1, 0, 0, 1, 0, 0, 1, 1], [0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9], n_bins=4)
    assert found.n_deals.tolist() == [1, 5, 2]
    np.testing.assert_allclose(found.rate, [1.0, 0.2, 1.0])


def test_intervals_of_rates_are_exact() -> None:
    """Of no win in n: 1 - .05^(1/n). Otherwise at each end the chance of what was seen, or beyond, is 5 %."""
    chance = np.repeat([0.1, 0.3, 0.6], 20)
    won = np.concatenate([np.zeros(20), np.arange(20) < 7, np.ones(20)])
    found = reliability(won, chance, n_bins=3)
    edge = 0.05 ** (1 / 20)
    np.testing.assert_allclose(found.low[[0, 2]], [0.0, edge], rtol=1e-10)
    np.testing.assert_allclose(found.high[[0, 2]], [1 - edge, 1.0], rtol=1e-10)
    assert stats.binom.sf(6, 20, found.low[1]) == pytest.approx(0.05, rel=1e-9)
    assert stats.binom.cdf(7, 20, found.high[1]) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("rate", [0.01, 0.17, 0.5])
def test_intervals_of_rates_hold_at_least_their_share(rate: float) -> None:
    """Summed over all outcomes of 15 deals, not simulated."""
    total = 0.0
    for n_won in range(16):
        found = reliability(np.arange(15) < n_won, np.full(15, 0.3), interval=0.8)
        total += stats.binom.pmf(n_won, 15, rate) * (found.low[0] <= rate <= found.high[0])
    assert total >= 0.8


# --- bad input


@pytest.mark.parametrize(
    ("score", "match"),
    [
        (lambda: brier([], []), r"won \(0,\)"),
        (lambda: brier([1, 0], [0.3]), r"won \(2,\) and chance \(1,\)"),
        (lambda: brier([1, 2], [0.3, 0.3]), "won must be 0 or 1, not 2"),
        (lambda: brier([1, np.nan], [0.3, 0.3]), "won must be 0 or 1, not nan"),
        (lambda: auc([1, 0], [0.3, 1.3]), "chance must lie between 0 and 1, not 1.3"),
        (lambda: auc([1, 0], [0.3, np.nan]), "chance must lie between 0 and 1, not nan"),
        (lambda: brier_skill([1, 0], [0.3, 0.3], -0.2), "reference must lie between 0 and 1, not -0.2"),
        (lambda: brier_skill([1, 0], [0.3, 0.3], [0.2]), r"reference \(1,\).*2 deals"),
        (lambda: expected_calibration_error([1, 0], [0.3, 0.3], n_bins=0), "n_bins.*not 0"),
        (lambda: expected_calibration_error([1, 0], [0.3, 0.3], n_bins=2.5), "n_bins.*not 2.5"),
        (lambda: reliability([1, 0], [0.3, 0.3], interval=90), "interval.*not 90"),
    ],
)
def test_bad_input_is_refused_with_what_arrived(score: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        score()
