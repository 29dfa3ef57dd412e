"""Rates multiplied by group, with its pace or at the common one: where deals go, how often they are won."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.incidence import win_rates
from funnelsim.numerics.rates import rates_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Routes = Callable[[Ints, Floats, Floats], Floats]

_LARGEST_BATCH = 1_000_000  # numbers by draw, group and bin held at once: 8 MB each
_LEAST_FACTOR = 1e-100  # where a group takes none of the ways there are, the common split stands in


def multiplied_routes(first_age: Ints, hazards: Floats, multipliers: Floats) -> Floats:
    """Chance to leave a stage to each place within the ages seen, its rates multiplied for each group.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age of each bin; the last bin never ends and is not counted, as in
        :func:`funnelsim.numerics.incidence.observed_routes`.
    hazards : ndarray of shape (n_draws, n_bins, n_places)
        Chances per step.
    multipliers : ndarray of shape (n_draws, n_groups, n_places)
        Factors on the rates to each place, at every age, >= 0.

    Returns
    -------
    ndarray of shape (n_draws, n_groups, n_places)

    Notes
    -----
    A rate is ``-log(1 - h) h_j / h``. Within a bin of n steps and total rate r, the chance to leave is
    ``1 - exp(-n r)``, split by the rates: the sum over ages in closed form.
    """
    rates = rates_of(hazards[:, :-1]) * np.diff(first_age)[:, None]
    of_bin = np.einsum("dbp,dgp->dgb", rates, multipliers)
    before = np.cumsum(of_bin, axis=2) - of_bin
    per_rate = np.divide(-np.expm1(-of_bin), of_bin, out=np.ones_like(of_bin), where=of_bin > 0)
    taken: Floats = np.einsum("dgb,dbp->dgp", per_rate * np.exp(-before), rates) * multipliers
    return taken


def routes_at_common_pace(first_age: Ints, hazards: Floats, multipliers: Floats) -> Floats:
    """The same where groups differ in which way deals leave, but none leaves sooner or later than all do.

    Parameters
    ----------
    first_age, hazards, multipliers
        As in :func:`multiplied_routes`; only the ratios of a group's multipliers count.

    Returns
    -------
    ndarray of shape (n_draws, n_groups, n_places)

    Notes
    -----
    The chance to leave within the ages seen is the common one, and it is shared out by the common routes q
    times the multipliers: ``q_j m_j / sum_k q_k m_k``. A factor on all rates of a group, its pace, cancels.
    Shared out age by age, with splits of single ages as uncertain as they are, the same multipliers would
    make groups differ by 6 % less than they do.
    """
    routes = multiplied_routes(first_age, hazards, np.ones_like(multipliers[:, :1]))
    split = routes * np.maximum(multipliers, _LEAST_FACTOR)
    of_all, total = (part.sum(axis=2, keepdims=True) for part in (routes, split))
    taken: Floats = split * np.divide(of_all, total, out=np.zeros_like(total), where=total > 0)
    return taken


def multiplied_win_rates(
    first_ages: Sequence[Ints],
    hazards: Sequence[Floats],
    multipliers: Sequence[Floats],
    is_won: Flags,
    entry_shares: Floats,
    *,
    routes_of: Routes = multiplied_routes,
) -> Floats:
    """Chance that a new deal of each group is won within the ages seen, by draw.

    Parameters
    ----------
    first_ages, hazards, multipliers : sequences with one item per open stage
        As in :func:`multiplied_routes`.
    is_won : ndarray of bool, shape (n_places,)
    entry_shares : ndarray of shape (n_open,)
        Where new deals enter; sums to 1.
    routes_of : callable
        :func:`multiplied_routes` or :func:`routes_at_common_pace`.

    Returns
    -------
    ndarray of shape (n_draws, n_groups)
    """
    n_draws, n_groups, _ = multipliers[0].shape
    size = max(_LARGEST_BATCH // (n_groups * max(map(len, first_ages))), 1)
    rates: Floats = np.empty((n_draws, n_groups))
    for start in range(0, n_draws, size):
        batch = slice(start, start + size)
        parts = zip(first_ages, hazards, multipliers, strict=True)
        routes = [routes_of(ages, h[batch], m[batch]) for ages, h, m in parts]
        rates[batch] = win_rates(np.stack(routes, axis=-2), is_won) @ entry_shares
    return rates
