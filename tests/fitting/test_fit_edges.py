"""Histories at the edge of what can be fitted: few deals, no endings, no amounts, other clocks.

Whatever is assumed for want of data must stand in the notes, and no table may hold a NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.nouns.funnel import FunnelError
from funnelsim.nouns.records import Records
from funnelsim.vocabulary.clock import end_of_day

SEED = 12
CUTOFF = "2026-03-31"
Deal = Sequence[tuple[str, str]]


def history_of(
    deals: list[Deal],
    amounts: list[float] | None = None,
    *,
    stages: fs.Stages | None = None,
    step: str = "day",
    cutoff: str = CUTOFF,
    **settings: object,
) -> fs.DealHistory:
    """A history from paths written as ``[("lead", "2026-01-05"), ("won", "2026-02-01")]``."""
    stages = stages or fs.Stages.named(["lead", "offer"])
    moves = [
        (i, stages.codes[place], pd.Timestamp(day)) for i, path in enumerate(deals) for place, day in path
    ]
    frame = pd.DataFrame(moves, columns=["deal", "stage", "entered_at"])
    frame["recorded_at"], frame["amount"], frame["row"] = pd.NaT, np.nan, np.arange(len(frame)) + 2
    known = [np.nan] * len(deals) if amounts is None else amounts
    ids = [f"D{i}" for i in range(len(deals))]
    records = Records(pd.DataFrame({"deal_id": ids, "amount": known}), frame)
    return fs.DealHistory(records, stages, fs.Clock(step), end_of_day(cutoff), **settings)


WON_IN_OFFER: Deal = [("lead", "2026-01-05"), ("offer", "2026-01-20"), ("won", "2026-02-01")]
LOST_IN_LEAD: Deal = [("lead", "2026-01-10"), ("lost", "2026-02-10")]
LOST_IN_OFFER: Deal = [("lead", "2026-01-12"), ("offer", "2026-01-12"), ("lost", "2026-03-01")]
OPEN_LEAD: Deal = [("lead", "2026-03-01")]
OPEN_OFFER: Deal = [("lead", "2026-02-01"), ("offer", "2026-02-20")]
TEN_DEALS = [WON_IN_OFFER] * 3 + [LOST_IN_LEAD] * 2 + [LOST_IN_OFFER] + [OPEN_LEAD] * 2 + [OPEN_OFFER] * 2
ONE_STAGE = fs.Stages.named(["deal"])

# The history; the stages nobody has been seen to leave; what else the notes must say.
CASES: dict[str, tuple[fs.DealHistory, set[str], str]] = {
    "ten deals": (history_of(TEN_DEALS, [5.0, 0.0, 7.5] + [2.0] * 7), set(), ""),
    "one deal": (history_of([OPEN_LEAD], [3.0]), {"lead", "offer"}, "only wins are forecast"),
    "one won deal": (
        history_of([[("lead", "2026-03-01"), ("won", "2026-03-01")]], [3.0]),
        {"offer"},
        "few wins, 1:",
    ),
    "all censored": (history_of([OPEN_LEAD, OPEN_OFFER] * 5, [1.0] * 10), {"offer"}, ""),
    "all won": (history_of([WON_IN_OFFER] * 12, [1.0] * 12), set(), "no lost deal is recorded"),
    "all lost": (
        history_of([LOST_IN_OFFER, LOST_IN_LEAD] * 5, [1.0] * 10),
        set(),
        "a chance near 0 stands for not known",
    ),
    "one stage": (
        history_of(
            [[("deal", "2026-01-02"), ("won", "2026-01-30")], [("deal", "2026-02-01")]],
            [4.0, 2.0],
            stages=ONE_STAGE,
        ),
        set(),
        "1 of 1 open deals, worth 2, are older in their stage",
    ),
    "a stage without exits": (
        history_of([LOST_IN_LEAD, OPEN_OFFER, OPEN_LEAD] * 3, [1.0] * 9),
        {"offer"},
        "each next step is assumed equally likely, with the weight of half a deal",
    ),
    "no amounts": (history_of(TEN_DEALS), set(), "only the number of wins is forecast"),
    "some wins without amount": (
        history_of(TEN_DEALS, [np.nan, 4.0, 6.0] + [np.nan] * 7),
        set(),
        "1 of 3 won deals have no amount",
    ),
    "first seen at the end": (
        history_of([*TEN_DEALS, [("won", "2026-02-02")], [("lost", "2026-03-03")]], [1.0] * 12),
        set(),
        "2 deals were first seen at their end and count as no arrival",
    ),
    "only ever seen at the end": (
        history_of([[("won", "2026-02-02")], [("lost", "2026-03-03")]], [1.0] * 2),
        {"lead", "offer"},
        "2 deals were first seen at their end and count as no arrival",
    ),
    "arrivals recorded late": (
        history_of(TEN_DEALS, [1.0] * 10, arrivals_until=np.datetime64("2026-02-28T23:59:59")),
        set(),
        "new deals are recorded until 2026-02-28",
    ),
    "window of a week without new deals": (
        history_of(TEN_DEALS, [1.0] * 10, window_start=np.datetime64("2026-03-25")),
        {"lead", "offer"},
        "a short log, 7 day(s)",
    ),
    "no new deal for a year": (
        history_of([*TEN_DEALS, [("lead", "2026-02-01"), ("won", "2027-03-30")]], cutoff="2027-03-31"),
        set(),
        "half a deal a year is expected",
    ),
}


def periods_for(step: str) -> object:
    weeks = ["2026-03-30", "2026-04-27", "2026-06-29"]  # Mondays
    return weeks if step == "week" else "2Q"


def assert_whole(history: fs.DealHistory) -> fs.Forecast:
    """Fit and forecast; every number of every table is one, and every chance lies within 0..1."""
    funnel = fs.fit(history)
    table = funnel.table(n_draws=50).drop(columns=["nominal", "nominal_conversion"])  # none were given
    assert not table.isna().any(axis=None), table.T
    for name in ("conversion", "win_rate", "undecided"):
        for column in (name, f"{name}_low", f"{name}_high"):
            assert table[column].between(-1e-12, 1 + 1e-12).all(), table[column]
        assert (table[f"{name}_low"] <= table[f"{name}_high"]).all()
    assert (table["conversion"] <= 1 - table["undecided"] + 1e-12).all()
    engine = fs.MonteCarlo(n_futures=200, n_draws=10)
    outlook = fs.forecast(
        funnel,
        history.pipeline(),
        periods=periods_for(history.clock.step),
        target=1.0,
        measure="bookings" if funnel.amounts and funnel.amounts.mean else "wins",
        engine=engine,
    )
    classical = ["weighted_pipeline"] if outlook.classical else []
    frame = outlook.table()
    assert not frame.drop(columns=classical).isna().any(axis=None), frame.T
    assert not frame.loc["total"].isna().any()
    for other in (outlook.table("wins"), outlook.by_deal(), outlook.by_stage()):
        assert not other.isna().any(axis=None), other.T
    assert outlook.by_deal()["chance"].between(0, 1).all()
    assert np.isfinite(outlook.draws()).all()
    assert outlook.draws().min() >= 0
    assert repr(funnel)
    assert repr(outlook)
    return outlook


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_missing_and_what_is_assumed_is_said(case: str) -> None:
    history, never_left, phrase = CASES[case]
    said = " | ".join(assert_whole(history).notes)
    assert phrase in said
    for stage in history.stages.open:
        silent = f"no deal has been seen to leave stage {stage.name!r}" in said
        assert silent == (stage.name in never_left), said


def test_without_wins_no_note_advises_what_is_given_or_names_a_win() -> None:
    rated = fs.Stages((fs.Stage("lead", nominal_win_rate=0.2), fs.Stage("offer", nominal_win_rate=0.5)))
    lost = history_of([LOST_IN_OFFER, LOST_IN_LEAD] * 5, [1.0] * 10, stages=rated)
    advised, given = fs.fit(lost).notes, fs.fit(lost, nominal_weight=5.0).notes
    assert any("let the nominal win rates count (nominal_weight=)" in note for note in advised)
    assert not any("nominal_weight" in note for note in given)
    assert any("the nominal win rates, and that half a deal would have been" in note for note in given)
    said = " | ".join(assert_whole(lost).notes)
    assert "no deal is won yet, so what a win is worth is not known: only wins are forecast" in said
    assert "won deal has" not in said


def test_the_notes_of_the_data_are_those_of_the_funnel_and_those_of_the_pipeline() -> None:
    assert fs.fit(CASES["ten deals"][0]).notes == (
        "few wins, 3: chances of winning and amounts rest on very little",
    )
    without = assert_whole(CASES["no amounts"][0])
    assert any("only the number of wins is forecast" in note for note in without.notes)
    assert without.measure == "wins"
    imputed = assert_whole(CASES["some wins without amount"][0])
    assert any("4 of 4 open deals have no amount" in note for note in imputed.notes)
    old = history_of([*TEN_DEALS, [("lead", "2024-01-01")]], [1.0] * 10 + [50.0])
    assert any("1 of 5 open deals, worth 50" in note for note in assert_whole(old).notes)


# --- numbers counted by hand --------------------------------------------------------------------------------


def test_hazards_of_ten_deals() -> None:
    """lead: ages at exit 15 (3 offers), 31 (2 losses), 0 and 19, 19 (3 offers); 2 open, 30 days old."""
    hazards = fs.fit(CASES["ten deals"][0]).hazards[0]
    assert hazards.first_age.tolist() == [0, 1, 32]
    np.testing.assert_array_equal(hazards.exits, [[0, 1, 0, 0], [0, 5, 0, 2], [0, 0, 0, 0]])
    # Ten deals at age 0; then days 1..age of the nine others, the day of exit or of the cutoff included.
    np.testing.assert_array_equal(hazards.at_risk, [10, 3 * 15 + 2 * 31 + 2 * 19 + 2 * 30, 0])
    np.testing.assert_allclose(hazards.prior_shares, [0, 0.75, 0, 0.25])
    # Posterior: prior of half an exit at the pooled hazard 8/215, after age 0 at that of later ages, 7/205.
    first = 1.5 / (1.5 + 9 + 0.5 * (215 / 8 - 1))
    second = 7.5 / (7.5 + 198 + 0.5 * (205 / 7 - 1))
    np.testing.assert_allclose(hazards.mean_hazards().sum(axis=1), [first, second, second], rtol=1e-12)
    np.testing.assert_allclose(hazards.mean_hazards()[1], np.array([0, 5.375, 0, 2.125]) / 7.5 * second)


def test_chances_of_a_stage_nobody_left_rest_on_half_a_deal_and_equal_next_steps() -> None:
    """lead: 30 days open each, five deals of 31 days at risk; offer comes next or a loss, equally likely."""
    hazards = fs.fit(history_of([OPEN_LEAD] * 5, [1.0] * 5)).hazards[0]
    np.testing.assert_array_equal(hazards.at_risk, [5, 150])
    np.testing.assert_allclose(hazards.prior_shares, [0, 0.5, 0, 0.5])
    pooled = 0.5 / 155
    first = 0.5 / (0.5 + 5 + 0.5 * (1 / pooled - 1))
    second = 0.5 / (0.5 + 150 + 0.5 * (1 / first - 1))
    np.testing.assert_allclose(hazards.mean_hazards().sum(axis=1), [first, second], rtol=1e-12)


def test_if_all_were_won_the_chance_to_lose_is_that_of_no_data() -> None:
    """Twelve deals, one path: the table says all move on, within what half an exit of prior leaves open."""
    funnel = fs.fit(CASES["all won"][0])
    table = funnel.table()
    np.testing.assert_array_equal(funnel.hazards[0].exits.sum(axis=0), [0, 12, 0, 0])
    np.testing.assert_array_equal(funnel.hazards[1].exits.sum(axis=0), [0, 0, 12, 0])
    assert table["n_exits"].tolist() == [12, 12]
    assert (table["conversion"] + table["undecided"]).to_numpy() == pytest.approx([1, 1])


def test_arrivals_are_counted_from_entries_up_to_the_last_recorded_day() -> None:
    """90 days with one new deal a day, the last 30 of them not recorded yet; two more begin at their end."""
    days = np.datetime_as_string(np.arange("2026-01-01", "2026-03-02", dtype="datetime64[D]"))
    deals: list[Deal] = [[("lead", str(day))] for day in days]
    deals += [[("won", "2026-02-10")], [("lost", "2026-02-11")]]
    until = np.datetime64("2026-03-01T23:59:59")
    late = fs.fit(history_of(deals, arrivals_until=until)).arrivals
    per_day = late.mean_per_block / late.block_steps
    n_days = 59 // late.block_steps * late.block_steps  # the first day is on record because its deal came
    assert per_day == pytest.approx((n_days + 0.5) / n_days)  # half an arrival is the prior
    assert late.entry_counts.tolist() == [n_days, 0]
    unaware = fs.fit(history_of(deals)).arrivals
    assert unaware.mean_per_block / unaware.block_steps < 0.75


WEEK_AGO = np.datetime64("2026-03-25")


@pytest.mark.parametrize(
    ("deals", "settings"),
    [
        ([[("lead", CUTOFF)]], {}),
        ([[("lead", CUTOFF), ("won", CUTOFF)]] * 100, {}),
        ([OPEN_LEAD], {"cutoff": "2026-03-07"}),
        (TEN_DEALS, {"window_start": np.datetime64("2026-03-26")}),
        (TEN_DEALS, {"window_start": WEEK_AGO, "arrivals_until": np.datetime64("2026-03-10T23:59:59")}),
        ([[("lead", CUTOFF)]], {"step": "week", "cutoff": "2026-04-05"}),
    ],
    ids=[
        "one deal",
        "a hundred deals on one day",
        "six days later",
        "window",
        "arrivals end before",
        "weeks",
    ],
)
def test_less_than_a_week_tells_of_no_rate_of_new_deals(deals: list[Deal], settings: dict[str, Any]) -> None:
    """A record that begins and ends with its deals cannot tell one deal a day from one deal a century."""
    with pytest.raises(FunnelError, match=r"too short a time to tell how many arrive.*window_start="):
        fs.fit(history_of(deals, **settings))


def test_one_deal_promises_no_more_than_half_a_deal_in_the_time_after_it() -> None:
    """The deal that opens the record is no evidence of a rate: 30 days without another follow it."""
    arrivals = fs.fit(history_of([OPEN_LEAD])).arrivals
    assert arrivals.mean_per_block / arrivals.block_steps == pytest.approx(0.5 / 30)
    since_january = fs.fit(history_of([OPEN_LEAD], window_start=np.datetime64("2026-01-01"))).arrivals
    assert since_january.mean_per_block / since_january.block_steps == pytest.approx(1.5 / 84)  # whole weeks


def test_a_window_without_new_deals_says_why_and_promises_half_a_deal() -> None:
    funnel = fs.fit(history_of(TEN_DEALS, window_start=np.datetime64("2026-03-12")))  # 20 days
    assert funnel.arrivals.mean_per_block / funnel.arrivals.block_steps == pytest.approx(0.5 / 20)
    assert funnel.arrivals.entry_counts.tolist() == [1, 0]  # it would enter where the ten did
    (note,) = [note for note in funnel.notes if "no new deal" in note]
    assert "from 2026-03-12 until 2026-03-31" in note
    assert "the 10 on record from before do not count" in note
    assert "window_start=" in note


def test_a_window_drops_arrivals_and_wins_from_before_it() -> None:
    history = history_of(TEN_DEALS, [5.0, 6.0, 7.0] + [2.0] * 7, window_start=np.datetime64("2026-02-01"))
    funnel = fs.fit(history)
    assert funnel.arrivals.entry_counts.sum() <= 4  # two in February, two in March
    assert funnel.amounts.mean == pytest.approx(6.0)  # all three were won on the first day of the window
    later = history_of(TEN_DEALS, [5.0, 6.0, 7.0] + [2.0] * 7, window_start=np.datetime64("2026-02-02"))
    assert fs.fit(later).amounts is None


def test_amounts_keep_their_mean_when_many_are_merged() -> None:
    """1,500 wins with skewed amounts: the latest 1,000 stand in 200 points, mean and 20 largest exact."""
    rng = np.random.default_rng(SEED)
    amounts = rng.lognormal(8, 1.5, size=1500)
    start = np.datetime64("2026-01-01T00:00") + np.arange(1500) * np.timedelta64(80, "m")
    deals = [[("deal", str(t)), ("won", str(t + np.timedelta64(30, "m")))] for t in start]
    fitted = fs.fit(history_of(deals, list(amounts), stages=ONE_STAGE)).amounts
    assert len(fitted.points) <= 200
    assert fitted.weights.sum() == 1000
    assert fitted.mean == pytest.approx(amounts[500:].mean(), rel=1e-12)
    np.testing.assert_allclose(fitted.points[-20:], np.sort(amounts[500:])[-20:])


def test_order_of_deals_does_not_matter_and_counts_add() -> None:
    """Exits and exposure of two halves add to those of the whole, in any order."""
    history = fs.simulate_history(SEED, start="2025-06-01", as_of="2026-03-31", window_start="2025-09-01")
    path_of = {i: [] for i in range(len(history.records.deals))}
    for deal, place, at in zip(
        history.paths.deal, history.paths.place, history.paths.entered_at, strict=True
    ):
        path_of[int(deal)].append((history.stages.names[place], str(at)))
    deals, amounts = list(path_of.values()), history.records.deals["amount"].tolist()
    order = np.random.default_rng(SEED).permutation(len(deals))
    half = len(deals) // 2

    def fitted(chosen: np.ndarray) -> fs.Funnel:
        return fs.fit(
            history_of(
                [deals[i] for i in chosen],
                [amounts[i] for i in chosen],
                stages=history.stages,
                window_start=history.window_start,
            )
        )

    whole, shuffled = fitted(np.arange(len(deals))), fitted(order)
    parts = [fitted(order[:half]), fitted(order[half:])]
    for i, stage in enumerate(whole.hazards):
        np.testing.assert_array_equal(stage.first_age, shuffled.hazards[i].first_age)
        np.testing.assert_array_equal(stage.exits, shuffled.hazards[i].exits)
        np.testing.assert_array_equal(stage.at_risk, shuffled.hazards[i].at_risk)
        np.testing.assert_array_equal(
            stage.exits.sum(axis=0), sum(part.hazards[i].exits.sum(axis=0) for part in parts)
        )
        assert stage.at_risk.sum() == sum(part.hazards[i].at_risk.sum() for part in parts)
    assert whole.arrivals.mean_per_block == shuffled.arrivals.mean_per_block
    np.testing.assert_array_equal(whole.closed.rates, shuffled.closed.rates)
    assert whole.amounts.mean == pytest.approx(shuffled.amounts.mean, rel=1e-12)


# --- other clocks -------------------------------------------------------------------------------------------

LEAVE, WIN_SHARE = 0.15, 0.3


def recorded(step: str, n_steps: int, per_step: float, last_day: str, rng: np.random.Generator) -> list[Deal]:
    """Deals of one stage with a constant hazard per step (that of entry included), minutes within steps."""
    clock = fs.Clock(step)
    last = int(clock.step_of(end_of_day(last_day)))
    entry = np.sort(rng.integers(last - n_steps + 1, last + 1, size=rng.poisson(n_steps * per_step)))
    leaves = entry + rng.geometric(LEAVE, size=len(entry)) - 1
    ends = np.where(rng.random(len(entry)) < WIN_SHARE, "won", "lost")
    starts = clock.start_of(entry) + rng.integers(0, 1200, size=len(entry)).astype("timedelta64[s]")
    stops = clock.start_of(leaves) + rng.integers(1200, 3600, size=len(entry)).astype("timedelta64[s]")
    return [
        [("deal", str(a)), (end, str(b))] if step_out <= last else [("deal", str(a))]
        for a, b, end, step_out in zip(starts, stops, ends, leaves, strict=True)
    ]


@pytest.mark.parametrize(
    ("step", "n_steps", "last_day"),
    [("hour", 2000, "2026-03-31"), ("week", 300, "2026-03-29"), ("month", 150, "2026-03-31")],
)
def test_hazards_and_arrivals_are_per_step_of_the_clock(step: str, n_steps: int, last_day: str) -> None:
    """d: 7 to 8 % of the hazard, 4 points of the win share, 9 to 26 % of the rate of arrivals."""
    rng = np.random.default_rng([SEED, n_steps])
    per_step = 3000 / n_steps
    deals = recorded(step, n_steps, per_step, last_day, rng)
    history = history_of(deals, stages=ONE_STAGE, step=step, cutoff=last_day)
    assert_whole(history)
    funnel = fs.fit(history)
    exits, at_risk = funnel.hazards[0].exits.sum(axis=0), funnel.hazards[0].at_risk.sum()
    assert abs(exits.sum() / at_risk - LEAVE) < 4 * np.sqrt(LEAVE * (1 - LEAVE) / at_risk)
    win_error = np.sqrt(WIN_SHARE * (1 - WIN_SHARE) / exits.sum())
    assert abs(exits[1] / exits.sum() - WIN_SHARE) < 4 * win_error
    counted = min(n_steps, {"hour": 8736, "week": 52, "month": 12}[step])
    rate = funnel.arrivals.mean_per_block / funnel.arrivals.block_steps
    assert abs(rate - per_step) < 4 * np.sqrt(per_step / counted)
    ages = history.pipeline().age_steps
    assert ages.mean() == pytest.approx((1 - LEAVE) / LEAVE, rel=4 / np.sqrt(len(ages)))


def test_closed_only_rates_of_a_log_without_losses_are_refused() -> None:
    """They would all be 100 %, and the weighted pipeline the whole pipeline."""
    without, with_loss = (
        fs.fit(history_of(deals, [1.0] * len(deals)))
        for deals in ([WON_IN_OFFER] * 12 + [OPEN_LEAD], [*[WON_IN_OFFER] * 12, LOST_IN_LEAD])
    )
    assert without.closed is None
    assert with_loss.closed is not None


def test_a_table_is_told_how_it_becomes_a_history() -> None:
    with pytest.raises(fs.FunnelsimError, match="of kind DealHistory, not DataFrame; make one with"):
        fs.fit(pd.DataFrame({"deal_id": ["a"]}))
