"""Levers on people: how many reps, how much time they sell, what they need not work on, what customers bring.

They change the team or its work, so only the discrete-event engine honours them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.levers.protocol import LeverError, ShownByName, check_factor, check_share, in_percent
from funnelsim.nouns.team import LeadsFromWins, Qualification, Rep, Team, Work


class OnPeople(ShownByName):
    """What levers on people share: they leave the funnel as it is."""

    def apply(self, funnel: Funnel) -> Funnel:
        """The funnel as it is."""
        return funnel


@dataclass(frozen=True)
class Hire(OnPeople):
    """More reps.

    Parameters
    ----------
    n : int
    start : str, optional
        Their first day, as 2026-10-01; None: they are there from the cutoff on. A ramp needs one.
    ramp_days : float
        Days until they are fully productive.

    Examples
    --------
    >>> Hire(2, start="2026-10-01", ramp_days=90).name
    '2 more reps from 2026-10-01, ramp of 90 days'
    """

    n: int
    start: str | None = None
    ramp_days: float = 0.0

    def __post_init__(self) -> None:
        Rep.several(self.n, name="hire", start=self.start or "2000-01-01", ramp_days=self.ramp_days)
        if self.ramp_days and self.start is None:
            raise LeverError("reps with a ramp need a first day: Hire(2, start='2026-10-01', ramp_days=90)")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        ramp = f", ramp of {self.ramp_days:g} days" if self.ramp_days else ""
        reps = "rep" if self.n == 1 else "reps"
        return f"{self.n} more {reps}{f' from {self.start}' if self.start else ''}{ramp}"

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change."""
        taken = {rep.name for rep in team.reps}
        prefix = next(
            name for i in range(len(taken) + 2) if f"{(name := 'hire' + ' again' * i)} 1" not in taken
        )
        hired = Rep.several(self.n, name=prefix, start=self.start, ramp_days=self.ramp_days)
        return replace(team, reps=(*team.reps, *hired)), work


@dataclass(frozen=True)
class Ramp(OnPeople):
    """New reps become productive sooner: ramps times `factor`.

    Examples
    --------
    >>> Ramp(0.5).name
    'ramp of new reps -50 %'
    """

    factor: float

    def __post_init__(self) -> None:
        check_factor(self.factor, "ramp")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"ramp of new reps {in_percent(self.factor)}"

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change."""
        reps = tuple(replace(rep, ramp_days=rep.ramp_days * self.factor) for rep in team.reps)
        return replace(team, reps=reps), work


@dataclass(frozen=True)
class SellingTime(OnPeople):
    """More of the working hours go into deals: the share of time spent selling becomes `share`.

    Examples
    --------
    >>> SellingTime(0.3).name
    'share of time spent selling 30 %'
    """

    share: float

    def __post_init__(self) -> None:
        check_share(self.share, "share of time spent selling")

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"share of time spent selling {self.share * 100:.4g} %"

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change."""
        return replace(team, selling_share=self.share), work


@dataclass(frozen=True)
class Qualify(OnPeople):
    """Bad leads are dropped early, by a judgement that is not always right; the hours go to the others.

    Parameters
    ----------
    stage : str
        Open stage at whose entry leads are judged.
    catches : float
        Share of the deals that would be lost which are dropped, 0..1.
    mistakes : float
        Share of the deals that would be won which are dropped too, 0..1.
    hours : float
        Selling hours a judgement takes.

    Examples
    --------
    >>> Qualify("Develop", catches=0.4, mistakes=0.05).name
    'leads judged at Develop: 40 % of the bad dropped, and 5 % of the good'
    """

    stage: str
    catches: float
    mistakes: float = 0.0
    hours: float = 0.0

    def __post_init__(self) -> None:
        check_share(self.catches, "share of bad leads dropped")
        check_share(self.mistakes, "share of good leads dropped")
        Qualification(self.stage, self.catches, self.mistakes, self.hours)

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        good = f", and {self.mistakes * 100:.3g} % of the good" if self.mistakes else ""
        return f"leads judged at {self.stage}: {self.catches * 100:.3g} % of the bad dropped{good}"

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change.

        Raises
        ------
        LeverError
            If leads are judged already.
        """
        if work.qualification is not None:
            raise LeverError(
                f"leads are judged at {work.qualification.stage!r} already; one judgement can be stated"
            )
        return team, replace(
            work, qualification=Qualification(self.stage, self.catches, self.mistakes, self.hours)
        )


@dataclass(frozen=True)
class MoreReferrals(OnPeople):
    """Won customers bring more leads: referrals and repeat orders, `per_win` more of them for each win.

    Parameters
    ----------
    per_win : float
        Leads that a win brings on top of those it brings now.
    lag_days : float
        Mean days from the win to such a lead.

    Examples
    --------
    >>> MoreReferrals(0.3, lag_days=60).name
    '0.3 more leads from every win, after 60 days'
    """

    per_win: float
    lag_days: float

    def __post_init__(self) -> None:
        LeadsFromWins(self.per_win, self.lag_days)

    @property
    def name(self) -> str:
        """What the lever does, in words."""
        return f"{self.per_win:g} more leads from every win, after {self.lag_days:g} days"

    def apply_to_people(self, team: Team, work: Work) -> tuple[Team, Work]:
        """The team and its work after the change.

        Raises
        ------
        LeverError
            If leads from wins are part of the work already: two lags cannot be told apart.
        """
        if work.leads_from_wins is not None:
            raise LeverError(
                "the work has leads from wins already; state the whole number there, and compare two engines"
            )
        return team, replace(
            work, leads_from_wins=LeadsFromWins(self.per_win, self.lag_days, in_arrivals=False)
        )
