"""Sums of independent random amounts, exactly: characteristic functions on a grid and one inverse transform.

The first axis of every array of chances is the draw of the parameters. Given a draw, deals are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.fft import rfft

from funnelsim.numerics.grid_law import Grid, GridLaw
from funnelsim.numerics.portfolio import Arriving, Lumps, Portfolio, Prizes, Unsure, blocks
from funnelsim.numerics.splitting import sharpened, splitting_error

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Complexes = npt.NDArray[np.complex128]

_MOST_IN_SERIES = 1.0 / 3.0  # chances above it converge slowly
_LEAST_TERM = 1e-17
_LEAST_MAGNITUDE = 1e-16  # of a characteristic function that still matters
_MOST_GIANTS = 8
_GIANT_SHARE = 0.25
_ROUNDING = 1e-12  # of an amount: 800,000 times 1.1 is a hair above 880,000
_DEVIATIONS = 10.0
_MOST_TOP_MASS = 1e-9
_MOST_DOUBLINGS = 24
_MOST_LATTICE_CELLS = 2**14
_MOST_CELLS = 2**16
_LEAST_CELLS_BELOW = 200
_AT_ONCE = 4_000_000  # complex numbers in memory
_SMALL_WEIGHT = 0.1  # 25 terms of its series are enough
_MOST_TURN = 3.0  # of a product of complex numbers, less than half a turn


def sum_law(portfolio: Portfolio, *, n_cells: int = 8192) -> GridLaw:
    """Law of the sum of a portfolio, given each draw.

    Parameters
    ----------
    portfolio : Portfolio
    n_cells : int
        Cells of the grid: more, up to 65,536, where small quantiles need them, as below a heavy tail; and
        whole-number amounts take as many as divide them, up to 16,384.

    Returns
    -------
    GridLaw

    Notes
    -----
    The logarithm of the characteristic function of the lumps is a series in powers of ``r = p / (1 - p)``:
    power k is one histogram of the amounts times k, split linearly on two cells, so that means are kept
    [1]_. Lumps of large chance, and deals whose amount is drawn, are multiplied one by one, but only at the
    frequencies where the product of the others is not nothing: a bound by ``p (1 - p) (1 - cos)`` tells.
    The few largest lumps are left out of the grid and put back by shifting it (all their subsets). If more
    than 1e-9 of the mass lies in the top twentieth of the grid its range is doubled, so that nothing wraps.

    References
    ----------
    .. [1] Klugman, Panjer, Willmot (2019), *Loss Models*, 5th ed., ch. 9 (FFT, method of local moments).
    """
    giants, rest = _without_giants(portfolio)
    mean, sd = rest.mean(), np.sqrt(rest.variance())
    # At least one cell of what is there to be won, however small the chances.
    least = max(rest.lumps.amount.max(initial=0.0), rest.largest())
    span = max(float((mean + _DEVIATIONS * sd).max()), 2.0 * least)
    unit = _common_unit(rest, span)
    for _ in range(_MOST_DOUBLINGS):
        grid = Grid.covering(span, n_cells, unit)
        mass, error = sharpened(_transform_of(rest, grid), splitting_error(rest, grid), grid)
        if mass[:, -len(mass[0]) // 20 :].sum(axis=1).max(initial=0.0) > _MOST_TOP_MASS:
            span *= 2.0
        elif not grid.is_lattice and n_cells < _MOST_CELLS and _is_coarse(mass):
            n_cells *= 2
        else:
            break
    return GridLaw(grid, mass, rest.none_won(), giants.amount, giants.chance, error.cumulants)


def _is_coarse(mass: Floats) -> bool:
    """Whether the median, or a small quantile, lies so few cells from 0 that a cell is visible in it."""
    below = np.cumsum(mass.mean(axis=0))
    low, middle = (int(np.searchsorted(below, chance)) for chance in (0.05, 0.5))
    return 0 < low < _LEAST_CELLS_BELOW // 10 or 0 < middle < _LEAST_CELLS_BELOW


def _without_giants(portfolio: Portfolio) -> tuple[Lumps, Portfolio]:
    """The largest lumps, as long as they are out of scale with the rest; and the rest."""
    lumps = portfolio.lumps
    single = np.flatnonzero(lumps.count == 1)
    order = single[np.argsort(-lumps.amount[single], kind="stable")]
    few = not portfolio.unsure and not portfolio.arriving.expected.any() and len(single) == len(lumps.amount)
    taken = np.zeros(len(lumps.amount), dtype=bool)
    for lump in order[:_MOST_GIANTS]:
        taken[lump] = True
        rest = replace(portfolio, lumps=lumps.keep(~taken))
        scale = float((rest.mean() + _DEVIATIONS * np.sqrt(rest.variance())).max())
        if lumps.amount[lump] < _GIANT_SHARE * scale and not (few and len(order) <= _MOST_GIANTS):
            taken[lump] = False
            break
    return lumps.keep(taken), replace(portfolio, lumps=lumps.keep(~taken))


def _common_unit(portfolio: Portfolio, span: float) -> float | None:
    """A unit that divides all amounts, if it is not too fine for a grid; else None."""
    amounts = [portfolio.lumps.amount]
    if portfolio.arriving.expected.any():
        amounts.append(portfolio.arriving.prizes.points)
    amounts += [np.outer(some.factor, some.prizes.points).ravel() for some in portfolio.unsure]
    every = np.unique(np.concatenate(amounts))
    every = every[every > 0]
    if not len(every) or every.max() > 1e13:
        return None
    for parts in (1, 100):  # whole units, or cents: a factor on amounts often leaves such
        counts = np.round(every * parts)
        if (np.abs(every * parts - counts) < _ROUNDING * counts).all():
            unit = float(np.gcd.reduce(counts.astype(np.int64))) / parts
            return unit if span / unit <= _MOST_LATTICE_CELLS else None
    return None


def _transform_of(portfolio: Portfolio, grid: Grid) -> Complexes:
    """Characteristic function of the sum on the grid, shape (n_draws, n_frequencies)."""
    lumps, new = portfolio.lumps, portfolio.arriving
    slow = lumps.chance.max(axis=0, initial=0.0) > _MOST_IN_SERIES
    series = _log_of_series(lumps.keep(~slow), grid)
    new_amount = _transform(new.prizes, grid)
    bound = series.real - blocks(
        new.expected.sum(axis=1)[:, None] * (1 - new_amount.real), new.dispersion[:, None]
    )
    bound += _log_bound(lumps.keep(slow), grid)
    active = np.flatnonzero(bound.max(axis=0) > np.log(_LEAST_MAGNITUDE))
    log_phi = series[:, active] + _log_of_arriving(new, new_amount[:, active])
    product, active = _multiplied(np.exp(log_phi), active, lumps.keep(slow), portfolio.unsure, grid)
    phi = np.zeros(series.shape, dtype=complex)
    phi[:, active] = product
    return phi


def _multiplied(
    phi: Complexes, active: Ints, slow: Lumps, unsure: Sequence[Unsure], grid: Grid
) -> tuple[Complexes, Ints]:
    """The product with what is multiplied one by one, at the frequencies where it is not nothing.

    No factor is larger than 1: what is nothing already is left out of the factors to come, few first.
    """
    lots: list[Lumps | Unsure] = [slow, *unsure]
    for lot in sorted(lots, key=_n_factors):
        phi *= (
            _product(lot, grid, active) if isinstance(lot, Lumps) else _product_of_unsure(lot, grid, active)
        )
        matters = np.flatnonzero(np.abs(phi).max(axis=0) > _LEAST_MAGNITUDE)
        phi, active = phi[:, matters], active[matters]
    return phi, active


def _n_factors(lot: Lumps | Unsure) -> int:
    """How many factors a lot of deals has."""
    return len(lot.amount) if isinstance(lot, Lumps) else len(lot.factor)


def _log_of_series(lumps: Lumps, grid: Grid) -> Complexes:
    """Logarithm of the characteristic function of lumps of small chance, at every frequency."""
    n_draws = len(lumps.chance)
    total = np.zeros((grid.n_cells, n_draws))
    odds = (lumps.chance / (1.0 - lumps.chance)).T
    power, most = odds.copy(), odds.max(axis=1, initial=0.0)
    matters = np.arange(len(most))
    k = 1
    while len(matters):
        weight = np.asarray(lumps.count[matters] * ((-1.0) ** (k + 1) / k), dtype=float)
        total += _splitting(k * lumps.amount[matters], grid, weight) @ power
        k += 1
        still = most[matters] ** k / k > _LEAST_TERM
        matters, power = matters[still], power[still] * odds[matters[still]]
    constant = np.log1p(-lumps.chance) @ lumps.count
    return np.asarray(rfft(total, axis=0).T + constant[:, None])


def _log_bound(lumps: Lumps, grid: Grid) -> Floats:
    """A bound on the logarithm of the magnitude: ``-sum p (1 - p) (1 - cos)`` at every frequency."""
    spread = (lumps.chance * (1.0 - lumps.chance)).T
    weighted = rfft(_splitting(lumps.amount, grid, lumps.count.astype(float)) @ spread, axis=0).real.T
    return np.asarray(weighted - weighted[:, :1])


def _splitting(amount: Floats, grid: Grid, weight: Floats) -> sparse.csr_matrix:
    """Matrix that puts weighted lumps on cells, each on two so that its mean is kept."""
    cell, upper = grid.split(amount)
    n = len(amount)
    rows = np.concatenate([cell, cell + 1]) % grid.n_cells
    values = np.concatenate([(1.0 - upper) * weight, upper * weight])
    return sparse.csr_matrix((values, (rows, np.tile(np.arange(n), 2))), shape=(grid.n_cells, n))


def _transform(prizes: Prizes, grid: Grid) -> Complexes:
    """Characteristic function of a prize at every frequency, shape (n_draws, n_frequencies)."""
    split = _splitting(prizes.points, grid, np.ones(len(prizes.points)))
    return np.asarray(rfft(split @ prizes.shares.T, axis=0).T)


def _log_of_arriving(new: Arriving, amount: Complexes) -> Complexes:
    """Logarithm of the characteristic function of what deals yet to arrive bring."""
    total = np.zeros(amount.shape, dtype=complex)
    swings = new.dispersion > 0
    total[~swings] = new.expected[~swings].sum(axis=1)[:, None] * (amount[~swings] - 1.0)
    if swings.any():
        dispersion, gap = new.dispersion[swings, None], amount[swings] - 1.0
        total[swings] = -_log_of_product((dispersion * new.expected[swings]).T, gap) / dispersion
    return total


def _log_of_product(weight: Floats, gap: Complexes) -> Complexes:
    """``sum_b log(1 - w_b g)``, shape of `gap`; weights have the shape (n_blocks, n_draws).

    Small weights share one series in powers of g, with their power sums; others are multiplied, which is
    ten times quicker than a logarithm each. A factor turns by less than its weight, as ``|Im g| <= 1`` and
    ``Re g <= 0``; so the log of a product is not off by a whole turn while weights add to less than half of
    one.
    """
    most = weight.max(axis=1)
    small = weight[most < _SMALL_WEIGHT]
    total, product, turned = _log_by_series(small, gap), np.ones_like(gap), 0.0
    for of_block, largest in zip(weight[most >= _SMALL_WEIGHT], most[most >= _SMALL_WEIGHT], strict=True):
        if turned + largest > _MOST_TURN:
            total += np.log(product)
            product[:], turned = 1.0, 0.0
        factor = of_block[:, None] * gap
        product *= np.subtract(1.0, factor, out=factor)
        turned += largest
    return np.asarray(total + np.log(product)) if turned else total


def _log_by_series(weight: Floats, gap: Complexes) -> Complexes:
    """The same by ``-sum_k g**k sum_b w_b**k / k``; as ``|g| <= 2`` it needs few terms."""
    total = np.zeros_like(gap)
    ratio = 2.0 * float(weight.max(initial=0.0))
    n_terms = int(np.ceil(np.log(_LEAST_TERM) / np.log(ratio))) if ratio > 0 else 0
    for k in range(max(n_terms, 1 if ratio else 0), 0, -1):
        total = (total - (weight**k).sum(axis=0)[:, None] / k) * gap
    return total


def _product(lumps: Lumps, grid: Grid, active: Ints) -> Complexes:
    """Characteristic function of lumps, multiplied one by one, at some frequencies.

    Those whose chance is the same in every draw, such as payments by known terms, are multiplied once.
    """
    phi, common = (np.ones((n, len(active)), dtype=complex) for n in (len(lumps.chance), 1))
    is_common = (lumps.chance == lumps.chance[:1]).all(axis=0)
    cell, upper = grid.split(lumps.amount)
    for i in range(len(cell)):
        gap = (1 - upper[i]) * grid.wave(cell[i], active) + upper[i] * grid.wave(cell[i] + 1, active) - 1.0
        if is_common[i]:
            common *= (1.0 + lumps.chance[0, i] * gap) ** int(lumps.count[i])
        else:
            phi *= (1.0 + lumps.chance[:, i, None] * gap) ** int(lumps.count[i])
    return np.asarray(phi * common)


def _product_of_unsure(some: Unsure, grid: Grid, active: Ints) -> Complexes:
    """The same for deals whose amount is drawn."""
    n_draws = len(some.chance)
    phi = np.ones((n_draws, len(active)), dtype=complex)
    at_once = max(_AT_ONCE // max(len(active) * max(len(some.prizes.points), n_draws), 1), 1)
    distinct, of_deal = np.unique(some.factor, return_inverse=True)
    for start in range(0, len(distinct), at_once):
        factors = distinct[start : start + at_once]
        amount = _waves(np.outer(factors, some.prizes.points), grid, active) @ some.prizes.shares.T
        for i in range(len(factors)):
            gap = amount[i].T - 1.0
            for deal in np.flatnonzero(of_deal == start + i):
                phi *= (1.0 + some.chance[:, deal, None] * gap) ** int(some.count[deal])
    return phi


def _waves(amount: Floats, grid: Grid, active: Ints) -> Complexes:
    """Split amounts at some frequencies, shape (n_factors, n_frequencies, n_points)."""
    cell, upper = grid.split(amount)
    low = grid.wave(cell[:, None], active[None, :, None])
    return np.asarray(low * (1.0 + upper[:, None] * (grid.wave(np.int64(1), active)[None, :, None] - 1.0)))
