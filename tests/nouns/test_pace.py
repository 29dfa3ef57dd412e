"""Pace: what a draw of it looks like, how it enters the chances, and that a file gives it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.engines.chances import Positions, batch_chances
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.funnel_file import FunnelFileError
from funnelsim.nouns.pace import ArrivalPace, Pace
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.level import Levels
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

STAGES = fs.Stages.named(["lead", "offer"])
LEAD, OFFER, WON, LOST = range(4)
CERTAIN = 1e14  # evidence that leaves a level no play


def levels(mean: list[float], discount: float = 1.0, transient: float = 0.0) -> Levels:
    n = len(mean)
    shape = np.full(n, CERTAIN)
    return Levels(shape, shape / np.array(mean), np.full(n, discount), np.full(n, transient))


def pace(
    mean: list[float],
    transitions: list[tuple[int, int]],
    arrivals: ArrivalPace | None = None,
    discount: float = 1.0,
) -> Pace:
    stage, place = np.array(transitions, dtype=np.int64).reshape(-1, 2).T.copy()
    return Pace(7, stage, place, levels(mean, discount=discount), arrivals)


@pytest.fixture
def funnel() -> Funnel:
    first_age = np.array([0, 1, 8])
    hazards = [
        [[0, 0.1, 0, 0], [0, 0.05, 0, 0.03], [0, 0.01, 0, 0.01]],
        [[0, 0, 0, 0], [0.01, 0, 0.04, 0.05], [0, 0, 0.02, 0.02]],
    ]
    written = tuple(
        StageHazards(first_age, np.array(h), np.ones(3), np.full(4, 0.25), is_certain=True) for h in hazards
    )
    return fs.Funnel(STAGES, fs.Clock("day"), written, Arrivals(7, 5.0, np.inf, 0.0, np.array([1.0, 0.0])))


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(
        clock=fs.Clock("day"),
        cutoff_step=int(fs.Clock("day").step_of("2026-03-31")),
        deal_ids=np.array(["a", "b"], dtype=object),
        stage=np.array([LEAD, OFFER]),
        age_steps=np.array([3, 30]),
        amount=np.array([np.nan, np.nan]),
        won_step=np.zeros(0, dtype=np.int64),
        won_amount=np.zeros(0),
        unrecorded_steps=4,
        attributes={},
    )


def chances_of(funnel: Funnel, pipeline: Pipeline):  # type: ignore[no-untyped-def]
    periods = Periods.parse("2Q", pipeline.clock, pipeline.cutoff_step + 1)
    return batch_chances(funnel, Positions.of(funnel, pipeline), periods, Streams(1), [0, 1])


DRIFT = 0.999  # with such evidence nothing comes of it, but the level counts as one that moves


@pytest.mark.parametrize("discount", [1.0, DRIFT], ids=["lasting", "moving"])
def test_a_level_of_one_changes_nothing(discount: float, funnel: Funnel, pipeline: Pipeline) -> None:
    """The recursion backward in time and the one by transform, through the same door."""
    one = replace(funnel, pace=pace([1.0], [(LEAD, OFFER)], discount=discount))
    assert funnel.is_steady
    assert one.is_steady == (discount == 1.0)
    for found, expected in (
        (getattr(chances_of(f, pipeline), part) for f in (one, funnel)) for part in ("open_deals", "new_wins")
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("discount", [1.0, DRIFT], ids=["lasting", "moving"])
def test_a_level_multiplies_the_rate_of_its_transition_alone(
    discount: float, funnel: Funnel, pipeline: Pipeline
) -> None:
    """Twice the rate of offer to won at every age is the funnel whose hazards say so."""

    def doubled(table: np.ndarray) -> np.ndarray:
        total = table.sum(axis=1, keepdims=True)
        rates = -np.log1p(-total) * np.divide(table, total, out=np.zeros_like(table), where=total > 0)
        rates[:, WON] *= 2.0
        return (
            rates
            * -np.expm1(-rates.sum(axis=1, keepdims=True))
            / np.maximum(rates.sum(axis=1, keepdims=True), 1e-300)
        )

    lead, offer = funnel.hazards
    by_hand = replace(funnel, hazards=(lead, replace(offer, exits=doubled(np.array(offer.exits)))))
    by_level = replace(funnel, pace=pace([2.0], [(OFFER, WON)], discount=discount))
    expected, found = chances_of(by_hand, pipeline), chances_of(by_level, pipeline)
    np.testing.assert_allclose(found.open_deals, expected.open_deals, atol=1e-6)
    np.testing.assert_allclose(found.new_wins, expected.new_wins, atol=1e-6)
    assert (found.open_deals > chances_of(funnel, pipeline).open_deals + 0.01).any()


def test_arrivals_follow_their_level(funnel: Funnel, pipeline: Pipeline) -> None:
    arrivals = ArrivalPace(np.array([0.5, 0.5]), levels([3.0, 3.0], transient=0.2))
    moved = chances_of(replace(funnel, pace=pace([], [], arrivals)), pipeline)
    usual = chances_of(funnel, pipeline)
    np.testing.assert_allclose(moved.new_wins, 3.0 * usual.new_wins, rtol=1e-6)
    assert moved.dispersion.tolist() == [0.2, 0.2]
    np.testing.assert_array_equal(moved.open_deals, usual.open_deals)


def test_levels_hold_within_their_blocks_and_begin_at_the_cutoff() -> None:
    law = Pace(7, np.array([0]), np.array([1]), Levels(*np.array([[9.0], [9.0], [0.5], [0.3]])))
    factors = law.factors(np.random.default_rng(2), 3, 17)
    assert factors.shape == (1, 3 + 1 + 17)
    assert (factors[0, :4] == factors[0, 0]).all()
    assert len(np.unique(factors[0, 4:11])) == len(np.unique(factors[0, 11:18])) == 1
    assert len(np.unique(factors)) == 4


def test_a_saved_pace_is_read_again(funnel: Funnel, tmp_path: Path) -> None:
    arrivals = ArrivalPace(np.array([0.25, 0.75]), levels([1.1, 0.9], 0.9, 0.08))
    kept = replace(funnel, pace=pace([1.5, 0.7], [(OFFER, WON), (LEAD, LOST)], arrivals))
    kept.save(tmp_path / "f.json")
    again = fs.Funnel.load(tmp_path / "f.json").pace
    assert again is not None
    assert again.block_steps == 7
    for one, other in ((kept.pace, again), (kept.pace.levels, again.levels)):
        for name in ("stage", "place") if one is kept.pace else ("shape", "rate", "discount", "transient"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(again.arrivals.weights, arrivals.weights)
    np.testing.assert_array_equal(again.arrivals.levels.discount, arrivals.levels.discount)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"to": "won"', '"to": "wonn"', "'wonn' is no stage or outcome"),
        ('"from": "offer"', '"from": "lost"', "must lead from an open stage"),
        ('"discount": 1.0', '"discount": 1.5', "pace.transitions no. 1, discount"),
        ('"shape"', '"shap"', "did you mean 'shape'"),
    ],
)
def test_a_pace_written_wrong_is_told_by_key(
    funnel: Funnel, tmp_path: Path, before: str, after: str, said: str
) -> None:
    path = tmp_path / "f.json"
    replace(funnel, pace=pace([1.5], [(OFFER, WON)])).save(path)
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(FunnelFileError, match=said):
        fs.Funnel.load(path)
