"""Levers against their definitions: what each changes, what it leaves, and how they compose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from funnelsim.nouns.changes import Changes
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import Lever, LeverError, Together
from funnelsim.nouns.levers.rates import Conversion, Speed, Volume, WinRate, three_levers
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.recursion import won_after_entry, won_from_age
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.stages import Outcome, Stage, Stages

STAGES = Stages(
    (Stage("lead"), Stage("offer", ("proposal",)), Stage("close")),
    (Outcome("expired", "lost"), Outcome("won", "won"), Outcome("lost", "lost")),
)
LEAD, OFFER, CLOSE, EXPIRED, WON, LOST = range(6)
DRAWS = range(4)


def counted(exits: list[list[float]], at_risk: list[float], first_age: list[int]) -> StageHazards:
    table = np.array(exits, dtype=float)
    return StageHazards(
        np.array(first_age), table, np.array(at_risk, dtype=float), table.sum(axis=0) / table.sum()
    )


@pytest.fixture
def funnel() -> Funnel:
    """Backward moves, skips, exits at age 0, splits that change with age."""
    return Funnel(
        stages=STAGES,
        clock=Clock("day"),
        hazards=(
            counted(
                [[0, 5, 1, 0, 0, 4], [0, 30, 4, 0, 2, 14], [0, 9, 0, 6, 0, 25], [0] * 6],
                [200, 900, 700, 90],
                [0, 1, 8, 30],
            ),
            counted([[1, 0, 3, 0, 0, 2], [4, 0, 25, 0, 3, 18], [0] * 6], [120, 640, 50], [0, 1, 25]),
            counted([[0, 0, 0, 0, 6, 4], [0, 5, 0, 9, 30, 11], [0] * 6], [90, 500, 20], [0, 1, 20]),
        ),
        arrivals=Arrivals(7, 12.0, 20.0, 0.1, np.array([30.0, 5.0, 0.0])),
        amounts=Amounts(np.array([10.0, 20.0]), np.array([3.0, 1.0])),
    )


def hazards(funnel: Funnel, stage: int) -> np.ndarray:
    return funnel.hazard_draws(stage, Streams(3), DRAWS)


def won(funnel: Funnel, n_steps: int) -> np.ndarray:
    """Chance to be won within n steps of entry, shape (n_draws, n_steps + 1, n_open)."""
    return won_after_entry(funnel.rates(Streams(3), DRAWS), STAGES.is_won, n_steps)


def assert_same(one: Funnel, other: Funnel) -> None:
    """Two funnels that say the same of every future (up to rounding)."""
    for stage in range(3):
        np.testing.assert_allclose(hazards(one, stage), hazards(other, stage), rtol=1e-12)
    for a, b in zip(one.rates(Streams(3), DRAWS), other.rates(Streams(3), DRAWS), strict=True):
        np.testing.assert_allclose(a.speed, b.speed, rtol=1e-12)
    for draw in DRAWS:
        (rate, shares), (other_rate, other_shares) = (f.arrival_draw(Streams(3), draw) for f in (one, other))
        assert rate == pytest.approx(other_rate, rel=1e-12)
        np.testing.assert_allclose(shares, other_shares, rtol=1e-12)
        assert (one.amount_draw(Streams(3), draw) == other.amount_draw(Streams(3), draw)).all()


# --- conversion


def forward_of(stage: int) -> list[int]:
    return [code for code in range(6) if (stage < code < 3) or code == WON]


@pytest.mark.parametrize("odds", [0.5, 1.1, 3.0])
def test_conversion_multiplies_the_odds_at_every_age_and_keeps_the_pace(funnel: Funnel, odds: float) -> None:
    changed = Conversion(odds).apply(funnel)
    for stage in range(3):
        before, after = hazards(funnel, stage), hazards(changed, stage)
        forward = forward_of(stage)
        rest = [code for code in range(6) if code not in forward]
        for draw in DRAWS:
            for row, row_then in zip(before[draw], after[draw], strict=True):
                assert sum(row_then) == pytest.approx(sum(row), rel=1e-12)
                usual = row[forward].sum() / row[rest].sum()
                assert row_then[forward].sum() / row_then[rest].sum() == pytest.approx(odds * usual, rel=1e-9)


def test_conversion_of_one_stage_leaves_the_others(funnel: Funnel) -> None:
    changed = Conversion(2.0, stage="offer").apply(funnel)
    assert (hazards(changed, LEAD) == hazards(funnel, LEAD)).all()
    assert (hazards(changed, CLOSE) == hazards(funnel, CLOSE)).all()
    assert (hazards(changed, OFFER) != hazards(funnel, OFFER)).any()
    assert_same(Conversion(2.0, stage="proposal").apply(funnel), changed)  # an alias serves as well


def test_odds_multiply(funnel: Funnel) -> None:
    twice = Conversion(1.25, "lead").apply(Conversion(1.6, "lead").apply(funnel))
    assert_same(twice, Conversion(2.0, "lead").apply(funnel))
    undone = Conversion(0.5).apply(Conversion(2.0).apply(funnel))
    assert_same(undone, funnel)


def conversion_by_hand(funnel: Funnel, stage: int) -> float:
    """Follow a deal age by age through the mean hazards, to the oldest age anyone left at."""
    table, first_age = funnel.mean_hazards(stage), funnel.hazards[stage].first_age
    still, forward = 1.0, 0.0
    for age in range(int(first_age[-1])):
        row = table[[i for i, first in enumerate(first_age) if first <= age][-1]]
        forward += still * row[forward_of(stage)].sum()
        still *= 1 - row.sum()
    return forward


@pytest.mark.parametrize("stage", ["lead", "offer", "close"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_conversion_to_a_wanted_value_reaches_it(funnel: Funnel, stage: str, share: float) -> None:
    code = STAGES.codes[stage]
    highest = conversion_by_hand(Conversion(1e12, stage).apply(funnel), code)
    wanted = share * highest
    lever = Conversion.to(wanted, funnel, stage)
    assert conversion_by_hand(lever.apply(funnel), code) == pytest.approx(wanted, abs=1e-9)
    assert lever.stage == stage
    assert funnel.table().loc[stage, "conversion"] == pytest.approx(conversion_by_hand(funnel, code))


def test_conversion_to_starts_from_what_levers_have_changed(funnel: Funnel) -> None:
    changed = Conversion(1.7, "offer").apply(funnel)
    wanted = conversion_by_hand(changed, OFFER)
    assert Conversion.to(wanted, changed, "offer").odds == pytest.approx(1.0, abs=1e-8)
    assert Conversion.to(wanted, funnel, "offer").odds == pytest.approx(1.7, rel=1e-8)


def test_conversion_beyond_those_who_leave_is_refused_with_the_reason(funnel: Funnel) -> None:
    highest = conversion_by_hand(Conversion(1e12, "offer").apply(funnel), OFFER)
    most, rest = 100 * highest, 100 - 100 * highest
    message = rf"conversion of 'offer' cannot be 99.0 %: .* {most:.1f} %, because {rest:.1f} % are not"
    with pytest.raises(LeverError, match=message):
        Conversion.to(0.99, funnel, "offer")
    with pytest.raises(LeverError, match="cannot be"):
        Conversion.to(highest + 1e-6, funnel, "offer")
    assert Conversion.to(highest - 1e-6, funnel, "offer").odds > 1


def test_a_stage_without_a_way_forward_is_named_as_the_reason(funnel: Funnel) -> None:
    """No split of those who are lost brings a win: to say "between 0 % and 0 %" would not help."""
    only_lost = counted([[0.0] * 5 + [20.0], [0.0] * 5 + [30.0]], [100.0, 80.0], [0, 1])
    stuck = replace(funnel, hazards=(*funnel.hazards[:CLOSE], only_lost))
    with pytest.raises(LeverError, match=r"conversion of 'close' cannot be 50.0 %: its deals go to no later"):
        Conversion.to(0.5, stuck, "close")
    with pytest.raises(LeverError, match=r"win rate of 'close' cannot be 50.0 %: no way leads from there"):
        WinRate.to(0.5, stuck, "close")


@pytest.mark.parametrize("wanted", [-0.1, 0.0, 1.0, 1.5, float("nan")])
def test_conversion_to_nonsense_is_refused(funnel: Funnel, wanted: float) -> None:
    with pytest.raises(LeverError, match=r"cannot be|must lie between 0 and 1"):
        Conversion.to(wanted, funnel, "offer")


def test_higher_conversion_never_lowers_a_chance_to_win_from_the_last_stage(funnel: Funnel) -> None:
    assert (won(Conversion(1.2).apply(funnel), 80) >= won(funnel, 80) - 1e-12)[:, :, CLOSE].all()
    assert (won(Conversion(1.2).apply(funnel), 400)[:, -1] > won(funnel, 400)[:, -1]).all()


# --- speed


def constant_split(funnel: Funnel) -> Funnel:
    """Any pace by age, but one split per stage: then speed must leave where deals end."""
    pace = {0: 0.05, 1: 0.02, 4: 0.11, 15: 0.04, 40: 0.06}
    stages = []
    for counts in funnel.hazards:
        split = counts.exits.sum(axis=0) / counts.exits.sum()
        table = np.outer(list(pace.values()), split)
        stages.append(StageHazards(np.array(list(pace)), table, np.ones(len(pace)), split, is_certain=True))
    return replace(funnel, hazards=tuple(stages))


@pytest.mark.parametrize("factor", [0.5, 1.25, 3.0])
def test_speed_leaves_the_eventual_conversion(funnel: Funnel, factor: float) -> None:
    even = constant_split(funnel)
    before, after = won(even, 1500), won(Speed(factor).apply(even), 1500)
    np.testing.assert_allclose(after[:, -1], before[:, -1], atol=1e-9)
    assert (np.abs(after - before) > 0.01).any()  # but not when they come


def test_speed_moves_wins_earlier_and_keeps_moves_within_a_step(funnel: Funnel) -> None:
    even = constant_split(funnel)
    before, faster = won(even, 60), won(Speed(1.5).apply(even), 60)
    assert (faster >= before - 1e-12).all()
    np.testing.assert_allclose(faster[:, 0], before[:, 0], rtol=1e-12)


def test_speed_follows_the_clock_of_open_deals(funnel: Funnel) -> None:
    """From age a, the u-th step takes the cumulative hazard between ages a + (u-1) v and a + u v."""
    v, age, n_steps = 1.6, 3, 12
    stage = Speed(v).apply(funnel).rates(Streams(3), DRAWS)[CLOSE]
    table, first_age = hazards(funnel, CLOSE), funnel.hazards[CLOSE].first_age
    direct = np.zeros((4, n_steps + 1, 3))  # what a deal wins after it has moved on is left out
    found = won_from_age(stage, np.array([age]), direct, STAGES.is_won, np.arange(1, n_steps + 1))[:, 0]
    grid = 1000
    for draw in DRAWS:
        still, reached = 1.0, 0.0
        for u in range(1, n_steps + 1):
            ages = age + (u - 1) * v + (np.arange(grid) + 0.5) * v / grid  # cut the step into small parts
            rows = table[draw][np.searchsorted(first_age, np.ceil(ages), side="right") - 1]
            total = rows.sum(axis=1)
            parts = (-np.log1p(-total) / total)[:, None] * rows * v / grid
            rate, to_won = parts.sum(), parts[:, WON].sum()
            reached += still * to_won / rate * -np.expm1(-rate)
            still *= np.exp(-rate)
            assert found[draw, u - 1] == pytest.approx(reached, abs=2e-4)
        with pytest.raises(AssertionError):
            assert found[draw, -1] == pytest.approx(reached + 1e-3, abs=2e-4)


def test_speed_of_one_stage_and_except_some_causes(funnel: Funnel) -> None:
    changed = Speed(1.5, stage="offer", except_to=("expired", "lost")).apply(funnel)
    expected = np.ones((3, 6))
    expected[OFFER] = [1.5, 1.5, 1.5, 1.0, 1.5, 1.0]
    assert changed.changes.speed.tolist() == expected.tolist()
    for stage, rates in zip(expected, changed.rates(Streams(3), DRAWS), strict=True):
        assert rates.speed.tolist() == stage[rates.places].tolist()
    assert_same(Speed(1.5, "proposal", ("expired", "lost")).apply(funnel), changed)


def test_excluded_causes_keep_their_clock_and_change_the_conversion(funnel: Funnel) -> None:
    even = constant_split(funnel)
    slower_losses = Speed(1.5, except_to=("lost", "expired")).apply(even)
    assert (won(slower_losses, 1500)[:, -1] > won(even, 1500)[:, -1] + 0.01).all()


def test_speeds_multiply(funnel: Funnel) -> None:
    assert_same(Speed(0.8).apply(Speed(1.25).apply(funnel)), funnel)
    assert_same(
        Speed(1.5, "lead").apply(Speed(1.2).apply(funnel)), Speed(1.2).apply(Speed(1.5, "lead").apply(funnel))
    )
    assert Speed(1.5).apply(Speed(2.0, "lead").apply(funnel)).changes.speed[:, 0].tolist() == [3.0, 1.5, 1.5]


def test_speed_leaves_the_hazards_that_are_reported(funnel: Funnel) -> None:
    for stage in range(3):
        assert (hazards(Speed(2.0).apply(funnel), stage) == hazards(funnel, stage)).all()


# --- volume


@pytest.mark.parametrize("factor", [0.5, 1.1, 4.0])
def test_volume_multiplies_arrivals_and_nothing_else(funnel: Funnel, factor: float) -> None:
    changed = Volume(factor).apply(funnel)
    for draw in DRAWS:
        rate, shares = funnel.arrival_draw(Streams(3), draw)
        rate_then, shares_then = changed.arrival_draw(Streams(3), draw)
        assert rate_then == pytest.approx(factor * rate, rel=1e-12)
        assert (shares == shares_then).all()
    assert_same(replace(changed, changes=replace(changed.changes, volume=1.0)), funnel)


def test_volumes_multiply(funnel: Funnel) -> None:
    assert_same(Volume(2.0).apply(Volume(0.5).apply(funnel)), funnel)


# --- together


LEVERS = (Volume(1.3), Conversion(1.4), Speed(1.25), Conversion(0.7, "offer"), Speed(0.9, "lead", ("lost",)))


def test_levers_commute_and_compose(funnel: Funnel) -> None:
    expected = Together(LEVERS).apply(funnel)
    for order in list(permutations(LEVERS))[::17]:
        changed = funnel
        for lever in order:
            changed = lever.apply(changed)
        assert_same(changed, expected)
        assert_same(Together(order).apply(funnel), expected)


def test_together_of_together_is_together(funnel: Funnel) -> None:
    nested = Together((Together(LEVERS[:2]), *LEVERS[2:]))
    assert_same(nested.apply(funnel), Together(LEVERS).apply(funnel))


def test_the_funnel_itself_is_left_as_it_was(funnel: Funnel) -> None:
    before = [hazards(funnel, stage).copy() for stage in range(3)]
    Together(LEVERS).apply(funnel)
    assert all((hazards(funnel, stage) == old).all() for stage, old in enumerate(before))
    neutral = Changes.none(STAGES)
    assert funnel.changes.volume == neutral.volume
    assert (funnel.changes.forward_log_odds == neutral.forward_log_odds).all()
    assert (funnel.changes.speed == neutral.speed).all()


@pytest.mark.parametrize("lever", [Volume(1.0), Conversion(1.0), Speed(1.0), Speed(1.0, "lead")])
def test_a_factor_of_one_changes_nothing(funnel: Funnel, lever: Lever) -> None:
    assert_same(lever.apply(funnel), funnel)
    assert (won(lever.apply(funnel), 50) == won(funnel, 50)).all()


def test_three_levers_are_the_classical_strategies() -> None:
    assert three_levers(1.2) == (Volume(1.2), Conversion(1.2), Speed(1.2))
    assert all(isinstance(lever, Lever) for lever in three_levers())


# --- names and refusals


@pytest.mark.parametrize(
    ("lever", "words"),
    [
        (Volume(1.1), ["new deals", "+10 %"]),
        (Volume(0.8), ["-20 %"]),
        (Conversion(1.25, "offer"), ["offer", "odds", "+25 %"]),
        (Speed(1.25, "lead", ("expired",)), ["lead", "+25 %", "expired"]),
        (Together((Volume(1.1), Speed(0.9))), ["new deals +10 %", "-10 %"]),
    ],
)
def test_names_say_what_changes(lever: Lever, words: list[str]) -> None:
    assert all(word in lever.name for word in words)


@pytest.mark.parametrize("make", [Volume, Conversion, Speed])
@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_impossible_factor_is_refused(make: Callable[[float], Any], factor: float) -> None:
    with pytest.raises(LeverError, match="finite factor above 0"):
        make(factor)


@pytest.mark.parametrize("make", [Conversion, Speed])
@pytest.mark.parametrize("stage", ["won", "lost", "nowhere"])
def test_unknown_or_ended_stage_is_refused_with_the_names(
    funnel: Funnel, make: Callable[[float, str], Lever], stage: str
) -> None:
    with pytest.raises(
        LeverError, match=f"no open stage is called '{stage}'; open stages are lead, offer, close"
    ):
        make(1.1, stage).apply(funnel)


def test_unknown_exception_is_refused_with_the_names(funnel: Funnel) -> None:
    with pytest.raises(LeverError, match=r"no stage or outcome is called 'nowhere'; they are lead, .*, lost"):
        Speed(1.1, except_to=("nowhere",)).apply(funnel)
