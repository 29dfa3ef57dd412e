"""Aalen-Johansen against R's packages, hand-computed cases, a plain recursion, and what must always hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funnelsim.numerics.aalen_johansen import AalenJohansen, AalenJohansenError, aalen_johansen
from funnelsim.vocabulary.errors import FunnelsimError

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "01_aalen_johansen"
needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"reference values are not shipped with the package: no {REFERENCE}"
)
MGUS_EVENTS = {"0": "cens", "1": "pcm", "2": "death"}


# --- published programs: survival, etm, mstate (tolerances from the cases' READMEs) -------------------------


def reference_case(case: str, part: str) -> tuple[AalenJohansen, dict[str, Any]]:
    expected = json.loads((REFERENCE / case / "expected.json").read_text())["expected"][part]
    with (REFERENCE / case / "input.csv").open() as file:
        rows = list(csv.DictReader(file))
    if case == "mgus2_competing_risks":
        rows = [row for row in rows if part in ("all", row["sex"])]
        rows = [
            {"from": "mgus", "to": MGUS_EVENTS[row["event"]], "tstart": 0.0, "tstop": row["time"]}
            for row in rows
        ]
    columns = [[row[name] for row in rows] for name in ("from", "to", "tstart", "tstop")]
    estimate = aalen_johansen(
        columns[0],
        columns[1],
        np.array(columns[2], dtype=float),
        np.array(columns[3], dtype=float),
        from_time=expected["from_time"],
        states=expected["states"],
        start_state=expected["start_state"],
        censored="cens",
    )
    return estimate, expected


@needs_reference
@pytest.mark.parametrize(
    ("case", "part"),
    [
        ("crm_sim", "from_0"),
        ("crm_sim", "from_30"),
        ("mgus2_competing_risks", "all"),
        ("mgus2_competing_risks", "F"),
        ("mgus2_competing_risks", "M"),
        ("mgus2_illness_death", "from_0"),
        ("mgus2_illness_death", "from_60"),
    ],
)
def test_reproduces_reference_case(case: str, part: str) -> None:
    estimate, expected = reference_case(case, part)
    curves = estimate.at(expected["times"])

    def check(values: np.ndarray, reference: object, tolerance: float, name: str) -> None:
        np.testing.assert_allclose(values, reference, rtol=0, atol=tolerance, err_msg=name)

    np.testing.assert_array_equal(curves.n_at_risk, expected["n_at_risk"])
    check(curves.occupation_prob, expected["occupation_prob"], 1e-10, "occupation_prob")
    check(curves.occupation_se, expected["se_greenwood"], 1e-9, "se_greenwood")
    if "transition_matrix_P" in expected:
        check(curves.transition_prob, expected["transition_matrix_P"], 1e-10, "P")
        check(curves.transition_se, expected["transition_matrix_se_greenwood"], 1e-9, "se of P")
    for move, hazard in expected["cumulative_hazards_from_from_time"].items():
        origin, target = (estimate.states.index(name) for name in move.split("->"))
        check(curves.cumulative_hazard[:, origin, target], hazard["nelson_aalen"], 1e-10, move)
        check(curves.hazard_se_aalen[:, origin, target], hazard["se_aalen"], 1e-9, move)
        check(curves.hazard_se_greenwood[:, origin, target], hazard["se_greenwood"], 1e-9, move)
        if expected["from_time"] == 0:  # the file counts all events of the data, we those after from_time
            assert estimate.n_events[-1, origin, target] == hazard["n_events"]
    areas = expected["expected_time_in_state"]
    check(estimate.expected_time_in_state(areas["until"]), areas["values"], 1e-10, "areas")


@needs_reference
def test_default_start_is_where_the_reference_deals_begin() -> None:
    estimate, _ = reference_case("crm_sim", "from_0")
    np.testing.assert_array_equal(estimate.at_risk.just_after(0.0), [600, 0, 0, 0, 0])


# --- by hand -----------------------------------------------------------------------------------------------

# Five deals in a: on day 2 one moves to b, two end in c (ties) and one is censored; the last ends in c on
# day 6. The deal in b ends in c on day 4; another, seen from day 3 only, is censored in b on day 5.
HAND = (
    ["a", "a", "a", "a", "a", "b", "b"],
    ["b", "c", "c", None, "c", "c", None],
    [0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0],
    [2.0, 2.0, 2.0, 2.0, 6.0, 4.0, 5.0],
)


def test_hand_computed_probabilities_and_hazards() -> None:
    estimate = aalen_johansen(*HAND)
    assert estimate.states == ("a", "b", "c")
    np.testing.assert_array_equal(estimate.times, [0, 2, 4, 6])
    np.testing.assert_array_equal(estimate.n_at_risk, [[0, 0, 0], [5, 0, 0], [1, 2, 0], [1, 0, 0]])
    np.testing.assert_allclose(
        estimate.occupation_prob, [[1, 0, 0], [0.4, 0.2, 0.4], [0.4, 0.1, 0.5], [0, 0.1, 0.9]], atol=1e-15
    )
    np.testing.assert_allclose(
        estimate.transition_prob[-1], [[0, 0.1, 0.9], [0, 0.5, 0.5], [0, 0, 1]], atol=1e-15
    )
    np.testing.assert_allclose(estimate.cumulative_hazard[:, 0, 2], [0, 0.4, 0.4, 1.4])
    np.testing.assert_allclose(estimate.hazard_se_aalen[:, 0, 2] ** 2, [0, 2 / 25, 2 / 25, 1.08])
    np.testing.assert_allclose(estimate.hazard_se_greenwood[:, 0, 2] ** 2, [0, 6 / 125, 6 / 125, 6 / 125])
    np.testing.assert_array_equal(estimate.n_events[-1], [[0, 1, 3], [0, 0, 1], [0, 0, 0]])


def test_hand_computed_greenwood_errors() -> None:
    estimate = aalen_johansen(*HAND)
    # Day 2: binomial, p (1 - p) / 5. Day 4: p_b = p_b(2) q with q = 1/2 of 2 at risk, so the delta method
    # gives 0.25 * 0.032 + 0.2**2 * 0.125 = 0.013 for b.
    np.testing.assert_allclose(estimate.occupation_se[1] ** 2, [0.048, 0.032, 0.048])
    np.testing.assert_allclose(estimate.occupation_se[2] ** 2, [0.048, 0.013, 0.048 - 0.016 + 0.013])
    np.testing.assert_array_equal(estimate.occupation_se[3, 0], 0.0)  # the only deal at risk left: certain
    np.testing.assert_allclose(estimate.transition_se[2, 1] ** 2, [0, 0.125, 0.125])
    np.testing.assert_array_equal(estimate.transition_se[:, 2], 0.0)


def test_hand_computed_time_in_state() -> None:
    times = aalen_johansen(*HAND).expected_time_in_state([0.0, 2.0, 5.0, 10.0])
    expected = [[0, 0, 0], [2, 0, 0], [3.2, 0.5, 1.3], [3.6, 1.0, 5.4]]
    np.testing.assert_allclose(times, expected, atol=1e-14)


def test_numbers_at_risk_between_events_follow_start_stop_convention() -> None:
    curves = aalen_johansen(*HAND).at([2.0, 2.5, 3.0, 3.5, 5.0, 5.5])
    np.testing.assert_array_equal(curves.n_at_risk[:, 0], [5, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(curves.n_at_risk[:, 1], [0, 1, 1, 2, 1, 0])


def test_event_at_from_time_is_not_used() -> None:
    estimate = aalen_johansen(*HAND, from_time=2.0, start_state="a")
    np.testing.assert_allclose(estimate.occupation_prob[1], [1, 0, 0])
    # Negative control: a closed interval [2, t] would let the moves of day 2 in, and leave 0.4 in a.
    closed = aalen_johansen(*HAND, from_time=np.nextafter(2.0, 0), start_state="a")
    np.testing.assert_allclose(closed.at(4.0).occupation_prob, [[0.4, 0.1, 0.5]])


def test_late_entry_is_not_at_risk_at_its_own_start() -> None:
    estimate = aalen_johansen(["a", "a"], ["b", "b"], [0, 2], [2, 3], start_state="a")
    np.testing.assert_allclose(estimate.occupation_prob[:, 0], [1, 0, 0])  # 1 of 1, not 1 of 2, on day 2


def test_start_distribution_defaults_to_shares_under_observation() -> None:
    estimate = aalen_johansen(*HAND, from_time=3.0)
    np.testing.assert_allclose(estimate.start_distribution, [1 / 3, 2 / 3, 0])
    mixed = aalen_johansen(*HAND, start_distribution=[0.25, 0.75, 0]).transition_prob
    np.testing.assert_allclose(
        aalen_johansen(*HAND, start_distribution=[0.25, 0.75, 0]).occupation_prob,
        0.25 * mixed[:, 0] + 0.75 * mixed[:, 1],
    )


def test_codes_and_labels_give_the_same() -> None:
    code = {"a": 0, "b": 1, "c": 2, None: -1}
    coded = aalen_johansen(
        *(np.array([code[x] for x in column]) for column in HAND[:2]), *HAND[2:], censored=-1
    )
    assert coded.states == (0, 1, 2)
    np.testing.assert_array_equal(coded.transition_prob, aalen_johansen(*HAND).transition_prob)


def test_without_any_event_nothing_moves() -> None:
    estimate = aalen_johansen(["a", "a"], [None, None], [0, 0], [3, 4], states=["a", "b"])
    np.testing.assert_array_equal(estimate.at([0.0, 9.0]).occupation_prob, [[1, 0], [1, 0]])
    np.testing.assert_array_equal(estimate.at([3.0, 4.0, 9.0]).n_at_risk[:, 0], [2, 1, 0])
    np.testing.assert_array_equal(estimate.at(9.0).occupation_se, [[0, 0]])


# --- the plain recursion, one spell and one matrix at a time ------------------------------------------------


def simulated_spells(
    rng: np.random.Generator, n_deals: int, *, is_tied: bool, is_censored: bool = True, late: float = 0.3
) -> tuple[list[int], list[int | None], list[float], list[float]]:
    """Deals through states 0, 1, 2 (with steps back) to 3 or 4; some seen late, some cut short."""
    spells: list[tuple[int, int | None, float, float]] = []
    for _ in range(n_deals):
        entry = float(rng.integers(1, 9)) if rng.random() < late else 0.0
        exit_age = float(rng.integers(5, 40)) if is_censored else np.inf
        state, age = int(rng.integers(0, 2)), 0.0
        while state < 3 and age < exit_age:
            dwell = float(rng.geometric(0.2)) if is_tied else float(rng.weibull(0.8) * 5 + 1e-3)
            target = int(rng.choice([s for s in range(5) if s != state]))
            stop = min(age + dwell, exit_age)
            if stop > entry:
                spells.append((state, target if age + dwell <= exit_age else None, max(age, entry), stop))
            state, age = target, age + dwell
    return tuple(list(column) for column in zip(*spells, strict=True))  # type: ignore[return-value]


def plain_recursion(
    spells: tuple[list[int], list[int | None], list[float], list[float]],
    from_time: float,
    until: float,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """P(from_time, until) and its full Greenwood covariance, all entries with all (row-major)."""
    rows = list(zip(*spells, strict=True))
    times = sorted({stop for _, target, _, stop in rows if target is not None and from_time < stop <= until})
    prob, covariance = np.eye(k), np.zeros((k * k, k * k))
    for time in times:
        increment, noise = np.zeros((k, k)), np.zeros((k * k, k * k))
        for g in range(k):
            n_exposed = sum(1 for origin, _, start, stop in rows if origin == g and start < time <= stop)
            moves = [
                target
                for origin, target, _, stop in rows
                if origin == g and target is not None and stop == time
            ]
            for target in moves:
                increment[g, target] += 1 / n_exposed
                increment[g, g] -= 1 / n_exposed
            if moves:  # Andersen et al. 1993, (4.4.18): the increments of a row are multinomial
                chance = increment[g] + np.eye(k)[g]
                block = (np.diag(chance) - np.outer(chance, chance)) / n_exposed
                noise[g * k : (g + 1) * k, g * k : (g + 1) * k] = block
        carry, mix = np.kron(np.eye(k), (np.eye(k) + increment).T), np.kron(prob, np.eye(k))
        covariance = carry @ covariance @ carry.T + mix @ noise @ mix.T
        prob = prob @ (np.eye(k) + increment)
    return prob, covariance


@pytest.mark.parametrize("from_time", [0.0, 4.0, 6.5])
@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_plain_recursion(seed: int, is_tied: bool, from_time: float) -> None:
    spells = simulated_spells(np.random.default_rng(seed), 60, is_tied=is_tied)
    first = np.array([0.5, 0.3, 0.2, 0.0, 0.0])
    estimate = aalen_johansen(*spells, states=range(5), from_time=from_time, start_distribution=first)
    for until in (7.0, 15.0, 39.0):
        prob, covariance = plain_recursion(spells, from_time, until, 5)
        curves = estimate.at(until)
        np.testing.assert_allclose(curves.transition_prob[0], prob, atol=1e-13)
        np.testing.assert_allclose(
            curves.transition_se[0] ** 2, np.diag(covariance).reshape(5, 5), atol=1e-14
        )
        np.testing.assert_allclose(curves.occupation_prob[0], first @ prob, atol=1e-13)
        mix = np.kron(first, np.eye(5))
        variance = np.diag(mix @ covariance @ mix.T)
        np.testing.assert_allclose(curves.occupation_se[0] ** 2, variance, atol=1e-14)


# --- what must always hold ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_tied", [True, False])
def test_rows_are_probabilities_and_errors_are_numbers(is_tied: bool) -> None:
    estimate = aalen_johansen(
        *simulated_spells(np.random.default_rng(7), 400, is_tied=is_tied), states=range(5)
    )
    assert (estimate.transition_prob >= 0).all()
    np.testing.assert_allclose(estimate.transition_prob.sum(axis=2), 1.0, atol=1e-12)
    np.testing.assert_allclose(estimate.occupation_prob.sum(axis=1), 1.0, atol=1e-12)
    assert (np.diff(estimate.occupation_prob[:, 3:], axis=0) >= -1e-15).all()  # nobody leaves an outcome
    assert (np.diff(estimate.cumulative_hazard, axis=0) >= 0).all()
    assert (estimate.hazard_se_greenwood <= estimate.hazard_se_aalen).all()
    for errors in (estimate.occupation_se, estimate.transition_se, estimate.hazard_se_greenwood):
        assert np.isfinite(errors).all()
    np.testing.assert_allclose(estimate.expected_time_in_state([3.3, 50.0]).sum(axis=1), [3.3, 50.0])


def test_order_of_rows_is_irrelevant() -> None:
    rng = np.random.default_rng(11)
    columns = [np.array(column, dtype=object) for column in simulated_spells(rng, 200, is_tied=True)]
    shuffled = rng.permutation(len(columns[0]))
    one, other = aalen_johansen(*columns), aalen_johansen(*(column[shuffled] for column in columns))
    for name in ("times", "n_at_risk", "n_events", "transition_prob", "transition_se", "hazard_se_aalen"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("is_tied", [True, False])
def test_without_censoring_equals_empirical_fractions(is_tied: bool) -> None:
    spells = simulated_spells(np.random.default_rng(3), 300, is_tied=is_tied, is_censored=False, late=0.0)
    estimate = aalen_johansen(*spells, states=range(5))
    origin, _, start, stop = (np.array(column) for column in spells)
    for time in (0.0, 1.0, 4.7, 12.0, 30.0):
        is_there = (start <= time) & (time < stop)
        fractions = np.bincount(origin[is_there], minlength=5)[:3] / 300
        np.testing.assert_allclose(estimate.at(time).occupation_prob[0, :3], fractions, atol=1e-13)


def test_without_censoring_errors_of_competing_risks_are_binomial() -> None:
    rng = np.random.default_rng(5)
    stops, outcomes = rng.integers(1, 20, 150), rng.choice(["lost", "won"], 150, p=[0.7, 0.3])
    estimate = aalen_johansen(["open"] * 150, outcomes, np.zeros(150), stops)
    p = estimate.occupation_prob
    np.testing.assert_allclose(estimate.occupation_se, np.sqrt(p * (1 - p) / 150), atol=1e-12)


def test_time_can_be_shifted() -> None:
    spells = simulated_spells(np.random.default_rng(13), 100, is_tied=True)
    moved = (*spells[:2], np.array(spells[2]) + 32.0, np.array(spells[3]) + 32.0)
    one = aalen_johansen(*spells, states=range(5), from_time=4.0, start_state=0)
    other = aalen_johansen(*moved, states=range(5), from_time=36.0, start_state=0)
    np.testing.assert_array_equal(one.times + 32.0, other.times)
    np.testing.assert_array_equal(one.transition_se, other.transition_se)


def test_recovers_two_stages_in_series_within_two_points() -> None:
    """Exponential stages of mean 20 and 35 days, censored; within 4 SE, which are under 2 points."""
    rng, n = np.random.default_rng(2026), 24_000
    entry, end = rng.exponential(20, n), rng.uniform(20, 120, n)
    done = entry + rng.exponential(35, n)
    reached = entry < end
    columns = [
        np.r_[np.zeros(n, int), np.ones(reached.sum(), int)],
        np.r_[np.where(reached, 1, -1), np.where(done < end, 2, -1)[reached]],
        np.r_[np.zeros(n), entry[reached]],
        np.r_[np.minimum(entry, end), np.minimum(done, end)[reached]],
    ]
    curves = aalen_johansen(*columns, censored=-1).at([15.0, 40.0, 80.0])
    t = curves.times
    first = np.exp(-t / 20)
    second = (1 / 20) / (1 / 20 - 1 / 35) * (np.exp(-t / 35) - first)
    gap = np.abs(curves.occupation_prob[:, :2] - np.column_stack([first, second]))
    assert (gap < 4 * curves.occupation_se[:, :2]).all()
    assert (4 * curves.occupation_se < 0.02).all()


@pytest.mark.parametrize("seed", range(3))
def test_errors_are_exactly_zero_once_everyone_has_ended(seed: int) -> None:
    ages = np.cumsum(np.random.default_rng(seed).exponential(1.0, (2000, 3)), axis=1)
    origin = np.tile([0, 1, 2], 2000)
    starts = np.column_stack([np.zeros(2000), ages[:, :-1]])
    estimate = aalen_johansen(origin, origin + 1, starts.ravel(), ages.ravel())
    np.testing.assert_allclose(estimate.transition_prob[-1, :, 3], 1.0, atol=1e-12)
    np.testing.assert_array_equal(estimate.transition_se[-1], 0.0)  # rounding alone would leave some 1e-9
    np.testing.assert_array_equal(estimate.occupation_se[-1], 0.0)


# --- refusals -----------------------------------------------------------------------------------------------

GOOD = {"from_state": ["a", "b"], "to_state": ["b", None], "start": [0.0, 2.0], "stop": [2.0, 3.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stop": [2.0]}, "one entry per spell"),
        ({"from_state": [], "to_state": [], "start": [], "stop": []}, "one entry per spell"),
        ({"start": [0.0, 3.0]}, "spell 1: start must be before stop.*found 3.0, 3.0"),
        ({"start": [0.0, 4.0]}, "spell 1: start must be before stop"),
        ({"start": [np.nan, 2.0]}, "spell 0: times must be finite.*found nan"),
        ({"stop": [2.0, np.inf]}, "spell 1: times must be finite.*found 2.0, inf"),
        (
            {"to_state": ["c", None], "states": ["a", "b"]},
            "to_state has unknown state 'c'; known are 'a', 'b'",
        ),
        ({"from_state": ["a", "x"], "states": ["a", "b"]}, "from_state has unknown state 'x'"),
        ({"from_state": ["a", None], "states": ["a", "b"]}, "from_state has unknown state None"),
        ({"to_state": ["b", np.nan]}, "None where censored; found .*nan"),
        ({"to_state": ["b", np.nan], "states": ["a", "b"]}, "to_state has unknown state nan"),
        ({"to_state": ["a", None]}, "spell 0: moves to its own state"),
        ({"states": ["a", "b", "a"]}, "states must be distinct"),
        ({"states": ["a", "b"], "censored": "b"}, "not the censor marker"),
        ({"start_state": "z"}, "start_state has unknown state 'z'"),
        ({"start_state": "a", "start_distribution": [1, 0]}, "not both"),
        ({"start_distribution": [0.7, 0.7]}, "2 probabilities that sum to 1"),
        ({"start_distribution": [1.5, -0.5]}, "2 probabilities that sum to 1"),
        ({"from_time": 9.0}, "no spell is under observation"),
        ({"from_time": np.nan}, "from_time must be a finite deal age"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AalenJohansenError, match=message):
        aalen_johansen(**GOOD | change)


@pytest.mark.parametrize("times", [[1.0, -0.5], [np.nan]])
def test_refuses_times_before_the_curves_begin(times: list[float]) -> None:
    estimate = aalen_johansen(**GOOD)
    for question in (estimate.at, estimate.expected_time_in_state):
        with pytest.raises(AalenJohansenError, match="curves begin at from_time = 0"):
            question(times)


def test_result_cannot_be_changed_and_input_is_left_alone() -> None:
    first, stop = np.array([1.0, 0.0]), np.array([2.0, 3.0])
    estimate = aalen_johansen(**GOOD | {"stop": stop}, start_distribution=first)
    for array in (estimate.occupation_prob, estimate.at(1.0).times, estimate.at_risk.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    first[0] = stop[0] = 0.5
    assert estimate.start_distribution[0] == 1.0
    assert repr(estimate) == "AalenJohansen(a, b; 1 moves at 1 times after 0)"
    assert issubclass(AalenJohansenError, FunnelsimError)
