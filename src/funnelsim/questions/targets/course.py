"""The course formula: leads x conversion x win rate x yield x collection, forwards and backwards, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational, Real

import pandas as pd

from funnelsim.questions.targets.quotas import TargetError
from funnelsim.questions.targets.shares import fair_shares


@dataclass(frozen=True)
class Course:
    """The factors of the course formula, as written: no rounding on the way.

    Parameters
    ----------
    conversions : tuple of Fraction
        Of each step from one stage to the next, before the last.
    win_rate : Fraction
        Of the last step.
    yield_ : Fraction
        Amount per win.
    collection : Fraction
        Share of it that is collected.
    """

    conversions: tuple[Fraction, ...]
    win_rate: Fraction
    yield_: Fraction
    collection: Fraction

    @classmethod
    def of(
        cls,
        conversion: float | Sequence[float],
        win_rate: float,
        yield_: float = 1,
        collection: float = 1,
    ) -> Course:
        """Factors as numbers are written: 0.48 is 48/100, not the nearest binary fraction.

        Raises
        ------
        TargetError
            If a factor is no number of 0 or more, or a rate is above 1.
        """
        steps = [conversion] if isinstance(conversion, Real) else list(conversion)  # type: ignore[arg-type]
        rates = [as_written(rate, "a rate", most=1) for rate in (*steps, win_rate)]
        return cls(
            tuple(rates[:-1]),
            rates[-1],
            as_written(yield_, "the yield"),
            as_written(collection, "the collection rate", most=1),
        )

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of what is counted, in order."""
        return ("leads", *(f"step {k}" for k in range(1, len(self.conversions) + 1)), "wins")

    def forwards(self, leads: Fraction) -> list[Fraction]:
        """Leads, what is left after each conversion, wins, bookings and cash."""
        counts = [leads]
        for factor in (*self.conversions, self.win_rate, self.yield_, self.collection):
            counts.append(counts[-1] * factor)
        return counts

    def backwards(self, bookings: Fraction) -> list[Fraction]:
        """The same from the bookings wanted.

        Raises
        ------
        TargetError
            If a factor is 0: no number of leads would do.
        """
        per_lead = self.forwards(Fraction(1))
        if not per_lead[-2]:
            raise TargetError("a factor of the course is 0: no number of leads reaches the target")
        return self.forwards(bookings / per_lead[-2])

    def table(self, counts: Sequence[Fraction]) -> pd.Series[float]:
        """Counts by name."""
        names = pd.Index([*self.steps, "bookings", "cash"], name="step")
        return pd.Series([float(count) for count in counts], index=names, name="course")


def as_written(value: object, what: str, most: float = float("inf")) -> Fraction:
    """A number as it is written in decimals.

    Raises
    ------
    TargetError
        If it is no number within 0 and `most`.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= most
    if not is_number or float(value) == float("inf"):  # type: ignore[arg-type]
        limits = "0 or more" if most == float("inf") else "within 0..1; write 45 % as 0.45"
        raise TargetError(f"{what} {value!r} of the course must be a number {limits}")
    return Fraction(value) if isinstance(value, Rational) else Fraction(repr(float(value)))  # type: ignore[arg-type]


def course_formula(
    leads: float,
    conversion: float | Sequence[float],
    win_rate: float,
    yield_: float = 1,
    collection: float = 1,
) -> pd.Series[float]:
    """Leads x conversion x win rate x yield x collection, step by step, as computed by hand.

    Parameters
    ----------
    leads : float
    conversion : float or sequence of float
        Share that goes on, of one step or of each of several.
    win_rate : float
        Share of those left that is won.
    yield_ : float
        Amount per win.
    collection : float
        Share of the amount that is collected.

    Returns
    -------
    Series
        ``leads``, ``step 1``, ..., ``wins``, ``bookings``, ``cash``; exact for decimals as written.

    Raises
    ------
    TargetError
        If a number is none, or a rate above 1.

    Notes
    -----
    One number each, without time: who is on the way, how long it takes and what chance does is not in it.
    :func:`activity_plan` shows it beside the funnel's own figures with their ranges.

    Examples
    --------
    >>> course_formula(100, [0.5, 0.5, 0.48], 0.5, 8_000, 0.9).tolist()
    [100.0, 50.0, 25.0, 12.0, 6.0, 48000.0, 43200.0]
    """
    course = Course.of(conversion, win_rate, yield_, collection)
    return course.table(course.forwards(as_written(leads, "leads")))


def course_deviation(planned: Sequence[float], came: Sequence[float]) -> pd.Series[float]:
    """Which factor of the course formula explains a deviation: five shares that add up exactly.

    Parameters
    ----------
    planned, came : sequence of five float
        Leads, conversion, win rate, yield, collection.

    Returns
    -------
    Series
        Change of the cash by ``leads``, ``conversion``, ``win rate``, ``yield``, ``collection``, each
        averaged over all orders (Shapley), and ``total``.

    Raises
    ------
    TargetError
        If there are not five numbers on each side, or a rate is above 1.
    """
    names = ("leads", "conversion", "win rate", "yield", "collection")
    if len(planned) != len(names) or len(came) != len(names):
        raise TargetError(f"planned and came need five numbers each: {', '.join(names)}")
    sides = [
        [
            as_written(value, name, most=float("inf") if name in ("leads", "yield") else 1)
            for name, value in zip(names, side, strict=True)
        ]
        for side in (planned, came)
    ]

    def cash(some: frozenset[str]) -> Fraction:
        total = Fraction(1)
        for name, before, after in zip(names, *sides, strict=True):
            total *= after if name in some else before
        return total

    shares = fair_shares(names, cash)
    told = {name: float(share) for name, share in shares.items()} | {"total": float(sum(shares.values()))}
    return pd.Series(told, name="change").rename_axis("factor")
