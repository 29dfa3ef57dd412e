"""Collections: when invoices are paid or written off, by hazards of their age; and what of a price is earned.

An invoice is a stay with two ends, like a deal in a stage: it is paid, or written off as never paid. So the
hazards, their draws and their conditioning on age are those of deals.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.hazards import StageHazards, hazards_by_hand
from funnelsim.numerics.recursion import StageRates

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PAID, WRITTEN_OFF = 0, 1
ENDS = ("paid", "written off")


def delay_by_terms(
    terms_steps: int, late_mean_steps: float, never_paid: float, write_off_steps: int
) -> StageHazards:
    """Hazards of invoices that wait for their due date, and are then paid at a constant rate, or never.

    Parameters
    ----------
    terms_steps : int
        Steps from invoice to due date, >= 0; nobody pays before.
    late_mean_steps : float
        Mean delay after the due date of those who pay; 0: all pay on that step.
    never_paid : float
        Share that never pays, 0..1.
    write_off_steps : int
        Steps after the due date at which what is unpaid is written off.

    Returns
    -------
    StageHazards
        Certain. Payers are geometric from the due date on, with the stated mean; the few who would pay after
        the write-off are written off too.
    """
    per_step = 1.0 / (1.0 + late_mean_steps)
    late = np.arange(write_off_steps)
    paid = (1.0 - never_paid) * per_step * (1.0 - per_step) ** late
    still_open = never_paid + (1.0 - never_paid) * (1.0 - per_step) ** late
    chances = np.zeros((terms_steps + write_off_steps + 1, len(ENDS)))
    # Where by these terms nothing can be unpaid any more, and something is, it goes on being paid.
    chances[terms_steps:-1, PAID] = np.divide(
        paid, still_open, out=np.full(len(late), per_step), where=still_open > 0
    )
    chances[-1, WRITTEN_OFF] = 1.0
    # Ages alike are one bin; ages 0 and 1 begin one each, as everywhere.
    is_new = np.append(True, (chances[1:] != chances[:-1]).any(axis=1))
    is_new[: min(2, len(is_new))] = True
    if len(is_new) == 1:
        is_new, chances = np.array([True, True]), np.repeat(chances, 2, axis=0)
    return hazards_by_hand(np.flatnonzero(is_new), chances[is_new])


def settled_from_issue(rates: StageRates, n_steps: int, never_paid_odds: float = 1.0) -> Floats:
    """Chance that an invoice is settled within so many steps of being issued, by end.

    Parameters
    ----------
    rates : StageRates
        Rates of being paid and written off, by age.
    n_steps : int
    never_paid_odds : float
        Factor on the odds of never being paid (within the ages seen); payers pay when they did.

    Returns
    -------
    ndarray of shape (n_draws, 2, n_steps + 1)
        Cumulative; the first is the step of issue itself.
    """
    n_long = _long_enough(rates, n_steps, never_paid_odds)
    at_once = rates.same_step
    later = (1.0 - at_once.sum(axis=1))[:, None, None] * rates.leaving(np.zeros(1, np.int64), n_long)[:, :, 0]
    by_end = _by_end(rates, np.concatenate([at_once[:, :, None], later], axis=2))
    return _tilted(np.cumsum(by_end, axis=2), never_paid_odds)[..., : n_steps + 1]


def settled_from_age(rates: StageRates, ages: Ints, n_steps: int, never_paid_odds: float = 1.0) -> Floats:
    """The same for invoices that are unpaid at a known age, within so many steps from now.

    Parameters
    ----------
    rates : StageRates
    ages : ndarray of int, shape (n_ages,)
        Steps since the issue, so far without an end.
    n_steps : int
    never_paid_odds : float

    Returns
    -------
    ndarray of shape (n_draws, 2, n_ages, n_steps)
        Cumulative; the first is the next step.
    """
    n_long = _long_enough(rates, n_steps, never_paid_odds)
    by_end = _by_end(rates, rates.leaving(ages, n_long))
    return _tilted(np.cumsum(by_end, axis=3), never_paid_odds)[..., :n_steps]


def _long_enough(rates: StageRates, n_steps: int, never_paid_odds: float) -> int:
    """Steps to look ahead: with other odds of never being paid, until nobody is seen to pay any more."""
    slowest = float(rates.speed.min(initial=1.0))
    return n_steps if never_paid_odds == 1.0 else max(n_steps, int(np.ceil(rates.first_age[-1] / slowest)))


def _by_end(rates: StageRates, leaving: Floats) -> Floats:
    """Chances in columns paid and written off, whichever of them occur."""
    by_end = np.zeros((leaving.shape[0], len(ENDS), *leaving.shape[2:]))
    by_end[:, rates.places] = leaving
    return by_end


def _tilted(settled: Floats, never_paid_odds: float) -> Floats:
    """The odds of not being paid multiplied; when payers pay stays as it is."""
    if never_paid_odds == 1.0:
        return settled
    never = 1.0 - settled[:, PAID, ..., -1]
    total = 1.0 - never + never_paid_odds * never
    factors = np.stack([1.0 / total, never_paid_odds / total], axis=1)
    return settled * factors[..., None]


def never_paid_share(rates: StageRates, never_paid_odds: float = 1.0) -> float:
    """Share of new invoices that is not paid within the ages at which any has been seen to be settled."""
    last = int(np.ceil(rates.first_age[-1] / float(rates.speed.min(initial=1.0))))
    return float(1.0 - settled_from_issue(rates, last, never_paid_odds)[:, PAID, -1].mean())


def draw_ends(settled: Floats, chance: Floats) -> tuple[Ints, Flags]:
    """When invoices are settled, and whether they are paid then, from one uniform number each.

    Parameters
    ----------
    settled : ndarray of shape (2, n_steps)
        Cumulative chance to be paid, and to be written off, by step.
    chance : ndarray of any shape
        Uniform numbers.

    Returns
    -------
    step : ndarray of int
        Position of the step; ``n_steps`` where it is settled later, or never.
    is_paid : ndarray of bool
    """
    n_steps = settled.shape[1]
    edges = np.concatenate([settled[PAID], settled[PAID, -1] + settled[WRITTEN_OFF]])
    found = np.searchsorted(edges, chance, side="right")
    is_paid = found < n_steps
    return np.where(is_paid, found, np.minimum(found - n_steps, n_steps)), is_paid


def earned_by(edges: Ints, won_step: Ints, first_after: int, over_steps: int) -> Floats:
    """Share of a price that is earned by the end of some steps.

    Parameters
    ----------
    edges : ndarray of int, shape (n_edges,)
        Steps by whose end it is asked.
    won_step : ndarray of int, shape (n_won,)
    first_after : int
        Steps after the win at which earning begins.
    over_steps : int
        Steps it takes, evenly; 1: all at once.

    Returns
    -------
    ndarray of shape (n_won, n_edges)
    """
    gone = edges[None, :] - (won_step[:, None] + first_after) + 1
    return np.clip(gone / over_steps, 0.0, 1.0)
