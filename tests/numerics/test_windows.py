import numpy as np
import pytest

from funnelsim.numerics.windows import STILL_OPEN, Endings, count_endings, silent_steps


def test_expected_endings_worked_by_hand():
    # First ending at step 5. Ages at step 5: 5, 3, 0; the fourth and fifth deal arrive at 6 and 8.
    # At risk by age, from the age at step 5 on: age 0: deals 3, 4, 5; ages 1, 2: deals 3, 4; ages 3, 4:
    # deals 2, 3; age 5: deals 1, 3. Endings: deal 1 at age 5, deal 2 at age 4, deal 4 at age 2, deal 5 at
    # age 0; deal 3 is open at age 5. Hazards 1/3, 0, 1/2, 0, 1/2, 1/2.
    # Before step 5 deal 1 passed ages 0-4 (still open with 2/3 * 1/2 * 1/2), deal 2 ages 0-2 (2/3 * 1/2):
    # 5/6 and 2/3 of them should have ended.
    start = np.array([0, 2, 5, 6, 8])
    end = np.array([5, 6, STILL_OPEN, 8, 8])
    found = count_endings(start, end, cutoff_step=10, first_end=5)
    assert found.n_expected == pytest.approx(5 / 6 + 2 / 3, rel=1e-12)
    assert not found.is_late


def test_counts_of_parts_add():
    start, end = np.array([0, 2, 5, 6, 8]), np.array([5, 6, STILL_OPEN, 8, 8])
    part = np.array([True, False, True, False, True])
    whole = count_endings(start, end, 10, 5)
    parts = count_endings(start[part], end[part], 10, 5) + count_endings(start[~part], end[~part], 10, 5)
    assert parts.n_expected == pytest.approx(whole.n_expected, rel=1e-12)


def geometric_log(seed: int, recorded_from: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Two deals a step for 400 steps, each ending with probability 0.05 a step; earlier endings cut away."""
    rng = np.random.default_rng(seed)
    start = np.repeat(np.arange(400), 2)
    end = start + rng.geometric(0.05, len(start))
    kept = end >= recorded_from
    end = np.where(end > 400, STILL_OPEN, end)
    return start[kept], end[kept], 400


def endings(start: np.ndarray, end: np.ndarray, cutoff: int) -> Endings:
    return count_endings(start, end, cutoff, int(end[end != STILL_OPEN].min()))


def silence(start: np.ndarray, cutoff: int) -> int | None:
    return silent_steps(np.bincount(start, minlength=cutoff + 1).astype(float), "day")


@pytest.mark.parametrize("seed", range(20))
def test_a_log_cut_by_closing_date_is_seen_and_a_complete_one_is_not(seed):
    # In the cut log about 2 / 0.05 = 40 deals are still open at step 100, of geometric ages a: 1 - 0.95**a of
    # them should have ended, 0.49 on average: 19 expected.
    cut, whole = (endings(*geometric_log(seed, recorded_from=first)) for first in (100, 0))
    assert 8 < cut.n_expected < 90
    assert cut.is_late
    assert not whole.is_late


def test_silence_is_chance_until_one_in_a_million():
    # 90 arrivals in 90 steps: (90 / 104)**90 = 2.2e-6 is chance, (90 / 105)**90 = 9.4e-7 is not.
    start = np.arange(200)
    assert silence(start, 199 + 14) is None
    assert silence(start, 199 + 15) == 15


def test_only_recent_arrivals_make_the_rate():
    # Twenty a step long ago, then one in ten steps, nine in 90: a gap of 30 has chance (90 / 120)**9 = 0.08.
    start = np.concatenate([np.repeat(np.arange(100), 20), np.arange(100, 300, 10)])
    assert silence(start, 290 + 30) is None


def test_weekends_are_no_end_of_arrivals():
    weekdays = np.flatnonzero(np.arange(140) % 7 < 5)
    start = np.repeat(weekdays, 20)
    last = int(start.max())
    assert silence(start, last + 2) is None
    assert silence(start, last + 3) == 3


def test_a_short_log_takes_its_rate_from_the_steps_it_has():
    # Ten arrivals in five steps: (5 / 19)**10 = 1.6e-6 is chance, (5 / 20)**10 = 9.5e-7 is not.
    start = np.repeat(np.arange(5), 2)
    assert silence(start, 4 + 14) is None
    assert silence(start, 4 + 15) == 15


def test_a_few_deals_tell_too_little_of_a_rate():
    assert silence(np.array([0, 2, 4]), 85) is None
