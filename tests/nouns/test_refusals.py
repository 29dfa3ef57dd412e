from dataclasses import replace

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.forecast import ForecastError
from funnelsim.nouns.funnel import FunnelError
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.stages import StagesError


def test_bins_that_do_not_begin_with_0_and_1_are_refused() -> None:
    truth = fs.sample_funnel()
    n_places = len(truth.stages.names)
    odd = StageHazards(np.array([0, 5]), np.zeros((2, n_places)), np.ones(2), np.full(n_places, 1 / n_places))
    with pytest.raises(FunnelError, match="must begin 0, 1"):
        replace(truth, hazards=(odd, *truth.hazards[1:]))


def test_an_outcome_is_won_or_lost() -> None:
    paused = fs.Outcome("paused", "pending")  # type: ignore[arg-type]
    with pytest.raises(StagesError, match="kind 'pending' is unknown"):
        fs.Stages((fs.Stage("lead"),), (fs.Outcome("won", "won"), paused))


def test_an_unknown_measure_is_refused() -> None:
    history = fs.simulate_history(seed=1)
    engine = fs.MonteCarlo(n_futures=20, n_draws=2)
    outlook = fs.forecast(fs.fit(history), history.pipeline(), engine=engine)
    with pytest.raises(ForecastError, match="measure 'cash' is unknown"):
        outlook.draws("cash")  # type: ignore[arg-type]


def test_the_day_of_the_cutoff_is_known_as_far_as_the_cutoff() -> None:
    history = fs.simulate_history(seed=1)
    at_noon = replace(history, cutoff=np.datetime64("2026-08-31T12:00"))
    assert at_noon.as_of("2026-08-31").cutoff == at_noon.cutoff
