"""Hazards: counts against a loop over single steps, bins against their rules, draws against theory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from funnelsim.numerics.hazards import (
    AgeCounts,
    Spells,
    StageHazards,
    bin_ages,
    count_ages,
    hazards_by_hand,
)

N_PLACES = 4  # stages 0 and 1, won 2, lost 3
many = settings(max_examples=100, deadline=None, derandomize=True)


def spells_of(rows: list[tuple[int, ...]]) -> Spells:
    """Spells from rows of (deal, stage, entry step, exit step, destination)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Spells(*table.T)


@st.composite
def random_spells(draw: Any, max_size: int = 30) -> list[tuple[int, ...]]:
    rows = []
    for _ in range(draw(st.integers(0, max_size))):
        entry, dwell = draw(st.integers(-20, 20)), draw(st.integers(0, 15))
        deal, stage = draw(st.integers(0, 9)), draw(st.integers(0, 1))
        destination = draw(st.integers(-1, N_PLACES - 1))
        rows.append((deal, stage, entry, entry + dwell, destination))
    return rows


windows = st.one_of(st.none(), st.integers(-25, 25))


def counted_by_steps(rows: list[tuple[int, ...]], stage: int, window_start: int | None) -> tuple[dict, dict]:
    """Walk through every calendar step of every spell: at risk if watched, an exit if it leaves there."""
    at_risk: dict[int, int] = {}
    exits: dict[tuple[int, int], int] = {}
    for _, where, entry, last, destination in rows:
        if where != stage:
            continue
        for step in range(entry, last + 1):
            if window_start is not None and step < window_start:
                continue
            at_risk[step - entry] = at_risk.get(step - entry, 0) + 1
            if step == last and destination >= 0:
                exits[step - entry, destination] = exits.get((step - entry, destination), 0) + 1
    return at_risk, exits


def assert_counts(counts: AgeCounts, at_risk: dict, exits: dict) -> None:
    n_ages = len(counts.at_risk)
    assert counts.exits.shape == (n_ages, N_PLACES)
    assert all(age < n_ages for age in at_risk)
    assert counts.at_risk.tolist() == [at_risk.get(age, 0) for age in range(n_ages)]
    expected = [[exits.get((age, place), 0) for place in range(N_PLACES)] for age in range(n_ages)]
    assert counts.exits.tolist() == expected


# --- counting ---------------------------------------------------------------------------------------------


@many
@given(random_spells(), windows)
def test_counts_agree_with_a_walk_through_every_step(rows: list[tuple[int, ...]], window: int | None) -> None:
    for stage in (0, 1):
        counts = count_ages(spells_of(rows), stage, N_PLACES, window)
        assert_counts(counts, *counted_by_steps(rows, stage, window))


@many
@given(random_spells(), windows)
def test_counts_add_over_deals(rows: list[tuple[int, ...]], window: int | None) -> None:
    whole = count_ages(spells_of(rows), 0, N_PLACES, window)
    exits, at_risk = np.zeros_like(whole.exits), np.zeros_like(whole.at_risk)
    for part in ([r for r in rows if r[0] < 4], [r for r in rows if r[0] >= 4]):
        counts = count_ages(spells_of(part), 0, N_PLACES, window)
        exits[: len(counts.exits)] += counts.exits[: len(exits)]
        at_risk[: len(counts.at_risk)] += counts.at_risk[: len(at_risk)]
    assert (exits == whole.exits).all()
    assert (at_risk == whole.at_risk).all()


@many
@given(random_spells(), windows, st.randoms(use_true_random=False))
def test_order_of_spells_is_irrelevant(rows: list[tuple[int, ...]], window: int | None, random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = (count_ages(spells_of(r), 0, N_PLACES, window) for r in (rows, shuffled))
    assert (one.exits == other.exits).all()
    assert (one.at_risk == other.at_risk).all()


@many
@given(random_spells())
def test_a_window_that_opens_before_everything_changes_nothing(rows: list[tuple[int, ...]]) -> None:
    one, other = (count_ages(spells_of(rows), 0, N_PLACES, window) for window in (None, -20))
    assert (one.exits == other.exits).all()
    assert (one.at_risk == other.at_risk).all()


def test_counts_by_hand() -> None:
    rows = [
        (1, 0, 10, 12, 1),  # leaves at age 2
        (2, 0, 10, 10, 3),  # leaves in the step of entry
        (3, 0, 11, 14, -1),  # still there at the cutoff (step 14), watched at ages 0 to 3
        (4, 0, 4, 11, 2),  # entered before the window (step 9): watched at ages 5 to 7
        (5, 0, 4, 8, 2),  # over before the window: never watched
        (6, 0, 4, 9, 3),  # leaves on the first step of the window, at age 5
        (7, 1, 10, 12, 2),  # another stage
    ]
    counts = count_ages(spells_of(rows), 0, N_PLACES, window_start_step=9)
    assert counts.at_risk.tolist() == [3, 2, 2, 1, 0, 2, 1, 1]
    exits = dict.fromkeys([(2, 1), (0, 3), (7, 2), (5, 3)], 1)
    assert_counts(counts, dict(enumerate(counts.at_risk)), exits)


def test_a_stage_nobody_entered_has_one_empty_age() -> None:
    counts = count_ages(spells_of([(1, 1, 0, 3, 2)]), 0, N_PLACES)
    assert counts.at_risk.tolist() == [0]
    assert counts.exits.tolist() == [[0] * N_PLACES]


def test_all_censored_gives_exposure_without_exits() -> None:
    counts = count_ages(spells_of([(d, 0, 10 - d, 10, -1) for d in range(3)]), 0, N_PLACES)
    assert counts.at_risk.tolist() == [3, 2, 1]
    assert not counts.exits.any()


@pytest.mark.parametrize("window", [None, 0])
def test_hazards_agree_with_lifelines(window: int | None) -> None:
    """Kaplan-Meier steps of lifelines, cause by cause, with censoring and delayed entry."""
    lifelines = pytest.importorskip("lifelines")
    rng = np.random.default_rng(3)
    entry = rng.integers(-30, 30, 400)
    dwell = rng.integers(0, 25, 400)
    destination = rng.choice([-1, 1, 2, 3], 400, p=[0.3, 0.3, 0.2, 0.2])
    rows = np.stack([np.arange(400), np.zeros(400, int), entry, entry + dwell, destination], axis=1)
    counts = count_ages(spells_of(rows.tolist()), 0, N_PLACES, window)
    watched = np.full(400, True) if window is None else entry + dwell >= window
    begins = np.zeros(400) if window is None else np.maximum(window - entry, 0)
    for place in (1, 2, 3):
        # age k is the interval (k, k + 1]; entry in its middle leaves no doubt about who is at risk
        curve = lifelines.KaplanMeierFitter().fit(
            dwell[watched] + 1,
            destination[watched] == place,
            entry=begins[watched] + 0.5,
        )
        survival = np.append(1.0, curve.survival_function_at_times(np.arange(1, 26)))
        expected = 1.0 - survival[1:] / survival[:-1]
        ours = counts.exits[:, place] / np.maximum(counts.at_risk, 1)
        np.testing.assert_allclose(ours, expected[: len(ours)], atol=1e-12)


def test_survival_agrees_with_scipy_under_censoring() -> None:
    rng = np.random.default_rng(4)
    dwell = rng.integers(0, 20, 300)
    destination = rng.choice([-1, 2], 300)
    rows = [(d, 0, 5, 5 + int(k), int(j)) for d, (k, j) in enumerate(zip(dwell, destination, strict=True))]
    counts = count_ages(spells_of(rows), 0, N_PLACES)
    sample = stats.CensoredData(uncensored=dwell[destination == 2], right=dwell[destination == -1])
    reference = stats.ecdf(sample).sf
    ours = np.cumprod(1 - counts.exits.sum(axis=1) / counts.at_risk)
    np.testing.assert_allclose(ours, reference.evaluate(np.arange(len(ours))), atol=1e-12)


# --- bins -------------------------------------------------------------------------------------------------


def counts_of(exits: list[int], censored: list[int] | None = None) -> AgeCounts:
    """Counts in which nobody enters late: exits to place 2, and stays censored at each age."""
    exits_by_age = np.array(exits, dtype=float)
    gone = exits_by_age + (np.array(censored, dtype=float) if censored else 0)
    at_risk = gone[::-1].cumsum()[::-1]
    by_place = np.zeros((len(exits), N_PLACES))
    by_place[:, 2] = exits_by_age
    return AgeCounts(by_place, at_risk)


EVEN = np.full(N_PLACES, 1 / N_PLACES)


@pytest.mark.parametrize(
    ("exits", "first_age"),
    [
        ([3, 4, 6, 4, 6], [0, 1, 3, 5]),  # 4 + 6 = 10 are enough
        ([3, 4, 5, 4, 6], [0, 1, 4, 5]),  # 4 + 5 = 9 are not; the rest keeps a bin of its own
        ([30, 1], [0, 1, 2]),  # age 0 stands alone, however many it holds
        ([0, 0, 0, 1], [0, 1, 4]),
        ([5], [0, 1]),  # everybody leaves at once: age 0, then the tail
        ([5, 0, 0], [0, 1]),
        ([0, 10, 10, 10], [0, 1, 2, 3, 4]),
        ([0, 25, 0, 25], [0, 1, 2, 3, 4]),  # an age that alone holds enough begins a bin
        ([0, 25, 0, 4, 6], [0, 1, 2, 5]),  # ages without exits join the next bin
        ([0, 2, 1, 0, 90, 3], [0, 1, 4, 5, 6]),  # an expiry on day 4 stays apart from the quiet days
        ([400, 11, 11, 89, 89], [0, 1, 3, 4, 5]),  # 600 exits: 2 % are 12, and 11 are too few
        ([388, 12, 11, 100, 89], [0, 1, 2, 3, 4, 5]),  # 600 exits: 12 are enough
        ([0, 9, 1, 9, 1, 0], [0, 1, 3, 5]),
    ],
)
def test_bins_by_hand(exits: list[int], first_age: list[int]) -> None:
    assert bin_ages(counts_of(exits), EVEN).first_age.tolist() == first_age


@many
@given(
    st.lists(st.integers(0, 14), min_size=1, max_size=40),
    st.lists(st.integers(0, 5), min_size=40, max_size=40),
    st.integers(1, 60),
)
def test_bins_obey_their_rules(exits: list[int], censored: list[int], scale: int) -> None:
    """Each bin holds enough exits or ends before an age that does, and would not without its last age."""
    exits = [n * scale if age % 7 == 3 else n for age, n in enumerate(exits)]
    counts = counts_of(exits, censored[: len(exits)])
    binned = bin_ages(counts, EVEN)
    edges, n_exits = binned.first_age, sum(exits)
    enough = max(10, n_exits / 50)
    assert edges[0] == 0
    assert edges[1] == 1
    assert (np.diff(edges) > 0).all()
    oldest = max((age for age, n in enumerate(exits) if n), default=0)
    assert edges[-1] == max(oldest + 1, 1)
    for start, end in zip(edges[1:-2], edges[2:-1], strict=True):  # neither age 0, nor the rest, nor the tail
        assert sum(exits[start:end]) >= enough or exits[end] >= enough  # or the next age stands apart
        assert sum(exits[start : end - 1]) < enough
    if len(edges) > 2:
        assert sum(exits[edges[-2] : edges[-1] - 1]) < enough
    for i, (start, end) in enumerate(zip(edges, [*edges[1:], len(exits)], strict=True)):
        assert binned.exits[i].tolist() == counts.exits[start:end].sum(axis=0).tolist()
        assert binned.at_risk[i] == counts.at_risk[start:end].sum()
    assert not binned.exits[-1].any()
    assert binned.n_exits == n_exits


def test_exposure_beyond_the_oldest_exit_is_kept_in_the_tail() -> None:
    counts = counts_of([0, 3, 0, 0, 0], [0, 0, 0, 0, 2])
    binned = bin_ages(counts, EVEN)
    assert binned.first_age.tolist() == [0, 1, 2]
    assert binned.at_risk.tolist() == [5, 5, 6]
    assert binned.exits[:, 2].tolist() == [0, 3, 0]


def test_prior_shares_are_those_of_the_stage_or_given_for_a_stage_never_left() -> None:
    by_place = np.zeros((3, N_PLACES))
    by_place[0, 1], by_place[1, 3], by_place[2, 3] = 1, 2, 1
    binned = bin_ages(AgeCounts(by_place, np.array([9.0, 8.0, 4.0])), EVEN)
    assert binned.prior_shares.tolist() == [0, 0.25, 0, 0.75]
    unseen = bin_ages(AgeCounts(np.zeros((3, N_PLACES)), np.array([9.0, 8.0, 4.0])), EVEN)
    assert unseen.prior_shares.tolist() == EVEN.tolist()
    assert unseen.first_age.tolist() == [0, 1]
    assert unseen.at_risk.tolist() == [9, 12]


# --- posterior --------------------------------------------------------------------------------------------


def posterior_by_hand(hazards: StageHazards) -> list[list[float]]:
    """Dirichlet (N_j + a pi_j, R - N + a (1/h_prev - 1)), a = 0.5; after age 0 h_prev is of later ages.

    Where there are N exits, the last term is at most 2 R / N.
    """
    n_exits, exposure = hazards.exits.sum(), hazards.at_risk.sum()
    previous = n_exits / exposure
    rows = []
    for i, (exits, at_risk) in enumerate(zip(hazards.exits, hazards.at_risk, strict=True)):
        if i == 1 and hazards.exits[1:].any():
            previous = hazards.exits[1:].sum() / hazards.at_risk[1:].sum()
        previous = 0.95 if previous > 0.95 else 1e-6 if previous < 1e-6 else previous
        row = [n + 0.5 * share for n, share in zip(exits, hazards.prior_shares, strict=True)]
        prior = 0.5 * (1 / previous - 1)
        row.append(at_risk - sum(exits) + (min(prior, 2 * at_risk / sum(exits)) if sum(exits) else prior))
        previous = sum(row[:-1]) / sum(row)
        rows.append(row)
    return rows


def test_posterior_by_hand_with_figures() -> None:
    exits = np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 4.0, 0.0, 4.0], [0.0] * 4])
    binned = StageHazards(
        np.array([0, 1, 4]), exits, np.array([20.0, 24.0, 6.0]), np.array([0.0, 0.5, 0.0, 0.5])
    )
    # pooled hazard 10 / 50 = 0.2, so bin 0 stays with 18 + 0.5 * 4 = 20: hazard 2.5 / 22.5 = 1 / 9
    # bin 1 starts from the later ages, 8 / 30, so it stays with 16 + 0.5 * 22 / 8 = 17.375
    # its hazard is 8.5 / 25.875, so bin 2 stays with 6 + 0.5 * 17.375 / 8.5
    expected = [
        [0, 1.25, 0, 1.25, 20.0],
        [0, 4.25, 0, 4.25, 17.375],
        [0, 0.25, 0, 0.25, 6 + 0.5 * 17.375 / 8.5],
    ]
    np.testing.assert_allclose(binned.posterior(), expected, rtol=1e-14)
    np.testing.assert_allclose(binned.mean_hazards()[0], [0, 1.25 / 22.5, 0, 1.25 / 22.5], rtol=1e-14)
    np.testing.assert_allclose(binned.mean_hazards()[1].sum(), 8.5 / 25.875, rtol=1e-14)


@many
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=30),
    st.lists(st.integers(0, 9), min_size=30, max_size=30),
)
def test_posterior_follows_its_formula(exits: list[int], censored: list[int]) -> None:
    binned = bin_ages(counts_of(exits, censored[: len(exits)]), EVEN)
    if not binned.n_exits:
        return
    np.testing.assert_allclose(binned.posterior(), posterior_by_hand(binned), rtol=1e-12)
    mean = binned.mean_hazards()
    assert (mean >= 0).all()
    assert (mean.sum(axis=1) < 1).all()


@pytest.mark.parametrize(
    ("exits", "at_risk"),
    [
        ([[0.0, 0.0, 100.0, 0.0], [0.0] * 4], [100.0, 0.0]),  # everybody leaves at once: clipped at 0.95
        ([[0.0, 0.0, 1.0, 0.0], [0.0] * 4], [1e9, 1e9]),  # next to nobody leaves: clipped at 1e-6
    ],
)
def test_posterior_clips_the_hazard_it_starts_from(exits: list[list[float]], at_risk: list[float]) -> None:
    hazards = StageHazards(
        np.array([0, 1]), np.array(exits), np.array(at_risk), np.array([0.0, 0.0, 1.0, 0.0])
    )
    np.testing.assert_allclose(hazards.posterior(), posterior_by_hand(hazards), rtol=1e-12)


def test_hazard_of_the_tail_fades_by_its_exposure() -> None:
    """Deals older than anything that ever left: the longer they were watched, the smaller their chance."""
    chances = []
    for still_open in (0, 10, 100, 1000):
        counts = counts_of([5, 20, 20, 0], [0, 0, 0, still_open])
        chances.append(bin_ages(counts, EVEN).mean_hazards()[-1].sum())
    assert all(a > b > 0 for a, b in zip(chances[:-1], chances[1:], strict=True))
    assert chances[-1] < 1e-3


def test_one_deal_and_a_stage_never_left_have_usable_hazards() -> None:
    one = bin_ages(count_ages(spells_of([(0, 0, 5, 8, 2)]), 0, N_PLACES), EVEN)
    assert one.first_age.tolist() == [0, 1, 4]
    assert one.prior_shares.tolist() == [0, 0, 1, 0]
    assert 0 < one.mean_hazards()[1, 2] < 1
    never = bin_ages(count_ages(spells_of([(0, 0, 5, 8, -1)] * 50), 0, N_PLACES), EVEN)
    chance = never.mean_hazards()
    assert 0 < chance.sum(axis=1).max() < 0.5 / 100  # 200 stay-steps without an exit
    np.testing.assert_allclose(chance / chance.sum(axis=1, keepdims=True), np.tile(EVEN, (2, 1)))
    empty = bin_ages(count_ages(spells_of([]), 0, N_PLACES), EVEN)
    assert np.isfinite(empty.mean_hazards()).all()


# --- draws ------------------------------------------------------------------------------------------------

N_DRAWS = 40_000


@pytest.fixture(scope="module")
def drawn() -> tuple[StageHazards, np.ndarray]:
    by_place = np.zeros((6, N_PLACES))
    by_place[0, [1, 3]] = 3, 5
    by_place[1, [1, 2, 3]] = 4, 1, 3
    by_place[2, [1, 2, 3]] = 4, 1, 3
    by_place[4, [1, 3]] = 1, 2
    hazards = bin_ages(AgeCounts(by_place, np.array([90.0, 80, 75, 50, 40, 30])), EVEN)
    rng = np.random.default_rng(20)
    return hazards, hazards.draw_hazards([rng] * N_DRAWS)


def test_mean_of_draws_is_that_of_the_dirichlet(drawn: Any, assert_mean: Callable[..., None]) -> None:
    """Catches an error of 1.5 % of a hazard of 0.1 (sd 0.03, 40,000 draws)."""
    hazards, draws = drawn
    alpha = np.array(posterior_by_hand(hazards))
    total = alpha.sum(axis=1, keepdims=True)
    mean, variance = alpha / total, alpha * (total - alpha) / total**2 / (total + 1)
    for i, j in zip(*np.nonzero(alpha[:, :-1]), strict=True):
        assert_mean(draws[:, i, j], mean[i, j], np.sqrt(variance[i, j]))
    with pytest.raises(AssertionError):
        assert_mean(draws[:, 1, 1], 1.015 * mean[1, 1], np.sqrt(variance[1, 1]))
    assert not draws[:, alpha[:, :-1] == 0].any()


def test_spread_of_draws_is_that_of_the_dirichlet(drawn: Any, assert_variance: Callable[..., None]) -> None:
    """Catches an error of 6 % of the variance."""
    hazards, draws = drawn
    alpha = np.array(posterior_by_hand(hazards))
    total = alpha.sum(axis=1)
    for i, j in [(0, 3), (1, 1), (1, 2), (2, 3)]:
        law = stats.beta(alpha[i, j], total[i] - alpha[i, j])
        assert_variance(draws[:, i, j], law.var(), 3 + law.stats("k"))
    law = stats.beta(alpha[1, 1], total[1] - alpha[1, 1])
    with pytest.raises(AssertionError):
        assert_variance(draws[:, 1, 1], 1.06 * law.var(), 3 + law.stats("k"))


def test_draws_of_two_places_share_their_bin(drawn: Any, assert_mean: Callable[..., None]) -> None:
    """Covariance -a_i a_j / (a^2 (a + 1)) of a Dirichlet; independent draws would give 0 (20 SE away)."""
    hazards, draws = drawn
    alpha = np.array(posterior_by_hand(hazards))[1]
    total = alpha.sum()
    mean = alpha / total
    product = (draws[:, 1, 1] - mean[1]) * (draws[:, 1, 3] - mean[3])
    covariance = -alpha[1] * alpha[3] / total**2 / (total + 1)
    assert_mean(product, covariance)
    with pytest.raises(AssertionError):
        assert_mean(product, 0.0)


def test_a_draw_depends_on_its_own_generator_only() -> None:
    hazards = bin_ages(counts_of([3, 15, 20]), EVEN)
    together = hazards.draw_hazards([np.random.default_rng(s) for s in (1, 2, 3)])
    alone = hazards.draw_hazards([np.random.default_rng(2)])
    assert together.shape == (3, len(hazards.first_age), N_PLACES)
    assert (together[1] == alone[0]).all()
    assert (together[0] != together[1]).any()


# --- by hand ----------------------------------------------------------------------------------------------


def test_certain_hazards_are_used_as_they_stand() -> None:
    chances = np.array([[0.0, 0.1, 0.0, 0.2], [0.0, 0.05, 0.0, 0.05], [0.0, 0.0, 0.0, 0.01]])
    hazards = hazards_by_hand(np.array([0, 1, 9]), chances)
    np.testing.assert_allclose(hazards.mean_hazards(), chances, rtol=1e-15)
    draws = hazards.draw_hazards([np.random.default_rng(s) for s in range(3)])
    np.testing.assert_allclose(draws, np.stack([chances] * 3), rtol=1e-15)


def test_weight_in_deals_gives_the_exits_and_exposure_of_so_many_deals() -> None:
    """A cohort of 40 deals followed age by age through the chances."""
    chances = np.array([[0.0, 0.1, 0.0, 0.2], [0.0, 0.05, 0.0, 0.15], [0.0] * 4, [0.0, 0.04, 0.0, 0.01]])
    first_age = np.array([0, 1, 5, 8])
    hazards = hazards_by_hand(first_age, chances, weight_in_deals=40.0)
    exits, at_risk, alive = np.zeros((4, N_PLACES)), np.zeros(4), 40.0
    for age in range(3000):
        i = int((first_age <= age).sum()) - 1
        at_risk[i] += alive
        exits[i] += alive * chances[i]
        alive *= 1 - chances[i].sum()
    np.testing.assert_allclose(hazards.at_risk, at_risk, rtol=1e-12)
    np.testing.assert_allclose(hazards.exits, exits, rtol=1e-12)
    assert hazards.n_exits == pytest.approx(40.0)
    np.testing.assert_allclose(hazards.prior_shares, exits.sum(axis=0) / exits.sum(), rtol=1e-12)


def test_more_weight_means_tighter_draws() -> None:
    chances = np.array([[0.0] * 4, [0.0, 0.05, 0.0, 0.15], [0.0, 0.05, 0.0, 0.15]])
    rngs = [np.random.default_rng(s) for s in range(400)]
    sd = [
        hazards_by_hand(np.array([0, 1, 9]), chances, weight).draw_hazards(rngs)[:, 1, 1].std()
        for weight in (10.0, 1000.0)
    ]
    assert sd[1] < sd[0] / 5  # ten times smaller but for the prior


def test_arrays_of_hazards_are_read_only() -> None:
    hazards = bin_ages(counts_of([3, 15, 20]), EVEN)
    for column in (hazards.first_age, hazards.exits, hazards.at_risk, hazards.prior_shares):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


@pytest.mark.parametrize("quiet", [4, 29])
@pytest.mark.parametrize("n", [500, 5000])
def test_an_expiry_after_quiet_ages_is_not_crushed(quiet: int, n: int) -> None:
    """30 % leave on one day after days on which nobody does; the plain prior would leave .06 or .01 of it."""
    at_risk = np.append(np.full(quiet + 1, float(n)), 0.7 * n)
    exits = np.zeros((quiet + 2, 2))
    exits[quiet, 1] = 0.3 * n
    at_risk[quiet + 1] = 0.7 * n
    hazards = bin_ages(AgeCounts(exits, at_risk), np.array([0.5, 0.5]))
    found = hazards.mean_hazards()[np.searchsorted(hazards.first_age, quiet, side="right") - 1].sum()
    assert found == pytest.approx(0.3, abs=0.01)
