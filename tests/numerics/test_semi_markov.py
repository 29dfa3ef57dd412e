"""Semi-Markov mixture against a published data set with two optima, and likelihoods written here in full."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funnelsim.numerics.markov import fit_markov_exact
from funnelsim.numerics.semi_markov import (
    SemiMarkov,
    SemiMarkovError,
    SemiMarkovFit,
    StateFit,
    _Mixture,
    fit_semi_markov,
)

Shared = Callable[[str], Path]
Sojourn = tuple[int, float, float]  # destination or -1, age, entry age
few = settings(max_examples=20, deadline=None, derandomize=True)


# --- reference: own multi-start fit, and the R package that ends in the trap (tolerances from the README) ---


def fit_asthma(shared: Shared, family: str) -> tuple[SemiMarkovFit, dict[str, Any]]:
    folder = shared("reference/06_semi_markov/asthma")
    with (folder / "input.csv").open() as file:
        rows = list(csv.DictReader(file))
    origin, target = (np.array([int(row[name]) - 1 for row in rows]) for name in ("state.h", "state.j"))
    ages = np.array([float(row["time"]) for row in rows])
    fit = fit_semi_markov(origin, np.where(origin == target, -1, target), ages, n_states=3, family=family)
    return fit, json.loads((folder / "expected.json").read_text())["expected"][family]


def check_branches(state: StateFit, expected: dict[str, Any]) -> None:
    for k, destination in enumerate(state.destinations):
        branch = expected["branches"][str(destination + 1)]
        assert state.n_exits[k] == branch["n_events"]
        assert state.best.routing_prob[k] == pytest.approx(branch["p"], abs=1e-6)
        assert state.routing_prob_se[k] == pytest.approx(branch["p_se"], rel=1e-5)
        shape, scale, errors = state.best.shape[k], state.best.scale[k], branch["se"]
        if branch["family"] == "weibull":
            assert (shape, scale) == pytest.approx(tuple(branch["params"].values()), rel=1e-6)
            found = state.shape_se[k], state.scale_se[k]
            assert found == pytest.approx((errors["shape"], errors["scale"]), rel=1e-5)
        else:
            assert 1 / scale == pytest.approx(branch["params"]["rate"], rel=1e-6)
            assert state.scale_se[k] / scale**2 == pytest.approx(errors["rate"], rel=1e-5)
            assert (shape, state.shape_se[k]) == (1.0, 0.0)


@pytest.mark.parametrize("family", ["weibull", "exponential"])
def test_reaches_the_global_optimum_of_the_reference(shared: Shared, family: str) -> None:
    fit, expected = fit_asthma(shared, family)
    assert fit.loglik == pytest.approx(expected["total_loglik_global"], abs=1e-6)
    for state in fit.states:
        reference = expected["global_optimum"][str(state.state + 1)]
        assert state.best.is_converged
        assert state.best.loglik == pytest.approx(reference["loglik"], abs=1e-6)
        assert state.n_open == reference["n_open"]
        check_branches(state, reference)
        np.testing.assert_array_equal(fit.model.routing_prob[state.state, state.destinations],
                                      state.best.routing_prob)  # fmt: skip
        kinds = ["logit", "log shape", "log scale"] if family == "weibull" else ["logit", "log scale"]
        named = [f"{kind} {end}" for end in state.destinations for kind in kinds[1:]]
        order = [state.parameters.index(name) for name in [f"logit {state.destinations[1]}", *named]]
        covariance = np.linalg.inv(state.information)[np.ix_(order, order)]
        sign = -1.0 if family == "exponential" else 1.0  # the file has log rates there, not log scales
        signs = np.array([1.0] + [sign] * len(named))
        np.testing.assert_allclose(
            covariance, reference["cov_unconstrained"] * np.outer(signs, signs), rtol=1e-4, atol=1e-7
        )


@pytest.mark.parametrize("family", ["weibull", "exponential"])
def test_the_trap_is_found_reported_and_not_taken(shared: Shared, family: str) -> None:
    fit, expected = fit_asthma(shared, family)
    for state in fit.states:
        trap = expected["second_local_optimum"][str(state.state + 1)]
        assert len(state.optima) == 2
        assert state.optima[1].loglik == pytest.approx(trap["loglik"], abs=1e-6)
        probabilities = [trap["branches"][str(end + 1)]["p"] for end in state.destinations]
        np.testing.assert_allclose(state.optima[1].routing_prob, probabilities, atol=1e-6)
        assert any("2 optima" in warning for warning in state.warnings)
        # Negative control: the check of the global optimum fails in the trap.
        with pytest.raises(AssertionError):
            check_branches(state, {"branches": trap["branches"]})
    assert any(warning.startswith("state 0: time to 2") for warning in fit.warnings)


# --- brute force --------------------------------------------------------------------------------------------


def brute_loglik(rows: list[Sojourn], prob: list[float], shape: list[float], scale: list[float]) -> float:
    def still_there(age: float) -> float:
        ways = zip(prob, shape, scale, strict=True)
        return math.fsum(p * math.exp(-((age / b) ** a)) for p, a, b in ways)

    total = 0.0
    for way, age, entry in rows:
        if way < 0:
            likelihood = still_there(age)
        else:
            p, a, b = prob[way], shape[way], scale[way]
            likelihood = p * a / b * (age / b) ** (a - 1) * math.exp(-((age / b) ** a))
        if likelihood == 0:  # too small for a float: no rival of any maximum
            return -math.inf
        total += math.log(likelihood / still_there(entry))
    return total


def simulate(seed: int, n: int, *, censor: float, delay: float = 0.0) -> list[Sojourn]:
    """Two ways out, 35 % fast (Weibull 1.4, 3) and 65 % slow (Weibull 0.9, 9); early leavers are not seen."""
    random, rows = np.random.default_rng(seed), []
    while len(rows) < n:
        way = int(random.random() < 0.65)
        age = (3.0, 9.0)[way] * random.weibull((1.4, 0.9)[way])
        entry, end = random.uniform(0, delay) if random.random() < 0.5 else 0.0, random.uniform(0.5, censor)
        if min(age, end) > entry:
            rows.append((way if age <= end else -1, min(age, end), entry))
    return rows


def columns(rows: list[Sojourn]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ways as states 1 and 2, left from state 0."""
    way, age, entry = map(np.array, zip(*rows, strict=True))
    return np.where(way < 0, -1, way + 1), age, entry


@few
@given(
    st.integers(0, 10_000),
    st.floats(0.05, 0.95),
    st.tuples(*[st.floats(0.4, 2.0)] * 2, *[st.floats(1.5, 30.0)] * 2),
    st.sampled_from([(True, True), (True, False), (False, False)]),
)
def test_likelihood_and_score_against_brute_force(
    seed: int, first: float, parameters: tuple[float, ...], weibull: tuple[bool, bool]
) -> None:
    rows = simulate(seed, 30, censor=12.0, delay=3.0)
    target, age, entry = columns(rows)
    with np.errstate(divide="ignore"):
        way = np.where(target < 0, -1, target - 1)
        mixture = _Mixture(np.array([1, 2]), way, np.log(age), np.log(entry), np.array(weibull))
    shape = [value if free else 1.0 for value, free in zip(parameters[:2], weibull, strict=True)]
    every = np.log([1.0, (1 - first) / first, *shape, *parameters[2:]])
    at = every[mixture.free]
    value, score = mixture.loglik_and_score(at)
    assert value == pytest.approx(
        brute_loglik(rows, [first, 1 - first], shape, list(parameters[2:])), rel=1e-10
    )
    for k, step in enumerate(1e-6 * np.eye(len(at))):
        slope = mixture.loglik_and_score(at + step)[0] - mixture.loglik_and_score(at - step)[0]
        assert score[k] == pytest.approx(slope / 2e-6, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_best_optimum_with_delayed_entry_is_the_top_of_the_brute_likelihood(seed: int) -> None:
    rows = simulate(seed, 120, censor=15.0, delay=4.0)
    target, age, entry = columns(rows)
    state = fit_semi_markov(np.zeros(120, int), target, age, n_states=3, entry_age=entry).states[0]
    best = [state.best.routing_prob, state.best.shape, state.best.scale]
    top = brute_loglik(rows, *map(list, best))
    assert state.best.loglik == pytest.approx(top, rel=1e-10)
    for kind, place, factor in [(i, j, f) for i in range(3) for j in range(2) for f in (0.97, 1.03)]:
        moved = [values.copy() for values in best]
        moved[kind][place] *= factor
        moved[0] /= moved[0].sum()
        assert brute_loglik(rows, *map(list, moved)) < top
    # No random point of the brute likelihood is higher either.
    random = np.random.default_rng(seed)
    for _ in range(200):
        p = random.uniform(0.02, 0.98)
        shape, scale = np.exp(random.normal(0, 0.7, 2)), np.exp(random.normal(1.5, 1.2, 2))
        assert brute_loglik(rows, [p, 1 - p], list(shape), list(scale)) < top


def test_ignoring_delayed_entry_would_be_noticed() -> None:
    target, age, entry = columns(simulate(5, 400, censor=40.0, delay=6.0))
    origin = np.zeros(400, int)
    right = fit_semi_markov(origin, target, age, n_states=3, entry_age=entry).states[0]
    wrong = fit_semi_markov(origin, target, age, n_states=3).states[0]
    assert abs(right.best.routing_prob[0] - 0.35) < 3 * right.routing_prob_se[0]
    assert wrong.best.routing_prob[0] < right.best.routing_prob[0] - 0.02  # fast ones left unseen


# --- closed forms -------------------------------------------------------------------------------------------


def test_without_open_sojourns_ways_are_shares_and_times_are_fitted_apart() -> None:
    ages = np.array([1.0, 2.0, 3.0, 10.0, 5.0])
    fit = fit_semi_markov([0] * 5, [1, 1, 1, 2, 2], ages, n_states=3, family="exponential")
    state = fit.states[0]
    np.testing.assert_allclose(state.best.routing_prob, [0.6, 0.4], rtol=1e-7)
    np.testing.assert_allclose(state.best.scale, [2.0, 7.5], rtol=1e-7)
    np.testing.assert_allclose(state.routing_prob_se, np.sqrt(0.24 / 5), rtol=1e-5)
    np.testing.assert_allclose(state.scale_se, [2 / np.sqrt(3), 7.5 / np.sqrt(2)], rtol=1e-5)
    assert len(state.optima) == 1
    assert set(state.optima[0].starts) == {
        "cause by cause",
        "open shared out",
        "all open to 1",
        "all open to 2",
    }
    assert fit.model.mean_sojourn()[0] == pytest.approx(ages.mean())


def test_one_way_with_exponential_time_is_the_markov_chain() -> None:
    ages, entries = np.array([4.0, 6.0, 9.0]), np.array([1.0, 0.0, 5.0])
    state = fit_semi_markov(
        [0, 0, 0], [1, 1, -1], ages, n_states=2, entry_age=entries, family="exponential"
    ).states[0]
    chain = fit_markov_exact([0, 0, 0], [1, 1, -1], entries, ages, n_states=2)
    assert 1 / state.best.scale[0] == pytest.approx(chain.chain.rates[0, 1])
    assert state.best.loglik == pytest.approx(chain.loglik)
    assert (state.best.routing_prob[0], state.routing_prob_se[0]) == (1.0, 0.0)


def test_derived_curves_of_a_known_model() -> None:
    model = SemiMarkov([[0, 0.3, 0.7], [0, 0, 0], [0, 0, 0]], np.full((3, 3), 2.0), np.full((3, 3), 5.0))
    ages = np.array([[0.0, 5.0], [1e300, np.inf]])
    gone = -np.expm1(-(np.minimum(ages / 5.0, 1e3) ** 2))
    np.testing.assert_allclose(model.incidence(ages)[..., 0, 1], 0.3 * gone)
    np.testing.assert_allclose(model.survival(ages)[..., 0], 1 - gone, atol=1e-15)
    np.testing.assert_array_equal(model.survival(ages)[..., 1], 1.0)
    np.testing.assert_allclose(model.mean_sojourn(), [5.0 * math.gamma(1.5), np.inf, np.inf])


# --- warnings and edges -------------------------------------------------------------------------------------


def test_families_can_differ_by_way() -> None:
    target, age, _ = columns(simulate(1, 150, censor=20.0))
    state = fit_semi_markov(
        np.zeros(150, int), target, age, n_states=3, family={(0, 2): "exponential"}
    ).states[0]
    assert state.parameters == ("logit 2", "log shape 1", "log scale 1", "log scale 2")
    assert state.best.shape[1] == 1.0
    assert state.best.shape[0] != 1.0


def test_order_of_rows_and_unit_of_time_do_not_matter() -> None:
    target, age, entry = columns(simulate(2, 100, censor=10.0, delay=2.0))
    first = fit_semi_markov(np.zeros(100, int), target, age, n_states=3, entry_age=entry).states[0]
    order = np.random.default_rng(0).permutation(100)
    again = fit_semi_markov(
        np.zeros(100, int), target[order], 24 * age[order], n_states=3, entry_age=24 * entry[order]
    ).states[0]
    np.testing.assert_allclose(again.best.routing_prob, first.best.routing_prob, rtol=1e-5)
    np.testing.assert_allclose(again.best.scale, 24 * first.best.scale, rtol=1e-5)
    assert [len(first.optima), first.n_open] == [len(again.optima), again.n_open]


def test_short_follow_up_says_that_chance_and_scale_trade_off() -> None:
    # Seen for a tenth of the mean: a rare quick way and a frequent slow one look the same.
    random = np.random.default_rng(4)
    ages, way = random.exponential(10.0, 300), random.integers(1, 3, 300)
    target = np.where(ages < 1.0, way, -1)
    fit = fit_semi_markov(np.zeros(300, int), target, np.minimum(ages, 1.0), n_states=3, family="exponential")
    state, text = fit.states[0], " / ".join(fit.warnings)
    assert "ill-conditioned information" in text
    assert "logit 2 and log scale 1 trade off (r = -0.9" in text
    assert "logit 2 and log scale 2 trade off (r = 0.9" in text
    assert "beyond the oldest age seen" in text
    assert state.condition_number > 100
    assert state.routing_prob_se[0] > 0.5
    # Followed to their ends, the same deals leave no doubt.
    sure = fit_semi_markov(np.zeros(300, int), way, ages, n_states=3, family="exponential")
    assert sure.warnings == ()
    assert sure.states[0].routing_prob_se[0] < 0.05


def test_exits_at_one_age_have_no_shape_and_the_fit_says_so() -> None:
    # A Weibull spike at that age would raise the likelihood without end.
    rows = [0] * 6 + [1], [1, 1, 2, 2, -1, -1, -1], [3.0, 3.0, 7.0, 4.0, 9.0, 2.0, 2.0]
    fit = fit_semi_markov(*rows, n_states=3)
    state = fit.states[0]
    assert (
        "state 0: time to 1: all exits at one age, which tells no shape; fitted as exponential"
        in fit.warnings
    )
    assert state.best.shape[0] == 1.0
    assert state.best.shape[1] != 1.0
    assert all(optimum.is_converged for optimum in state.optima)
    same = fit_semi_markov(*rows, n_states=3, family={(0, 1): "exponential"})
    assert same.loglik == fit.loglik
    assert "state 1: 1 open sojourns and no exit" in fit.warnings
    np.testing.assert_array_equal(fit.model.routing_prob[1:], 0.0)


@few
@given(st.data())
def test_small_data_of_any_kind_never_end_in_nan(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 8))
    ages = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=size, max_size=size))
    ways = data.draw(st.lists(st.sampled_from([-1, 1, 2, 3]), min_size=size, max_size=size))
    fit = fit_semi_markov([0] * (size + 1), [*ways, 1], [*ages, 2.0], n_states=4)
    state = fit.states[0]
    numbers = [state.routing_prob_se, state.shape_se, state.scale_se, state.best.shape, state.best.scale]
    assert not np.isnan(np.concatenate([*numbers, [fit.loglik, state.condition_number]])).any()
    assert fit.model.survival([0.0, 1.0, 1e6]).min() >= 0


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (([0, 3], [1, 1], [1, 1]), {}, r"row 1: states go from 0 to 2.*found 3, 1"),
        (([0, 0], [1, 5], [1, 1]), {}, r"row 1: states go from 0 to 2.*found 0, 5"),
        (([0, 1], [1, 1], [1, 1]), {}, r"row 1: a sojourn moves to its own state"),
        (([0, 0], [1, -1], [1, 0]), {}, r"row 1: needs 0 <= entry_age < age"),
        (([0, 0], [1, -1], [1, 2]), {"entry_age": [0, 2]}, r"row 1: needs .*found 2.0, 2.0"),
        (([0, 0], [1, -1], [1, np.nan]), {}, r"row 1: needs 0 <= entry_age < age"),
        (([0, 0], [-1, -1], [1, 1]), {}, r"nobody moves in 2 sojourns"),
        (([0, 0], [1], [1, 1]), {}, r"one entry per sojourn"),
        (([], [], []), {}, r"one entry per sojourn"),
        (([0.0], [1], [1]), {}, r"states are whole numbers"),
        (([0], [1], [1]), {"family": "gamma"}, r"family of 0 -> 0 is 'gamma'"),
        (([0], [1], [1]), {"family": {(0, 9): "weibull"}}, r"family of 0 -> 9"),
    ],
)
def test_unusable_sojourns_are_refused(rows: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SemiMarkovError, match=message):
        fit_semi_markov(*rows, n_states=3, **options)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        (([[0, 0.5], [0, 0]], np.ones((2, 2)), np.ones((2, 2))), "sum to 1"),
        (([[0, 1], [0, 0]], np.zeros((2, 2)), np.ones((2, 2))), "finite and > 0"),
        (([[0, 1]], np.ones((2, 2)), np.ones((2, 2))), "square"),
    ],
)
def test_unusable_models_are_refused(matrices: Any, message: str) -> None:
    with pytest.raises(SemiMarkovError, match=message):
        SemiMarkov(*matrices)


def test_ages_before_the_start_are_refused() -> None:
    model = SemiMarkov([[0, 1], [0, 0]], np.ones((2, 2)), np.ones((2, 2)))
    for age in (-1.0, np.nan):
        with pytest.raises(SemiMarkovError, match="an age is a time >= 0"):
            model.survival(age)
