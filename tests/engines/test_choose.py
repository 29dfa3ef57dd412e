"""Which engine answers, what engines refuse, and what a forecast says of its own errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.forecast import ForecastError
from funnelsim.nouns.law import Futures
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards

EDGES = ["2026-10-01", "2026-10-15", "2026-12-20"]


@pytest.fixture(scope="module")
def funnel() -> fs.Funnel:
    """Two stages, uncertain rates, arrivals that swing."""
    pace, splits = np.array([0.1, 0.08, 0.02]), np.array([[0.0, 0.6, 0.05, 0.35], [0.1, 0.0, 0.6, 0.3]])
    hazards = tuple(
        StageHazards(np.array([0, 1, 15]), 300.0 * np.outer(pace, split), np.full(3, 300.0), split)
        for split in splits
    )
    arrivals = Arrivals(7, 5.0, 20.0, 0.2, np.array([8.0, 2.0]))
    amounts = Amounts(np.array([0.0, 4.0, 10.5, 60.0]), np.array([10.0, 40.0, 40.0, 10.0]))
    return fs.Funnel(fs.Stages.named(["a", "b"]), fs.Clock("day"), hazards, arrivals, amounts)


def position(n: int = 60) -> fs.Pipeline:
    return fs.Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=int(fs.Clock("day").step_of("2026-09-30")),
        deal_ids=np.array([f"D{i}" for i in range(n)], dtype=object),
        stage=np.arange(n) % 2,
        age_steps=(np.arange(n) * 7) % 80,
        amount=np.where(np.arange(n) % 7 == 0, np.nan, 1.0 + np.arange(n) % 11),
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
    )


def test_auto_is_exact_and_says_why(funnel: fs.Funnel) -> None:
    outlook = fs.forecast(funnel, position(), periods=EDGES)
    assert outlook.engine == "exact (chosen: nothing here needs drawn futures)"
    assert fs.forecast(funnel, position(), periods=EDGES, engine="montecarlo").engine == "Monte Carlo"
    with pytest.raises(EngineError, match="'auto', 'exact', 'montecarlo'"):
        fs.forecast(funnel, position(), periods=EDGES, engine="guess")  # type: ignore[arg-type]


def test_auto_draws_where_many_amounts_are_revised(funnel: fs.Funnel) -> None:
    law = Amounts(np.array([0.5, 1.5]), np.array([5.0, 5.0]))
    outlook = fs.forecast(replace(funnel, revisions=(law, law)), position(2_500), periods=EDGES)
    assert outlook.engine.startswith("Monte Carlo (chosen: the amounts of")
    assert isinstance(outlook.outcome, Futures)


def test_exact_has_no_futures_and_names_the_engine_that_has(funnel: fs.Funnel) -> None:
    outlook = fs.forecast(funnel, position(), periods=EDGES, engine="exact")
    assert outlook.n_futures is None
    with pytest.raises(ForecastError, match=r"engine=MonteCarlo\(\)"):
        outlook.draws()


@pytest.mark.parametrize(
    "settings",
    [
        {"n_draws": 1},
        {"n_cells": 100},
        {"n_cells": 32},
        {"workers": 0},
        {"n_draws": 2.5},
        {"workers": "x"},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, int]) -> None:
    with pytest.raises(EngineError):
        fs.Exact(**settings)


def test_what_is_no_engine_is_refused(funnel: fs.Funnel) -> None:
    with pytest.raises(EngineError, match=r"n_futures=10000\.0 must be a whole number"):
        fs.MonteCarlo(n_futures=1e4)  # type: ignore[arg-type]
    for engine in (None, 5, fs.Exact):
        with pytest.raises(EngineError, match="is no engine"):
            fs.forecast(funnel, position(), engine=engine)  # type: ignore[arg-type]


@pytest.mark.usefixtures("all_threads")
def test_answer_of_the_exact_engine_does_not_depend_on_workers(funnel: fs.Funnel) -> None:
    one, two = (
        fs.forecast(funnel, position(), periods=EDGES, engine=fs.Exact(n_draws=30, workers=workers))
        for workers in (1, 2)
    )
    np.testing.assert_array_equal(one.law().chance_by_draw(300.0), two.law().chance_by_draw(300.0))
    assert one.table().equals(two.table())


def test_both_parts_of_the_error_are_shown(funnel: fs.Funnel) -> None:
    exact, drawn = (
        fs.forecast(funnel, position(), periods=EDGES, target=300.0, engine=engine).accuracy()
        for engine in (fs.Exact(n_draws=40), fs.MonteCarlo(n_futures=4_000, n_draws=40))
    )
    assert exact["of_engine"] < 1e-3 < drawn["of_engine"] < 0.01
    for found in (exact, drawn):
        assert found["standard_error"] == pytest.approx(np.hypot(found["of_draws"], found["of_engine"]))
