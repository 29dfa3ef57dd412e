"""Levers on cash: how many invoices are never paid, how fast the others are, and on which terms."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from funnelsim.nouns.collections import CollectionsError
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import LeverError, ShownByName, check_factor, in_percent
from funnelsim.vocabulary.errors import english

_LEAST_STEP = 1e-12
_MOST_DAYS = 3652.5  # ten years


@dataclass(frozen=True)
class Collection(ShownByName):
    """Better (or worse) collection of what is won; wins and bookings stay as they are.

    Parameters
    ----------
    faster : float
        Payments come so many times as fast, from the cutoff on; unpaid invoices keep their age. 1.25 is a
        quarter faster: delays 0.8.
    never_paid : float
        Factor on the share of new invoices that is never paid: 0.5 halves it. The odds of invoices sent
        already change as much.
    terms_days : float, optional
        Days from invoice to due date for invoices yet to be sent: they are paid as much sooner, or later.

    Raises
    ------
    LeverError
        If a factor is none, terms are no number of days, or nothing is changed.

    Examples
    --------
    >>> Collection(faster=1.25, never_paid=0.5).name
    'pace of payments +25 %, share never paid -50 %'
    """

    faster: float = 1.0
    never_paid: float = 1.0
    terms_days: float | None = None

    def __post_init__(self) -> None:
        check_factor(self.faster, "pace of payments")
        check_factor(self.never_paid, "share never paid")
        days = self.terms_days
        is_number = isinstance(days, Real) and not isinstance(days, bool)
        if days is not None and not (is_number and 0.0 <= days <= _MOST_DAYS):
            raise LeverError(
                f"terms_days must be a number of days from 0 to {_MOST_DAYS:g}, such as 14, not {days!r}"
            )
        if (self.faster, self.never_paid, self.terms_days) == (1.0, 1.0, None):
            raise LeverError(
                "Collection() changes nothing; give faster=1.25, never_paid=0.5 or terms_days=14"
            )

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        parts = [f"pace of payments {in_percent(self.faster)}"] if self.faster != 1.0 else []
        parts += [f"share never paid {in_percent(self.never_paid)}"] if self.never_paid != 1.0 else []
        parts += [f"terms of {self.terms_days:g} days"] if self.terms_days is not None else []
        return ", ".join(parts)

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change.

        Raises
        ------
        LeverError
            If the funnel does not know how wins are paid, or the share never paid would pass all.
        """
        terms = funnel.collections
        if terms is None:
            raise LeverError(
                f"{self.name}: the funnel does not know how wins are paid; give it collections first: "
                "funnel.with_collections(Collections.by_hand(terms_days=30))"
            )
        try:
            changed = terms.with_changes(
                pace=self.faster, never_paid_odds=self._odds(terms.never_paid), terms_days=self.terms_days
            )
        except CollectionsError as error:
            raise LeverError(f"{self.name}: {english(error)}") from error
        check_factor(changed.pace, "pace of payments, all levers together,")
        return funnel.with_collections(changed)

    def _odds(self, share: float) -> float:
        """Factor on the odds of never being paid that multiplies the share as wanted."""
        if self.never_paid == 1.0:
            return 1.0
        wanted = self.never_paid * share
        if wanted >= 1.0:
            raise LeverError(
                f"{self.name}: {100 * share:.1f} % are never paid, and that many times as many are all"
            )
        return self.never_paid * (1.0 - share) / max(1.0 - wanted, _LEAST_STEP)
