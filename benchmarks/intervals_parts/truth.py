"""True figures of a process, age by age from its own chances; no line of it is shared with the estimators."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.questions.worlds.process import Process

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What is asked of the intervals, with the public table that shows them.
QUANTITIES = ("conversion", "win rate", "median dwell", "p90 dwell", "necessary dwell", "usual dwell")
_NO_END = 20_000  # days; of the slowest tail, .001 a day, two deals in a billion are left


def true_figures(process: Process, last_ages: Ints | None = None) -> dict[str, Floats]:
    """Conversion, win rate and dwell quantiles by stage.

    Parameters
    ----------
    process : Process
        Steady, of a single class.
    last_ages : ndarray of int, shape (n_open,), optional
        Ages in days before which exits count: those at which anyone was seen to leave, which is what the
        tables speak of. Dwell of all who leave looks on for as long again. By default all exits count.

    Returns
    -------
    dict of ndarray, each of shape (n_open,)
        By quantity; shares, and whole days.
    """
    stages, n_open = process.stages, process.stages.n_open
    ends = np.full(n_open, _NO_END) if last_ages is None else last_ages
    leaving = [_leaving_by_age(process, stage, 2 * int(end)) for stage, end in enumerate(ends)]
    seen = [shares[:end] for shares, end in zip(leaving, ends, strict=True)]
    routes = np.array([shares.sum(axis=0) for shares in seen])
    ahead = [shares[:, stages.is_forward(stage)].sum(axis=1) for stage, shares in enumerate(seen)]
    anywhere = [shares.sum(axis=1) for shares in leaving]
    return {
        "conversion": np.array([shares.sum() for shares in ahead]),
        "win rate": _win_rates(routes, stages.is_won),
        "median dwell": np.array([_age_of_share(shares, 0.5) for shares in anywhere]),
        "p90 dwell": np.array([_age_of_share(shares, 0.9) for shares in anywhere]),
        "necessary dwell": np.array([_age_of_share(shares, 0.1) for shares in ahead]),
        "usual dwell": np.array([_age_of_share(shares, 0.5) for shares in ahead]),
    }


def _leaving_by_age(process: Process, stage: int, n_ages: int) -> Floats:
    """Share of entering deals that leave at each age for each place, shape (n_ages, n_places)."""
    bins = np.digitize(np.arange(n_ages), process.first_age) - 1
    chances = process.chances[0, stage, bins]
    reaches = np.append(1.0, np.cumprod(1.0 - chances.sum(axis=1))[:-1])
    return reaches[:, None] * chances


def _win_rates(routes: Floats, is_won: npt.NDArray[np.bool_]) -> Floats:
    """Chance to be won in the end, summed over routes of ever more moves."""
    n_open = len(routes)
    rates = np.zeros(n_open)
    for _ in range(10 * n_open):
        rates = routes[:, is_won].sum(axis=1) + routes[:, :n_open] @ rates
    return rates


def _age_of_share(leaving: Floats, share: float) -> float:
    """First age by which this share of those who leave have left."""
    so_far = np.cumsum(leaving)
    return float(np.argmax(so_far >= share * so_far[-1]))
