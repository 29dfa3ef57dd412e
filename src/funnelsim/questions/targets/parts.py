"""Parts of one total: what each month, region or rep may bring, as one joint law."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.law import DrawnLaw, Law, Measure, over_draws, reaches
from funnelsim.vocabulary.estimate import Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parts:
    """The joint law of the parts of one total, what is realised included.

    Parameters
    ----------
    labels : tuple of str
    laws : tuple of Law
        Of each part, all on the same draws of the parameters.
    whole : Law
        Of all parts together.
    futures : ndarray of shape (n_draws, n_futures, n_parts)
        Joint futures. Only they can say what parts do together: given the parameters, a deal won in one month
        is not won in another, and the arrivals of all regions swing together; so chances must not be
        multiplied, not even within a draw.
    measure : {"bookings", "wins"}
    unit : str
    seed : int
    notes : tuple of str
    """

    labels: tuple[str, ...]
    laws: tuple[Law, ...]
    whole: Law
    futures: Floats
    measure: Measure
    unit: str
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def expected(self) -> Floats:
        """Expected total of each part, shape (n_parts,)."""
        return np.array([law.mean_by_draw().mean() for law in self.laws])

    def reached(self, quotas: Sequence[float]) -> npt.NDArray[np.bool_]:
        """Whether each future of each part reaches its quota, shape (n_draws, n_futures, n_parts)."""
        of_part = [reaches(self.futures[:, :, k], quota) for k, quota in enumerate(quotas)]
        return np.stack(of_part, axis=2)

    def share_of_futures(self, holds: npt.NDArray[np.bool_]) -> Estimate:
        """Chance of something that holds in some futures, shape (n_draws, n_futures), with its error."""
        return over_draws(holds.mean(axis=1), 1.0 / holds.size)


def chance_of(law: Law, amount: float) -> Estimate:
    """Chance that a total reaches an amount, with the error of draws and of the engine."""
    chance = over_draws(law.chance_by_draw(amount), law.resolution)
    if isinstance(law, DrawnLaw):
        return chance  # the spread over draws holds the simulation's own error
    return Estimate(chance.value, float(np.hypot(chance.standard_error, law.engine_error(amount))))


def drawn_laws(futures: Floats) -> tuple[tuple[Law, ...], Law]:
    """Laws of the parts and of the whole as joint futures tell them."""
    laws: Iterable[Law] = (DrawnLaw(futures[:, :, k]) for k in range(futures.shape[2]))
    return tuple(laws), DrawnLaw(futures.sum(axis=2))
