"""Dwell: known worlds, likelihoods counted row by row, closed forms of an overlong stay, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import funnelsim as fs
from funnelsim.nouns.funnel import Changes
from funnelsim.nouns.records import Records
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import hazards_by_hand
from funnelsim.questions.dwell import NOT_STATED, Dwell
from funnelsim.questions.stays import BINNED, StayError

ORIGIN = np.datetime64("2024-01-01", "D")
LAWS = {
    "exponential": lambda p: stats.expon(scale=1 / p["rate"]),
    "weibull": lambda p: stats.weibull_min(p["shape"], scale=p["scale"]),
    "gamma": lambda p: stats.gamma(p["shape"], scale=1 / p["rate"]),
    "lognormal": lambda p: stats.lognorm(p["sdlog"], scale=np.exp(p["meanlog"])),
    "loglogistic": lambda p: stats.fisk(p["shape"], scale=p["scale"]),
}


def history_of(
    stays: list[tuple[int, int, str]],
    *,
    stages: fs.Stages | None = None,
    cutoff: int,
    window: int | None = None,
    step: str = "day",
    first: str | None = None,
) -> fs.DealHistory:
    """One stay a deal in the first stage: (day of entry, day of exit, destination; "" while it goes on)."""
    stages = stages or fs.Stages.named(["offer"])
    code, name = stages.codes, first or stages.names[0]
    moves = [
        row
        for deal, (entry, leave, destination) in enumerate(stays)
        for row in ((deal, code[name], entry), *([(deal, code[destination], leave)] if destination else []))
    ]
    deal, place, day = (np.array(column) for column in zip(*moves, strict=True))
    frame = pd.DataFrame(
        {
            "deal": deal,
            "stage": place,
            "entered_at": (ORIGIN + day).astype("datetime64[us]"),
            "recorded_at": np.full(len(deal), np.datetime64("NaT", "us")),
            "amount": np.full(len(deal), np.nan),
            "row": np.arange(len(deal)) + 2,
        }
    )
    deals = pd.DataFrame({"deal_id": [str(i) for i in range(len(stays))], "amount": np.nan})
    return fs.DealHistory(
        records=Records(deals, frame, keeps_file_order=True),
        stages=stages,
        clock=fs.Clock(step),
        cutoff=(ORIGIN + cutoff + 1).astype("datetime64[us]") - np.timedelta64(1, "us"),
        window_start=None if window is None else (ORIGIN + window).astype("datetime64[us]"),
    )


def world(
    dwell: np.ndarray,
    wins: np.ndarray,
    rng: np.random.Generator,
    *,
    cutoff: int,
    window: int | None = None,
    **rest,
) -> fs.DealHistory:
    """Deals that enter on any day up to the cutoff; those over before the window are not on record."""
    entry = rng.integers(0, cutoff + 1, len(dwell))
    leave = entry + dwell
    kept = leave >= (window or 0)
    rows = [
        (int(e), int(x), ("won" if w else "lost") if x <= cutoff else "")
        for e, x, w in zip(entry[kept], leave[kept], wins[kept], strict=True)
    ]
    return history_of(rows, cutoff=cutoff, window=window, **rest)


def exponential_world(seed: int, n: int = 4000, **settings) -> fs.DealHistory:
    """Chance of leaving 5 % a day at any age, two in five of them wins."""
    rng = np.random.default_rng(seed)
    return world(rng.geometric(0.05, n) - 1, rng.random(n) < 0.4, rng, **{"cutoff": 60} | settings)


@pytest.fixture(scope="module")
def late() -> fs.DealHistory:
    """A log complete only from day 30 on, cut at day 60: entered late, censored early."""
    return exponential_world(0, window=30)


@pytest.fixture(scope="module")
def found(late: fs.DealHistory) -> Dwell:
    return fs.dwell(late, n_draws=300)


# --- necessary and usual


def test_quantiles_of_a_memoryless_stage_are_those_of_theory(late, found):
    """d = 2 days: 1 - .95**(age + 1) passes .1 at age 2, and .5 at age 13; closed stays alone say 10."""
    row = found.table().loc["offer"]
    # within the 60 days watched, 95.6 % of them; so the quantiles are those of a truncated law
    oldest = found._oldest(0)
    reach = 1 - 0.95 ** (oldest + 1)
    for name, share in (("necessary", 0.1), ("usual", 0.5)):
        truth = np.ceil(np.log1p(-share * reach) / np.log(0.95)) - 1
        assert abs(row[f"{name}_days"] - truth) <= 1
        assert row[f"{name}_days_low"] <= row[f"{name}_days"] <= row[f"{name}_days_high"]
    closed = found.stays[0].exit_age[(found.stays[0].destination >= 0) & (found.stays[0].entry_age == 0)]
    assert np.median(closed) < row["usual_days"] - 2  # negative control: what censoring hides


@pytest.mark.thorough
def test_intervals_of_the_usual_dwell_hold_the_truth_as_often_as_stated():
    """80 % intervals over 150 worlds of 300 deals: whole days make them hold a little more often.

    d = 15 points: 150 worlds accept 68 % and more.
    """
    held = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        dwell = np.floor(20 * rng.weibull(1.5, 300)).astype(int)
        row = fs.dwell(world(dwell, np.ones(300, bool), rng, cutoff=200), n_draws=60).table().iloc[0]
        held += row["usual_days_low"] <= np.floor(20 * np.log(2) ** (1 / 1.5)) <= row["usual_days_high"]
    assert 0.68 * 150 <= held <= 0.97 * 150


def test_counts_are_those_of_the_history(late, found):
    spells, row = late.spells, found.table().loc["offer"]
    seen = spells.exit_step >= late.window_start_step
    assert row["n_stays"] == seen.sum() == row["n_left"] + row["n_censored"]
    assert row["n_moved_on"] == (spells.destination[seen] == late.stages.codes["won"]).sum()


@pytest.mark.parametrize(
    ("stated", "words"),
    [(5.0, "longer than stated"), (60.0, "shorter than stated"), (13.0, "no clear difference")],
)
def test_verdict_against_what_is_stated(stated, words):
    stages = fs.Stages((fs.Stage("offer", usual_days=stated),))
    row = fs.dwell(exponential_world(1, cutoff=300, stages=stages), n_draws=100).table().iloc[0]
    assert row["usual_verdict"].startswith(f"stated {stated:.0f}, observed 1")
    assert row["usual_verdict"].endswith(words)
    assert row["stated_usual_days"] == stated
    assert row["stated_necessary_days"] == NOT_STATED


def test_months_are_told_in_days_and_blur_a_comparison():
    """Exits two calendar months later lie 29 to 92 days away: 40 days stated are no contradiction."""
    stages = fs.Stages((fs.Stage("offer", necessary_days=40, usual_days=10),))
    history = history_of([(5, 70, "won")] * 80, stages=stages, cutoff=90, step="month")
    row = fs.dwell(history, n_draws=50).table().iloc[0]
    assert row["necessary_days"] == row["usual_days"] == pytest.approx(2 * 365.25 / 12)
    assert row["necessary_verdict"].endswith("no clear difference")
    assert row["usual_verdict"].endswith("longer than stated")


# --- families


def brute_force(history: fs.DealHistory, name: str, params: dict[str, float]) -> float:
    """Log-likelihood row by row, from survival functions of another library."""
    family, never = name.split(" + ")[0], params.get("never_leaves", 0.0)
    law = LAWS[family](params)

    def survival(age):
        return never + (1 - never) * law.sf(age)

    total = 0.0
    rows = zip(history.spells.entry_step, history.spells.exit_step, history.spells.destination, strict=True)
    for entry, last, destination in rows:
        age, first_watched = last - entry, max(history.window_start_step - entry, 0)
        if last >= history.window_start_step:
            chance = survival(age + 1) if destination < 0 else survival(age) - survival(age + 1)
            total += np.log(chance / survival(first_watched))
    return float(total)


@pytest.mark.thorough
def test_ranking_is_that_of_the_likelihood_counted_row_by_row():
    """d = 1e-6 of a log-likelihood; entry a day late, or ages as exact, changes it by hundreds."""
    rng = np.random.default_rng(5)
    dwell = np.floor(20 * rng.weibull(1.5, 1500)).astype(int)
    history = world(dwell, rng.random(1500) < 0.5, rng, cutoff=60, window=20)
    found = fs.dwell(history, n_draws=2)
    table, fits = found.families("offer"), found.fits("offer").fits
    by_hand = {}
    for name, fit in zip(table.index, fits, strict=False):
        if fit.family in LAWS:
            loglik = brute_force(history, name, fit.params)
            assert table.loc[name, "log_likelihood"] == pytest.approx(loglik, abs=1e-6)
            by_hand[name] = 2 * len(fit.params) - 2 * loglik
    assert [name for name in table.index if name in by_hand] == sorted(by_hand, key=by_hand.get)
    weibull = next(fit for fit in fits if fit.family == "weibull")
    assert abs(weibull.params["shape"] - 1.5) < 4 * weibull.se["shape"]
    assert abs(weibull.params["scale"] - 20) < 4 * weibull.se["scale"]
    assert table["weight"].sum() == pytest.approx(1.0)
    assert not table.isna().any().any()


@pytest.mark.thorough
def test_one_destination_censors_the_others(found):
    """Two in five exits are wins, so their rate is two fifths of that of all exits."""
    every = next(f for f in found.fits("offer").fits if f.family == "exponential" and not f.never_leaves)
    wins = next(
        f for f in found.fits("offer", "won").fits if f.family == "exponential" and not f.never_leaves
    )
    n_won = (found.stays[0].destination == 1).sum()
    assert wins.n_exits == n_won
    assert wins.dwell.step_hazard(0) / every.dwell.step_hazard(0) == pytest.approx(
        n_won / every.n_exits, rel=0.02
    )


# --- goodness of fit


@pytest.mark.thorough
def test_the_true_family_passes_and_an_expiry_fails_every_family(found):
    check = found.fit_check("offer")
    assert check["p_value"][BINNED] > 1e-4
    assert check["p_value"]["exponential"] > 1e-4
    rng = np.random.default_rng(2)
    expiring = np.minimum(rng.geometric(0.04, 3000) - 1, 30)
    spiked = fs.dwell(world(expiring, expiring < 30, rng, cutoff=200), n_draws=2).fit_check("offer")
    families = spiked.drop(index=BINNED)
    assert families["verdict"].str.startswith("does not fit").all()
    assert spiked["verdict"][BINNED] == "no sign of misfit"  # an expiry has a bin of its own
    assert families["largest_gap"].abs().min() > 5 * spiked["largest_gap"].abs()[BINNED]


def test_exits_by_age_add_up(found):
    exits = found.exits("offer", "exponential")
    assert exits["observed"].sum() == found.table()["n_left"]["offer"]
    assert exits["expected"].sum() == pytest.approx(exits["observed"].sum(), rel=1e-3)
    with pytest.raises(StayError, match="no model 'normal'"):
        found.exits("offer", "normal")


# --- an overlong stay


def by_hand(first_age: list[int], won: list[float], lost: list[float]) -> Dwell:
    stages = fs.Stages.named(["offer"])
    chances = np.column_stack([np.zeros(len(won)), won, lost])
    hazards = hazards_by_hand(np.array(first_age), chances)
    funnel = fs.Funnel(stages, fs.Clock("day"), (hazards,), Arrivals(1, 1.0, np.inf, 0.0, np.ones(1)))
    return fs.dwell(
        history_of([(0, 3, "won"), (0, 4, "lost"), (0, 9, "")], cutoff=9), funnel=funnel, n_draws=5
    )


def test_chance_by_age_of_two_causes_in_closed_form():
    """Wins at 3 % a day before day 20 and 1 % after, losses at 2 % throughout, seen until day 99."""
    found = by_hand([0, 1, 20, 100], [0.03, 0.03, 0.01, 0.0], [0.02, 0.02, 0.02, 0.0])
    curve = found.overlong("offer", at=range(100))
    ages = np.arange(100)
    after = (0.01 / 0.03) * (1 - 0.97 ** (100 - np.maximum(ages, 20)))
    stays = 0.95 ** np.maximum(20 - ages, 0)
    expected = 0.6 * (1 - stays) + stays * after
    np.testing.assert_allclose(curve["chance"], expected, rtol=1e-12)
    undecided = stays * 0.97 ** (100 - np.maximum(ages, 20))
    np.testing.assert_allclose(curve["undecided"], undecided, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(curve["chance_if_leaves"], expected / (1 - undecided), rtol=1e-10)


def test_where_age_does_not_matter_the_chance_of_those_who_leave_stays():
    curve = by_hand([0, 1, 50], [0.02, 0.02, 0.0], [0.03, 0.03, 0.0]).overlong("offer", at=range(50))
    np.testing.assert_allclose(curve["chance_if_leaves"], 0.4, rtol=1e-12)
    assert curve["chance"].iloc[-1] == pytest.approx(0.02)  # one step is left of what was seen


def test_overlong_names_its_ages_and_counts_open_deals(late, found):
    table = found.overlong("offer")
    assert table["what"].iloc[0].startswith("entry")
    assert "oldest exit" in table["what"].iloc[-1]
    assert table["n_open"].sum() == (late.spells.destination < 0).sum()
    assert (table["chance_low"] <= table["chance"]).all()
    assert (table["chance"] <= table["chance_high"]).all()
    assert table["chance_if_leaves"].iloc[0] == pytest.approx(0.4, abs=0.04)
    for at in ([-1], [0.5], [10_000], []):
        with pytest.raises(StayError, match="ages are whole days from 0"):
            found.overlong("offer", at=at)


def test_entry_has_the_win_rate_of_the_funnel():
    """Two ways to the same number, stage after stage, with moves back."""
    history = fs.simulate_history(4)
    funnel = fs.sample_funnel()
    found = fs.dwell(history, funnel=funnel, n_draws=5)
    for stage, rate in funnel.table(n_draws=5)["win_rate"].items():
        assert found.overlong(stage)["chance"].iloc[0] == pytest.approx(rate, rel=1e-9)


# --- bad input


TWO = fs.Stages.named(["lead", "offer"])
AWKWARD = {
    "no exits": history_of([(0, 0, ""), (3, 0, "")], cutoff=20),
    "never entered": history_of([(0, 4, "won"), (1, 3, "lost")], stages=TWO, cutoff=20),
    "within the step": history_of([(0, 0, "won"), (1, 1, "lost")] * 20, cutoff=20),
    "losses only": history_of([(i, i + 4, "lost") for i in range(30)], cutoff=40),
    "one exit": history_of([(0, 5, "won"), (3, 0, "")], cutoff=20),
    "ten deals": history_of([(i, 2 * i + 3, "won" if i % 2 else "lost") for i in range(10)], cutoff=15),
    "one age": history_of([(i, i + 4, "won") for i in range(30)], cutoff=40),
    "straight from the window": history_of([(0, 9, "won"), (8, 9, "lost")] * 3, cutoff=9, window=9),
}


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.thorough
def test_awkward_histories_have_a_stated_answer_or_a_clear_error(case):
    history = AWKWARD[case]
    if case == "ten deals":  # those that leave after day 15 are open
        history = history_of(
            [(i, 2 * i + 3, ("won" if i % 2 else "lost") if 2 * i + 3 <= 15 else "") for i in range(10)],
            cutoff=15,
        )
    found = fs.dwell(history, n_draws=50)
    tables, refusals = [found.table()], []
    # Losses only: dwells are those of "one age", and so is what is said of all ways out together.
    of_all_exits = () if case == "losses only" else (found.families, found.fit_check, found.incidence)
    for stage in history.stages.names[: history.stages.n_open]:
        tables.append(found.overlong(stage))
        assert (tables[-1][["chance_low", "chance_high"]] >= 0).all().all()
        for question in of_all_exits:
            try:
                tables.append(question(stage))
            except StayError as error:
                refusals.append((stage, str(error)))
    assert all(stage in message for stage, message in refusals)
    for table in tables:
        assert not table.isna().any().any(), table
    assert repr(found).startswith("Dwell(")


def test_nobody_moved_on_is_said():
    row = fs.dwell(AWKWARD["losses only"], n_draws=20).table().iloc[0]
    assert (row["usual_days"], row["usual_days_low"], row["usual_days_high"]) == (np.inf, 0, np.inf)
    assert row["usual_verdict"] == "nobody was seen to move on"
    assert "nobody was seen to move on" in row["note"]


def test_a_dwell_that_many_never_reach_is_said():
    rng = np.random.default_rng(0)
    dwell = np.where(rng.random(1000) < 0.7, 10_000, rng.geometric(0.2, 1000) - 1)
    history = world(dwell, np.ones(1000, bool), rng, cutoff=100)
    row = fs.dwell(history, n_draws=20).table().iloc[0]
    assert row["undecided"] == pytest.approx(0.7, abs=0.1)
    assert "still there at the oldest age" in row["note"]


def test_why_no_family_fits():
    with pytest.raises(StayError, match="'offer': no family can be fitted: nobody left it"):
        fs.dwell(AWKWARD["no exits"], n_draws=2).families("offer")
    with pytest.raises(StayError, match="within the step of entry"):
        fs.dwell(AWKWARD["within the step"], n_draws=2).families("offer")


def test_questions_asked_wrongly_are_refused(late, found):
    with pytest.raises(StayError, match="open stages are offer"):
        found.families("won")
    with pytest.raises(StayError, match="no place"):
        found.families("offer", "gone")
    for wrong in ({"necessary": 0.6}, {"usual": 1.0}, {"interval": 0.0}, {"n_draws": 1}):
        with pytest.raises(StayError, match="must"):
            fs.dwell(late, **wrong)
    with pytest.raises(StayError, match="give one of such data"):
        fs.dwell(late, funnel=fs.sample_funnel())
    funnel = fs.fit(late)
    faster = Changes(1.0, np.zeros(1), np.full((1, 3), 1.25))
    with pytest.raises(StayError, match="lever on speed"):
        fs.dwell(late, funnel=funnel.with_changes(faster))


def test_the_same_seed_gives_the_same_answer(late, found):
    pd.testing.assert_frame_equal(found.table(), fs.dwell(late, n_draws=300).table())


@pytest.mark.thorough
def test_hazards_from_elsewhere_are_held_to_the_exits() -> None:
    """Those of a funnel that did not learn from these stays get no credit for having followed them.

    A day's hazard a third too high is seen at once (d: 10 % of the exits); the history's own hazards pass.
    """
    history = fs.simulate_history(seed=6)
    own = fs.fit(history, calendar=False, level_period=None)
    assert fs.dwell(history, funnel=own, n_draws=20).fit_check("Qualify")["p_value"].iloc[0] > 0.01
    faster = replace(
        own, hazards=tuple(replace(stage, at_risk=stage.at_risk / 4 * 3) for stage in own.hazards)
    )
    check = fs.dwell(history, funnel=faster, n_draws=20).fit_check("Qualify").iloc[0]
    assert check["p_value"] < 1e-6
    assert check["verdict"].startswith("does not fit")
