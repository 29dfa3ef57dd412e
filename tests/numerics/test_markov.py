"""Markov chains against R's msm, closed forms, and likelihoods written here in full."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from funnelsim.numerics.markov import (
    MarkovChain,
    MarkovError,
    MarkovFit,
    _Panel,
    fit_markov_exact,
    fit_markov_panel,
)

Shared = Callable[[str], Path]
few = settings(max_examples=25, deadline=None, derandomize=True)


# --- R's msm and its cross-checks (tolerances from the cases' READMEs) --------------------------------------


def reference_case(shared: Shared, case: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    folder = shared(f"reference/05_ctmc_msm/{case}")
    with (folder / "input.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    return columns, json.loads((folder / "expected.json").read_text())["expected"]


def fit_reference(shared: Shared, case: str) -> tuple[MarkovFit, dict[str, Any]]:
    columns, expected = reference_case(shared, case)
    allowed = np.array(expected["Q"]) > 0
    if case == "sim_exact_times":
        origin, target = (columns[name].astype(int) - 1 for name in ("from", "to"))
        return fit_markov_exact(origin, target, columns["tstart"], columns["tstop"], n_states=5), expected
    names, exact = (("PTNUM", "years"), (3,)) if case == "cav_exact_death" else (("id", "time"), ())
    state = columns["state"].astype(int) - 1
    fit = fit_markov_panel(*(columns[name] for name in names), state, allowed=allowed, exact_states=exact)
    return fit, expected


CASES = ["cav_exact_death", "sim_exact_times", "sim_snapshots"]


@pytest.mark.parametrize("case", CASES)
def test_reproduces_reference_fit(shared: Shared, case: str) -> None:
    fit, expected = fit_reference(shared, case)
    is_exact = case == "sim_exact_times"
    assert fit.is_converged
    assert fit.warnings == ()
    assert len(fit.moves) == expected["n_params"]
    assert fit.loglik == pytest.approx(expected["loglik"], abs=1e-8 if is_exact else 1e-4)
    np.testing.assert_allclose(fit.chain.generator, expected["Q"], rtol=1e-10 if is_exact else 1e-4)
    low, high = fit.rate_ci95()
    for (origin, target), (move, error) in zip(fit.moves, expected["Q_se"].items(), strict=True):
        assert move == f"{origin + 1}->{target + 1}"
        assert fit.rate_se()[origin, target] == pytest.approx(error, rel=1e-10 if is_exact else 1e-3)
        if not is_exact:
            limits = low[origin, target], high[origin, target]
            assert limits == pytest.approx(tuple(expected["Q_ci95"][move]), rel=1e-3)
    np.testing.assert_allclose(fit.mean_sojourn_se()[:3], expected_sojourn_se(expected), rtol=1e-4)


def expected_sojourn_se(expected: dict[str, Any]) -> list[float]:
    errors: list[float] = expected["derived"]["mean_sojourn_se"]
    return errors


@pytest.mark.parametrize("case", CASES)
def test_reproduces_reference_quantities_from_the_stored_rates(shared: Shared, case: str) -> None:
    _, expected = reference_case(shared, case)
    derived, n_open = expected["derived"], 3
    chain = MarkovChain(expected["Q"])
    until = derived["total_los"]["until"]

    def check(values: np.ndarray, reference: object) -> None:
        np.testing.assert_allclose(values, reference, rtol=1e-9, atol=1e-12)

    check(chain.transition_prob([float(day) for day in derived["P"]]), list(derived["P"].values()))
    check(chain.mean_sojourn()[:n_open], derived["mean_sojourn"])
    check(chain.next_state_prob(), derived["pnext"])
    check(chain.length_of_stay(until), derived["total_los"]["all_starts"])
    check(chain.length_of_stay(np.inf)[:n_open, :n_open], derived["total_los_infinite"]["all_starts"])
    check(chain.passage_prob(until), derived["ppass"]["matrix"])
    check(chain.absorption_prob()[:n_open, n_open:], derived["absorption_prob"]["all_starts"])
    check(chain.mean_time_to_absorption()[:n_open], derived["mean_time_to_absorption"])
    check(chain.expected_entries(until)[0], derived["expected_entries"]["from_state_1"])


def test_taking_exact_deaths_for_snapshots_would_be_noticed(shared: Shared) -> None:
    columns, expected = reference_case(shared, "cav_exact_death")
    state = columns["state"].astype(int) - 1
    wrong = fit_markov_panel(columns["PTNUM"], columns["years"], state, allowed=np.array(expected["Q"]) > 0)
    assert abs(wrong.loglik - expected["loglik"]) > 1
    assert np.abs(wrong.chain.generator / np.array(expected["Q"])[0, 1]).max() > 1e-2


# --- closed forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("up", "down"), [(0.3, 0.1), (2.0, 2.0), (1e-9, 1e3)])
def test_two_states(up: float, down: float) -> None:
    chain, total = MarkovChain.from_rates([[0, up], [down, 0]]), up + down
    days = np.array([0.0, 0.01, 3.0, 500.0])
    leave = up / total * -np.expm1(-total * days)
    np.testing.assert_allclose(chain.transition_prob(days)[:, 0, 1], leave, rtol=1e-12)
    stay = up / total * (days + np.expm1(-total * days) / total)
    np.testing.assert_allclose(chain.length_of_stay(days)[2:, 0, 1], stay[2:], rtol=1e-9)
    np.testing.assert_allclose(chain.passage_prob(days)[:, 0, 1], -np.expm1(-up * days), rtol=1e-12)
    np.testing.assert_array_equal(chain.length_of_stay(np.inf), np.full((2, 2), np.inf))
    np.testing.assert_array_equal(chain.expected_entries(np.inf), np.full((2, 2), np.inf))
    np.testing.assert_array_equal(chain.mean_time_to_absorption(), [np.inf, np.inf])
    np.testing.assert_allclose(chain.passage_prob(np.inf), np.ones((2, 2)), rtol=1e-12)
    np.testing.assert_array_equal(chain.absorption_prob(), np.zeros((2, 2)))


def test_equal_rates_in_a_row_have_no_eigenvectors_and_still_work() -> None:
    chain = MarkovChain.from_rates([[0, 0.5, 0], [0, 0, 0.5], [0, 0, 0]])
    x = 0.5 * 7
    row = [np.exp(-x), x * np.exp(-x), 1 - (1 + x) * np.exp(-x)]
    np.testing.assert_allclose(chain.transition_prob(7.0)[0], row, rtol=1e-13)


def test_chances_of_many_moves_in_no_time_keep_their_precision() -> None:
    chain = MarkovChain.from_rates(np.diag([1.0, 2.0, 3.0], 1))
    np.testing.assert_allclose(chain.transition_prob(1e-7)[0, 3], 1.0e-21, rtol=1e-6)


def test_a_trap_without_end_makes_the_mean_time_infinite() -> None:
    chain = MarkovChain.from_rates(
        [[0, 0.1, 0, 0.3, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 2, 0]]
    )
    np.testing.assert_allclose(chain.absorption_prob()[:, 3], [0.75, 0, 0, 1, 1])
    np.testing.assert_allclose(chain.mean_time_to_absorption(), [np.inf, np.inf, np.inf, 0, 0.5])
    np.testing.assert_allclose(chain.length_of_stay(np.inf)[0], [2.5, np.inf, np.inf, np.inf, 0])
    np.testing.assert_allclose(chain.expected_entries(np.inf)[0], [0, np.inf, np.inf, 0.75, 0])
    np.testing.assert_allclose(chain.passage_prob(np.inf)[0], [1, 0.25, 0.25, 0.75, 0])


def test_alternating_snapshots_of_two_states_have_a_closed_form() -> None:
    # A day later 30 of 100 had moved up, 12 of 60 down: p = up / total (1 - exp(-total)), and likewise down.
    before = np.repeat([0, 1], [100, 60])
    after = np.concatenate([np.arange(100) < 30, np.arange(60) >= 12]).astype(int)
    deal, state = np.repeat(np.arange(160), 2), np.column_stack([before, after]).ravel()
    fit = fit_markov_panel(deal, [0.0, 1.0] * 160, state, allowed=[[0, 1], [1, 0]])
    total = -np.log1p(-0.3 - 0.2)
    np.testing.assert_allclose(fit.chain.rates[[0, 1], [1, 0]], total * np.array([0.6, 0.4]), rtol=1e-8)
    assert fit.loglik == pytest.approx(
        30 * np.log(0.3) + 70 * np.log(0.7) + 12 * np.log(0.2) + 48 * np.log(0.8)
    )


# --- chains of any kind -------------------------------------------------------------------------------------


@st.composite
def chains(draw: st.DrawFn) -> MarkovChain:
    n_states = draw(st.integers(1, 5))
    rate = st.one_of(st.just(0.0), st.floats(1e-3, 30.0))
    rates = draw(st.lists(rate, min_size=n_states**2, max_size=n_states**2))
    return MarkovChain.from_rates(np.reshape(rates, (n_states, n_states)))


@few
@given(chains(), st.floats(0.0, 50.0), st.floats(0.0, 50.0))
def test_probabilities_compose_and_times_add_up(chain: MarkovChain, first: float, second: float) -> None:
    both = chain.transition_prob(first) @ chain.transition_prob(second)
    np.testing.assert_allclose(chain.transition_prob(first + second), both, atol=1e-10)
    np.testing.assert_allclose(both.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(chain.transition_prob(first), expm(chain.generator * first), atol=1e-9)
    size = len(chain.generator)
    augmented = np.block([[chain.generator, np.eye(size)], [np.zeros((size, 2 * size))]])
    stay = chain.length_of_stay([first, second])
    np.testing.assert_allclose(stay[0], expm(augmented * first)[:size, size:], atol=1e-7)
    np.testing.assert_allclose(stay.sum(axis=2), np.repeat([[first], [second]], size, axis=1), atol=1e-9)


@few
@given(chains())
def test_the_end_is_what_long_horizons_come_near(chain: MarkovChain) -> None:
    late = chain.transition_prob(1e7)
    ends = chain.is_absorbing
    np.testing.assert_allclose(chain.absorption_prob()[:, ends], late[:, ends], atol=1e-8)
    np.testing.assert_allclose(chain.passage_prob(np.inf), chain.passage_prob(1e7), atol=1e-8)
    for eternal, finite in [
        (chain.length_of_stay(np.inf), chain.length_of_stay(1e7)),
        (chain.expected_entries(np.inf), chain.expected_entries(1e7)),
    ]:
        settled = np.isfinite(eternal)
        np.testing.assert_allclose(eternal[settled], finite[settled], rtol=1e-6, atol=1e-6)
        assert not np.isnan(eternal).any()
    time, stay = chain.mean_time_to_absorption(), chain.length_of_stay(np.inf)
    np.testing.assert_allclose(time, stay[:, ~ends].sum(axis=1), rtol=1e-12)


# --- exact moves --------------------------------------------------------------------------------------------


def simulate(chain: MarkovChain, n_deals: int, seed: int) -> list[list[tuple[float, int]]]:
    """Paths of deals that begin in state 0, as (moment of entry, state), cut after 100 moves."""
    random, paths = np.random.default_rng(seed), []
    for _ in range(n_deals):
        age, state, path = 0.0, 0, [(0.0, 0)]
        while not chain.is_absorbing[state] and len(path) < 100:
            age += random.exponential(chain.mean_sojourn()[state])
            state = int(random.choice(len(chain.generator), p=chain.next_state_prob()[state]))
            path.append((age, state))
        paths.append(path)
    return paths


FUNNEL = MarkovChain.from_rates([[0, 0.5, 0, 0.3], [0.1, 0, 0.4, 0.2], [0, 0, 0, 0], [0, 0, 0, 0]])


@few
@given(st.integers(0, 10_000))
def test_exact_likelihood_with_delayed_entry_against_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    sojourns = []
    for path in simulate(FUNNEL, 15, seed):
        seen_from, seen_until = random.uniform(0, 1.5), random.uniform(2, 8)
        for (start, state), (stop, following) in zip(path[:-1], path[1:], strict=True):
            if stop > seen_from and start < seen_until:
                target = following if stop <= seen_until else -1
                sojourns.append((state, target, start, max(start, seen_from), min(stop, seen_until)))
    fit = fit_markov_exact(*np.transpose([row[:2] for row in sojourns]),
                           *np.transpose([row[3:] for row in sojourns]), n_states=4)  # fmt: skip

    def brute(rates: np.ndarray) -> float:
        """Density of each sojourn from its beginning, over the chance to still be there when first seen."""
        total = 0.0
        for state, target, begin, start, stop in sojourns:
            leave = rates[state].sum()
            total += np.log(rates[state, target]) if target >= 0 else 0.0
            total += -leave * (stop - begin) - -leave * (start - begin)
        return total

    assert fit.loglik == pytest.approx(brute(fit.chain.rates))
    for origin, target in fit.moves:
        for factor in (0.98, 1.02):
            rates = fit.chain.rates
            rates[origin, target] *= factor
            assert brute(rates) < fit.loglik
    without = fit_markov_exact([0, 0], [1, 1], [0, 0], [10, 10], n_states=2).chain.rates[0, 1]
    delayed = fit_markov_exact([0, 0], [1, 1], [5, 5], [10, 10], n_states=2).chain.rates[0, 1]
    assert delayed == pytest.approx(2 * without)


# --- snapshots ----------------------------------------------------------------------------------------------


def snapshots(seed: int, n_deals: int = 25) -> tuple[list[int], list[float], list[int]]:
    """Irregular looks at deals of `FUNNEL`; a move into state 3 is told with its very moment."""
    random, rows = np.random.default_rng(seed + 1), []
    for deal, path in enumerate(simulate(FUNNEL, n_deals, seed)):
        ages, states = np.transpose(path)
        for look in np.cumsum(random.choice([0.4, 0.9, 1.7, 3.1], size=6)) + random.uniform(0, 0.01):
            state = int(states[np.searchsorted(ages, look, side="right") - 1])
            if state == 3:
                rows.append((deal, float(ages[-1]), 3))
                break
            rows.append((deal, float(look), state))
    keep = [row for i, row in enumerate(rows) if i == 0 or rows[i - 1][:2] != row[:2]]
    deal, age, state = zip(*keep, strict=True)
    return list(deal), list(age), list(state)


def plain_exponential(matrix: np.ndarray) -> np.ndarray:
    """Taylor's series of a matrix halved eight times; scipy's is slow on a busy machine (threads)."""
    term = total = np.eye(len(matrix))
    for k in range(1, 18):
        term = term @ (matrix / 256) / k
        total = total + term
    for _ in range(8):
        total = total @ total
    return total


def brute_panel_loglik(rates: np.ndarray, rows: tuple[list[int], list[float], list[int]]) -> float:
    generator = rates - np.diag(rates.sum(axis=1))
    total = 0.0
    for i in range(1, len(rows[0])):
        if rows[0][i] != rows[0][i - 1]:
            continue
        prob = plain_exponential(generator * (rows[1][i] - rows[1][i - 1]))[rows[2][i - 1]]
        if rows[2][i] == 3:
            total += np.log(sum(prob[k] * rates[k, 3] for k in range(3)))
        else:
            total += np.log(prob[rows[2][i]])
    return total


ALLOWED = FUNNEL.rates > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.thorough
def test_panel_likelihood_score_and_maximum_against_brute_force(seed: int) -> None:
    rows = snapshots(seed)
    panel = _Panel.checked(*rows, ALLOWED, (3,))
    at = np.log([0.4, 0.2, 0.3, 0.5, 0.1])

    def brute(log_rates: np.ndarray) -> float:
        rates = np.zeros((4, 4))
        rates[ALLOWED] = np.exp(log_rates)
        return brute_panel_loglik(rates, rows)

    def slope(log_rates: np.ndarray) -> np.ndarray:
        steps = 1e-5 * np.eye(5)
        return np.array([(brute(log_rates + step) - brute(log_rates - step)) / 2e-5 for step in steps])

    value, score = panel.loglik_and_score(at)
    assert value == pytest.approx(brute(at), rel=1e-11)
    np.testing.assert_allclose(score, slope(at), rtol=1e-6, atol=1e-6)
    fit = fit_markov_panel(*rows, allowed=ALLOWED, exact_states=(3,))
    best = np.log(fit.chain.rates[ALLOWED])
    assert fit.is_converged
    assert fit.loglik == pytest.approx(brute(best), rel=1e-11)
    np.testing.assert_allclose(slope(best), 0.0, atol=1e-5)
    bent = [-(slope(best + step) - slope(best - step)) / 2e-3 for step in 1e-3 * np.eye(5)]
    np.testing.assert_allclose(fit.information, bent, rtol=1e-2, atol=1e-3)


def test_score_holds_where_times_are_halved_and_doubled_back() -> None:
    deal, age, state = snapshots(7)
    panel = _Panel.checked(deal, np.array(age) * 40, state, ALLOWED, (3,))
    at = np.log([0.4, 0.2, 0.3, 0.5, 0.1])
    _, score = panel.loglik_and_score(at)
    for k, step in enumerate(1e-5 * np.eye(5)):
        gain = panel.loglik_and_score(at + step)[0] - panel.loglik_and_score(at - step)[0]
        assert score[k] == pytest.approx(gain / 2e-5, rel=1e-5, abs=1e-5)


def test_rows_of_deals_may_be_mixed_and_deals_may_have_names() -> None:
    deal, age, state = map(np.array, snapshots(3))
    first = fit_markov_panel(deal, age, state, allowed=ALLOWED, exact_states=[3])
    order = np.argsort(age, kind="stable")
    names = np.array([f"deal {number}" for number in deal])[order]
    mixed = fit_markov_panel(names, age[order] + 100, state[order], allowed=ALLOWED, exact_states=[3])
    np.testing.assert_allclose(mixed.chain.rates, first.chain.rates, rtol=1e-7)


def test_rates_nothing_speaks_for_are_named_and_never_nan() -> None:
    # State 2 is never seen, and the way 0 -> 1 -> 0 leaves no trace: three rates are not determined.
    allowed = [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
    fit = fit_markov_panel([0, 0, 1, 1, 2, 2], [0, 1] * 3, [0, 1, 0, 0, 1, 1], allowed=allowed)
    assert any("rate 2 -> 0" in warning for warning in fit.warnings)
    assert fit.rate_se()[2, 0] == np.inf
    for values in (fit.rate_se(), *fit.rate_ci95(), fit.mean_sojourn_se(), fit.chain.generator):
        assert not np.isnan(values).any()
    assert np.isfinite(fit.rate_se()[0, 1])
    assert fit.rate_ci95()[1][2, 0] == np.inf


@pytest.mark.parametrize("seed", range(6))
def test_few_snapshots_at_any_distance_never_end_in_nan(seed: int) -> None:
    random, rows = np.random.default_rng(seed), [(99, 0.0, 0), (99, 1.0, 1)]
    for deal in range(6):
        state, age = 0, 0.0
        for _ in range(4):
            rows.append((deal, age, state))
            age += 10 ** random.uniform(-3, 3)
            state = int(random.integers(state, 3))
    fit = fit_markov_panel(*zip(*rows, strict=True), allowed=np.triu(np.ones((3, 3)), 1), exact_states=[2])
    numbers = [
        fit.rate_se(),
        *fit.rate_ci95(),
        fit.mean_sojourn_se(),
        fit.chain.length_of_stay([1.0, np.inf]),
    ]
    assert not any(np.isnan(values).any() for values in numbers)
    assert fit.is_converged or fit.warnings


# --- what cannot be used ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 3], [1, -1], [0, 0], [1, 1]), r"row 1: from_state is not in 0 to 2; found 3"),
        (([0, 0], [1, -2], [0, 0], [1, 1]), r"row 1: to_state is not in -1 to 2"),
        (([0, 1], [1, 1], [0, 0], [1, 1]), r"row 1: a sojourn moves to its own state"),
        (([0, 1], [1, -1], [0, 2], [1, 2]), r"row 1: needs finite start < stop; found 2.0, 2.0"),
        (([0, 1], [1, -1], [0, np.nan], [1, 2]), r"row 1: needs finite"),
        (([0, 1], [-1, -1], [0, 0], [1, 2]), r"nobody moves in 2 sojourns"),
        (([0, 1], [-1, -1], [0], [1, 2]), r"one entry per sojourn"),
        (([0.5], [1], [0], [1]), r"from_state needs one whole number per row"),
        (([], [], [], []), r"from_state needs one whole number per row"),
    ],
)
def test_unusable_sojourns_are_refused(columns: tuple[Any, ...], message: str) -> None:
    with pytest.raises(MarkovError, match=message):
        fit_markov_exact(*columns, n_states=3)


FORWARD = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (([7, 7], [0, 1], [1, 0]), {}, r"row 0: a change that `allowed` rules out.*found 7, 0.0, 1.0, 1, 0"),
        (([7, 7], [0, 1], [0, 3]), {}, r"row 1: state is not in 0 to 2; found 3"),
        (([7, 7], [1, 1], [0, 1]), {}, r"times of a deal must increase.*found 7, 1.0, 1.0, 0, 1"),
        (([7, 7], [1, 0], [0, 1]), {}, r"times of a deal must increase"),
        (([7, 7], [1, np.inf], [0, 1]), {}, r"row 1: time must be finite"),
        (([7, 7], [0, 1], [0, 0]), {}, r"nobody moves in 2 snapshots"),
        (([7, 8], [0, 1], [0, 1]), {}, r"nobody moves in 2 snapshots"),
        (([7], [0, 1], [0, 1]), {}, r"one entry per snapshot"),
        (([7, 7], [0, 1], [0, 1]), {"exact_states": [1]}, r"exact state 1 must be a known state"),
        (([7, 7], [0, 1], [0, 1]), {"exact_states": [5]}, r"exact state 5 must be a known state"),
        (([7, 7], [0, 1], [0, 1]), {"allowed": [[0, 1]]}, r"allowed is a square matrix"),
        (([7, 7], [0, 1], [0, 1]), {"allowed": np.eye(3)}, r"False on the diagonal"),
    ],
)
def test_unusable_snapshots_are_refused(rows: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MarkovError, match=message):
        fit_markov_panel(*rows, **{"allowed": FORWARD, **options})


def test_unusable_rates_and_horizons_are_refused() -> None:
    for rates, message in [([[0, -1], [0, 0]], "finite and >= 0"), ([[0, 1]], "square"), ([1], "square")]:
        with pytest.raises(MarkovError, match=message):
            MarkovChain.from_rates(rates)
    with pytest.raises(MarkovError, match="sum to 0"):
        MarkovChain(np.array([[0.0, 1.0], [0.0, 0.0]]))
    for horizon, message in [(-1.0, "-1"), ([0, np.nan], "nan"), (np.inf, "finite"), (1e300, "over 1e15")]:
        with pytest.raises(MarkovError, match=message):
            FUNNEL.transition_prob(horizon)


def test_states_never_seen_are_named() -> None:
    fit = fit_markov_exact([0], [1], [0.0], [4.0], n_states=3)
    assert fit.warnings == ("state 2 was never observed; its rates are 0",)
    np.testing.assert_allclose(fit.mean_sojourn_se(), [4.0, 0.0, 0.0])
    assert fit.rate_se()[0, 1] == pytest.approx(0.25)
