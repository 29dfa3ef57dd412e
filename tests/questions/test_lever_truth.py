"""Effects of levers against 80,000 simulated futures of the same draws, and against known funnels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs

LEVERS = (
    fs.Volume(1.15),
    fs.Conversion(1.15),
    fs.Conversion(1.3, "Proof"),
    fs.WinRate(1.2, "Solution"),
    fs.Speed(1.2),
    fs.Yield(1.08),
)


@pytest.mark.thorough
def test_exact_effects_are_those_of_80_000_paired_futures() -> None:
    """Errors of 0.7 points of the smallest effect (6 points), and of 1.4 of the largest (29), are caught.

    A lever that only adds wins changes a future with the chance of its effect e: a standard error of
    sqrt(e (1 - e) / n). Pairs are not perfect: over 12 seeds errors were up to 1.2 times as large. The
    half a point that was allowed before is 3 of them, and one seed in a hundred would have failed.
    """
    history = fs.simulate_history(seed=4)
    funnel, pipeline = fs.fit(history, calendar=False, level_period=None), history.pipeline()
    target = float(fs.forecast(funnel, pipeline, periods="2Q", engine=fs.Exact(n_draws=40)).quantile(0.7))
    exact, drawn = (
        fs.compare_levers(funnel, pipeline, target=target, levers=LEVERS, periods="2Q", engine=engine)
        for engine in (fs.Exact(n_draws=40), fs.MonteCarlo(n_futures=80_000, n_draws=40))
    )
    for i, lever in enumerate(LEVERS):
        gap = exact.effect(i).value - drawn.effect(i).value
        effect = exact.effect(i).value
        assert effect > 0.01  # an effect that is there
        assert abs(gap) < 4 * 1.2 * np.sqrt(effect * (1 - effect) / 80_000), f"{lever.name}: {gap:+.4f}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_levers_on_a_fitted_funnel_have_the_sign_and_rank_they_have_in_truth(seed: int) -> None:
    """Of the funnel that made the history the effects are known; a fit must order them alike.

    Over 43 seeds the rank correlation was 0.96 or 1.00: at most two neighbours changed places.
    """
    history, truth = fs.simulate_history(seed=seed), fs.sample_funnel()
    levers = (*LEVERS[:5], fs.Volume(0.9), fs.Speed(0.8))
    found, true = (
        [
            outlook.mean().value - compared.base.mean().value
            for compared in [
                fs.compare_levers(
                    funnel,
                    history.pipeline(),
                    target=5_000_000,
                    levers=levers,
                    periods="4Q",
                    engine=fs.Exact(n_draws=n_draws),
                )
            ]
            for outlook in compared.outlooks
        ]
        for funnel, n_draws in ((fs.fit(history), 20), (truth, 2))  # the truth is certain
    )
    assert (np.sign(found) == np.sign(true)).all()
    assert stats.spearmanr(found, true).statistic > 0.85
    assert np.argmax(found) == np.argmax(true)
