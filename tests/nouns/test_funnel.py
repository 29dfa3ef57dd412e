"""Funnel: conversion, win rate and dwell by hand, and parts that do not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from funnelsim.nouns.funnel import Funnel, FunnelError
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards, hazards_by_hand
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.stages import Stage, Stages

STAGES = Stages((Stage("lead", nominal_win_rate=0.1), Stage("offer")))  # codes: lead, offer, won, lost


@pytest.fixture
def certain() -> Funnel:
    """Lead: at once 20 % on, then a tenth a day on and a tenth lost, for two days; offer likewise."""
    lead = hazards_by_hand(np.array([0, 1, 3]), np.array([[0, 0.2, 0, 0], [0, 0.1, 0, 0.1], [0, 0, 0, 0.01]]))
    offer = hazards_by_hand(
        np.array([0, 1, 2]), np.array([[0, 0, 0.5, 0.0], [0.1, 0, 0.5, 0.2], [0, 0, 0.3, 0]])
    )
    return Funnel(STAGES, Clock("day"), (lead, offer), Arrivals(7, 10.0, np.inf, 0.0, np.array([1.0, 0.0])))


@pytest.fixture
def counted(certain: Funnel) -> Funnel:
    """The same chances, as if seen in 60 deals."""
    parts = [(stage.first_age, stage.mean_hazards()) for stage in certain.hazards]
    return replace(certain, hazards=tuple(hazards_by_hand(age, chances, 60.0) for age, chances in parts))


def test_table_by_hand(certain: Funnel) -> None:
    """Lead: .2 on at once, .8 x .1 a day later, .64 x .1 after that: .344 on, .144 lost, .512 undecided.

    Offer: .5 won at once, then .5 x (.5 won, .1 back, .2 lost): .75 won, .05 back, .1 lost, .1 undecided.
    Win rates: lead = .344 offer, offer = .75 + .05 lead.
    """
    table = certain.table(n_draws=3)
    offer = 0.75 / (1 - 0.05 * 0.344)
    assert table.index.tolist() == ["lead", "offer"]
    assert table["conversion"].tolist() == pytest.approx([0.344, 0.75])
    assert table["undecided"].tolist() == pytest.approx([0.512, 0.1])
    assert table["win_rate"].tolist() == pytest.approx([0.344 * offer, offer])
    assert table["median_dwell"].tolist() == [1, 0]  # of .488 who leave: .2, .36, .488; of .9: .5, .9
    assert table["p90_dwell"].tolist() == [2, 1]
    assert table.loc["lead", "nominal"] == 0.1
    assert np.isnan(table.loc["offer", "nominal"])
    for name in ("conversion", "win_rate", "undecided", "median_dwell", "p90_dwell"):
        assert table[f"{name}_low"].tolist() == pytest.approx(table[name].tolist())  # certain: no spread
        assert table[f"{name}_high"].tolist() == pytest.approx(table[name].tolist())


def test_intervals_hold_the_stated_share_of_the_draws(counted: Funnel) -> None:
    table = counted.table(n_draws=100, seed=2, interval=0.6)
    conversions = []
    for draw in range(100):
        still, on = 1.0, 0.0
        hazards = counted.hazard_draws(0, Streams(2), [draw])[0]
        for age in range(3):
            row = hazards[min(age, 1)]
            on, still = on + still * (row[1] + row[2]), still * (1 - row.sum())
        conversions.append(on)
    low, high = table.loc["lead", ["conversion_low", "conversion_high"]]
    assert sum(low <= c <= high for c in conversions) == 60
    assert sum(c < low for c in conversions) == 20


def test_same_seed_same_table(counted: Funnel) -> None:
    assert counted.table(n_draws=20, seed=1).equals(counted.table(n_draws=20, seed=1))
    assert not counted.table(n_draws=20, seed=1).equals(counted.table(n_draws=20, seed=2))


def test_incidence_by_hand(certain: Funnel) -> None:
    incidence = certain.incidence("lead")
    assert incidence.columns.tolist() == ["offer", "lost"]
    assert incidence["offer"].tolist() == pytest.approx([0.2, 0.28, 0.344])
    assert incidence["lost"].tolist() == pytest.approx([0, 0.08, 0.144])
    longer = certain.incidence("lead", n_ages=4)
    assert longer["lost"].tolist() == pytest.approx([0, 0.08, 0.144, 0.144 + 0.512 * 0.01])
    assert incidence.index.name == "age in days"


def test_a_draw_does_not_depend_on_its_batch(counted: Funnel) -> None:
    together = counted.hazard_draws(0, Streams(5), range(6))
    apart = np.concatenate([counted.hazard_draws(0, Streams(5), part) for part in ([0, 1], [2], [3, 4, 5])])
    assert (together == apart).all()
    backward = counted.hazard_draws(0, Streams(5), [3, 2])
    assert (backward == together[[3, 2]]).all()


def test_levers_leave_the_draws_paired(counted: Funnel) -> None:
    """A change of volume or speed leaves every hazard as drawn; one of conversion every chance to leave."""
    for stage in (0, 1):
        drawn = counted.hazard_draws(stage, Streams(5), range(4))
        for lever in (Volume(2.0), Speed(2.0)):
            assert (lever.apply(counted).hazard_draws(stage, Streams(5), range(4)) == drawn).all()
        tilted = Conversion(2.0).apply(counted).hazard_draws(stage, Streams(5), range(4))
        np.testing.assert_allclose(tilted.sum(axis=2), drawn.sum(axis=2), rtol=1e-12)


def test_number_of_hazards_must_be_that_of_the_open_stages(certain: Funnel) -> None:
    with pytest.raises(FunnelError, match="2 open stages need as many hazards, not 1"):
        replace(certain, hazards=certain.hazards[:1])


def test_hazards_must_have_a_column_per_place(certain: Funnel) -> None:
    narrow = StageHazards(np.array([0, 1]), np.zeros((2, 3)), np.ones(2), np.zeros(3))
    with pytest.raises(FunnelError, match="stage 'offer': exits must have one row per bin and 4 columns"):
        replace(certain, hazards=(certain.hazards[0], narrow))


@pytest.mark.parametrize("stage", ["won", "nowhere"])
def test_unknown_stage_is_refused_with_the_names(certain: Funnel, stage: str) -> None:
    with pytest.raises(FunnelError, match=f"'{stage}' is no open stage; open stages are lead, offer"):
        certain.incidence(stage)


def test_funnel_prints_its_stages(certain: Funnel) -> None:
    text = repr(replace(certain, origin="by hand"))
    assert "lead > offer" in text
    assert "1.43 new deals a day" in text
    assert "by hand" in text
