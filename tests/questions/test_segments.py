"""Segments: sums that must hold, names that must not matter, luck that must not be read as skill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import funnelsim as fs
from funnelsim.fitting.groups import SegmentError, SegmentWarning
from funnelsim.nouns.records import Records
from funnelsim.numerics.hazards import count_ages
from funnelsim.numerics.incidence import observed_routes, tilt_forward, win_rates
from funnelsim.questions.segments import Segments

LUCK = "not more than luck"
SHORT = {"start": "2025-06-01", "as_of": "2026-05-31", "window_start": None}  # about 1,000 deals


def labelled(history: fs.DealHistory, name: str, values: np.ndarray) -> fs.DealHistory:
    """The same history with one more attribute, given by record."""
    deals = history.records.deals.assign(**{name: values})
    return replace(history, records=Records(deals, history.records.moves, history.records.keeps_file_order))


def with_reps(seed: int, n_reps: int, **settings: object) -> fs.DealHistory:
    """Deals all alike, shared out among reps by lot."""
    history = fs.simulate_history(seed, segments=False, **settings)
    rng = np.random.default_rng(seed)
    names = np.array([f"rep {i}" for i in range(n_reps)], dtype=object)
    return labelled(history, "rep", names[rng.integers(n_reps, size=len(history.records.deals))])


def assert_all_stated(found: Segments) -> None:
    """No number is missing, and every interval holds its estimate."""
    table, league, transitions = found.table(), found.league(), found.transitions()
    for frame in (table, league, transitions, found.differences()):
        assert not frame.isna().any().any()
    for frame, names in (
        (table, ["raw_win_rate", "win_rate", "raw_pace", "pace"]),
        (transitions, ["raw_ratio", "ratio"]),
    ):
        for name in names:
            assert (frame[f"{name}_low"] <= frame[name] + 1e-9).all()
            assert (frame[name] <= frame[f"{name}_high"] + 1e-9).all()
    rates = table[[c for c in table if "win_rate" in c]].to_numpy()
    assert ((rates >= 0) & (rates <= 1)).all()
    assert np.isfinite(found.ratios).all()
    assert league["chance_best"].sum() == pytest.approx(1.0)
    n = len(league)
    assert (league["chance_faster"] + league["chance_slower"] <= 1 + 1e-9).all()
    assert league["expected_rank"].sum() == pytest.approx(n * (n + 1) / 2)


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(3)


@pytest.fixture(scope="module")
def by_owner(history: fs.DealHistory) -> Segments:
    return fs.segments(history, "owner", n_draws=400)


# --- what must add up


def test_groups_add_up_to_all_deals(history, by_owner):
    table, n_open = by_owner.table(), history.stages.n_open
    outcomes = history.deals["outcome"].value_counts()
    assert table["n_deals"].sum() == history.n_deals
    assert [table[f"n_{kind}"].sum() for kind in ("won", "lost", "open")] == [
        outcomes[kind] for kind in ("won", "lost", "open")
    ]
    for stage in range(n_open):
        fitted = by_owner.funnel.hazards[stage]
        np.testing.assert_allclose(by_owner.groups.exposure[stage].sum(axis=0), fitted.at_risk)
        np.testing.assert_allclose(by_owner.groups.observed[:, stage].sum(axis=0), fitted.exits.sum(axis=0))
        expected = by_owner.rates.expected[:, stage].sum(axis=0)
        np.testing.assert_allclose(expected, fitted.at_risk @ fitted.mean_hazards(), rtol=1e-12)
        assert expected.sum() == pytest.approx(fitted.n_exits, rel=0.02)


def test_a_group_has_what_its_spells_say(history, by_owner):
    """Counted again by hand for one rep and stage: age by age, with the hazard of each age."""
    rep, stage = "rep 3", 2
    records = np.flatnonzero((history.records.deals["owner"] == rep).to_numpy())
    spells, start = history.spells, history.window_start_step
    hazards = by_owner.funnel.hazards[stage]
    by_bin, expected, observed = hazards.mean_hazards(), 0.0, 0
    own = np.isin(spells.deal, records) & (spells.stage == stage) & (spells.exit_step >= start)
    for entry, last, to in zip(
        spells.entry_step[own], spells.exit_step[own], spells.destination[own], strict=True
    ):
        for age in range(max(start - entry, 0), last - entry + 1):
            expected += by_bin[np.searchsorted(hazards.first_age, age, side="right") - 1, 3]
        observed += to == 3
    row = by_owner.transitions().set_index(["owner", "stage", "destination"]).loc[(rep, "Solution", "Proof")]
    assert row["expected"] == pytest.approx(expected, rel=1e-10)
    assert row["observed"] == observed
    assert row["raw_ratio"] == pytest.approx(observed / expected)


def test_a_late_start_of_the_log_is_honoured(history):
    """What happened before the log was complete was not watched, in groups as in the funnel."""
    late = replace(history, window_start=np.datetime64("2026-01-01"))
    found = fs.segments(late, "region", n_draws=50)
    whole = fs.segments(history, "region", n_draws=50)
    for stage in range(history.stages.n_open):
        counts = count_ages(late.spells, stage, len(late.stages.names), late.window_start_step)
        assert found.groups.exposure[stage].sum() == counts.at_risk.sum()
        assert found.groups.exposure[stage].sum() < whole.groups.exposure[stage].sum()
    assert_all_stated(found)


def test_the_overall_rate_is_that_of_the_funnel(history, by_owner):
    """Same definition as in Funnel.table(), for the history's entry shares; d = 0.005 from the draws."""
    table, first = by_owner.funnel.table(), history.paths.keep(history.paths.is_first).place
    shares = np.bincount(first, minlength=7)[:5] / history.n_deals
    expected = float(table["win_rate"] @ shares)
    error = by_owner.overall_win_rates.std() / np.sqrt(400)
    assert abs(by_owner.overall_win_rate - expected) < 4 * error < 0.005


def test_intervals_hold_what_they_should(by_owner):
    assert_all_stated(by_owner)


# --- what must not matter


def test_names_and_order_of_deals_change_nothing(history, by_owner):
    owners = sorted(history.deals["owner"].unique())
    new = dict(zip(owners, [f"agent {c}" for c in "ZYXWVUTS"], strict=True))
    deals = history.records.deals
    renamed = labelled(history, "owner", deals["owner"].map(new).to_numpy(object))
    after = fs.segments(renamed, "owner", n_draws=400).table()
    pd.testing.assert_frame_equal(by_owner.table().rename(index=new), after.copy())
    order = np.random.default_rng(0).permutation(len(deals))
    moves = history.records.moves.assign(deal=np.argsort(order)[history.records.moves["deal"]])
    shuffled = replace(history, records=Records(deals.iloc[order].reset_index(drop=True), moves))
    pd.testing.assert_frame_equal(fs.segments(shuffled, "owner", n_draws=400).table(), by_owner.table())


def test_a_combination_is_the_attribute_of_joined_values(history):
    deals = history.records.deals
    joined = labelled(history, "both", (deals["region"] + " / " + deals["source"]).to_numpy(object))
    one = fs.segments(joined, ["region", "source"], n_draws=50).league()
    other = fs.segments(joined, "both", n_draws=50).league()
    pd.testing.assert_frame_equal(one, other, check_names=False)
    assert one.index.name == "region / source"
    assert len(one) == 9


def test_same_seed_same_answer(history):
    one, other, third = (fs.segments(history, "region", n_draws=60, seed=s).league() for s in (5, 5, 6))
    pd.testing.assert_frame_equal(one, other)
    assert not one["win_rate"].equals(third["win_rate"])


# --- luck and skill


@pytest.mark.parametrize("n", [12, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.thorough
def test_luck_is_not_read_as_skill(n):
    """30 reps alike, n histories: false verdicts on at most 10 % of histories, and on hardly any rep.

    With 10 % of histories the chance to see more than 12 of 40, or 6 of 12, is below 1e-4; a rule that is
    wrong on a third (as gamma multipliers pooled transition by transition with one nu were) fails on 40 three
    times in five. Twelve see too little shrinkage, and one false verdict on every history.
    """
    with_any = n_false = 0
    shrunk = raw = 0.0
    for seed in range(n):
        found = fs.segments(with_reps(seed, 30, **SHORT), "rep", n_draws=100)
        false = int((found.league()["verdict"] != LUCK).sum())
        with_any, n_false = with_any + (false > 0), n_false + false
        table = found.table()
        shrunk += ((table["win_rate"] - found.overall_win_rate) ** 2).mean()
        raw += ((table["raw_win_rate"] - found.overall_win_rate) ** 2).mean()
    assert stats.binomtest(with_any, n, 0.1, alternative="greater").pvalue > 1e-4
    assert n_false <= 0.01 * n * 30
    assert shrunk < 0.05 * raw


def true_win_rates() -> np.ndarray:
    """Win rate of new deals of the eight reps of the sample, averaged over sources and regions."""
    truth, skill = fs.sample_funnel(), np.linspace(-0.35, 0.35, 8)
    shares = truth.arrivals.entry_counts / truth.arrivals.entry_counts.sum()
    forward = [truth.stages.is_forward(stage) for stage in range(5)]
    rates = np.zeros(8)
    for rep in range(8):
        for share, source in zip((0.2, 0.5, 0.3), (0.45, -0.05, -0.2), strict=True):
            for region in (0.0, 0.1, -0.1):
                x = skill[rep] + source + region
                routes = [
                    observed_routes(
                        truth.hazards[s].first_age, tilt_forward(truth.mean_hazards(s), forward[s], x)
                    )
                    for s in range(5)
                ]
                rates[rep] += share / 3 * (win_rates(np.stack(routes), truth.stages.is_won) @ shares)
    return rates


@pytest.mark.thorough
def test_skill_is_found_and_shrinking_pays():
    """16 histories of 8 reps whose odds differ: ranks, squared error at least a tenth below raw, coverage.

    Verdicts with the wrong sign are at most 10 %; the smallest error in coverage to be caught is 15 points.
    """
    truth = true_win_rates()
    names, sign = [f"rep {i + 1}" for i in range(8)], np.where(truth > truth.mean(), "above", "below")
    squared, correlations, n_inside, n_false, n_verdicts = np.zeros(2), [], 0, 0, 0
    for seed in range(200, 216):
        found = fs.segments(fs.simulate_history(seed, **SHORT), "owner", n_draws=100)
        table, league = found.table().loc[names], found.league().loc[names]
        squared += [((table[c] - truth) ** 2).mean() for c in ("raw_win_rate", "win_rate")]
        correlations.append(stats.spearmanr(table["win_rate"], truth).statistic)
        n_inside += int(
            table["win_rate"].size
            - ((table["win_rate_low"] > truth) | (table["win_rate_high"] < truth)).sum()
        )
        given = (league["verdict"] != LUCK).to_numpy()
        n_verdicts, n_false = n_verdicts + given.sum(), n_false + (given & (league["verdict"] != sign)).sum()
    assert squared[1] < 0.9 * squared[0]
    assert np.mean(correlations) > 0.75
    assert 0.8 - 0.15 < n_inside / 128 < 0.8 + 0.15
    assert n_verdicts > 0.15 * 128
    assert stats.binomtest(int(n_false), int(n_verdicts), 0.1, alternative="greater").pvalue > 1e-4


def with_odds_and_pace(seed: int, log_odds: np.ndarray, log_pace: np.ndarray) -> fs.DealHistory:
    """600 deals of one stage over a year, shared out by lot; a third of the common rate of 0.05 is losses.

    Deals of a rep leave ``exp(log_pace)`` times as fast, forward with odds ``2 exp(log_odds)``.
    """
    rng, n, days = np.random.default_rng(seed), 600, 365
    rep = rng.integers(len(log_odds), size=n)
    begun = rng.integers(days, size=n)
    ended = begun + np.floor(rng.exponential(20.0 * np.exp(-log_pace[rep])))
    is_won = rng.random(n) < special.expit(np.log(2.0) + log_odds[rep])
    is_open = ended >= days
    day = np.datetime64("2025-01-01") + begun.astype("timedelta64[D]")
    closed = np.datetime64("2025-01-01") + ended.astype("timedelta64[D]")
    deals = pd.DataFrame(
        {
            "deal_id": [f"D{i}" for i in range(n)],
            "created_at": day,
            "closed_at": np.where(is_open, np.datetime64("NaT"), closed),
            "outcome": np.where(is_open, "open", np.where(is_won, "won", "lost")),
            "rep": [f"rep {i:02d}" for i in rep],
        }
    )
    return fs.read_deals(deals, as_of="2025-12-31", tz="UTC")


def by_rep(history: fs.DealHistory, n_draws: int = 100) -> Segments:
    """Segments against rates without a level or a calendar, of which these worlds have none."""
    plain = fs.fit(history, level_period=None, calendar=False)
    return fs.segments(history, "rep", funnel=plain, n_draws=n_draws)


def against_its_own_figure(found: Segments) -> int:
    """Verdicts on win rates whose sign is not that of the group's raw win rate."""
    raw, verdict = found.table()["raw_win_rate"], found.league()["verdict"].reindex(found.table().index)
    gap = raw - found.overall_win_rate
    return int((((verdict == "above") & (gap < 0)) | ((verdict == "below") & (gap > 0))).sum())


@pytest.mark.thorough
def test_deals_that_only_wait_longer_have_no_other_win_rate():
    """20 reps of equal odds, paces apart by half: verdicts on win rates in at most 10 % of 16 worlds.

    Win rates with the pace in them gave verdicts in most of these worlds. The pace is found: a quarter of the
    reps get a verdict, of which at most a tenth are false.
    """
    with_any = n_given = n_false = n_against = 0
    for seed in range(16):
        log_pace = np.random.default_rng(100 + seed).normal(0.0, 0.5, 20)
        found = by_rep(with_odds_and_pace(seed, np.zeros(20), log_pace))
        league = found.league()
        with_any += bool((league["verdict"] != LUCK).any())
        n_against += against_its_own_figure(found)
        true = pd.Series(log_pace, index=[f"rep {i:02d}" for i in range(20)]).reindex(league.index)
        told = league["pace_verdict"]
        n_given += int((told != LUCK).sum())
        n_false += int((((told == "faster") & (true < 0)) | ((told == "slower") & (true > 0))).sum())
    assert stats.binomtest(with_any, 16, 0.1, alternative="greater").pvalue > 1e-3
    assert n_against == 0
    assert n_given > 0.25 * 16 * 20
    assert stats.binomtest(n_false, n_given, 0.1, alternative="greater").pvalue > 1e-4


def test_other_odds_are_found_and_are_no_pace():
    """20 reps of equal pace, log odds apart by 0.6: a fifth or more told, at most a tenth of them falsely."""
    n_given = n_false = n_against = with_pace = 0
    for seed in range(8):
        x = np.random.default_rng(200 + seed).normal(0.0, 0.6, 20)
        found = by_rep(with_odds_and_pace(300 + seed, x, np.zeros(20)))
        league = found.league()
        true = pd.Series(special.expit(np.log(2.0) + x), index=[f"rep {i:02d}" for i in range(20)])
        true, told = (true - true.mean()).reindex(league.index), league["verdict"]
        n_given += int((told != LUCK).sum())
        n_false += int((((told == "above") & (true < 0)) | ((told == "below") & (true > 0))).sum())
        n_against += against_its_own_figure(found)
        with_pace += bool((league["pace_verdict"] != LUCK).any())
    assert n_given > 0.2 * 8 * 20
    assert stats.binomtest(n_false, n_given, 0.1, alternative="greater").pvalue > 1e-4
    assert n_against == 0
    assert stats.binomtest(with_pace, 8, 0.1, alternative="greater").pvalue > 1e-3


@pytest.mark.parametrize(("n_reps", "spread"), [(150, 0.6), (20, 0.6), (20, 0.0)])
@pytest.mark.thorough
def test_intervals_of_thin_segments_hold_what_they_say(n_reps, spread):
    """Four deals a rep, or 30: 80 % intervals hold 66 to 90 % of true win rates; more without differences.

    With an even chance of no differences, and splits age by age, they held 54 and 60 % (24 worlds). The mean
    of six worlds has a standard error of 4 points; 24 worlds gave 75 and 73 %.
    """
    inside = []
    for seed in range(6):
        x = np.random.default_rng(400 + seed).normal(0.0, spread, n_reps)
        found = by_rep(with_odds_and_pace(500 + seed, x, np.zeros(n_reps)), n_draws=100)
        table = found.table()
        true = pd.Series(special.expit(np.log(2.0) + x), index=[f"rep {i:02d}" for i in range(n_reps)])
        true = true.reindex(table.index)
        inside.append(((table["win_rate_low"] <= true) & (true <= table["win_rate_high"])).mean())
    assert 0.66 < np.mean(inside) < (0.90 if spread else 1.01)


def test_a_verdict_can_be_had(by_owner):
    league = by_owner.league()
    assert league.loc["rep 8", "verdict"] == "above"
    assert league.loc["rep 1", "verdict"] == "below"
    assert league["win_rate"].is_monotonic_decreasing
    assert (by_owner.league(most_false=1e-9)["verdict"] == LUCK).sum() >= 4
    assert by_owner.differences().loc["conversion (odds of moving forward)", "p_value"] < 0.01
    assert "8 groups" in repr(by_owner)
    assert set(league["pace_verdict"]) <= {"faster", "slower", LUCK}
    assert (league["pace"] == by_owner.table()["pace"].reindex(league.index)).all()


# --- little data, odd data


def test_bad_requests_are_refused(history):
    with pytest.raises(SegmentError, match=r"no attribute 'ownr'; did you mean 'owner'.*'region'"):
        fs.segments(history, "ownr")
    with pytest.raises(SegmentError, match="deals have no attributes"):
        fs.segments(fs.simulate_history(1, segments=False, **SHORT), "owner")
    with pytest.raises(SegmentError, match="several different ones"):
        fs.segments(history, ["owner", "owner"])
    with pytest.raises(SegmentError, match="no attribute 'outcome'"):
        fs.segments(history, "outcome")
    ids = labelled(history, "number", np.arange(len(history.records.deals)))
    with pytest.raises(SegmentError, match="names deals, not groups"):
        fs.segments(ids, "number")
    with pytest.raises(SegmentError, match="n_draws 1"):
        fs.segments(history, "owner", n_draws=1)
    with pytest.raises(SegmentError, match="most_false 2"):
        fs.segments(history, "owner", n_draws=20).league(most_false=2)
    other = fs.simulate_history(1, funnel=replace(fs.sample_funnel(), stages=other_names()), **SHORT)
    with pytest.raises(SegmentError, match="give one of such data"):
        fs.segments(history, "owner", funnel=fs.fit(other))
    faster = fs.Speed(1.2).apply(fs.fit(history))
    with pytest.raises(SegmentError, match="lever on speed"):
        fs.segments(history, "owner", funnel=faster)


def other_names() -> fs.Stages:
    return replace(fs.sample_funnel().stages, open=tuple(fs.Stage(name) for name in "abcde"))


def test_missing_values_are_a_group(history):
    values = history.records.deals["region"].to_numpy(object).copy()
    values[::7], values[1::7], values[2::7] = None, np.nan, "  "
    found = fs.segments(labelled(history, "region", values), "region", n_draws=50)
    assert set(found.table().index) == {"(missing)", "East", "North", "South"}
    numbers = labelled(history, "size", np.where(values == "East", 3.0, np.nan))
    assert set(fs.segments(numbers, "size", n_draws=50).table().index) == {"(missing)", "3"}


def test_one_group_is_what_all_deals_are(history):
    alone = labelled(history, "team", np.full(len(history.records.deals), "A", dtype=object))
    with pytest.warns(SegmentWarning, match="nothing to compare"):
        found = fs.segments(alone, "team", n_draws=200)
    assert_all_stated(found)
    assert found.league()["verdict"].tolist() == [LUCK]
    np.testing.assert_allclose(found.win_rates[:, 0], found.overall_win_rates)


def test_groups_of_one_deal_borrow_from_the_others(history):
    values = history.records.deals["region"].to_numpy(object).copy()
    values[:5] = [f"new {i}" for i in range(5)]
    found = fs.segments(labelled(history, "region", values), "region", n_draws=300)
    assert_all_stated(found)
    table, league = found.table(), found.league()
    few, many = table[table["n_deals"] == 1], table[table["n_deals"] > 1]
    assert (few["raw_win_rate_high"] - few["raw_win_rate_low"]).max() > 0.3
    assert (few["win_rate"] - found.overall_win_rate).abs().max() < 0.1
    spread = table["win_rate_high"] - table["win_rate_low"]
    assert spread[few.index].min() > 0.8 * spread[many.index].max()
    assert (league.loc[few.index, "verdict"] == LUCK).all()


def test_two_hundred_groups():
    found = fs.segments(with_reps(9, 200), "rep", n_draws=100)
    assert len(found.table()) == 200
    assert_all_stated(found)


def test_more_groups_than_pairs_of_deals_is_said():
    history = fs.simulate_history(
        9, segments=False, start="2026-05-01", as_of="2026-05-31", window_start=None
    )
    n = len(history.records.deals)
    values = np.arange(n)
    values[: n // 4] = 0
    with pytest.warns(SegmentWarning, match="fewer than two deals a group"):
        found = fs.segments(labelled(history, "number", values), "number", n_draws=50)
    assert_all_stated(found)


def test_an_attribute_made_on_the_way_is_warned_of_with_the_evidence(history):
    """Offers sent: a count that deals earn by getting further. Every verdict says what it rests on."""
    offers = np.zeros(len(history.records.deals), dtype=int)
    np.maximum.at(offers, history.spells.deal, history.spells.stage)
    leaky = labelled(history, "offers", offers)
    with pytest.raises(fs.FunnelsimError) as refused:
        fs.effects(leaky, "offers")
    with pytest.warns(SegmentWarning, match="'offers' looks as if recorded when deals moved on") as warned:
        found = fs.segments(leaky, ["offers", "region"], n_draws=50)
    evidence = found.doubts[0].split("ended: ")[1]
    assert evidence in str(refused.value)
    assert evidence in str(warned[0].message)
    assert len(found.doubts) == 1
    league = found.league()
    told = league.loc[league["verdict"] != LUCK, "verdict"]
    assert len(told) > 3
    assert set(told) <= {"above, if known when deals began", "below, if known when deals began"}
    pace = league.loc[league["pace_verdict"] != LUCK, "pace_verdict"]
    assert pace.str.endswith(", if known when deals began").all()
    assert "if known when deals began" in found.plot().get_title(loc="left").replace("\n", " ")


def test_a_reason_for_the_end_is_doubted_by_its_name(history):
    told = labelled(history, "lost_reason", history.records.deals["region"])
    with pytest.warns(SegmentWarning, match=r"'lost_reason' looks .* it says how deals ended"):
        fs.segments(told, "lost_reason", n_draws=2)


def test_without_losses_all_differences_are_in_the_pace():
    """One way out: a team half as fast is called slower, no win rate differs, and a warning says why."""
    rng, n = np.random.default_rng(4), 800
    team = rng.integers(2, size=n)
    begun = np.datetime64("2025-01-01") + rng.integers(200, size=n).astype("timedelta64[D]")
    closed = begun + rng.exponential(np.where(team == 0, 40.0, 80.0)).astype("timedelta64[D]")
    is_open = closed > np.datetime64("2025-08-31")
    deals = pd.DataFrame(
        {
            "deal_id": [f"D{i}" for i in range(n)],
            "created_at": begun,
            "closed_at": np.where(is_open, np.datetime64("NaT"), closed),
            "outcome": np.where(is_open, "open", "won"),
            "team": np.array(["quick", "slow"])[team],
        }
    )
    history = fs.read_deals(deals, as_of="2025-08-31", tz="UTC")
    with pytest.warns(SegmentWarning, match="wins less or only later cannot be told"):
        league = fs.segments(history, "team", n_draws=50).league()
    assert (league["verdict"] == LUCK).all()
    assert league["win_rate"].nunique() == 1
    assert league["pace_verdict"].to_dict() == {"quick": "faster", "slow": "slower"}


def test_all_deals_still_open():
    history = with_reps(2, 4, start="2026-01-01", as_of="2026-01-20", window_start=None)
    first = history.records.moves.groupby("deal").head(1)
    moves = first[first["stage"] == 0].assign(entered_at=np.datetime64("2026-01-10"))
    found = fs.segments(replace(history, records=Records(history.records.deals, moves)), "rep", n_draws=100)
    assert (found.table()["n_open"] == found.table()["n_deals"]).all()
    assert_all_stated(found)
    assert (found.league()["verdict"] == LUCK).all()


def test_a_funnel_of_other_data_can_be_the_measure(history):
    """Against a funnel that moves twice as fast every group is slow, to within 20 %."""
    truth = fs.sample_funnel()
    hazards = tuple(
        replace(h, at_risk=h.at_risk / 2, first_age=h.first_age.copy()) for h in fs.fit(history).hazards
    )
    found = fs.segments(history, "owner", funnel=replace(fs.fit(history), hazards=hazards), n_draws=50)
    assert found.table()["raw_pace"].between(0.4, 0.6).all()
    assert_all_stated(found)
    assert found.funnel.stages.names == truth.stages.names
