"""Families of worlds: what they claim against closed forms, and nothing of the future in the history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from funnelsim.questions.worlds import FAMILIES, WorldError, families_named, simulate_world
from funnelsim.questions.worlds.process import AmountLaw, Desks, Process
from funnelsim.questions.worlds.walk import Deals, Walked, walk

SEED = 4
every_family = pytest.mark.parametrize("name", list(FAMILIES))


def process_of(name: str, seed: int = SEED) -> Process:
    return FAMILIES[name].draw(np.random.default_rng(seed))


def brief(process: Process, n_before: int = 250, n_after: int = 100) -> Process:
    """The process over fewer days around its cutoff."""
    first = max(process.start_step, process.cutoff_step - n_before)
    last = process.cutoff_step + n_after
    days = slice(first - process.start_step, last - process.start_step + 1)
    by_day = ("arrival_rate", "class_shares", "cause_factors", "forward_log_odds")
    cut = {name: getattr(process, name)[days] for name in by_day}
    return replace(process, start_step=first, end_step=last, **cut)


def until_gone(process: Process, per_day: float, n_days: int = 100) -> tuple[Process, Walked]:
    """Deals arrive for some days at the rates of the cutoff, and every one is followed to its end."""
    chances = process.chances.copy()
    chances[:, :, -1] *= 0.05 / chances[:, :, -1].sum(axis=-1, keepdims=True)  # or the last ones take years
    day, n_steps = process.cutoff_step - process.start_step, n_days + 1200
    rate = np.where(np.arange(n_steps) < n_days, per_day, 0.0)
    steady = replace(
        process,
        chances=chances,
        start_step=0,
        cutoff_step=n_steps - 1,
        end_step=n_steps - 1,
        arrival_rate=rate,
        class_shares=np.tile(process.class_shares[day], (n_steps, 1)),
        cause_factors=np.tile(process.cause_factors[day], (n_steps, 1)),
        forward_log_odds=np.full(n_steps, process.forward_log_odds[day]),
    )
    walked = walk(steady, Deals.none(), 0, n_steps - 1, np.random.default_rng(SEED))
    assert not len(walked.deals.number)
    return steady, walked


# --- seeds, and what a history may know ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small_volume", "capacity_limited"])
def test_the_same_seed_gives_the_same_world(name: str) -> None:
    one, same = FAMILIES[name].world(SEED), FAMILIES[name].world(SEED)
    pd.testing.assert_frame_equal(one.history.records.moves, same.history.records.moves)
    pd.testing.assert_frame_equal(one.history.records.deals, same.history.records.deals)
    np.testing.assert_array_equal(one.wins.step, same.wins.step)
    np.testing.assert_array_equal(one.wins.amount, same.wins.amount)


def test_other_seeds_and_other_families_are_other_worlds() -> None:
    """Seven hundred stable worlds are no copies of one: rates, chances, amounts, length and cutoff differ."""
    drawn = [process_of("stable", seed) for seed in range(40)]
    for value in (
        [p.arrival_rate[-1] for p in drawn],
        [p.chances[0, 1, 3, 2] for p in drawn],
        [p.amounts.log_sd for p in drawn],
    ):
        assert len(set(value)) == 40
    assert len({p.cutoff_step for p in drawn}) > 9
    months = [round((p.cutoff_step - p.start_step) / 30.44) for p in drawn]
    assert 24 <= min(months) < 27
    assert 33 < max(months) <= 36
    streams = {FAMILIES[name].world(SEED).wins.amount[0] for name in ("stable", "late_window", "loops")}
    assert len(streams) == 3


@every_family
def test_a_history_holds_nothing_after_its_cutoff(name: str) -> None:
    """Another future under other laws leaves the history as it was, to the last record."""
    process = brief(process_of(name))
    after = np.arange(process.start_step, process.end_step + 1) > process.cutoff_step
    otherwise = replace(
        process,
        arrival_rate=np.where(after, 3 * process.arrival_rate, process.arrival_rate),
        forward_log_odds=np.where(after, 2.0, process.forward_log_odds),
        class_shares=np.where(after[:, None], process.class_shares[:, ::-1], process.class_shares),
    )
    one, other = simulate_world(process, SEED), simulate_world(otherwise, SEED)
    pd.testing.assert_frame_equal(one.history.records.moves, other.history.records.moves)
    pd.testing.assert_frame_equal(one.history.records.deals, other.history.records.deals)
    assert len(one.wins.step) < len(other.wins.step)  # the laws did act
    assert one.history.cutoff_step == process.cutoff_step
    assert (one.history.clock.step_of(one.history.records.moves["entered_at"]) <= process.cutoff_step).all()
    assert len(one.history.records.deals) == one.history.records.moves["deal"].nunique()
    assert (one.wins.step > process.cutoff_step).all()


@every_family
def test_the_pipeline_is_the_true_state_less_what_is_hidden(name: str) -> None:
    """Same deals, stages, amounts and, where no deal waits for a desk, ages."""
    world = simulate_world(brief(process_of(name)), SEED)
    pipeline, deals = world.history.pipeline(), world.deals
    np.testing.assert_array_equal(pipeline.stage, deals.stage)
    np.testing.assert_array_equal(pipeline.amount, world.amount)
    hidden = pipeline.age_steps - deals.age
    assert (hidden >= 0).all()
    if world.process.desks is None:
        assert not hidden.any()
    else:
        assert hidden[~deals.is_worked].max() > 0


def test_periods_beyond_what_is_known_are_refused() -> None:
    world = FAMILIES["small_volume"].world(SEED)
    assert len(world.edges(4)) == 5
    with pytest.raises(WorldError, match="reach beyond the last simulated day"):
        world.edges(5)
    cutoff = world.process.cutoff_step
    for edges, said in (
        ([cutoff, cutoff + 9], "must lie after the cutoff"),
        ([cutoff + 1, world.process.end_step + 2], "and end by"),
        ([cutoff + 9, cutoff + 9], "increase"),
    ):
        with pytest.raises(WorldError, match=said):
            world.actual(np.array(edges))


def test_unknown_families_are_refused() -> None:
    assert [family.name for family in families_named(["loops", "stable"])] == ["loops", "stable"]
    with pytest.raises(WorldError, match="no family of worlds is called 'lops'; there are well_specified"):
        families_named(["lops"])


def test_the_actual_splits_by_period_and_by_who_was_open() -> None:
    world = FAMILIES["stable"].world(SEED)
    edges, wins = world.edges(4), world.wins
    actual = world.actual(edges)
    assert actual.open_wins.shape == (1, 4)
    for period in range(4):
        inside = (wins.step >= edges[period]) & (wins.step < edges[period + 1])
        assert actual.open_wins[0, period] == (inside & wins.was_open).sum()
        assert actual.new_bookings[0, period] == pytest.approx(wins.amount[inside & ~wins.was_open].sum())
    assert edges[-1] == world.process.end_step + 1  # four whole quarters: every win simulated is in one
    assert actual.open_wins.sum() + actual.new_wins.sum() == len(wins.step)


# --- moments against closed forms ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["well_specified", "mix_shift", "loops"])
def test_wins_visits_and_days_are_those_of_the_absorbing_chain(name: str) -> None:
    """Some 15,000 deals, all followed to their end. d: 2 points of win rate, 5 % of visits, 3 % of days."""
    process, walked = until_gone(process_of(name), per_day=150.0)
    n_deals, n_open, day = len(walked.klass), process.stages.n_open, process.cutoff_step
    shares = process.class_shares[0]
    won, chance = process.stages.is_won[walked.place].sum() / n_deals, float(shares @ process.win_chance(day))
    assert abs(won - chance) < 4 * np.sqrt(chance * (1 - chance) / n_deals)
    assert abs(won - chance - 0.02) > 4 * np.sqrt(chance * (1 - chance) / n_deals)  # it could have failed
    visits = np.einsum("c,s,csj->cj", shares, process.entry_shares, process.visits(day))
    by_deal, here = np.zeros((n_deals, n_open)), walked.place < n_open
    np.add.at(by_deal, (walked.deal[here], walked.place[here]), 1)
    error = by_deal.std(axis=0, ddof=1) / np.sqrt(n_deals)
    assert (np.abs(by_deal.mean(axis=0) - visits.sum(axis=0)) < stats.norm.isf(3.2e-5 / n_open) * error).all()
    first, last = np.full(n_deals, 10**6), np.zeros(n_deals, dtype=np.int64)
    np.minimum.at(first, walked.deal, walked.step)
    np.maximum.at(last, walked.deal, walked.step)
    days, expected = last - first, float((visits * process.mean_stay(day)).sum())
    assert abs(days.mean() - expected) < 4 * days.std(ddof=1) / np.sqrt(n_deals)


@every_family
def test_as_many_wins_a_quarter_as_the_family_says(name: str) -> None:
    """34 a quarter at the pace of the cutoff, but for small worlds and those that lack desks."""
    wins = np.array([wins_a_quarter(process_of(name, seed)) for seed in range(40)])
    if name == "small_volume":
        assert 4.0 <= wins.min() < 5.0
        assert 8.0 < wins.max() <= 9.0
    else:
        error = np.log(wins / (1.4 * 34 if name == "capacity_limited" else 34))
        assert abs(error.mean()) < 4 * 0.2 / np.sqrt(40)  # d: 25 %
        assert 0.1 < error.std() < 0.35


def wins_a_quarter(process: Process) -> float:
    """Arrivals around the cutoff times the chance to win on a day without a rush."""
    day = process.cutoff_step - process.start_step
    ordinary = replace(process, cause_factors=np.ones_like(process.cause_factors), desks=None)
    chance = float(process.class_shares[day] @ ordinary.win_chance(process.cutoff_step))
    by_season = process.arrival_rate[day - 364 : day + 1]
    is_season = len(np.unique(by_season)) == 12
    return 91.3125 * chance * float(by_season.mean() if is_season else by_season[-1])


@pytest.mark.parametrize("name", ["stable", "overdispersed_arrivals"])
def test_arrivals_of_a_block_have_the_variance_stated(name: str) -> None:
    """Variance of a block's count = m + phi m^2, 4,000 futures. d: 1 % of the mean, 13 % of the variance."""
    process, n = replace(process_of(name), desks=Desks(0, 0.0)), 4000  # nobody is worked: only arrivals count
    first = process.cutoff_step + 1
    last = first + process.swing_steps - 1
    walked = walk(process, Deals.none(), first, last, np.random.default_rng(SEED), n_futures=n)
    counts = np.bincount(walked.future, minlength=n)
    mean = process.arrival_rate[first - process.start_step] * process.swing_steps
    variance = mean + process.dispersion * mean**2
    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / n)
    excess = 6 * process.dispersion + 1 / variance  # of the negative binomial
    assert abs(counts.var(ddof=1) - variance) < 4 * variance * np.sqrt((2 + excess) / n)
    assert variance > 1.15 * mean


def test_arrivals_follow_the_month_of_the_year() -> None:
    """A year in 100 futures against the rate; months differ by 25 % and more. d: 5 % of a month."""
    process = replace(process_of("season"), desks=Desks(0, 0.0), dispersion=0.0)
    first, last = process.cutoff_step + 1, process.end_step
    walked = walk(process, Deals.none(), first, last, np.random.default_rng(SEED), n_futures=100)
    arrived = walked.step[: len(walked.future)]
    month_of = np.arange(first, last + 1).astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    rate = process.arrival_rate[first - process.start_step :]
    expected = 100 * np.bincount(month_of, rate)
    counts = np.bincount(month_of[arrived - first])
    assert (np.abs(counts - expected) < stats.norm.isf(3.2e-5 / 12) * np.sqrt(expected)).all()
    assert expected.max() / expected.min() > 1.25
    assert rate.mean() == pytest.approx(process.arrival_rate[:365].mean(), rel=0.01)


def test_shares_of_classes_shift_in_time() -> None:
    process = replace(process_of("mix_shift"), desks=Desks(0, 0.0))
    walked = walk(process, Deals.none(), process.start_step, process.end_step, np.random.default_rng(SEED))
    day = walked.step[: len(walked.klass)] - process.start_step
    late = day > process.cutoff_step - process.start_step
    for which in (late, ~late):
        expected = process.class_shares[day[which]].sum(axis=0)
        counts = np.bincount(walked.klass[which], minlength=3)
        assert stats.chisquare(counts, expected).pvalue > 6e-5
    first, last = process.class_shares[0], process.class_shares[-1]
    assert np.abs(first - last).max() > 0.3


def test_amounts_have_the_body_and_the_tail_stated() -> None:
    """Quantiles by the binomial test, 40,000 amounts. d: 1 point of probability, 8 % of a far quantile."""
    law, n = AmountLaw(np.array([10.0, 11.0]), 0.8, tail_index=1.5, tail_share=0.1), 40_000
    amount = law.draw(np.ones(n, dtype=np.int64), np.random.default_rng(SEED))
    start = np.exp(11.0 + 1.2816 * 0.8)
    body = stats.norm(11.0, 0.8)
    for above in (10.5, 11.0, 12.0):
        chance = 0.9 * body.sf(above) + 0.1 * min(1.0, (np.exp(above) / start) ** -1.5)
        assert stats.binomtest(int((amount > np.exp(above)).sum()), n, chance).pvalue > 1e-4
    for times in (2.0, 5.0, 20.0):
        chance = 0.9 * body.sf(np.log(times * start)) + 0.1 * times**-1.5
        assert stats.binomtest(int((amount > times * start).sum()), n, chance).pvalue > 1e-4
    plain = AmountLaw(np.array([10.0, 11.0]), 0.8)
    drawn = plain.draw(np.zeros(n, dtype=np.int64), np.random.default_rng(SEED))
    assert abs(drawn.mean() - plain.mean[0]) < 4 * drawn.std() / np.sqrt(n)
    capped = np.minimum(amount, 30 * start)
    tail_lost = (
        0.1 * start * 1.5 / 0.5 * 30**-0.5
    )  # mean of what the cap takes off: E[X; X > c], less the cap
    tail_kept = law.mean[1] - tail_lost + 30 * start * 0.1 * 30**-1.5
    assert abs(capped.mean() - tail_kept) < 4 * capped.std() / np.sqrt(n)


def test_zombies_never_end_and_pile_up() -> None:
    world = FAMILIES["zombies"].world(SEED)
    is_zombie = world.deals.klass == 1
    assert is_zombie.sum() > 100
    process = world.process
    assert process.win_chance(process.cutoff_step)[1] == 0.0
    assert process.routes(process.cutoff_step)[1, :, process.stages.n_open :].sum() == 0.0
    assert "source" not in world.history.records.deals  # no column gives them away


def test_a_late_window_loses_exactly_what_ended_before_it() -> None:
    process = brief(process_of("late_window"), n_before=700)
    late, whole = (
        simulate_world(process, SEED),
        simulate_world(replace(process, window_start_step=None), SEED),
    )
    closed = whole.history.deals
    closed_step = whole.history.clock.step_of(closed["closed_at"].fillna(pd.Timestamp("2100-01-01")))
    kept = closed[closed_step >= process.window_start_step].reset_index(drop=True)
    assert len(kept) < 0.8 * len(closed)
    pd.testing.assert_frame_equal(late.history.deals, kept)
    assert late.history.window_start_step == process.window_start_step


def test_wins_rush_at_the_end_of_quarters() -> None:
    process = process_of("quarter_end_rush")
    world = simulate_world(replace(process, arrival_rate=10 * process.arrival_rate), SEED)
    days = world.wins.step.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    left = ((month + 3 - month.astype(int) % 3).astype("datetime64[D]") - days).astype(int)
    assert (left <= 10).mean() > 1.4 * 10 / 91  # at an even pace it would be 10 / 91


# --- desks -------------------------------------------------------------------------------------------------


def test_desks_are_taken_in_order_and_never_exceeded() -> None:
    world = FAMILIES["capacity_limited"].world(SEED)
    deals, desks = world.deals, world.process.desks
    assert desks is not None
    assert (
        0.9 * desks.n_desks < deals.is_worked.sum() <= desks.n_desks
    )  # those freed today are taken tomorrow
    waiting = deals.number[~deals.is_worked]
    assert len(waiting) > 0
    assert (waiting > deals.number[deals.is_worked].max()).all()  # first come, first served
    assert not deals.age[~deals.is_worked].any()


def test_enough_desks_are_no_limit_and_few_ones_cost_wins() -> None:
    process = brief(process_of("capacity_limited"))
    free, ample = (simulate_world(replace(process, desks=d), SEED) for d in (None, Desks(10**6, 0.5)))
    pd.testing.assert_frame_equal(
        free.history.records.moves.drop(columns="row"), ample.history.records.moves.drop(columns="row")
    )
    assert simulate_world(process, SEED).history.n_deals == free.history.n_deals
    limited = simulate_world(process, SEED)
    assert len(limited.wins.step) < 0.9 * len(free.wins.step)
