"""A shared shock widens totals by its variance and leaves their mean; both engines draw the same one."""

from __future__ import annotations

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.shock import Shock

PERIODS = "4Q"


@pytest.fixture(scope="module")
def fitted() -> tuple[fs.Funnel, fs.Pipeline]:
    history = fs.simulate_history(seed=5)
    return fs.fit(history).with_shock(None), history.pipeline()


@pytest.mark.thorough
def test_variance_grows_by_that_of_the_shock(fitted: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """``Var(G W) = Var W + phi E W**2``, of a window by its copula; d: a tenth of what the shock adds."""
    funnel, pipeline = fitted
    shock = Shock((0.1,), 0.5)
    engine = fs.Exact(n_draws=400)
    plain = fs.forecast(funnel, pipeline, periods=PERIODS, engine=engine)
    moved = fs.forecast(funnel.with_shock(shock), pipeline, periods=PERIODS, engine=engine)
    for window in ([plain.periods.labels[1]], None):
        mean = plain.mean(window).value - (0.0 if window else plain.realised_bookings)
        by_period = [plain.mean([label]).value for label in plain.periods.labels]
        by_period[0] -= plain.realised_bookings
        spread = np.sqrt(0.1) * np.array(by_period)
        added = 0.5 * spread.sum() ** 2 + 0.5 * (spread**2).sum() if window is None else 0.1 * mean**2
        found = moved.sd(window) ** 2 - plain.sd(window) ** 2
        assert found == pytest.approx(added, rel=0.1)
        assert moved.mean(window).value == pytest.approx(plain.mean(window).value, rel=0.01)


def test_both_engines_draw_the_same_shock(fitted: tuple[fs.Funnel, fs.Pipeline]) -> None:
    """Given each draw: 4 standard errors of its futures, over 100 draws and two windows."""
    funnel, pipeline = fitted
    shaken = funnel.with_shock(Shock((0.2, 0.1), 0.3, period_steps=30))
    exact, drawn = (
        fs.forecast(shaken, pipeline, periods=PERIODS, engine=engine)
        for engine in (fs.Exact(n_draws=100), fs.MonteCarlo(n_draws=100, n_futures=20_000))
    )
    for window in (1, None):
        law = exact.law(window)
        gap = drawn.law(window).mean_by_draw() - law.mean_by_draw()
        assert abs(gap.mean()) < 4 * law.sd() / np.sqrt(20_000)
        assert np.corrcoef(drawn.law(window).mean_by_draw(), law.mean_by_draw())[0, 1] > 0.9


def test_what_is_realised_is_not_shaken(fitted: tuple[fs.Funnel, fs.Pipeline]) -> None:
    funnel, pipeline = fitted
    outlook = fs.forecast(
        funnel.with_shock(Shock((0.5,), 1.0)), pipeline, periods=PERIODS, engine=fs.Exact(n_draws=20)
    )
    assert outlook.quantile(0.001, 1)[()] >= outlook.realised_bookings


def test_a_deal_is_won_at_most_once() -> None:
    """A certain deal stays certain under any shock."""
    history = fs.simulate_history(seed=5)
    funnel = fs.fit(history).with_shock(Shock((2.0,), 0.0))
    outlook = fs.forecast(funnel, history.pipeline(), periods=PERIODS, engine=fs.Exact(n_draws=20))
    assert outlook.by_deal()["chance"].max() <= 1.0


def test_a_shock_travels_in_the_funnel_file(fitted: tuple[fs.Funnel, fs.Pipeline], tmp_path) -> None:
    funnel, _ = fitted
    shock = Shock((0.03, 0.05), 0.25, 7, 12)
    funnel.with_shock(shock).save(tmp_path / "funnel.json")
    assert fs.Funnel.load(tmp_path / "funnel.json").shock == shock
    funnel.save(tmp_path / "plain.json")
    assert fs.Funnel.load(tmp_path / "plain.json").shock is None


def test_the_chance_of_a_window_does_not_depend_on_how_it_is_cut() -> None:
    """Until it is measured the shock has periods of its own; with those of the forecast: 2 points apart."""
    history = fs.simulate_history(seed=0)
    funnel, pipeline = fs.fit(history, level_period=None), history.pipeline()
    cuts = ("4Q", ["2026-07-01", "2027-07-01"], ["2026-07-01", "2026-11-01", "2027-03-01", "2027-07-01"])
    chances = [
        fs.forecast(funnel, pipeline, periods=cut, target=5.5e6, engine=fs.Exact(n_draws=20)).chance().value
        for cut in cuts
    ]
    assert max(chances) - min(chances) < 0.002
