"""What a lever is, and how levers are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Protocol, runtime_checkable

import numpy as np

from funnelsim.nouns.changes import FACTORS
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.team import Team, Work
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.words import did_you_mean

Codes = np.ndarray[tuple[int], np.dtype[np.int64]]


class LeverError(FunnelsimError):
    """A lever that cannot be applied; the message says why."""


@runtime_checkable
class Lever(Protocol):
    """A change of a funnel that can be printed and applied; levers compose in any order."""

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        ...

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change."""
        ...


@runtime_checkable
class PeopleLever(Lever, Protocol):
    """A lever that changes who works, or what work there is: only an engine that knows people honours it."""

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change."""
        ...


def check_factor(factor: object, what: str, bounds: tuple[float, float] = FACTORS) -> None:
    """Refuse what is no factor within bounds.

    Raises
    ------
    LeverError
    """
    least, most = bounds
    if not is_between(factor, least, most):
        raise LeverError(
            f"{what} must be a finite factor above 0, not {told(factor)}; from {least:g} to {most:g}, where "
            "1.1 means a tenth more"
        )


def check_share(share: object, what: str) -> None:
    """Refuse what is no number between 0 and 1.

    Raises
    ------
    LeverError
    """
    if not is_between(share, 0.0, 1.0):
        raise LeverError(f"{what} must lie between 0 and 1, not {told(share)}; write 45 % as 0.45")


def is_between(value: object, least: float, most: float) -> bool:
    """Whether a value is a number between two; whole ones may be too long for a float, so none is made."""
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    return is_number and bool(least <= value <= most)  # type: ignore[operator]


def told(value: object) -> str:
    """A value as a message tells it; of a number of hundreds of digits only that it is one."""
    if isinstance(value, int) and abs(value) >= 10**30:
        return f"a number of more than 30 digits, {'below 0' if value < 0 else 'above 0'}"
    return repr(value)


def in_percent(factor: float) -> str:
    """A factor as a change in words: 1.1 is "+10 %"."""
    return f"{(factor - 1) * 100:+.4g} %" if factor < 10 else f"times {factor:,.4g}"


def stage_codes(funnel: Funnel, stage: str | None) -> Codes:
    """Code of an open stage, or of all of them.

    Raises
    ------
    LeverError
        If no open stage has that name.
    """
    if stage is None:
        return np.arange(funnel.stages.n_open)
    code = funnel.stages.codes.get(stage)
    if code is None or code >= funnel.stages.n_open:
        names = [place.name for place in funnel.stages.open]
        raise LeverError(
            f"no open stage is called {stage!r}; open stages are {', '.join(names)}"
            f"{did_you_mean(str(stage), names)}"
        )
    return np.array([code])


class ShownByName(Shown):
    """A lever that notebooks show by what it does, in words."""

    def _shown_sentence(self) -> str:
        return str(getattr(self, "name", ""))


@dataclass(frozen=True)
class Together(ShownByName):
    """Several levers at once.

    Parameters
    ----------
    levers : tuple of Lever
        At least one.

    Raises
    ------
    LeverError
        If these are not levers, or there is none.

    Examples
    --------
    >>> from funnelsim import Speed, Volume
    >>> Together((Volume(1.1), Speed(1.1))).name
    'new deals +10 %; speed at every step +10 %'
    """

    levers: tuple[Lever, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levers", checked_levers(self.levers))
        if not self.levers:
            raise LeverError("no lever to put together: write Together((Volume(1.1), Speed(1.1)))")

    @property
    def name(self) -> str:
        """What the levers do, in words."""
        return "; ".join(lever.name for lever in self.levers)

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after all changes."""
        for lever in self.levers:
            funnel = lever.apply(funnel)
        return funnel

    @property
    def needs_people(self) -> bool:
        """Whether any of them changes who works, or what work there is."""
        return any(moves_people(lever) for lever in self.levers)

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after all changes."""
        for lever in self.levers:
            if isinstance(lever, PeopleLever):
                team, work = lever.apply_to_people(team, work)
        return team, work


@dataclass(frozen=True)
class Custom(ShownByName):
    """A lever of your own: any function from a funnel to a funnel.

    Parameters
    ----------
    name : str
        What it does, in words.
    function : callable

    Raises
    ------
    LeverError
        If the function is none, or the name is no text.

    Examples
    --------
    >>> from funnelsim import Volume
    >>> Custom("a fair in spring", lambda funnel: Volume(1.2).apply(funnel)).name
    'a fair in spring'
    """

    name: str
    function: Callable[[Funnel], Funnel]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise LeverError(f"a lever needs a name in words, such as 'a fair in spring', not {self.name!r}")
        if not callable(self.function):
            raise LeverError(
                f"the lever {self.name!r} needs a function from a funnel to a funnel, not {self.function!r}"
            )

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel after the change.

        Raises
        ------
        LeverError
            If the function fails, with its own error as the cause, or returns something else.
        """
        try:
            changed = self.function(funnel)
        except Exception as error:  # somebody's own code: whatever it raises, the lever is named
            raise LeverError(
                f"the lever {self.name!r} failed: {type(error).__name__}: {english(error)}"
            ) from error
        if not isinstance(changed, Funnel):
            raise LeverError(f"the lever {self.name!r} must return a Funnel, not {type(changed).__name__}")
        return changed


def moves_people(lever: Lever) -> bool:
    """Whether only an engine that knows people can honour a lever."""
    return lever.needs_people if isinstance(lever, Together) else isinstance(lever, PeopleLever)


def checked_levers(levers: object) -> tuple[Lever, ...]:
    """Levers as a tuple.

    Raises
    ------
    LeverError
        If these are not levers.
    """
    if not isinstance(levers, Iterable) or isinstance(levers, str):
        raise LeverError(f"levers are given as a list, such as [Volume(1.1), Speed(1.1)], not {levers!r}")
    every = tuple(levers)
    odd = [lever for lever in every if isinstance(lever, type) or not isinstance(lever, Lever)]
    if odd:
        raise LeverError(f"{odd[0]!r} is no lever; use Volume, Conversion, Speed, or one with name and apply")
    return every
