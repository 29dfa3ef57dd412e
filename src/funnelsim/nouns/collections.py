"""Collections: how wins are invoiced, earned and paid; fitted from invoices or written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.collections import ENDS, delay_by_terms, never_paid_share
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.recursion import StageRates
from funnelsim.numerics.strata import strata, stratum
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
How = Literal["at once", "straight-line", "on delivery"]

OVERDUE_DAYS = 30
_DAYS_IN = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12}
_LEAST_WRITE_OFF_DAYS = 180.0
_MOST_DAYS = 36_525.0  # a century


class CollectionsError(FunnelsimError):
    """Terms of payment that cannot be meant; the message says which."""


def steps_in(days: float, clock: Clock) -> int:
    """Whole steps of a clock nearest to a number of days."""
    return round(days / _DAYS_IN[clock.step])


def _check(what: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and least <= float(value) <= most):  # type: ignore[arg-type]
        raise CollectionsError(f"{what} must be a number from {least:g} to {most:g}, not {value!r}")


def _checked_instalments(instalments: object) -> tuple[tuple[float, float], ...]:
    try:
        pairs = tuple((float(share), float(days)) for share, days in instalments)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise CollectionsError(
            f"instalments are pairs of a share and days, such as ((0.5, 0), (0.5, 60)), not {instalments!r}"
        ) from error
    for share, days in pairs:
        _check("share of an instalment", share, 0.0, 1.0)
        _check("days of an instalment", days, 0.0, _MOST_DAYS)
    if not pairs or abs(sum(share for share, _ in pairs) - 1.0) > 1e-9:
        raise CollectionsError(
            f"shares of instalments add up to {sum(share for share, _ in pairs):g}; they must add up to 1"
        )
    return pairs


@dataclass(frozen=True)
class Recognition:
    """When the price of a win becomes revenue.

    Parameters
    ----------
    how : {"at once", "straight-line", "on delivery"}
        With the win; evenly over a term that begins with it; or all on the day of delivery.
    months : float
        The term of "straight-line".
    days : float
        Days from win to delivery, for "on delivery".

    Examples
    --------
    >>> Recognition("straight-line", months=12).in_words
    'evenly over 12 months from the win'
    """

    how: How = "at once"
    months: float = 12.0
    days: float = 0.0

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise CollectionsError(f"revenue {self.how!r} is unknown; use one of {', '.join(get_args(How))}")
        _check("months", self.months, 1e-3, 1200.0)
        _check("days to delivery", self.days, 0.0, _MOST_DAYS)

    @property
    def in_words(self) -> str:
        """The rule, in words."""
        if self.how == "straight-line":
            return f"evenly over {self.months:g} months from the win"
        return (
            f"on delivery, {self.days:g} days after the win" if self.how == "on delivery" else "with the win"
        )

    def steps(self, clock: Clock) -> tuple[int, int]:
        """Steps after the win at which earning begins, and steps it takes."""
        if self.how == "straight-line":
            return 0, max(steps_in(self.months * _DAYS_IN["month"], clock), 1)
        return (steps_in(self.days, clock) if self.how == "on delivery" else 0), 1


@dataclass(frozen=True, eq=False)
class Collections(Shown):
    """From wins to invoices to payments; frozen, and without any invoice.

    Parameters
    ----------
    clock : Clock
        In whose steps delays are counted.
    delay : StageHazards
        Invoices that are not disputed: hazards by age since the invoice, to "paid" and "written off".
    by_class : mapping of str to StageHazards
        The same for invoices of credit classes with a law of their own.
    credit_attribute : str
        Attribute of deals that names their credit class.
    disputed : StageHazards, optional
        Invoices under dispute.
    share_disputed : float
        Share of invoices that become disputed.
    worth_invoices : float
        Invoices that this share is known from; infinite: for certain.
    instalments : tuple of (share, days)
        Shares of the price, and days after the win at which each is invoiced.
    terms_days : float
        Days from invoice to due date: what "overdue" is counted from.
    recognition : Recognition
    pace : float
        How fast payments come against the fitted delays; levers change it.
    never_paid_odds : float
        Factor on the odds of never being paid; levers change it.
    terms_shift_days : float
        Days by which invoices yet to be sent are paid later than the delays say, because levers changed the
        terms.
    origin : str
        Where the numbers come from, in words.

    Raises
    ------
    CollectionsError
        If shares do not add up to 1, or a number is out of bounds.
    """

    clock: Clock
    delay: StageHazards
    by_class: Mapping[str, StageHazards] = field(default_factory=dict)
    credit_attribute: str = "credit_class"
    disputed: StageHazards | None = None
    share_disputed: float = 0.0
    worth_invoices: float = float("inf")
    instalments: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    terms_days: float = 30.0
    recognition: Recognition = Recognition()
    pace: float = 1.0
    never_paid_odds: float = 1.0
    terms_shift_days: float = 0.0
    origin: str = "written by hand"

    def __post_init__(self) -> None:
        _check("terms_days", self.terms_days, 0.0, _MOST_DAYS)
        _check("share_disputed", self.share_disputed, 0.0, 1.0)
        object.__setattr__(self, "instalments", _checked_instalments(self.instalments))
        for law in self.laws:
            if law.exits.shape[1] != len(ENDS):
                raise CollectionsError(f"delays need hazards to the ends {', '.join(ENDS)}, and no other")
        if self.share_disputed > 0 and self.disputed is None:
            raise CollectionsError("a share of invoices is disputed, but no delay of disputed ones is given")

    @classmethod
    def by_hand(
        cls,
        *,
        terms_days: float = 30.0,
        late_mean_days: float = 0.0,
        never_paid: float = 0.0,
        instalments: Sequence[tuple[float, float]] = ((1.0, 0.0),),
        share_disputed: float = 0.0,
        dispute_days: float = 30.0,
        write_off_days: float | None = None,
        recognition: Recognition | None = None,
        clock: Clock | None = None,
    ) -> Collections:
        """Collections from terms stated by people; certain, without uncertainty of the parameters.

        Parameters
        ----------
        terms_days : float
            Days from invoice to due date; nobody pays before.
        late_mean_days : float
            Mean delay after the due date of those who pay (exponential); 0: all pay on the day.
        never_paid : float
            Share of invoices that is never paid.
        instalments : sequence of (share, days)
            Shares of the price, and days after the win at which each is invoiced.
        share_disputed, dispute_days : float
            Share of invoices disputed, and the days a dispute adds before payments begin.
        write_off_days : float, optional
            Days after the due date at which what is unpaid is written off; by default 180, or ten times
            the mean delay where that is longer.
        recognition : Recognition, optional
            Revenue with the win by default.
        clock : Clock, optional
            That of the funnel; days by default.

        Raises
        ------
        CollectionsError
            If a number is out of bounds.

        Examples
        --------
        >>> Collections.by_hand(never_paid=0.02, instalments=((0.5, 0), (0.5, 60)))
        Collections(50 % after 0 days, 50 % after 60 days; due in 30 days; 2.0 % never paid; written by hand)
        """
        _check("late_mean_days", late_mean_days, 0.0, _MOST_DAYS / 10)
        _check("never_paid", never_paid, 0.0, 1.0)
        _check("dispute_days", dispute_days, 0.0, _MOST_DAYS / 10)
        _check("terms_days", terms_days, 0.0, _MOST_DAYS / 10)
        wait = max(_LEAST_WRITE_OFF_DAYS, 10 * late_mean_days) if write_off_days is None else write_off_days
        _check("write_off_days", wait, 1.0, _MOST_DAYS)
        clock = clock or Clock("day")

        def law(first_days: float) -> StageHazards:
            late_mean = late_mean_days / _DAYS_IN[clock.step]
            patience = max(steps_in(wait, clock), 1)
            return delay_by_terms(steps_in(first_days, clock), late_mean, never_paid, patience)

        return cls(
            clock=clock,
            delay=law(terms_days),
            disputed=law(terms_days + dispute_days) if share_disputed > 0 else None,
            share_disputed=share_disputed,
            instalments=tuple(instalments),
            terms_days=terms_days,
            recognition=recognition or Recognition(),
            origin=f"written by hand, {late_mean_days:g} days late on average"
            if late_mean_days
            else "written by hand",
        )

    @property
    def laws(self) -> list[StageHazards]:
        """Delays by code: all invoices, then the credit classes, last the disputed ones if there are any."""
        disputed = [] if self.disputed is None else [self.disputed]
        return [self.delay, *self.by_class.values(), *disputed]

    def codes(self, labels: npt.NDArray[np.object_]) -> Ints:
        """Code of the delay of each credit class; 0, that of all invoices, where it has none of its own."""
        known = {label: code for code, label in enumerate(self.by_class, start=1)}
        return np.array([known.get(str(label), 0) for label in labels], dtype=np.int64)

    def rates(self, streams: Streams, draws: Sequence[int]) -> list[StageRates]:
        """Rates of being paid and written off, for each law and a batch of draws, changes included."""
        return [
            StageRates.from_hazards(
                law.first_age,
                law.draw_hazards(strata(streams, "payments", draws, code)),
                np.full(len(ENDS), self.pace),
            )
            for code, law in enumerate(self.laws)
        ]

    def disputed_draw(self, streams: Streams, draw: int) -> float:
        """Share of invoices that become disputed in draw `draw`."""
        if not np.isfinite(self.worth_invoices) or self.disputed is None:
            return self.share_disputed
        share = np.array([self.share_disputed, 1.0 - self.share_disputed])
        gammas = stratum(streams, "disputes", draw).standard_gamma(share * self.worth_invoices + 0.5)
        return float(gammas[0] / gammas.sum())

    @property
    def never_paid(self) -> float:
        """Share of undisputed invoices that is not paid within the ages seen, changes included."""
        rates = StageRates.from_hazards(
            self.delay.first_age, self.delay.mean_hazards()[None], np.full(len(ENDS), self.pace)
        )
        return never_paid_share(rates, self.never_paid_odds)

    def with_changes(
        self, *, pace: float = 1.0, never_paid_odds: float = 1.0, terms_days: float | None = None
    ) -> Collections:
        """The same collections at another pace, with other odds of never being paid, or with other terms.

        Parameters
        ----------
        pace, never_paid_odds : float
            Factors on those that stand.
        terms_days : float, optional
            Invoices are due, and paid, so many days sooner or later than under the terms that stand. Of
            invoices already sent nothing changes.
        """
        due = self.terms_days if terms_days is None else terms_days
        return replace(
            self,
            pace=self.pace * pace,
            never_paid_odds=self.never_paid_odds * never_paid_odds,
            terms_days=due,
            terms_shift_days=self.terms_shift_days + due - self.terms_days,
        )

    def __repr__(self) -> str:
        parts = ", ".join(f"{100 * share:.0f} % after {days:g} days" for share, days in self.instalments)
        return (
            f"Collections({parts}; due in {self.terms_days:g} days; "
            f"{100 * self.never_paid:.1f} % never paid; {self.origin})"
        )
