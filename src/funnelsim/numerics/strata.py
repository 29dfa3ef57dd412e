"""Draws of uncertain quantities in strata: ten draws share out the range of every variable among them."""

from __future__ import annotations

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


class Stratum:
    """One draw out of a group of ten, each of whose variables falls into another tenth of its range.

    Ten draws of a group are a Latin hypercube: what depends on the variables one by one is averaged almost
    without noise [1]_. Groups are independent, so the spread of their means tells the error.

    Parameters
    ----------
    rng : Generator
        Of the group: the same for all its draws.
    number : int
        Number of the draw within the group.

    References
    ----------
    .. [1] McKay, Beckman, Conover (1979), A comparison of three methods for selecting values of input
       variables, *Technometrics* 21(2), 239-245.
    """

    def __init__(self, rng: np.random.Generator, number: int) -> None:
        self._rng, self._number = rng, number

    def uniform(self, shape: tuple[int, ...]) -> Floats:
        """Uniform variables."""
        order = self._rng.random((DRAWS_PER_GROUP, *shape)).argsort(axis=0)
        within = self._rng.random((DRAWS_PER_GROUP, *shape))
        return np.asarray((order[self._number] + within[self._number]) / DRAWS_PER_GROUP)

    def standard_gamma(self, shape: Floats) -> Floats:
        """Gamma variables of scale 1, by inversion; of a shape of 0 they are 0."""
        drawn = special.gammaincinv(np.where(shape > 0, shape, 1.0), self.uniform(np.shape(shape)))
        return np.where(np.asarray(shape) > 0, np.maximum(drawn, _LEAST_GAMMA), 0.0)

    def random(self) -> float:
        """A uniform variable."""
        return float(self.uniform(()))


def stratum(streams: Streams, name: str, draw: int, *index: int) -> Stratum:
    """Source of the variables called `name` for draw `draw`; it depends on nothing else."""
    group, number = divmod(draw, DRAWS_PER_GROUP)
    return Stratum(streams.generator(name, group, *index), number)


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
