"""Team and Work: who works on deals, when, for how long, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from numbers import Integral, Real
from typing import Literal, get_args

import pandas as pd

from funnelsim.nouns.value_faults import share_meant
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import did_you_mean

Rule = Literal["first come", "oldest", "strongest intent", "largest value", "value per hour"]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HUGE = 1e12  # no number of hours or days is larger
_MOST_REPS = 100_000
SELLING_SHARE = 0.22  # of their time that reps sell, by the manuals of the trade


class TeamError(FunnelsimError):
    """A team, or its work, that cannot be; the message names the value and the way out."""


def _check(value: object, what: str, least: float, most: float = _HUGE) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]  # also refuses NaN
        bounds = f"of {least:g} or more" if most == _HUGE else f"between {least:g} and {most:g}"
        share = share_meant(value) if (least, most) == (0.0, 1.0) else None
        hint = "" if share is None else f"; did you mean {share:.10g}?"
        raise TeamError(f"{what} must be a number {bounds}, not {value!r}{hint}")


def _check_text(value: object, what: str, example: str) -> None:
    if not isinstance(value, str) or not value:
        raise TeamError(f"{what} must be a text, such as {example!r}, not {value!r}")


def _check_yes_or_no(value: object, what: str) -> None:
    if not isinstance(value, bool):
        raise TeamError(f"{what} must be True or False, not {value!r}")


def _texts(values: object, what: str, example: str) -> tuple[str, ...]:
    """Several texts as a tuple."""
    if isinstance(values, str):
        raise TeamError(f"{what} are several: write ({values!r},)")
    if not isinstance(values, Iterable) or isinstance(values, Mapping):
        raise TeamError(f"{what} are given as a list, such as [{example!r}], not {values!r}")
    texts = tuple(values)
    for text in texts:
        _check_text(text, f"each of {what}", example)
    return texts


def _day(value: object, what: str) -> str | None:
    """A day, given as text or as a date, written as 2026-10-01."""
    if value is None:
        return None
    try:
        if not isinstance(value, str | date):
            raise ValueError
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise TeamError(f"{what} {value!r} is no day; write it as 2026-10-01") from error


@dataclass(frozen=True)
class Rep(Shown):
    """One person who works on deals.

    Parameters
    ----------
    name : str
    skills : tuple of str
        Values of the team's `skill_attribute` (regions, products, languages) whose deals this rep takes;
        empty: all.
    start, leave : str, optional
        First day at work, and first day no longer at work, as 2026-10-01; None: since ever, and for ever.
    ramp_days : float
        Days from `start` until full productivity, rising evenly from `ramp_from`.
    ramp_from : float
        Productivity on the first day, 0..1: what is done in an hour, against a rep who knows the trade.

    Raises
    ------
    TeamError
        If a number is out of range, or a day is none.

    Examples
    --------
    >>> [rep.name for rep in Rep.several(2, name="hire", start="2026-11-01", ramp_days=90)]
    ['hire 1', 'hire 2']
    """

    name: str
    skills: tuple[str, ...] = ()
    start: str | None = None
    leave: str | None = None
    ramp_days: float = 0.0
    ramp_from: float = 0.0

    def __post_init__(self) -> None:
        _check_text(self.name, "name of a rep", "Ada")
        object.__setattr__(self, "skills", _texts(self.skills, f"rep {self.name!r}: skills", "West"))
        start, leave = (
            _day(self.start, f"rep {self.name!r}: start"),
            _day(self.leave, f"rep {self.name!r}: leave"),
        )
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "leave", leave)
        if start and leave and leave <= start:
            raise TeamError(f"rep {self.name!r} leaves on {leave}, before or on the first day, {start}")
        _check(self.ramp_days, f"rep {self.name!r}: ramp_days", 0)
        _check(self.ramp_from, f"rep {self.name!r}: ramp_from", 0, 1)

    def _shown_sentence(self) -> str:
        skills = ", ".join(self.skills) or "all deals"
        return f"Rep({self.name}; takes {skills}; {self._at_work}; ramp of {self.ramp_days:g} days)"

    @property
    def _at_work(self) -> str:
        if self.start and self.leave:
            return f"at work from {self.start} until {self.leave}"
        if self.start:
            return f"at work from {self.start}"
        return f"at work until {self.leave}" if self.leave else "always at work"

    @classmethod
    def several(
        cls, n: int, *, name: str = "rep", start: str | None = None, ramp_days: float = 0.0
    ) -> tuple[Rep, ...]:
        """So many reps who are alike, named "rep 1", "rep 2" and so on.

        Raises
        ------
        TeamError
            If `n` is no whole number of 0 or more, or `start` no day.
        """
        if isinstance(n, bool) or not isinstance(n, Integral) or not 0 <= n <= _MOST_REPS:
            raise TeamError(
                f"n={n!r}: the number of reps must be a whole number between 0 and {_MOST_REPS:,}; a rep of "
                "fewer hours has a Team of fewer hours_per_day, or a ramp"
            )
        return tuple(cls(f"{name} {i + 1}", start=start, ramp_days=ramp_days) for i in range(int(n)))


@dataclass(frozen=True)
class Team(Shown):
    """The reps, their working week, how much of it they sell, and what happens when one leaves.

    Parameters
    ----------
    reps : tuple of Rep
    selling_share : float
        Share of working hours spent on deals, 0..1; the rest goes to meetings, travel, reports.
    hours_per_day : float
        Working hours in a working day.
    working_days : tuple of str
        Of "Mon" ... "Sun".
    opens_at : int
        Hour at which a working day begins; counts only where the clock of the funnel runs in hours. On
        coarser clocks hours are spread evenly over a working day.
    holidays : tuple of str
        Days without work, as 2026-10-01.
    skill_attribute : str, optional
        Attribute of deals that `Rep.skills` speak of.
    skill_shares : mapping of str to float
        How often new deals have each value of it; by default as open deals have.
    keeps_deals : bool
        Whether the rep who first worked on a deal does all later work on it; else whoever is free.
    owner_attribute : str
        Attribute of open deals that names the rep they belong to; unknown names count as nobody.
    attrition_per_year : float
        Expected departures per rep and year, besides those with a day; 0.3 means that 26 % leave in a year.
    lost_with_leaver : float
        Share of a leaver's open deals that are lost, 0..1; the others are handed over.
    replaced_after_days : float, optional
        Days until a rep who left by attrition is replaced by one with the same skills and ramp; None: never.

    Raises
    ------
    TeamError
        If a number is out of range, names of reps repeat, or a day is none.

    Examples
    --------
    >>> Team(Rep.several(5)).selling_hours_per_week
    44.0
    """

    reps: tuple[Rep, ...] = ()
    selling_share: float = SELLING_SHARE
    hours_per_day: float = 8.0
    working_days: tuple[str, ...] = WEEKDAYS[:5]
    opens_at: int = 9
    holidays: tuple[str, ...] = ()
    skill_attribute: str | None = None
    skill_shares: Mapping[str, float] = field(default_factory=dict)
    keeps_deals: bool = True
    owner_attribute: str = "owner"
    attrition_per_year: float = 0.0
    lost_with_leaver: float = 0.0
    replaced_after_days: float | None = None

    def __post_init__(self) -> None:
        reps = tuple(self.reps) if isinstance(self.reps, Iterable) else (self.reps,)
        if not isinstance(self.reps, Iterable) or not all(isinstance(rep, Rep) for rep in reps):
            raise TeamError(f"reps are given as a list of Rep, such as Rep.several(5), not {self.reps!r}")
        object.__setattr__(self, "reps", reps)
        repeated = [name for name, n in Counter(rep.name for rep in self.reps).items() if n > 1]
        if repeated:
            raise TeamError(f"two reps are called {repeated[0]!r}; give each a name of its own")
        _check(self.selling_share, "selling_share", 0, 1)
        _check(self.hours_per_day, "hours_per_day", 0, 24)
        _check(self.attrition_per_year, "attrition_per_year", 0, 50)
        _check(self.lost_with_leaver, "lost_with_leaver", 0, 1)
        _check(self.opens_at, "opens_at", 0, 23)
        if self.replaced_after_days is not None:
            _check(self.replaced_after_days, "replaced_after_days", 0)
        _check_yes_or_no(self.keeps_deals, "keeps_deals")
        _check_text(self.owner_attribute, "owner_attribute", "owner")
        self._check_week()
        self._check_skills()

    def _check_week(self) -> None:
        object.__setattr__(self, "working_days", _texts(self.working_days, "working_days", "Mon"))
        if any(day not in WEEKDAYS for day in self.working_days):
            raise TeamError(f"working_days are of {', '.join(WEEKDAYS)}, not {self.working_days!r}")
        if self.opens_at + self.hours_per_day > 24:
            raise TeamError(
                f"a day of {self.hours_per_day:g} hours that opens at {self.opens_at} ends too late"
            )
        if isinstance(self.holidays, str) or not isinstance(self.holidays, Iterable):
            raise TeamError(
                f"holidays are given as a list of days, such as ['2026-12-25'], not {self.holidays!r}"
            )
        object.__setattr__(self, "holidays", tuple(_day(day, "holiday") for day in self.holidays))
        if None in self.holidays:
            raise TeamError("holiday None is no day; write it as 2026-10-01")

    def _check_skills(self) -> None:
        if self.skill_attribute is not None:
            _check_text(self.skill_attribute, "skill_attribute", "region")
        if not isinstance(self.skill_shares, Mapping):
            raise TeamError(
                "skill_shares are given by value, such as {'West': 0.4, 'East': 0.6}, not "
                f"{self.skill_shares!r}"
            )
        for value, share in self.skill_shares.items():
            _check(share, f"skill_shares of {value!r}", 0)
        if self.skill_attribute is None and (self.skill_shares or any(rep.skills for rep in self.reps)):
            raise TeamError("reps have skills: name the attribute of deals they speak of, skill_attribute=")

    @property
    def selling_hours_per_week(self) -> float:
        """Hours a week that all reps together work on deals, ramps and holidays apart."""
        return len(self.reps) * len(self.working_days) * self.hours_per_day * self.selling_share

    def _shown_sentence(self) -> str:
        return f"Team({len(self.reps):,} reps, {self.selling_hours_per_week:,.1f} selling hours a week)"

    def _shown_table(self) -> pd.DataFrame:
        """One row a rep: what sets reps apart, and nothing that is the same for nobody."""
        rows = [
            {
                "skills": ", ".join(rep.skills),
                "start": rep.start,
                "leave": rep.leave,
                "ramp_days": rep.ramp_days,
            }
            for rep in self.reps
        ]
        table = pd.DataFrame(rows, index=pd.Index([rep.name for rep in self.reps], name="rep"))
        return table.loc[:, [any(value for value in table[name]) for name in table]]

    def _shown_notes(self) -> tuple[str, ...]:
        share, hours, n_days = 100 * self.selling_share, self.hours_per_day, len(self.working_days)
        notes = [f"{share:.3g} % of {hours:g} hours a day are spent on deals; {n_days} working days a week"]
        if self.holidays:
            notes.append(f"holidays: {', '.join(self.holidays)}")
        if self.attrition_per_year:
            notes.append(
                f"{self.attrition_per_year:g} departures a rep and year; {100 * self.lost_with_leaver:.3g} % "
                "of a leaver's open deals are lost"
            )
        return tuple(notes)


@dataclass(frozen=True)
class Parking:
    """Lost deals that are only parked: a timer wakes them and they come back (on top of what history shows).

    Parameters
    ----------
    share : float
        Share of losses that are parked, 0..1.
    wake_up_days : float
        Days until a parked deal comes back.
    stage : str
        Open stage it comes back to.
    """

    share: float
    wake_up_days: float
    stage: str

    def __post_init__(self) -> None:
        _check_text(self.stage, "stage that parked deals come back to", "Qualify")
        _check(self.share, "share of parked losses", 0, 1)
        _check(self.wake_up_days, "wake_up_days", 0.01)


@dataclass(frozen=True)
class Qualification:
    """A check at the entry of a stage that drops bad leads early, so that no more hours go into them.

    Parameters
    ----------
    stage : str
        Open stage at whose entry deals are checked.
    catches : float
        Share of the deals that would be lost in the end which the check drops, 0..1.
    mistakes : float
        Share of the others that it drops, too.
    hours : float
        Selling hours a check takes.
    """

    stage: str
    catches: float
    mistakes: float = 0.0
    hours: float = 0.0

    def __post_init__(self) -> None:
        _check_text(self.stage, "stage of a check", "Qualify")
        _check(self.catches, "share of bad leads a check catches", 0, 1)
        _check(self.mistakes, "share of good leads a check drops", 0, 1)
        _check(self.hours, "hours of a check", 0)


@dataclass(frozen=True)
class LeadsFromWins:
    """Referrals and repeat orders: new leads that a won deal brings.

    Parameters
    ----------
    per_win : float
        Leads that a win brings in the long run; see :func:`funnelsim.referrals` for what a history says.
    lag_days : float
        Mean days from the win to such a lead (exponential).
    in_arrivals : bool
        Whether the funnel's arrivals hold these leads already, as they do when it was fitted. Then that part
        of the arrivals follows wins, past and future, and only a change of wins changes their number.
    """

    per_win: float
    lag_days: float
    in_arrivals: bool = True

    def __post_init__(self) -> None:
        _check(self.per_win, "leads per win", 0, 100)
        _check(self.lag_days, "lag_days", 0.01)
        _check_yes_or_no(self.in_arrivals, "in_arrivals")


_PARTS = {"parking": Parking, "qualification": Qualification, "leads_from_wins": LeadsFromWins}


@dataclass(frozen=True)
class Work(Shown):
    """What deals ask of reps, and how the queue for them is kept.

    Parameters
    ----------
    hours : mapping of str to float
        Selling hours that one stay of a deal in each open stage needs; stages left out need none.
    spread : float
        Standard deviation over mean of these hours (gamma): 0 always the same, 1 exponential.
    rule : {"first come", "oldest", "strongest intent", "largest value", "value per hour"}
        Who goes first when reps are short: who asked first; the deal that began first; the stage with the
        highest chance to be won; the largest amount; amount x chance to be won / hours of work.
    patience_days : mapping of str to float
        Mean days that deals of a stage wait for a rep before they are lost by neglect (exponential); for
        ever in stages left out.
    parking : Parking, optional
    qualification : Qualification, optional
    leads_from_wins : LeadsFromWins, optional

    Raises
    ------
    TeamError
        If a number is out of range or the rule is unknown.

    Examples
    --------
    >>> Work({"Qualify": 2.0, "Proof": 12.0}, rule="largest value").rule
    'largest value'
    """

    hours: Mapping[str, float] = field(default_factory=dict)
    spread: float = 1.0
    rule: Rule = "first come"
    patience_days: Mapping[str, float] = field(default_factory=dict)
    parking: Parking | None = None
    qualification: Qualification | None = None
    leads_from_wins: LeadsFromWins | None = None

    def __post_init__(self) -> None:
        for name in ("hours", "patience_days"):
            if not isinstance(getattr(self, name), Mapping):
                given = getattr(self, name)
                raise TeamError(f"{name} are given by stage, such as {{'Qualify': 2.0}}, not {given!r}")
            object.__setattr__(self, name, dict(getattr(self, name)))
        for name, kind in _PARTS.items():
            part = getattr(self, name)
            if part is not None and not isinstance(part, kind):
                raise TeamError(f"{name} is given as a {kind.__name__}(...), or left out, not {part!r}")
        for stage, hours in self.hours.items():
            _check(hours, f"hours of work in {stage!r}", 0)
        for stage, days in self.patience_days.items():
            _check(days, f"patience_days in {stage!r}", 0.001)
            if stage not in self.hours and (self.qualification is None or self.qualification.stage != stage):
                raise TeamError(
                    f"nobody waits in {stage!r}: give it hours of work, or leave its patience out"
                )
        _check(self.spread, "spread of hours", 0, 20)
        if self.rule not in get_args(Rule):
            raise TeamError(f"rule {self.rule!r} is unknown; use one of {', '.join(get_args(Rule))}")

    def _shown_sentence(self) -> str:
        hours = ", ".join(f"{stage} {hours:g}" for stage, hours in self.hours.items()) or "none"
        return f"Work(selling hours by stage: {hours}; first in the queue: {self.rule})"

    def _shown_table(self) -> pd.DataFrame:
        """Hours and patience of each stage that is named."""
        stages = list(dict.fromkeys([*self.hours, *self.patience_days]))
        columns = {"hours": self.hours, "patience_days": self.patience_days}
        rows = {name: [given.get(stage) for stage in stages] for name, given in columns.items() if given}
        return pd.DataFrame(rows, index=pd.Index(stages, name="stage"), dtype=float)

    def _shown_notes(self) -> tuple[str, ...]:
        notes = []
        if self.parking is not None:
            share, days = 100 * self.parking.share, self.parking.wake_up_days
            notes.append(f"{share:.3g} % of lost deals come back to {self.parking.stage} after {days:g} days")
        if self.qualification is not None:
            check = self.qualification
            notes.append(
                f"leads judged at {check.stage}: {100 * check.catches:.3g} % of the bad dropped, and "
                f"{100 * check.mistakes:.3g} % of the good"
            )
        if self.leads_from_wins is not None:
            bring = self.leads_from_wins
            notes.append(f"every win brings {bring.per_win:g} leads, after {bring.lag_days:g} days")
        return tuple(notes)

    @property
    def needs_reps(self) -> bool:
        """Whether any hour of work is asked for."""
        check = self.qualification
        return any(hours > 0 for hours in self.hours.values()) or (check is not None and check.hours > 0)

    def check(self, stages: Stages) -> None:
        """See that every stage named is an open one of a funnel.

        Raises
        ------
        TeamError
            If one is not; the message lists those there are.
        """
        named = [*self.hours, *self.patience_days]
        named += [part.stage for part in (self.parking, self.qualification) if part is not None]
        for name in named:
            if stages.codes.get(name, stages.n_open) >= stages.n_open:
                raise TeamError(no_open_stage(name, stages))


def no_open_stage(name: object, stages: Stages) -> str:
    """What to tell who names a stage that a funnel does not have."""
    known = [stage.name for stage in stages.open]
    hint = did_you_mean(str(name), known)
    return f"{name!r} is no open stage of this funnel; open stages are {', '.join(known)}{hint}"
