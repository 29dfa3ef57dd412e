"""Backtests: nothing after an origin is seen, totals and scores are those of the plain definitions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.backtest.looks import Look, Wins, shock_of
from funnelsim.questions.backtest.origins import BacktestError, Origin, origins_of
from funnelsim.questions.baselines.protocol import RivalError, Samples
from funnelsim.vocabulary.randomness import Streams

quick = partial(fs.backtest, n_draws=20, n_futures=200)


@pytest.fixture(scope="module")
def history() -> DealHistory:
    return fs.simulate_history(seed=3)


@pytest.fixture(scope="module")
def done(history: DealHistory) -> fs.Backtest:
    return quick(history, periods="2Q", origins=5, burn_in=1)


def corrupted(history: DealHistory, origin: str) -> DealHistory:
    """Everything after an origin made different: where and when deals move, what later deals are worth."""
    at = pd.Timestamp(origin) + pd.Timedelta(days=1)
    moves, deals = history.records.moves.copy(), history.records.deals.copy()
    later = moves["entered_at"] >= at
    assert later.sum() > 100
    moves.loc[later & (moves["stage"] < history.stages.n_open), "stage"] = history.stages.n_open - 1
    moves.loc[later, "entered_at"] += pd.Timedelta(days=3)
    first = moves.groupby("deal")["entered_at"].min()
    new = deals.index.isin(first.index[first >= at])
    deals.loc[new, "amount"] = 1e9
    deals.loc[new, "owner"] = "nobody"
    return replace(history, records=replace(history.records, deals=deals, moves=moves))


# --- nothing leaks ------------------------------------------------------------------------------------------


def test_nothing_after_the_origin_changes_a_forecast_by_one_bit(history: DealHistory) -> None:
    day = "2025-12-31"
    origin = origins_of(history, "2Q", [day])[0]
    looks = [
        Look.at(some.as_of(origin.moment), origin, fs.fit, 20, Streams(0))
        for some in (history, corrupted(history, day))
    ]
    for before, after in zip(*((vars(look.chances)).values() for look in looks), strict=True):
        np.testing.assert_array_equal(before, after)
    futures = [look.futures(None, 200) for look in looks]
    np.testing.assert_array_equal(futures[0].open_bookings, futures[1].open_bookings)
    np.testing.assert_array_equal(futures[0].new_bookings, futures[1].new_bookings)


def with_recorded_amounts(history: DealHistory) -> DealHistory:
    """Every move lists the amount of its deal, so that amounts have a record of their own."""
    moves, deals = history.records.moves.copy(), history.records.deals
    moves["amount"] = deals["amount"].reindex(moves["deal"]).to_numpy()
    return replace(history, records=replace(history.records, moves=moves))


def rewritten(history: DealHistory, how: str, after: str) -> DealHistory:
    """Facts recorded after a day that speak of wins before it."""
    at, won = pd.Timestamp(after) + pd.Timedelta(days=30), history.stages.codes["won"]
    moves, deals = history.records.moves.copy(), history.records.deals.copy()
    old = moves[(moves["stage"] == won) & (moves["entered_at"] < pd.Timestamp(after))].tail(20)
    assert len(old) == 20
    if how == "recorded late":
        moves.loc[old.index, "recorded_at"] = at
    else:
        later = old.assign(stage=0 if how == "won no more" else won, entered_at=at, recorded_at=pd.NaT)
        if how == "re-priced":
            later["amount"] = 1e7
            deals.loc[old["deal"].unique(), "amount"] = 1e7
        moves = pd.concat([moves, later], ignore_index=True)
    return replace(history, records=replace(history.records, deals=deals, moves=moves))


@pytest.mark.parametrize("how", ["won no more", "re-priced"])
def test_what_is_recorded_later_of_earlier_wins_changes_no_forecast(how: str, history: DealHistory) -> None:
    """The shared shock is measured on past totals: those that were known then, not those known today."""
    history = with_recorded_amounts(history)
    days = ["2025-06-30", "2025-09-30", "2025-12-31"]
    columns = ["mean", "p10", "p50", "p90", "p97_5"]
    before, after = (
        quick(some, periods="1Q", origins=days).cells.query("origin == '2025-12-31'")[columns]
        for some in (history, rewritten(history, how, "2025-12-31"))
    )
    np.testing.assert_array_equal(before, after)


def test_the_shock_of_an_origin_knows_only_periods_that_had_ended(history: DealHistory) -> None:
    day = "2025-12-31"
    wins = []
    looks: list[list[Look]] = []
    for some in (history, corrupted(history, day)):
        origins = origins_of(some, "2Q", ["2025-03-31", "2025-06-30", "2025-09-30"])
        looks.append([Look.at(some.as_of(o.moment), o, fs.fit, 20, Streams(0)) for o in origins])
        wins.append(Wins.of(some))
    known = int(history.clock.step_of(np.datetime64(day)))
    first, second = (
        shock_of(of_one, won, known, "bookings") for of_one, won in zip(looks, wins, strict=True)
    )
    assert first == second
    assert first.n_origins == 3
    later = shock_of(looks[0], wins[0], known + 200, "bookings")
    assert later != first  # by then the second period of the last origin has ended


def test_a_backtest_fits_only_what_was_seen(history: DealHistory) -> None:
    seen = []

    def watch(past: DealHistory) -> fs.Funnel:
        seen.append(past.records.moves["entered_at"].max())
        return fs.fit(past)

    quick(history, origins=["2025-09-30", "2026-03-31"], fit=watch)
    assert [
        moment < pd.Timestamp(day) for moment, day in zip(seen, ("2025-10-01", "2026-04-01"), strict=True)
    ]
    assert seen[0] < seen[1]


# --- totals and scores --------------------------------------------------------------------------------------


def test_actuals_are_the_wins_of_the_records(history: DealHistory, done: fs.Backtest) -> None:
    deals = history.deals[history.deals["outcome"] == "won"]
    deals = deals.sort_values("closed_at", kind="stable")
    amount = deals["amount"].fillna(deals["amount"].expanding().mean())
    for (day, part, ahead), cells in done.cells.query("window == 'period' and measure == 'bookings'").groupby(
        ["origin", "part", "ahead"]
    ):
        start = pd.Timestamp(day) + pd.Timedelta(days=1)
        first, last = (start + pd.DateOffset(months=3 * int(n)) for n in (ahead - 1, ahead))
        came = (deals["closed_at"] >= first) & (deals["closed_at"] < last)
        if part == "open":
            came &= deals["created_at"] < start
        assert cells["actual"].iloc[0] == pytest.approx(amount[came].sum())


def test_cells_are_scored_only_when_their_period_had_ended(done: fs.Backtest) -> None:
    """Quarters back from 2026-08-31: the last origin has one whole quarter after it, the others two."""
    per_origin = done.cells.query("window == 'period' and part == 'total' and measure == 'wins'")
    assert per_origin.groupby("origin")["ahead"].max().tolist() == [2, 2, 2, 1]
    assert done.n_origins == 4  # one of five is burnt in
    assert set(done.deals["origin"]) == set(per_origin["origin"][:-1])


def test_scores_follow_their_definitions(done: fs.Backtest) -> None:
    cells = done.cells.query("measure == 'bookings' and part == 'total' and window == 'period'")
    row = done.scores().query("measure == 'bookings' and part == 'total' and window == 'period'").iloc[0]
    assert row["n_cells"] == len(cells) == 7
    assert row["ncrps"] == pytest.approx(cells["crps"].sum() / cells["actual"].sum())
    assert row["bias"] == pytest.approx((cells["mean"].sum() - cells["actual"].sum()) / cells["actual"].sum())
    inside = (cells["p10"] <= cells["actual"]) & (cells["actual"] <= cells["p90"])
    assert row["coverage_80"] == pytest.approx(inside.mean())
    assert np.isnan(row["our_skill"])


def test_bounds_of_the_bias_are_those_of_a_mean_of_independent_errors(done: fs.Backtest) -> None:
    """At 400 origins, 20 % too much on average and errors of 30 %: 0.2 within 1.645 * 0.3 / sqrt(400).

    Bounds 15 % too wide or too narrow fail, and so do bounds of the wrong sign; the bootstrap's own error is
    3 % of them, that of the errors' standard deviation 3.5 %.
    """
    errors = np.random.default_rng(8).normal(0.0, 0.3, 400)
    cells = done.cells.query("method == 'funnelsim' and measure == 'bookings' and part == 'total'").iloc[:1]
    cells = pd.concat([cells.assign(window="period", ahead=1)] * 400, ignore_index=True)
    days = np.datetime_as_string(np.datetime64("2025-01-01") + np.arange(400))
    cells = cells.assign(origin=days, actual=1.0, mean=1.2 + errors - errors.mean())
    row = replace(done, cells=cells, block_length=1).scores().iloc[0]
    assert row["bias"] == pytest.approx(0.2)
    half = stats.norm.ppf(0.95) * 0.3 / np.sqrt(400)
    assert row["bias"] - row["bias_low"] == pytest.approx(half, rel=0.15)
    assert row["bias_high"] - row["bias"] == pytest.approx(half, rel=0.15)


def test_each_period_says_when_it_ends(history: DealHistory) -> None:
    cells = quick(history, periods="2Q", origins=["2025-03-31"]).cells.query("measure == 'wins'")
    told = set(zip(cells["ahead"], cells["until"], strict=True))
    assert told == {(1, "2025-06-30"), (2, "2025-09-30")}


def test_deals_are_scored_by_whether_they_were_won_within_the_periods(
    history: DealHistory, done: fs.Backtest
) -> None:
    closed = history.deals.set_index("deal_id")
    for day, deals in done.deals.groupby("origin"):
        won = closed.loc[deals["deal_id"]]
        end = pd.Timestamp(day) + pd.Timedelta(days=1) + pd.DateOffset(months=6)
        np.testing.assert_array_equal(deals["won"], (won["outcome"] == "won") & (won["closed_at"] < end))
    scores = done.deal_scores()
    assert scores["n_deals"] == len(done.deals)
    assert 0.5 < scores["auc"] < 1
    assert done.reliability()["n_deals"].sum() == len(done.deals)


def test_possible_accuracy_is_that_of_chance_alone() -> None:
    """Wins of a stable world: given the rates a total of open deals and Poisson arrivals has less than the
    Poisson's variance, its mean; so the error that is possible lies below ``sqrt(2 / (pi mean))``."""
    world = fs.simulate_history(seed=1, window_start=None, season=False, segments=False)
    test = quick(world, origins=6, measure="wins", rivals=[Always(0.0)])
    accuracy = test.accuracy()
    cells = test.cells.query("measure == 'wins' and part == 'total' and method == 'funnelsim'")
    mean = cells["mean"].mean()
    poisson = np.sqrt(2 / (np.pi * mean))
    assert 0.7 * poisson < accuracy["possible"].iloc[0] * cells["actual"].mean() / mean < 1.05 * poisson
    assert accuracy["error"]["always"] == pytest.approx(1.0)
    assert accuracy["error"].iloc[0] == accuracy["possible"]["funnelsim"]
    with pytest.raises(BacktestError, match="no period 2"):
        test.accuracy(ahead=2)


@pytest.mark.slow
def test_of_a_world_of_the_models_own_kind_ranges_hold() -> None:
    """Six worlds of eleven quarters, two years seen: d: a coverage of 60 % instead of 80 (binomial, 1e-4)."""
    held = []
    for seed in range(6):
        world = fs.simulate_history(
            seed=seed, start="2021-01-01", window_start=None, season=False, segments=False
        )
        cells = quick(world, origins=11, n_futures=400).cells
        some = cells.query("part == 'total' and measure == 'bookings' and window == 'period'")
        held += ((some["p10"] <= some["actual"]) & (some["actual"] <= some["p90"])).tolist()
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], len(held), 0.8)
    assert low <= sum(held) <= high


# --- rivals -------------------------------------------------------------------------------------------------


class Always:
    """A rival that says the same every time."""

    name, formula = "always", "a constant"

    def __init__(self, value: float, until: int = 10**9) -> None:
        self.value, self.until = value, until

    def forecast(self, seen, edges, measure, n_samples, rng) -> Samples:  # type: ignore[no-untyped-def]
        if edges[0] > self.until:
            raise RivalError("it has had enough")
        return Samples(np.full((n_samples, len(edges) - 1), self.value))


def test_rivals_are_scored_on_the_same_cells(history: DealHistory) -> None:
    test = quick(history, periods="1Q", origins=4, rivals=[Always(0.0)])
    scores = test.scores().set_index(["measure", "part", "window", "method"])
    ours = scores.loc[("bookings", "total", "period", "funnelsim")]
    always = scores.loc[("bookings", "total", "period", "always")]
    assert always["ncrps"] == pytest.approx(1.0)  # the CRPS of a point is its error
    assert always["our_skill"] == pytest.approx(1.0 - ours["ncrps"])
    assert always["our_ncrps"] == pytest.approx(ours["ncrps"])
    assert ours["n_cells"] == always["n_cells"] == 4
    assert "% below always" in test.verdict()


def test_where_a_rival_has_no_answer_it_is_noted_and_compared_on_the_others(history: DealHistory) -> None:
    until = int(history.clock.step_of(np.datetime64("2026-01-01")))
    test = quick(history, periods="1Q", origins=4, rivals=[Always(0.0, until)])
    assert "always has no forecast at 2 origins" in test.notes[-1]
    assert "it has had enough" in test.notes[-1]
    scores = test.scores().query("measure == 'bookings' and part == 'total'")
    assert scores["n_cells"].tolist() == [4, 2]
    cells = test.cells.query("measure == 'bookings' and part == 'total' and method == 'funnelsim'").iloc[:2]
    assert scores["our_ncrps"].iloc[1] == pytest.approx(cells["crps"].sum() / cells["actual"].sum())


class Tells(Always):
    """A rival with the same chance for every open deal, or that of its own guess."""

    def __init__(self, name: str, guess, until: int = 10**9) -> None:  # type: ignore[no-untyped-def]
        super().__init__(0.0, until)
        self.name, self.guess = name, guess

    def forecast(self, seen, edges, measure, n_samples, rng) -> Samples:  # type: ignore[no-untyped-def]
        total = super().forecast(seen, edges, measure, n_samples, rng).total
        return Samples(total, deal_chance=self.guess(seen.pipeline().deal_ids, edges))


def test_chances_of_rivals_are_scored_on_the_same_deals(history: DealHistory) -> None:
    """One chance for all ranks nothing, and its Brier score is p (1 - p) + (p - 1/2)**2 for a share p."""
    wins, until = Wins.of(history), int(history.clock.step_of(np.datetime64("2026-01-01")))
    rivals = [
        Always(1.0),
        Tells("half", lambda ids, edges: np.full(len(ids), 0.5)),
        Tells("knows", lambda ids, edges: (wins.period_of(ids, edges) >= 0).astype(float)),
        Tells("knew", lambda ids, edges: (wins.period_of(ids, edges) >= 0).astype(float), until),
    ]
    test = quick(history, periods="1Q", origins=4, rivals=rivals)
    table = test.deal_scores_by_method()
    assert table.index.tolist() == ["funnelsim", "half", "knows", "knew"]  # "always" gives no chances
    ours = test.deals[test.deals["method"] == "funnelsim"]
    pd.testing.assert_series_equal(
        table.loc["funnelsim", list(test.deal_scores().index)], test.deal_scores(), check_names=False
    )
    share = ours["won"].mean()
    half = table.loc["half"]
    assert half["n_deals"] == len(ours)
    assert half["won"] == pytest.approx(share)
    assert half["brier_skill"] == pytest.approx(-((share - 0.5) ** 2) / (share * (1 - share)))
    assert half["auc"] == pytest.approx(0.5)
    assert half["ece"] == pytest.approx(abs(share - 0.5), abs=0.02)  # ten bins, but for the order of ties
    assert half["our_auc"] == table.loc["funnelsim", "auc"]
    assert table.loc["knows", ["brier_skill", "auc", "ece"]].tolist() == [1.0, 1.0, 0.0]
    early = ours[ours["origin"] < "2026-01-01"]
    rank = stats.rankdata(early["chance"])[early["won"]]
    n_won, n_not = early["won"].sum(), (~early["won"]).sum()
    assert table.loc["knew", "n_deals"] == len(early)
    assert table.loc["knew", "our_auc"] == pytest.approx(
        (rank.sum() - n_won * (n_won + 1) / 2) / (n_won * n_not)
    )
    assert test.reliability()["n_deals"].sum() == len(ours)
    assert test.reliability(method="half")["chance"].unique().tolist() == [0.5]
    with pytest.raises(BacktestError, match="'always' gave no chances of single deals; there are those of"):
        test.reliability(method="always")


def test_chances_that_are_not_one_for_each_open_deal_are_refused(history: DealHistory) -> None:
    with pytest.raises(RivalError, match=r"short gave chances \(1,\) at .*, where \d+ deals are open"):
        quick(history, origins=2, rivals=[Tells("short", lambda ids, edges: np.full(1, 0.5))])


# --- settings -----------------------------------------------------------------------------------------------


def test_one_seed_gives_one_answer_for_any_workers(history: DealHistory, done: fs.Backtest) -> None:
    again = quick(history, periods="2Q", origins=5, burn_in=1, workers=2)
    pd.testing.assert_frame_equal(done.cells, again.cells)
    pd.testing.assert_frame_equal(done.deals, again.deals)


def test_an_interrupted_backtest_goes_on_where_it_stopped(
    history: DealHistory, done: fs.Backtest, tmp_path: Path
) -> None:
    def interrupt(n_done: int, of: int) -> None:
        if n_done == 3:
            raise KeyboardInterrupt

    asked = {"periods": "2Q", "origins": 5, "burn_in": 1, "keep_in": tmp_path / "kept"}
    with pytest.raises(KeyboardInterrupt):
        quick(history, progress=interrupt, **asked)
    assert len(list((tmp_path / "kept").glob("*.npz"))) == 3
    fitted = []

    def watch(past: DealHistory) -> fs.Funnel:
        fitted.append(past.cutoff)
        return fs.fit(past)

    watch.__module__, watch.__qualname__ = fs.fit.__module__, fs.fit.__qualname__
    again = quick(history, fit=watch, **asked)
    assert len(fitted) == 2
    pd.testing.assert_frame_equal(done.cells, again.cells)
    pd.testing.assert_frame_equal(done.deals, again.deals)
    with pytest.raises(BacktestError, match="another history and seed; choose an empty folder"):
        quick(fs.simulate_history(seed=4), seed=1, **asked)


def test_a_kept_backtest_serves_one_fit_and_mends_what_is_damaged(
    history: DealHistory, tmp_path: Path
) -> None:
    plain = partial(fs.fit, calendar=False)
    asked = {"origins": 2, "keep_in": tmp_path / "kept"}
    first = quick(history, fit=plain, **asked)
    with pytest.raises(BacktestError, match="another fit"):
        quick(history, fit=partial(fs.fit, classes="region"), **asked)
    with pytest.raises(BacktestError, match="tells fits apart by their names"):
        quick(history, fit=lambda past: fs.fit(past), keep_in=tmp_path / "other", origins=2)
    for path in (tmp_path / "kept").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    pd.testing.assert_frame_equal(first.cells, quick(history, fit=plain, **asked).cells)
    (tmp_path / "kept" / "backtest.json").write_text("[")
    with pytest.raises(BacktestError, match="choose an empty folder"):
        quick(history, fit=plain, **asked)


def test_what_is_asked_for_is_checked(history: DealHistory) -> None:
    rival = fs.baselines.MeanOfRecent()
    for wrong in (
        {"n_draws": 0},
        {"n_futures": 0},
        {"burn_in": -1},
        {"workers": 0},
        {"measure": "euros"},
        {"rivals": rival},
        {"rivals": [rival, rival]},
        {"rivals": [fs.worlds.Ours()]},
    ):
        with pytest.raises(fs.FunnelsimError):
            quick(history, **({"origins": 2} | wrong))
    test = quick(history, origins=2)
    for ask in (
        lambda: test.scores(interval=1.0),
        lambda: test.verdict(interval=0),
        lambda: test.reliability(0),
    ):
        with pytest.raises(BacktestError):
            ask()


def test_periods_without_a_win_leave_relative_scores_empty(history: DealHistory) -> None:
    test = quick(history, origins=2)
    nothing = replace(test, cells=test.cells.assign(actual=0.0))
    assert "nothing was won in any of them" in nothing.verdict()
    assert nothing.scores()["ncrps"].isna().all()
    assert nothing.accuracy()["error"].isna().all()


def test_two_origins_of_one_day_stay_two() -> None:
    edges = np.array([0, 24])
    moments = [np.datetime64("2026-08-01T05:59:59.999999"), np.datetime64("2026-08-01T17:59:59.999999")]
    days = [Origin(moment, edges).day for moment in moments]
    assert days == ["2026-08-01 06:00", "2026-08-01 18:00"]
    assert Origin(np.datetime64("2026-08-01T23:59:59.999999"), edges).day == "2026-08-01"


def test_one_who_knows_every_rate_errs_by_chance_alone(history: DealHistory) -> None:
    """One deal that is won or not: the mean distance from the mean is 2 p (1 - p), far from a normal's.

    4,000 futures: a standard error is (1 - 2 p) / (2 sqrt(p (1 - p) 4000)), 1.85 %, and 8 % over 4 of them.
    """
    origin = origins_of(history, "1Q", ["2025-12-31"])[0]
    look = Look.at(history.as_of(origin.moment), origin, fs.fit, 10, Streams(0))
    one = np.zeros_like(look.chances.open_deals)
    position = int(look.positions.of_deal[0])
    one[:, position] = 0.12
    alone = int((look.positions.of_deal == position).sum())
    nobody = replace(look.chances, open_deals=one, new_wins=np.zeros_like(look.chances.new_wins))
    found = replace(look, chances=nobody).least_errors("wins")[0]
    counts = np.arange(alone + 1)
    law = stats.binom(alone, 0.12).pmf(counts)
    expected = float(law @ np.abs(counts - 0.12 * alone))
    assert found == pytest.approx(expected, rel=0.08)  # a normal law says 1.23 times as much


def test_progress_is_told(history: DealHistory) -> None:
    told: list[tuple[int, int]] = []
    quick(history, origins=2, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def test_calibration_measures_a_shock_and_says_so(history: DealHistory) -> None:
    funnel = fs.calibrate(history, fs.fit(history), periods="1Q", origins=4, n_draws=5)
    assert funnel.shock is not None
    assert funnel.shock.n_origins == 4
    assert funnel.shock.period_steps in (91, 92)
    notes = fs.forecast(funnel, history.pipeline(), engine=fs.Exact(n_draws=2)).notes
    assert any("measured at 4 past origins" in note for note in notes)
    prior = fs.forecast(fs.fit(history), history.pipeline(), engine=fs.Exact(n_draws=2)).notes
    assert any("a prior: calibrate" in note for note in prior)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"periods": "soon"}, "write the number and length"),
        ({"periods": "0Q"}, "write the number and length"),
        ({"origins": 0}, "origins=0"),
        ({"origins": []}, "origins is empty"),
        ({"origins": "2025-01-01"}, "give a number, or a list"),
        ({"origins": ["2026-08-31"]}, "leaves nothing to compare with"),
        ({"origins": ["2024-07-02"]}, "wins by then 1, needed 5"),
        ({"origins": 1, "burn_in": 1}, "kept for the shared shock"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_way_out(
    history: DealHistory, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(BacktestError, match=told):
        quick(history, **settings)  # type: ignore[arg-type]


def test_without_amounts_the_number_of_wins_is_tested(history: DealHistory) -> None:
    deals = history.records.deals.assign(amount=np.nan)
    bare = replace(history, records=replace(history.records, deals=deals))
    assert quick(bare, origins=2).measure == "wins"
    with pytest.raises(BacktestError, match="measure='wins'"):
        quick(bare, origins=2, measure="bookings")
