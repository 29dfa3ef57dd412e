"""Effects: known ones found again, none where there is none, leaks refused, nothing undefined."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.records import Records
from funnelsim.numerics.rates import rates_of
from funnelsim.questions.columns_of_deals import EffectError
from funnelsim.questions.effect_value import _end_of
from funnelsim.questions.watched import FAMILIES, stretches, watch

STAGES = fs.Stages.named(["lead", "offer"])
START = np.datetime64("2024-01-01", "s")
SHARES = np.array([0.5, 0.35, 0.15])
CLASSES = np.array(["red", "green", "blue"], dtype=object)
Z = stats.norm.ppf(0.9)  # the intervals hold 80 %


def attributes_by_lot(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A flag, a support from -5 to +5, a skewed size and a class, drawn apart from each other."""
    return pd.DataFrame(
        {
            "budget": np.where(rng.random(n) < 0.4, "yes", "no").astype(object),
            "support": rng.integers(-5, 6, size=n),
            "size": np.round(np.exp(rng.normal(10, 1, size=n)), 1),
            "colour": CLASSES[rng.choice(3, size=n, p=SHARES)],
        }
    )


def world(
    frame: pd.DataFrame, odds: np.ndarray, pace: np.ndarray, seed: int, days: int = 500
) -> fs.DealHistory:
    """Two stages, left at constant rates: 0.03 a day forward and 0.03 lost, times what a deal is like.

    `odds` and `pace` are logarithms by deal; forward rates take pace + odds / 2, losses pace - odds / 2.
    """
    rng, n = np.random.default_rng(seed), len(frame)
    born, rows = rng.uniform(0, days, size=n), []
    for deal in range(n):
        at, stage = born[deal], 0
        rows.append((deal, 0, at))
        while stage < 2:
            forward, lost = 0.03 * np.exp(pace[deal] + np.array([0.5, -0.5]) * odds[deal])
            at += rng.exponential(1 / (forward + lost))
            if at >= days:
                break
            stage = stage + 1 if rng.random() < forward / (forward + lost) else 3
            rows.append((deal, stage, at))
    deal, stage, at = (np.array(column) for column in zip(*rows, strict=True))
    moves = pd.DataFrame(
        {
            "deal": deal.astype(int),
            "stage": stage.astype(int),
            "entered_at": (START + (at * 86400).astype("timedelta64[s]")).astype("datetime64[ns]"),
            "recorded_at": np.datetime64("NaT", "ns"),
            "amount": np.nan,
            "row": np.arange(len(deal)) + 2,
        }
    )
    ids = pd.DataFrame({"deal_id": [f"D{i}" for i in range(n)], "amount": np.nan})
    records = Records(pd.concat([ids, frame.reset_index(drop=True)], axis=1), moves)
    cutoff = np.datetime64(START + np.timedelta64(days, "D"), "us") - np.timedelta64(1, "us")
    return fs.DealHistory(records, STAGES, fs.Clock("day"), cutoff)


def null_world(seed: int, n: int = 300) -> fs.DealHistory:
    frame = attributes_by_lot(n, np.random.default_rng(seed + 10_000))
    return world(frame, np.zeros(n), np.zeros(n), seed)


def with_attribute(history: fs.DealHistory, **columns: object) -> fs.DealHistory:
    """The same history with more attributes, given in the order of ``history.deals``."""
    deals = history.records.deals.assign(**columns)
    return replace(history, records=Records(deals, history.records.moves, history.records.keeps_file_order))


def assert_all_stated(found: fs.Effects) -> None:
    """No number is missing or infinite, and every interval holds its estimate."""
    table = found.table()
    assert len(table)
    assert not table.isna().any().any()
    for name in ("odds_ratio", "pace_ratio", "win_change"):
        numbers = table[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        assert np.isfinite(numbers).all()
        assert (numbers[:, 1] <= numbers[:, 0] + 1e-9).all()
        assert (numbers[:, 0] <= numbers[:, 2] + 1e-9).all()
    assert table["win_change"].between(-100, 100).all()
    multipliers = found.multipliers()
    assert np.isfinite(multipliers.to_numpy()).all()
    assert len(multipliers) == found.history.n_deals


def row(found: fs.Effects, attribute: str, level: str) -> pd.Series:
    return found.table().set_index(["attribute", "level"]).loc[(attribute, level)]


def log_and_error(line: pd.Series, name: str) -> tuple[float, float]:
    return float(np.log(line[name])), float(np.log(line[f"{name}_high"] / line[f"{name}_low"]) / (2 * Z))


@pytest.fixture(scope="module")
def known() -> fs.DealHistory:
    n = 4000
    frame = attributes_by_lot(n, np.random.default_rng(77))
    odds = 0.8 * (frame["budget"] == "yes") + 0.1 * frame["support"] - 0.6 * (frame["colour"] == "blue")
    pace = 0.4 * (frame["budget"] == "yes") + 0.15 * np.log2(frame["size"] / np.exp(10))
    return world(frame, odds.to_numpy(), pace.to_numpy(), 5)


@pytest.fixture(scope="module")
def found(known: fs.DealHistory) -> fs.Effects:
    return fs.effects(known)


# --- what is known is found


@pytest.mark.parametrize(
    ("attribute", "level", "odds", "seen"),
    [
        ("budget", "yes", 0.8, 0.25),
        ("support", "per +1", 0.1, 0.04),
        ("size", "per doubling", 0.0, 0.1),
        ("colour", "blue", -0.6 * 0.85, 0.3),  # against the average deal, 15 % of which are blue
        ("colour", "red", 0.6 * 0.15, 0.2),
    ],
)
def test_odds_are_found_again(found, attribute, level, odds, seen):
    """An error of `seen` in the log odds, the last number, is at least 4 standard errors."""
    value, error = log_and_error(row(found, attribute, level), "odds_ratio")
    assert 4 * error < seen
    assert abs(value - odds) < 4 * error


def test_the_pace_is_found_again(found):
    """The rate of all exits at equal shares: pace times cosh(odds / 2), against that of the average deal."""
    size, error = log_and_error(row(found, "size", "per doubling"), "pace_ratio")
    assert 4 * error < 0.06
    assert abs(size - 0.15) < 4 * error
    assert row(found, "size", "per doubling")["verdict"].endswith("moves faster")
    budget, error = log_and_error(row(found, "budget", "yes"), "pace_ratio")
    # the mean deal leaves by about as many moves forward as losses, so cosh(0.4) / 1 at most comes on top
    assert 0.4 - 4 * error < budget < 0.4 + np.log(np.cosh(0.4)) + 4 * error + 0.05


def test_a_pooled_baseline_would_miss_the_pace(known, found):
    """Fast deals leave early, so rates pooled over deals fall with age; the joint fit sees through it."""
    parts = stretches(known, known.deals, {})
    seen = watch(known, found.learnt.funnel, parts)
    log_size = np.log2(known.deals["size"].to_numpy())
    big = log_size > np.median(log_size)
    total = [
        sum(float(getattr(seen, kind)[name][side].sum()) for name in FAMILIES)
        for side in (big, ~big)
        for kind in ("exits", "expected")
    ]
    pooled = np.log(total[0] / total[1]) - np.log(total[2] / total[3])
    true = 0.15 * (log_size[big].mean() - log_size[~big].mean())
    joint = np.log(row(found, "size", "per doubling")["pace_ratio"]) * true / 0.15
    assert abs(joint - true) < abs(pooled - true)


def test_change_of_the_win_chance_is_that_of_the_rates(found):
    """Two stages in a row, each won by forward / (forward + lost) within the ages seen: about p * p."""
    line = row(found, "budget", "yes")
    base = found.win_rate
    split = np.sqrt(base) / (1 - np.sqrt(base)) * line["odds_ratio"]
    assert line["win_change"] == pytest.approx(100 * ((split / (1 + split)) ** 2 - base), abs=2.0)
    assert line["win_change"] > 10
    assert line["verdict"].startswith("wins more often")


def test_traits_of_the_sample_world_are_found_again():
    """Log odds written in simulate_history: referral 0.45 against web -0.05; d = 0.4."""
    found = fs.effects(fs.simulate_history(3))
    columns = found.learnt.columns
    labels, n = columns.labels, len(columns.means)
    contrast = np.zeros(n)
    contrast[labels.index(("source", "referral"))], contrast[labels.index(("source", "web"))] = 1, -1
    both = np.concatenate([contrast, -contrast])
    value, error = both @ found.learnt.coefficients.ravel(), np.sqrt(both @ found.covariance @ both)
    assert 4 * error < 0.4
    assert abs(value - 0.5) < 4 * error
    assert abs(value) > 4 * error


def test_what_is_known_is_worth_something(found):
    value = found.value()
    assert list(value.index) == ["all together", "budget", "support", "size", "colour"]
    assert value.loc["all together", "verdict"] == "helps"
    assert value.loc["all together", "gain"] > value.loc["budget", "gain"] > 0.01
    assert value.loc["all together", "brier_skill"] > 2 * value.loc["all together", "brier_skill_se"] > 0
    assert not value.isna().any().any()


def test_expected_exits_are_those_seen(known, found):
    """Over all deals and blocks; a step with an exit counts half, which is right to the third order."""
    seen = watch(known, found.learnt.funnel, stretches(known, known.deals, {}))
    for name in FAMILIES:
        assert seen.expected[name].sum() == pytest.approx(seen.exits[name].sum(), rel=0.01)
    assert (
        seen.exits["forward"].sum() == (known.spells.destination == np.where(known.spells.stage, 2, 1)).sum()
    )


def test_base_rates_times_multipliers_give_the_exits_seen(known, found):
    """In every bin of age, the rates of all deals at risk there average to the pooled rate."""
    seen = watch(known, found.learnt.funnel, stretches(known, known.deals, {}))
    factors = found.multipliers().to_numpy()
    pooled = [rates_of(found.learnt.funnel.mean_hazards(stage)) for stage in range(2)]
    for i, name in enumerate(FAMILIES):
        levels = np.concatenate(
            [
                b[:, (s + 1, 3)[i]] / p[:, (s + 1, 3)[i]]
                for s, (b, p) in enumerate(zip(found.base_rates(), pooled, strict=True))
            ]
        )
        each = (factors[:, i] @ seen.expected[name]) * levels
        np.testing.assert_allclose(each, seen.expected[name].sum(axis=0), rtol=1e-9)


def test_time_before_a_split_is_not_tested_on(known, found):
    """Deals and moves of the value are those after the first split, counted here from the spells."""
    spells, parts = known.spells, stretches(known, known.deals, {})
    step = int(np.quantile(spells.exit_step[spells.destination >= 0], 0.5, method="lower"))
    later = watch(known, found.learnt.funnel, parts, after_step=step)
    n_exits = sum(later.exits[name].sum() for name in FAMILIES)
    assert n_exits == ((spells.exit_step > step) & (spells.destination >= 0)).sum()
    whole, until = watch(known, found.learnt.funnel, parts), known.as_of(_end_of(known, step))
    early = watch(until, found.learnt.funnel, stretches(until, until.deals, {}))
    for name in FAMILIES:
        both = later.expected[name].sum() + early.expected[name].sum()
        assert both == pytest.approx(whole.expected[name].sum(), rel=1e-9)
    assert found.value()["n_deals"].iloc[0] == len(np.unique(spells.deal[spells.exit_step > step]))


def test_names_and_order_of_deals_change_nothing(known, found):
    order = np.random.default_rng(0).permutation(known.n_deals)
    moves = known.records.moves.assign(deal=np.argsort(order)[known.records.moves["deal"]])
    deals = known.records.deals.iloc[order].reset_index(drop=True)
    other = fs.effects(replace(known, records=Records(deals, moves))).table()
    numbers = other.select_dtypes("number").columns.drop(["win_change_low", "win_change_high"])
    np.testing.assert_allclose(other[numbers], found.table()[numbers], rtol=1e-6)


# --- where there is nothing


@pytest.mark.thorough
def test_intervals_hold_none_where_there_is_none():
    """40 worlds x flag, support and size; a coverage of 80 % below 0.62 or so would be seen. Shrinkage
    pulls towards the truth here, so more than 80 % is right.
    """
    held = []
    for seed in range(40):
        table = fs.effects(null_world(seed), ["budget", "support", "size"], n_draws=20).table()
        held += list((table["odds_ratio_low"] <= 1) & (table["odds_ratio_high"] >= 1))
    assert stats.binomtest(sum(held), len(held), 0.8, alternative="less").pvalue > 1e-4
    assert np.mean(held) < 0.95


@pytest.mark.thorough
def test_idle_attributes_are_mostly_of_no_clear_gain():
    verdicts = [fs.effects(null_world(seed), n_draws=10).value(n_splits=2)["verdict"] for seed in range(8)]
    assert (pd.concat(verdicts) == "helps").mean() < 0.15


# --- leaks


def closing(history: fs.DealHistory, kinds: tuple[str, ...], value: object = "x") -> np.ndarray:
    is_kind = history.deals["outcome"].isin(kinds).to_numpy()
    rng = np.random.default_rng(1)
    return np.where(is_kind & (rng.random(len(is_kind)) < 0.7), value, None)


@pytest.fixture(scope="module")
def small() -> fs.DealHistory:
    return null_world(500, 400)


def test_attributes_recorded_when_deals_ended_are_refused(small):
    outcome = small.deals["outcome"]
    progress = small.deals["place"].isin(["lead"]).map({True: "no", False: "yes"}).to_numpy(object)
    leaky = {
        "why": closing(small, ("lost",), "price"),
        "contract": closing(small, ("won",), "A"),
        "filled_by": closing(small, ("won", "lost"), "Ann"),
        "next_step": np.where(outcome == "open", "call", None),
        "account": np.where(
            (outcome == "open") & (np.arange(400) % 3 > 0), None, CLASSES[np.arange(400) % 3]
        ),
        "result": outcome.map({"won": 2.0, "lost": 1.0, "open": 1.5}).to_numpy(),
        "signed": np.where(outcome == "won", "yes", "no"),
    }
    history = with_attribute(small, **leaky)
    for name in leaky:
        with pytest.raises(EffectError, match=f"'{name}'.*recorded_at"):
            fs.effects(history, [name, "budget"])
    found = fs.effects(with_attribute(history, lost_reason="x", progress=progress))
    assert set(leaky) | {"lost_reason"} <= set(found.left_out)
    assert {"budget", "support", "size", "colour"} <= set(found.table()["attribute"])


@pytest.mark.parametrize(
    "name", ["lost_reason", "Close Reason", "closed_at", "outcome", "place", "stage", "状态"]
)
def test_outcome_columns_are_never_used(small, name):
    history = small if name in small.deals else with_attribute(small, **{name: CLASSES[np.arange(400) % 3]})
    if name == "状态":  # a word of its own is judged by its values
        assert_all_stated(fs.effects(history, name))
        return
    with pytest.raises(EffectError, match="how deals ended"):
        fs.effects(history, name)


def test_a_class_that_always_loses_is_no_leak():
    n = 400
    frame = attributes_by_lot(n, np.random.default_rng(3))
    hopeless = frame["colour"].to_numpy() == "blue"
    found = fs.effects(world(frame, np.where(hopeless, -12.0, 0.0), np.zeros(n), 4), "colour")
    assert_all_stated(found)
    assert row(found, "colour", "blue")["verdict"].startswith("wins less often")


def test_uneven_filling_is_noted_and_qualifies_the_value(known):
    rng, is_open = np.random.default_rng(2), (known.deals["outcome"] == "open").to_numpy()
    told = np.where(rng.random(known.n_deals) < np.where(is_open, 0.3, 0.9), known.deals["budget"], None)
    found = fs.effects(with_attribute(known, told=told), "told")
    assert any("'told' is filled in" in note for note in found.notes)
    assert set(found.value()["verdict"]) <= {"helps, if it was known by then", "no clear gain", "hurts"}


def test_a_value_recorded_at_the_end_tells_nothing_with_its_date(small):
    """The same leak, dated: before its date it is missing, and its effect is gone."""
    outcome, closed = small.deals["outcome"].to_numpy(object), small.deals["closed_at"]
    history = with_attribute(small, score=np.where(outcome == "won", 1.0, 0.0), scored_at=closed)
    with pytest.raises(EffectError, match="recorded_at"):
        fs.effects(history, "score")
    with pytest.raises(EffectError, match="no attribute varies"):
        fs.effects(history, "score", recorded_at={"score": "scored_at"})


def test_a_value_recorded_on_the_way_counts_from_its_date():
    """Support is told 5 days after a deal began: missing in the stretch before, known in the one after."""
    n = 1500
    frame = attributes_by_lot(n, np.random.default_rng(8))
    history = world(frame, 0.2 * frame["support"].to_numpy(), np.zeros(n), 9)
    told = history.deals["created_at"] + pd.Timedelta(days=5)
    dated = with_attribute(history, told_at=told.where(told <= pd.Timestamp(history.cutoff)))
    found = fs.effects(dated, "support", recorded_at={"support": "told_at"})
    assert_all_stated(found)
    parts = found.learnt.parts
    assert 1.6 * n < len(parts.deal) < 1.9 * n  # about one in four had left its stage for good by then
    cut, whole = (
        watch(history, found.learnt.funnel, p) for p in (parts, stretches(history, history.deals, {}))
    )
    for name in FAMILIES:
        assert cut.exits[name].sum() == whole.exits[name].sum()
        assert cut.expected[name].sum() == pytest.approx(whole.expected[name].sum())
    value, error = log_and_error(row(found, "support", "per +1"), "odds_ratio")
    assert abs(value - 0.2) < 4 * error < 0.15
    with pytest.raises(EffectError, match="'told_at'"):
        found.multipliers(history.deals)


# --- what may be missing, odd or too little


def test_missing_values_are_told_and_the_rest_is_unharmed(known):
    rng = np.random.default_rng(4)
    gone = rng.random(known.n_deals) < 0.3
    history = with_attribute(
        known,
        support=known.deals["support"].astype(float).where(~gone),
        colour=known.deals["colour"].where(~gone),
        budget=known.deals["budget"].where(~gone),
    )
    found = fs.effects(history)
    assert_all_stated(found)
    for name in ("support", "colour", "budget"):
        line = row(found, name, "(missing)")
        assert line["n_deals"] == gone.sum()
        assert line["missing_share"] == pytest.approx(gone.mean())
    value, error = log_and_error(row(found, "support", "per +1"), "odds_ratio")
    assert abs(value - 0.1) < 4 * error
    assert row(found, "budget", "yes")["n_deals"] == ((known.deals["budget"] == "yes") & ~gone).sum()


def test_outliers_do_not_move_a_number(known):
    rng = np.random.default_rng(6)
    number = rng.normal(size=known.n_deals)
    wild = number.copy()
    wild[:3] = 1e9
    plain, odd = (fs.effects(with_attribute(known, z=z), "z", n_draws=20) for z in (number, wild))
    assert odd.table()["odds_ratio"][0] == pytest.approx(plain.table()["odds_ratio"][0], abs=0.01)


def test_rare_classes_are_other_and_ids_are_refused(small):
    n = small.n_deals
    team = np.array([f"team {i}" for i in range(n)], dtype=object)
    team[:300] = np.where(np.arange(300) % 2, "north", "south")
    found = fs.effects(with_attribute(small, team=team), "team")
    assert list(found.table()["level"]) == ["north", "south", "(other)"]
    assert found.table()["n_deals"].tolist() == [150, 150, 100]
    for values, name in (
        (np.array([f"c{i}" for i in range(n)], dtype=object), "client"),
        (np.arange(n), "crm_id"),
    ):
        history = with_attribute(small, **{name: values})
        with pytest.raises(EffectError, match="names deals"):
            fs.effects(history, name)
        assert name in fs.effects(history, n_draws=10).left_out


def test_two_hundred_levels():
    n = 2400
    history = null_world(900, n)
    code = np.random.default_rng(0).integers(200, size=n)
    found = fs.effects(with_attribute(history, shop=np.array([f"s{i}" for i in code], dtype=object)), "shop")
    assert_all_stated(found)
    assert len(found.table()) == 51
    assert (found.table()["verdict"] == "no clear effect").mean() > 0.9


def test_constant_and_empty_attributes_are_left_out(small):
    history = with_attribute(small, same="x", none=np.full(400, np.nan))
    found = fs.effects(history, n_draws=10)
    assert {"same", "none"} <= set(found.left_out)
    with pytest.raises(EffectError, match="no attribute varies"):
        fs.effects(history, ["same", "none"])


def test_a_separating_flag_stays_finite():
    n = 300
    frame = attributes_by_lot(n, np.random.default_rng(3))
    flag = frame["budget"].to_numpy() == "yes"
    found = fs.effects(world(frame, np.zeros(n), np.where(flag, 0.0, -14.0), 4), "budget")
    assert_all_stated(found)
    assert row(found, "budget", "yes")["pace_ratio"] > 5


def test_too_little_to_learn_from_is_said(small):
    first = small.records.moves["stage"] == 0
    nobody_left = replace(small, records=replace(small.records, moves=small.records.moves[first]))
    with pytest.raises(EffectError, match="nothing to learn from"):
        fs.effects(nobody_left, "budget")
    one = small.records.moves["deal"] == small.records.moves["deal"].iloc[0]
    alone = replace(small, records=replace(small.records, moves=small.records.moves[one]))
    with pytest.raises(EffectError, match="no attribute varies"):
        fs.effects(alone, "budget")
    few = small.records.moves["deal"] < 12
    short = replace(small, records=replace(small.records, moves=small.records.moves[few]))
    found = fs.effects(short, ["budget", "support"], n_draws=50)
    assert_all_stated(found)
    with pytest.raises(EffectError, match="too few"):
        found.value()


def test_without_any_loss_the_odds_are_against_staying(small):
    kept = small.records.moves["stage"] < 3
    found = fs.effects(
        replace(small, records=replace(small.records, moves=small.records.moves[kept])), "support"
    )
    assert_all_stated(found)
    table = found.table()
    np.testing.assert_allclose(table["odds_ratio"], table["pace_ratio"])
    assert any("no loss was seen" in note for note in found.notes)
    assert_all_stated(fs.effects(with_attribute(found.history, i=np.arange(400) % 7), ["support", "i"]))


def test_new_deals_and_unknown_classes_have_multipliers(found):
    deals = pd.DataFrame(
        {
            "budget": ["yes", "no", None],
            "support": [5, -5, 0],
            "size": [1e4, 0.0, np.nan],
            "colour": ["red", "?", "?"],
        }
    )
    multipliers = found.multipliers(deals)
    assert list(multipliers.columns) == ["forward", "lost"]
    assert np.isfinite(multipliers.to_numpy()).all()
    assert multipliers["forward"][0] > multipliers["forward"][1]
    with pytest.raises(EffectError, match="no attribute 'size'"):
        found.multipliers(deals.drop(columns="size"))


def test_faults_of_the_question_are_named(small):
    with pytest.raises(EffectError, match="did you mean 'budget'"):
        fs.effects(small, "budgt")
    with pytest.raises(EffectError, match="once"):
        fs.effects(small, ["budget", "budget"])
    with pytest.raises(EffectError, match="interval"):
        fs.effects(small, "budget", interval=1.0)
    with pytest.raises(EffectError, match="has places"):
        fs.effects(small, "budget", funnel=fs.sample_funnel())
    with pytest.raises(EffectError, match="dates"):
        fs.effects(with_attribute(small, met=small.deals["created_at"]), "met")
    with pytest.raises(EffectError, match="n_splits"):
        fs.effects(small, "budget").value(n_splits=0)


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e300, -1e300])
def test_numbers_without_a_mean_are_named_with_the_way_out(small, wrong):
    """Neither classes called "inf" nor "no attribute varies"; one of several is left out, too."""
    size = np.where(np.arange(small.n_deals) % 9 == 0, wrong, np.arange(small.n_deals) % 5)
    history = with_attribute(small, size=size)
    said = rf"'size' holds {re.escape(f'{wrong:g}')} \(in .*leave it empty"
    with pytest.raises(EffectError, match=said):
        fs.effects(history, "size")
    found = fs.effects(history, n_draws=20)
    assert f"{wrong:g}" in found.left_out["size"]
    assert "size" not in set(found.table()["attribute"])


@pytest.mark.parametrize(
    ("told", "first"), [("🙂", "🙂"), ("03/04/2025", "03/04/2025"), (20250304, "20250304"), (True, "True")]
)
def test_dates_of_recording_must_be_dates(small, told, first):
    """Text is no date, a date that is two is none either, and a number is no time since 1970."""
    history = with_attribute(small, told_at=np.full(small.n_deals, told))
    with pytest.raises(EffectError, match=rf"recorded_at: 'told_at' must hold dates .*{first}"):
        fs.effects(history, "budget", recorded_at={"budget": "told_at"})


def test_dates_of_recording_may_be_written_out_but_have_no_zone(small):
    """Written dates give the same answer as dates; missing ones are missing in both."""
    told = small.deals["created_at"].where(np.arange(small.n_deals) % 4 > 0)
    texts = told.dt.strftime("%Y-%m-%d %H:%M:%S").astype(object).where(told.notna(), None)
    frames = [
        fs.effects(with_attribute(small, t=column), "budget", recorded_at={"budget": "t"}, n_draws=20).table()
        for column in (told, texts)
    ]
    pd.testing.assert_frame_equal(*frames)
    zoned = with_attribute(small, t=told.dt.tz_localize("UTC"))
    with pytest.raises(EffectError, match="without a zone"):
        fs.effects(zoned, "budget", recorded_at={"budget": "t"})
