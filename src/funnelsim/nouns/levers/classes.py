"""Levers on classes of deals: by region, source or rep, where the funnel tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.changes import Changes
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import (
    Lever,
    LeverError,
    ShownByName,
    check_share,
    checked_levers,
    moves_people,
)
from funnelsim.numerics.multipliers import multiplied_win_rates
from funnelsim.vocabulary.words import did_you_mean

Floats = npt.NDArray[np.float64]


def classes_of(funnel: Funnel, attribute: str) -> Classes:
    """The classes of a funnel, if they are those of one attribute.

    Raises
    ------
    LeverError
        If the funnel does not tell its deals apart by it.
    """
    if funnel.classes is None or funnel.classes.attributes != (attribute,):
        known = " and ".join(map(repr, funnel.classes.attributes)) if funnel.classes else "nothing"
        raise LeverError(
            f"the funnel tells deals apart by {known}, not by {attribute!r}: fit(history, "
            f"classes={attribute!r}) does"
        )
    return funnel.classes


def expected_wins(funnel: Funnel, attribute: str) -> tuple[Floats, Floats]:
    """Wins that the new deals of a year bring by class, and their win rate; differences by luck shrunk.

    Returns
    -------
    wins, win_rate : ndarray of shape (n_classes,)
    """
    classes = classes_of(funnel, attribute)
    n_open = funnel.stages.n_open
    entries = classes.entries.sum(axis=1)
    shares = classes.entries.sum(axis=0) / max(classes.entries.sum(), 1e-300)
    hazards = [funnel.mean_hazards(s)[None] for s in range(n_open)]
    multipliers = [classes.mean[None, :, s] for s in range(n_open)]
    first_ages = [of_stage.first_age for of_stage in funnel.hazards]
    rate = multiplied_win_rates(first_ages, hazards, multipliers, funnel.stages.is_won, shares)[0]
    return entries * rate, rate


@dataclass(frozen=True)
class Subset(ShownByName):
    """A lever for some deals only: those of some regions, sources or reps.

    Parameters
    ----------
    lever : Lever
        Volume, conversion or speed. Not yield: the amounts of a funnel are one law for all its deals, so it
        cannot say what some of them would bring.
    attribute : str
        The attribute by which the funnel tells deals apart (``fit(classes=)``).
    values : tuple of str
        Its values that are meant.

    Examples
    --------
    >>> from funnelsim import Volume
    >>> Subset(Volume(1.2), "source", ("web",)).name
    'new deals +20 % (source web)'
    """

    lever: Lever
    attribute: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise LeverError(f"values are several: write ({self.values!r},)")
        odd = [value for value in self.values if not isinstance(value, str)]
        if odd:
            raise LeverError(f"values of {self.attribute} are texts, such as ('West',), not {odd[0]!r}")
        checked_levers((self.lever,))
        if moves_people(self.lever):
            raise LeverError(f"{self.lever.name}: people are changed for all deals, not for a subset")
        if not self.values:
            raise LeverError(f"values are empty: name the {self.attribute} that is meant, such as ('West',)")
        object.__setattr__(self, "values", tuple(self.values))

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        shown = ", ".join(self.values[:3]) + (
            f" and {len(self.values) - 3} more" if len(self.values) > 3 else ""
        )
        return f"{self.lever.name} ({self.attribute} {shown})"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change.

        Raises
        ------
        LeverError
            If the funnel does not know the class, or the lever is none for a class.
        """
        classes = classes_of(funnel, self.attribute)
        unknown = [value for value in self.values if value not in classes.labels]
        if unknown:
            raise LeverError(
                f"no {self.attribute} is called {unknown[0]!r}; they are {', '.join(classes.labels)}"
                f"{did_you_mean(str(unknown[0]), list(classes.labels))}"
            )
        none, changed = Changes.none(funnel.stages), dict(funnel.changes.classes)
        for value in self.values:
            code = classes.labels.index(value)
            own = self.lever.apply(funnel.with_changes(changed.get(code, none))).changes
            if own.new_amount != 1.0 or own.open_amount != 1.0:
                raise LeverError(
                    f"{self.lever.name}: amounts are one law for all deals of the funnel, so only volume, "
                    f"conversion and speed can be changed for a subset; fit a funnel to the deals of this "
                    f"{self.attribute} alone, or pull Yield on all deals by the share that these bring"
                )
            if own.narrowing or own.classes:
                raise LeverError(
                    f"{self.lever.name}: only volume, conversion and speed can be changed for a subset"
                )
            changed[code] = own
        return funnel.with_changes(replace(funnel.changes, classes=changed))


@dataclass(frozen=True)
class OutsideTop(ShownByName):
    """A lever for all but the best: "if the other 80 % of the reps improved by 30 %".

    Who is best is judged by the wins expected of the new deals of a year at each one's own rates, after the
    part of the differences that is luck has been taken out (the fit shrinks them towards all deals).

    Parameters
    ----------
    lever : Lever
    share : float
        Share of the reps, by number, that count as the best; 0.2 in the course's example. Rounded up to
        whole reps, and above 0: a lever for all of them needs no best ones.
    attribute : str

    Raises
    ------
    LeverError
        If the share is none or 0, or the lever is none.

    Examples
    --------
    >>> from funnelsim import Conversion
    >>> OutsideTop(Conversion(1.3)).name
    'conversion at every step, odds +30 % (all owner outside the top 20 %)'
    """

    lever: Lever
    share: float = 0.2
    attribute: str = "owner"

    def __post_init__(self) -> None:
        check_share(self.share, "share of the best")
        if not self.share > 0:
            raise LeverError(
                f"share of the best must be above 0, not {self.share!r}: with nobody at the top the lever is "
                "for all, and needs no OutsideTop"
            )
        checked_levers((self.lever,))

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"{self.lever.name} (all {self.attribute} outside the top {self.share * 100:.3g} %)"

    def others(self, funnel: Funnel) -> tuple[str, ...]:
        """Those it is meant for, best first.

        Raises
        ------
        LeverError
            If nobody is left.
        """
        labels = classes_of(funnel, self.attribute).labels
        order = np.argsort(-expected_wins(funnel, self.attribute)[0], kind="stable")
        n_best = int(np.ceil(self.share * len(labels)))
        if n_best >= len(labels):
            raise LeverError(f"the top {100 * self.share:.0f} % of {len(labels)} leave nobody to improve")
        return tuple(labels[code] for code in order[n_best:])

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        return Subset(self.lever, self.attribute, self.others(funnel)).apply(funnel)


@dataclass(frozen=True)
class Standardise(ShownByName):
    """One way of working for all: a share of the differences between reps is taken away.

    Each class moves towards the mean of all on a logarithmic scale, weighted by new deals. The mean itself
    stays; to lift it too, put a lever on conversion beside it.

    Parameters
    ----------
    share : float
        0.5 halves the differences.
    attribute : str

    Examples
    --------
    >>> Standardise(0.5).name
    'differences between owner less 50 %'
    """

    share: float
    attribute: str = "owner"

    def __post_init__(self) -> None:
        check_share(self.share, "share of the differences")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"differences between {self.attribute} less {100 * self.share:.0f} %"

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        classes_of(funnel, self.attribute)
        left = (1.0 - funnel.changes.narrowing) * (1.0 - self.share)
        return funnel.with_changes(replace(funnel.changes, narrowing=1.0 - left))
