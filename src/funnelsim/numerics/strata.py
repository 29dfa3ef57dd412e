"""Draws of uncertain quantities in strata: ten draws share out the range of every variable among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

DRAWS_PER_GROUP = 10
_LEAST_GROUPS = 4
_LEAST_GAMMA = 1e-300  # of tiny shapes most draws are 0 to the last digit, and shares would be 0 over 0


class Source(Protocol):
    """What parameters are drawn from: a numpy Generator, or a stratum."""

    def standard_gamma(self, shape: Floats) -> Floats:
        """Gamma variables of scale 1; of a shape of 0 they are 0."""
        ...

    def random(self) -> float:
        """A uniform variable."""
        ...


class _Group:
    """What ten draws share: the variables of all of them, drawn once, in the order they are asked for.

    The draws ask for the same shapes, as the same quantities are drawn each time.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn: list[Floats] = []

    def uniform(self, which: int, shape: tuple[int, ...]) -> Floats:
        """Variables asked for after `which` others, shape (10, *shape)."""
        if which == len(self._drawn):
            order = self._rng.random((DRAWS_PER_GROUP, *shape)).argsort(axis=0)
            within = self._rng.random((DRAWS_PER_GROUP, *shape))
            self._drawn.append((order + within) / DRAWS_PER_GROUP)
        return self._drawn[which]


class Stratum:
    """One draw out of a group of ten, each of whose variables falls into another tenth of its range.

    Ten draws of a group are a Latin hypercube: what depends on the variables one by one is averaged almost
    without noise [1]_. Groups are independent, so the spread of their means tells the error.

    Parameters
    ----------
    group : _Group
    number : int
        Number of the draw within the group.

    References
    ----------
    .. [1] McKay, Beckman, Conover (1979), A comparison of three methods for selecting values of input
       variables, *Technometrics* 21(2), 239-245.
    """

    def __init__(self, group: _Group, number: int) -> None:
        self._group, self._number, self._n_asked = group, number, 0

    def uniform(self, shape: tuple[int, ...]) -> Floats:
        """Uniform variables."""
        found = self._group.uniform(self._n_asked, shape)[self._number]
        self._n_asked += 1
        return np.asarray(found)

    def standard_gamma(self, shape: Floats) -> Floats:
        """Gamma variables of scale 1, by inversion; of a shape of 0 they are 0."""
        shape = np.asarray(shape, dtype=float)
        drawn, uniform, is_drawn = np.zeros(shape.shape), self.uniform(shape.shape), shape > 0
        drawn[is_drawn] = np.maximum(special.gammaincinv(shape[is_drawn], uniform[is_drawn]), _LEAST_GAMMA)
        return drawn

    def random(self) -> float:
        """A uniform variable."""
        return float(self.uniform(()))


def strata(streams: Streams, name: str, draws: Sequence[int], *index: int) -> list[Stratum]:
    """Sources of the variables called `name` for some draws; each depends on the number of its draw alone."""
    groups = {
        group: _Group(streams.generator(name, group, *index))
        for group in {draw // DRAWS_PER_GROUP for draw in draws}
    }
    return [Stratum(groups[draw // DRAWS_PER_GROUP], draw % DRAWS_PER_GROUP) for draw in draws]


def stratum(streams: Streams, name: str, draw: int, *index: int) -> Stratum:
    """Source of the variables called `name` for one draw, as :func:`strata` has it."""
    return strata(streams, name, [draw], *index)[0]


def error_over_draws(by_draw: Floats) -> float:
    """Standard error of the mean over draws made in strata; NaN for a single draw.

    Parameters
    ----------
    by_draw : ndarray of shape (n_draws,)
        In order of the draws.

    Notes
    -----
    Groups of ten are independent and the draws within one are not; so the error comes from the spread of the
    groups' means. Fewer than four groups tell little of it: then the draws count as independent, which is on
    the safe side.
    """
    n_groups = len(by_draw) // DRAWS_PER_GROUP
    if n_groups >= _LEAST_GROUPS:
        by_draw = by_draw[: n_groups * DRAWS_PER_GROUP].reshape(n_groups, -1).mean(axis=1)
    return float(by_draw.std(ddof=1) / np.sqrt(len(by_draw))) if len(by_draw) > 1 else float("nan")
