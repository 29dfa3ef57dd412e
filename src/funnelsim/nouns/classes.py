"""Classes of deals, such as regions or sources, that move at rates of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.numerics.strata import Source
from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MISSING = "(missing)"
OTHERS = "(others)"
UNKNOWN = -1  # the class of deals whose value was never seen: they move at the usual rates


class ClassError(FunnelsimError):
    """Classes that do not fit a funnel, or deals that do not tell theirs."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Multipliers of every rate by class of deals.

    Parameters
    ----------
    attributes : tuple of str
        The attributes of a deal whose values, joined by " / ", name its class.
    labels : tuple of str
        Names of the classes; "(others)", if there, takes every value that has none of its own.
    mean : ndarray of shape (n_classes, n_open, n_places)
        Expected multiplier of each rate.
    shape : ndarray of shape (n_classes, n_open, n_places)
        Shape of its Gamma distribution: one over the relative variance.
    base : tuple of ndarray, one for each open stage, of shape (n_bins, n_places)
        Factors on the funnel's rates by bin of age, so that all classes together leave as all deals did:
        those who stay long are not the same mix as those who enter.
    entries : ndarray of shape (n_classes, n_open)
        New deals of the latest year by class and stage of entry.
    """

    attributes: tuple[str, ...]
    labels: tuple[str, ...]
    mean: Floats
    shape: Floats
    base: tuple[Floats, ...]
    entries: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def codes(self, attributes: Mapping[str, npt.NDArray[np.object_]], n_deals: int) -> Ints:
        """Class of each deal, shape (n_deals,).

        Raises
        ------
        ClassError
            If the deals have no such attribute.
        """
        absent = [name for name in self.attributes if name not in attributes]
        if absent and n_deals:
            known = ", ".join(map(repr, attributes)) or "none"
            raise ClassError(
                f"the funnel tells deals apart by {absent[0]!r}, which these deals do not have (they have "
                f"{known}); add it, or fit without classes"
            )
        known_codes = {label: code for code, label in enumerate(self.labels)}
        rest = known_codes.get(OTHERS, UNKNOWN)
        words = joined_words([attributes[name] for name in self.attributes]) if n_deals else []
        return np.array([known_codes.get(word, rest) for word in words], dtype=np.int64)

    def draw(self, rng: Source, narrowing: float = 0.0) -> Floats:
        """One draw of the multipliers, shape (n_classes, n_open, n_places).

        With `narrowing` that share of the differences between classes is taken away: on a logarithmic scale
        each moves towards the mean of all, weighted by new deals of the latest year.
        """
        drawn = self.mean * rng.standard_gamma(self.shape) / self.shape
        if narrowing == 0.0:
            return drawn
        weight = self.entries.sum(axis=1) + 1e-9
        middle = np.exp(np.average(np.log(np.maximum(self.mean, 1e-12)), axis=0, weights=weight))
        return np.asarray(drawn ** (1.0 - narrowing) * middle**narrowing)

    def draw_shares(self, rng: Source) -> Floats:
        """One draw of each class's share of the new deals of a stage, shape (n_classes, n_open)."""
        drawn = rng.standard_gamma(self.entries)
        total = drawn.sum(axis=0)
        nobody = np.full(drawn.shape, 1.0 / len(self))
        return np.divide(drawn, total, out=nobody, where=total > 0)


def joined_words(columns: Iterable[Iterable[object]]) -> list[str]:
    """Values of several attributes, deal by deal, as one name of a class."""
    return [" / ".join(map(word, row)) for row in zip(*columns, strict=True)]


def word(value: object) -> str:
    """A value of an attribute as the name of a class."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return MISSING
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text or MISSING
