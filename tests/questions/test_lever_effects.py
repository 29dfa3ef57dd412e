"""Effects of levers: against formulas, brute force, unpaired runs; what a lever must leave alone."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.engines.chances import Chances, Positions, batch_chances
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.randomness import Streams

SEED = 31
DAY = fs.Clock("day")
CUTOFF_STEP = int(DAY.step_of("2026-09-30"))
PERIODS = ["2026-10-01", "2026-10-31"]
STEPS = 30
WIN, LOSE = 0.02, 0.03


def geometric_funnel(
    rate_per_day: float = 0.0, dispersion: float = 0.0, amounts: Amounts | None = None
) -> fs.Funnel:
    """One stage, constant hazards at every age, the table's tail far away; all certain."""
    hazards = np.array([[0, WIN, LOSE], [0, WIN, LOSE], [0, 0, 0]])
    stage = StageHazards(np.array([0, 1, 5000]), hazards, np.ones(3), np.array([0, 0.4, 0.6]), True)
    arrivals = Arrivals(7, 7 * rate_per_day, np.inf, dispersion, np.array([1.0]))
    return fs.Funnel(fs.Stages.named(["deal"]), DAY, (stage,), arrivals, amounts)


def fitted_like_funnel() -> fs.Funnel:
    """Two stages that loop, with uncertain hazards, arrivals and amounts."""
    first_age, at_risk = np.array([0, 1, 11, 31]), np.array([90.0, 700.0, 400.0, 50.0])
    exits = (
        np.array([[0, 4.0, 0, 2], [0, 30, 2, 15], [0, 8, 1, 12], [0, 0, 0, 0]]),
        np.array([[0, 0, 2.0, 1], [3, 0, 22, 17], [1, 0, 9, 11], [0, 0, 0, 0]]),
    )
    hazards = tuple(StageHazards(first_age, e, at_risk, e.sum(axis=0) / e.sum()) for e in exits)
    return fs.Funnel(
        fs.Stages.named(["lead", "offer"]),
        DAY,
        hazards,
        Arrivals(7, 12.0, 30.0, 0.05, np.array([9.0, 2.0])),
        Amounts(np.array([1.0, 4.0, 10.0, 30.0]), np.array([4.0, 10.0, 10.0, 2.0])),
    )


def certain_loops() -> fs.Funnel:
    """The same two stages with their expected hazards, taken as certain."""
    funnel = fitted_like_funnel()
    hazards = tuple(
        replace(h, exits=h.mean_hazards(), at_risk=np.ones(4), is_certain=True) for h in funnel.hazards
    )
    return replace(funnel, hazards=hazards)


def deals_at(stage: list[int], age: list[int], amount: float = 5.0) -> fs.Pipeline:
    return fs.Pipeline(
        clock=DAY,
        cutoff_step=CUTOFF_STEP,
        deal_ids=np.array([f"D{i}" for i in range(len(stage))], dtype=object),
        stage=np.array(stage, np.int64),
        age_steps=np.array(age, np.int64),
        amount=np.full(len(stage), amount),
        won_step=np.empty(0, np.int64),
        won_amount=np.empty(0),
    )


def chances(funnel: fs.Funnel, pipeline: fs.Pipeline, periods: object, n_draws: int = 1) -> Chances:
    parsed = fs.Periods.parse(periods, DAY, CUTOFF_STEP)
    return batch_chances(funnel, Positions.of(funnel, pipeline), parsed, Streams(SEED), range(n_draws))


LEVERS = (
    fs.Volume(1.3),
    fs.Conversion(1.4),
    fs.Speed(1.5),
    fs.Conversion(0.7, stage="offer"),
    fs.Speed(0.8, except_to=("lost",)),
)
names = pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.name)


# --- effects by formula, one memoryless stage ---------------------------------------------------------------


def won_within(win: float, lose: float, steps: object) -> np.ndarray:
    return win / (win + lose) * (1 - (1 - win - lose) ** np.asarray(steps, dtype=float))


def test_conversion_multiplies_the_odds_and_keeps_the_pace() -> None:
    """2 to 3 becomes 3 to 3: half of those who leave are won, and as many leave each day."""
    changed = chances(fs.Conversion(1.5).apply(geometric_funnel(1.0)), deals_at([0], [4]), PERIODS)
    np.testing.assert_allclose(changed.open_deals[0, 0, 0], won_within(0.025, 0.025, STEPS), rtol=1e-11)
    new = won_within(0.025, 0.025, np.arange(1, STEPS + 1)).sum()
    np.testing.assert_allclose(changed.new_wins[0].sum(), new, rtol=1e-11)


def test_speed_brings_the_same_share_sooner() -> None:
    """1.6 times as fast: survival (1 - h)^(1.6 n), the same split; the step of entry stays as it was."""
    changed = chances(fs.Speed(1.6).apply(geometric_funnel(1.0)), deals_at([0], [4]), PERIODS)
    share, stays = WIN / (WIN + LOSE), 1 - WIN - LOSE
    np.testing.assert_allclose(changed.open_deals[0, 0, 0], share * (1 - stays ** (1.6 * STEPS)), rtol=1e-11)
    after_entry = np.arange(STEPS)
    new = (share * (1 - stays ** (1 + 1.6 * after_entry))).sum()
    np.testing.assert_allclose(changed.new_wins[0].sum(), new, rtol=1e-11)


def test_speed_of_wins_only_changes_conversion_and_says_so_in_the_name() -> None:
    """The loss keeps its clock: rates 1.6 w and l compete."""
    lever = fs.Speed(1.6, except_to=("lost",))
    changed = chances(lever.apply(geometric_funnel()), deals_at([0], [4]), PERIODS)
    total = -log(1 - WIN - LOSE)
    win, lose = 1.6 * total * 0.4, total * 0.6
    expected = win / (win + lose) * (1 - np.exp(-(win + lose) * STEPS))
    np.testing.assert_allclose(changed.open_deals[0, 0, 0], expected, rtol=1e-11)
    assert "not to lost" in lever.name


def test_eventual_wins_do_not_depend_on_speed_but_on_conversion() -> None:
    """Up to the mixing of two bins within one day: half a percent."""
    funnel, pipeline = certain_loops(), deals_at([0, 0, 1, 1], [0, 12, 3, 25])
    periods = ["2026-10-01", "2036-10-01"]
    base = chances(funnel, pipeline, periods).open_deals
    for lever in (fs.Speed(1.25), fs.Speed(0.8), fs.Speed(3.0, stage="offer")):
        np.testing.assert_allclose(
            chances(lever.apply(funnel), pipeline, periods).open_deals, base, rtol=5e-3
        )
    for lever in (fs.Conversion(1.25), fs.Speed(1.25, except_to=("lost",))):
        assert (chances(lever.apply(funnel), pipeline, periods).open_deals > 1.05 * base).all()


@pytest.mark.parametrize("factor", [0.5, 1.1, 3.0])
def test_volume_scales_expected_new_wins_exactly(factor: float) -> None:
    """In every draw, block and period, whatever the uncertainty of the rate; open deals stay to the bit."""
    funnel, pipeline = fitted_like_funnel(), deals_at([0, 1], [3, 9])
    base = chances(funnel, pipeline, "2Q", 10)
    changed = chances(fs.Volume(factor).apply(funnel), pipeline, "2Q", 10)
    np.testing.assert_allclose(changed.new_wins, factor * base.new_wins, rtol=1e-10)
    np.testing.assert_array_equal(changed.open_deals, base.open_deals)


def test_volume_moves_the_drawn_new_wins_in_proportion() -> None:
    """d: 2.5 % of the mean, 5 % of the variance (Poisson again, not wins multiplied by the factor)."""
    funnel, pipeline = geometric_funnel(2.0), deals_at([], [])
    engine = fs.MonteCarlo(n_futures=20_000, n_draws=2)
    outlook = fs.forecast(fs.Volume(1.5).apply(funnel), pipeline, periods=PERIODS, engine=engine, seed=SEED)
    mean = 1.5 * 2.0 * won_within(WIN, LOSE, np.arange(1, STEPS + 1)).sum()
    draws = outlook.outcome.new_wins[:, 0]
    assert abs(draws.mean() - mean) < 4 * np.sqrt(mean / len(draws))
    assert abs(draws.var(ddof=1) - mean) < 4 * mean * np.sqrt((2 + 1 / mean) / len(draws))


# --- effects by brute force ---------------------------------------------------------------------------------


def simulate_win(
    rng: np.random.Generator,
    hazards: list[np.ndarray],
    first_age: np.ndarray,
    speed: float,
    stage: int,
    age: int,
    n_steps: int,
) -> bool:
    """Follow one open deal of the two-stage funnel day by day; whether it is won in time.

    With speed v a day after the cutoff spends v days of age: one chance for each piece of it.
    """
    exact_age, used, entered_now = float(age), 0, False
    while used < n_steps or entered_now:
        if entered_now:
            pieces = [(0, 1.0)]
        else:
            used += 1
            end, pieces = exact_age + speed, []
            while exact_age < end - 1e-9:
                upto = min(np.floor(exact_age + 1e-9) + 1, end)
                pieces.append((int(np.floor(exact_age + 1e-9)) + 1, upto - exact_age))
                exact_age = upto
        entered_now = False
        for at_age, length in pieces:
            row = hazards[stage][np.searchsorted(first_age, at_age, side="right") - 1]
            if rng.random() < 1 - (1 - row.sum()) ** length:
                place = int(rng.choice(4, p=row / row.sum()))
                if place >= 2:
                    return place == 2
                stage, exact_age, entered_now = place, 0.0, True
                break
    return False


@pytest.mark.parametrize(
    ("lever", "odds", "speed"),
    [
        (fs.Conversion(2.0), 2.0, 1.0),
        (fs.Speed(2.3), 1.0, 2.3),
        (fs.Together((fs.Speed(0.8), fs.Conversion(0.5))), 0.5, 0.8),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_effect_on_an_open_deal_equals_brute_force(lever: fs.Lever, odds: float, speed: float) -> None:
    """2,500 deals followed day by day in plain Python. d: 3 points of the chance; effects are 5 to 8."""
    funnel = certain_loops()
    hazards = []
    for stage, h in enumerate(funnel.hazards):  # the tilt by hand: forward is later stages and won
        forward = np.array([False, stage == 0, True, False])
        ahead, other = h.exits[:, forward].sum(axis=1), h.exits[:, ~forward].sum(axis=1)
        share = odds * ahead / (odds * ahead + other)
        scale = np.where(forward, (share / ahead)[:, None], ((1 - share) / other)[:, None])
        hazards.append(h.exits * scale * (ahead + other)[:, None])
    rng, n_deals = np.random.default_rng([SEED, int(10 * odds)]), 2500
    won = sum(
        simulate_win(rng, hazards, funnel.hazards[0].first_age, speed, 0, 6, 14) for _ in range(n_deals)
    )
    fortnight = ["2026-10-01", "2026-10-15"]
    chance = float(chances(lever.apply(funnel), deals_at([0], [6]), fortnight).open_deals[0, 0, 0])
    without = float(chances(funnel, deals_at([0], [6]), fortnight).open_deals[0, 0, 0])
    assert stats.binomtest(won, n_deals, chance).pvalue > 6e-5
    assert stats.binomtest(won, n_deals, without).pvalue < 1e-6  # no lever would be seen


# --- paired comparisons -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pipeline() -> fs.Pipeline:
    return deals_at([0, 1] * 15, list(range(30)))


ENGINE = fs.MonteCarlo(n_futures=4000, n_draws=40)
TARGET = 220.0


@pytest.fixture(scope="module")
def comparison(pipeline: fs.Pipeline) -> fs.LeverComparison:
    return fs.compare_levers(
        fitted_like_funnel(),
        pipeline,
        target=TARGET,
        levers=LEVERS,
        periods=["2026-10-01", "2026-12-01"],
        engine=ENGINE,
        seed=SEED,
    )


def unpaired(lever: fs.Lever, pipeline: fs.Pipeline) -> tuple[fs.Forecast, fs.Forecast]:
    """Forecasts without and with the lever, from seeds of their own."""
    funnel = fitted_like_funnel()
    return tuple(
        fs.forecast(changed, pipeline, periods=["2026-10-01", "2026-12-01"], engine=ENGINE, seed=seed)
        for changed, seed in ((funnel, SEED + 1000), (lever.apply(funnel), SEED + 2000))
    )


@names
def test_paired_effects_agree_with_independent_runs_and_are_surer(
    comparison: fs.LeverComparison, pipeline: fs.Pipeline, lever: fs.Lever
) -> None:
    """Within 4.5 joint standard errors (of 40 draws each). Pairing takes most of the luck away.

    What is left of it within a draw: of the mean at most 0.35 (0.26 found), of the chance at most 0.85 (0.78
    found) of the spread of two runs apart. Of the chance it takes less: futures near the target cross it.
    """
    row = comparison.table().loc[lever.name]
    base, other = unpaired(lever, pipeline)
    for paired, error, figures in (
        (row["change_of_mean"], row["change_of_mean_se"], [f.mean() for f in (base, other)]),
        (row["change_of_chance"], row["change_se"], [f.chance(TARGET) for f in (base, other)]),
    ):
        alone = np.hypot(figures[0].standard_error, figures[1].standard_error)
        gap = figures[1].value - figures[0].value - paired
        assert abs(gap) < 4.5 * np.hypot(alone, error)
    pair = (comparison.base, comparison.outlooks[comparison.levers.index(lever)])
    for most, of in ((0.35, lambda total: total), (0.85, lambda total: (total >= TARGET).astype(float))):
        paired, apart = (
            np.diff([of(f.window()).reshape(40, -1) for f in forecasts], axis=0)[0].std(axis=1).mean()
            for forecasts in (pair, (base, other))
        )
        assert paired < most * apart


@pytest.mark.thorough
def test_the_standard_error_of_a_paired_effect_is_honest() -> None:
    """The true change is known by formula; over 150 seeds, gap / SE has the sd of Student's t.

    d: a standard error wrong by a quarter (4 sqrt(2.4 / 600)). Forgetting the pairing doubles it.
    """
    funnel, pipeline = geometric_funnel(1.0), deals_at([0] * 20, [3] * 20)
    truth = 20 * (won_within(0.025, 0.025, STEPS) - won_within(WIN, LOSE, STEPS))
    after = np.arange(1, STEPS + 1)
    truth += (won_within(0.025, 0.025, after) - won_within(WIN, LOSE, after)).sum()
    scores = []
    for seed in range(SEED, SEED + 150):
        effect = fs.compare_levers(
            funnel,
            pipeline,
            target=10,
            measure="wins",
            levers=[fs.Conversion(1.5)],
            periods=PERIODS,
            engine=fs.MonteCarlo(n_futures=200, n_draws=20),
            seed=seed,
        ).table()
        row = effect.iloc[1]
        scores.append((row["change_of_mean"] - truth) / row["change_of_mean_se"])
    spread = np.std(scores, ddof=1) / np.sqrt(19 / 17)
    assert abs(spread - 1) < 4 * np.sqrt(2.4 / 600)
    assert abs(np.mean(scores)) < 4 * np.sqrt(19 / 17 / 150)


def test_quantiles_of_a_comparison_and_their_errors_are_those_of_attainable_targets() -> None:
    """A target with a chance of 90 % is P10; that its error is the spread over seeds is tested there."""
    history = fs.simulate_history(seed=1)
    funnel, pipeline = fs.fit(history, calendar=False, level_period=None), history.pipeline()
    asked = {"periods": "1Q", "engine": fs.Exact(n_draws=20)}
    compared = fs.compare_levers(funnel, pipeline, target=1e6, levers=[fs.Volume(1.2)], **asked)  # type: ignore[arg-type]
    table = compared.table()
    more = fs.Volume(1.2).apply(funnel)
    for name, one in (("as it is", funnel), (fs.Volume(1.2).name, more)):
        alone = fs.attainable(fs.forecast(one, pipeline, **asked), (0.9, 0.5, 0.1))  # type: ignore[arg-type]
        assert table.loc[name, ["p10", "p50", "p90"]].tolist() == alone["target"].tolist()
        assert table.loc[name, ["p10_se", "p50_se", "p90_se"]].tolist() == alone["target_se"].tolist()
        assert (alone["target_se"] > 0).all()


def test_a_comparison_is_sorted_by_effect_and_starts_without_a_lever(comparison: fs.LeverComparison) -> None:
    table = comparison.table()
    assert table.index[0] == "as it is"
    assert table.iloc[0][["change_of_chance", "change_se", "change_of_mean"]].tolist() == [0, 0, 0]
    assert table["change_of_chance"].iloc[1:-1].is_monotonic_decreasing
    assert set(table.index[1:-1]) == {lever.name for lever in LEVERS}
    assert table.index[-1] == "all together"
    assert not table.isna().any(axis=None)
    for i, lever in enumerate(LEVERS):
        assert comparison.effect(i).value == table.loc[lever.name, "change_of_chance"]


def test_volume_leaves_open_deals_alone(comparison: fs.LeverComparison) -> None:
    """To the bit; and no future has fewer new wins than without it."""
    changed = comparison.outlooks[LEVERS.index(fs.Volume(1.3))]
    np.testing.assert_array_equal(changed.outcome.open_wins, comparison.base.outcome.open_wins)
    np.testing.assert_array_equal(changed.outcome.open_bookings, comparison.base.outcome.open_bookings)
    assert (changed.outcome.new_wins >= comparison.base.outcome.new_wins).all()
    assert (changed.outcome.new_wins > comparison.base.outcome.new_wins).mean() > 0.3


def test_a_lever_that_only_helps_costs_no_future_a_win(comparison: fs.LeverComparison) -> None:
    """Common random numbers are monotone: higher odds add wins of open deals up to every period's end."""
    better = comparison.outlooks[LEVERS.index(fs.Conversion(1.4))]
    gained = np.cumsum(better.outcome.open_wins, axis=1) - np.cumsum(
        comparison.base.outcome.open_wins, axis=1
    )
    assert gained.min() >= 0
    assert gained.max() > 0


# --- levers compose -----------------------------------------------------------------------------------------


def assert_same_forecast(one: fs.Funnel, other: fs.Funnel, pipeline: fs.Pipeline) -> None:
    runs = [
        fs.forecast(funnel, pipeline, periods="2Q", engine=fs.MonteCarlo(200, 10), seed=SEED)
        for funnel in (one, other)
    ]
    np.testing.assert_allclose(runs[0].deals.chance, runs[1].deals.chance, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(runs[0].outcome.new_wins, runs[1].outcome.new_wins)
    np.testing.assert_array_equal(runs[0].outcome.open_bookings, runs[1].outcome.open_bookings)


def test_together_is_one_after_the_other_in_any_order(pipeline: fs.Pipeline) -> None:
    funnel = fitted_like_funnel()
    together = fs.Together(LEVERS).apply(funnel)
    in_turn, backwards = funnel, funnel
    for lever in LEVERS:
        in_turn = lever.apply(in_turn)
    for lever in reversed(LEVERS):
        backwards = lever.apply(backwards)
    assert_same_forecast(together, in_turn, pipeline)
    assert_same_forecast(together, backwards, pipeline)
    assert fs.Together(LEVERS).name == "; ".join(lever.name for lever in LEVERS)


@pytest.mark.parametrize(
    ("levers", "same"),
    [
        ((fs.Volume(1.2), fs.Volume(1.5)), fs.Volume(1.8)),
        ((fs.Conversion(1.2), fs.Conversion(1.5)), fs.Conversion(1.8)),
        ((fs.Speed(1.2), fs.Speed(1.5)), fs.Speed(1.8)),
        ((fs.Speed(2.0, stage="lead"), fs.Speed(2.0, stage="offer")), fs.Speed(2.0)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_factors_of_one_lever_multiply(
    levers: tuple[fs.Lever, ...], same: fs.Lever, pipeline: fs.Pipeline
) -> None:
    funnel = fitted_like_funnel()
    assert_same_forecast(fs.Together(levers).apply(funnel), same.apply(funnel), pipeline)


@names
def test_a_lever_leaves_the_funnel_it_was_given_as_it_was(lever: fs.Lever, pipeline: fs.Pipeline) -> None:
    funnel = fitted_like_funnel()
    before = chances(funnel, pipeline, "2Q", 2)
    changed = chances(lever.apply(funnel), pipeline, "2Q", 2)
    after = chances(funnel, pipeline, "2Q", 2)
    np.testing.assert_array_equal(before.open_deals, after.open_deals)
    np.testing.assert_array_equal(before.new_wins, after.new_wins)
    assert (changed.new_wins != before.new_wins).any()


def test_a_factor_of_one_changes_nothing(pipeline: fs.Pipeline) -> None:
    funnel = fitted_like_funnel()
    for lever in fs.three_levers(1.0):
        assert_same_forecast(lever.apply(funnel), funnel, pipeline)


def test_a_lever_on_one_stage_leaves_later_stages_alone() -> None:
    funnel, late = fitted_like_funnel(), deals_at([1], [5])
    # Deals of "offer" move back to "lead" at times, so take that away first.
    exits = funnel.hazards[1].exits.copy()
    exits[:, 0] = 0
    shares = exits.sum(axis=0) / exits.sum()
    funnel = replace(
        funnel, hazards=(funnel.hazards[0], replace(funnel.hazards[1], exits=exits, prior_shares=shares))
    )
    base = chances(funnel, late, "2Q").open_deals
    for lever in (fs.Conversion(2.0, stage="lead"), fs.Speed(2.0, stage="lead")):
        np.testing.assert_array_equal(chances(lever.apply(funnel), late, "2Q").open_deals, base)
    changed = chances(fs.Conversion(2.0, stage="offer").apply(funnel), late, "2Q").open_deals
    assert (changed > base).any()


# --- a wanted conversion, and what is refused ---------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0.2, 0.4, 0.75])
def test_a_wanted_conversion_is_reached(wanted: float) -> None:
    funnel = geometric_funnel()
    lever = fs.Conversion.to(wanted, funnel, "deal")
    assert lever.odds == pytest.approx(wanted / (1 - wanted) / (WIN / LOSE), rel=1e-6)
    assert lever.apply(funnel).table(n_draws=2)["conversion"]["deal"] == pytest.approx(wanted, abs=1e-9)


def test_a_wanted_conversion_counts_from_changes_already_made() -> None:
    funnel = fs.Conversion(2.0).apply(fitted_like_funnel())
    lever = fs.Conversion.to(0.6, funnel, "offer")
    assert lever.apply(funnel).table(n_draws=2)["conversion"]["offer"] == pytest.approx(0.6, abs=1e-9)


def test_a_conversion_beyond_those_who_ever_leave_is_refused_with_the_limit() -> None:
    """Of this stage 1 - 0.95^20 leave within the ages seen: 64.2 % is the most that any odds can reach."""
    hazards = np.array([[0, WIN, LOSE], [0, WIN, LOSE], [0, 0, 0]])
    stage = StageHazards(np.array([0, 1, 20]), hazards, np.ones(3), np.array([0, 0.4, 0.6]), True)
    funnel = replace(geometric_funnel(), hazards=(stage,))
    most = 1 - 0.95**20
    with pytest.raises(LeverError, match=r"'deal'.*90\.0 %.*64\.2 %.*35\.8 %"):
        fs.Conversion.to(0.9, funnel, "deal")
    assert fs.Conversion.to(most - 0.01, funnel, "deal").odds > 10


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize(
    ("lever", "word"), [(fs.Volume, "volume"), (fs.Conversion, "odds"), (fs.Speed, "speed")]
)
def test_factors_that_mean_nothing_are_refused(lever: type, word: str, factor: float) -> None:
    with pytest.raises(LeverError, match=rf"{word} must be a finite factor above 0, not {factor}"):
        lever(factor)


@pytest.mark.parametrize(
    ("lever", "said"),
    [
        (fs.Conversion(1.1, stage="nope"), "no open stage is called 'nope'; open stages are lead, offer"),
        (fs.Speed(1.1, stage="won"), "no open stage is called 'won'"),
        (fs.Speed(1.1, except_to=("expired",)), "'expired'; they are lead, offer, won, lost"),
        (fs.Together((fs.Volume(1.1), fs.Conversion(1.1, stage="nope"))), "'nope'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_places_that_do_not_exist_are_refused(lever: fs.Lever, said: str, pipeline: fs.Pipeline) -> None:
    with pytest.raises(LeverError, match=said):
        fs.compare_levers(fitted_like_funnel(), pipeline, target=1, levers=[lever], engine=ENGINE)
