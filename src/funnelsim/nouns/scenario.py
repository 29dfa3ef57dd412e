"""Scenario: a funnel, a position, a target and levers in one file, to be copied and edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.levers.protocol import Lever
from funnelsim.nouns.team import Team, Work
from funnelsim.vocabulary.display import Rows, Shown
from funnelsim.vocabulary.language import language
from funnelsim.vocabulary.pipeline import Pipeline


@dataclass(frozen=True)
class Spending:
    """A lever that money buys.

    Parameters
    ----------
    name : str
    lever : Lever
        The lever at its most; it must move by one factor.
    cost : float
        What it costs at its most, in the unit of the amounts.
    growth : float
        How cost rises with the step: 1 is proportional, 2 makes the second half three times as dear.
    """

    name: str
    lever: Lever
    cost: float
    growth: float = 1.0


@dataclass(frozen=True)
class Quotas:
    """How the target is shared out.

    Parameters
    ----------
    by : str
        "week", "month", "quarter", or an attribute of deals.
    quotas : mapping of str to float, optional
        Quotas as they are; None: by what is expected of each part.
    """

    by: str
    quotas: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Pay:
    """Commission in steps.

    Parameters
    ----------
    steps : tuple of (threshold, rate)
    on_whole, of_quota : bool
        As in :func:`funnelsim.commission`.
    """

    steps: tuple[tuple[float, float], ...]
    on_whole: bool = False
    of_quota: bool = False


@dataclass(frozen=True)
class Activity:
    """Over how many weeks, and by how many people, the work for the target is to be done.

    Parameters
    ----------
    weeks, people : float
    visits : mapping of str to float
        Visits a deal needs each time it enters a stage.
    """

    weeks: float
    people: float = 1.0
    visits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scenario(Shown):
    """All that a forecast and a comparison of levers need.

    Parameters
    ----------
    name : str
        Short name, such as the file's.
    titles : mapping of str to str
        By language: "en", "zh".
    funnel : Funnel
    pipeline : Pipeline
    periods : str
    target : float
    measure : {"bookings", "wins", "revenue", "cash"}, optional
    fiscal_start_month : int
    levers : tuple of Lever
        To be compared; the three classical ones where the file names none.
    team : Team, optional
    work : Work, optional
        Who works on the deals, and what they ask; None: nobody runs out of hours.
    spending : tuple of Spending
        What money buys, for :func:`funnelsim.spend`.
    quotas : tuple of Quotas
    pay : Pay, optional
    activity : Activity, optional
    """

    name: str
    titles: Mapping[str, str]
    funnel: Funnel
    pipeline: Pipeline
    periods: str
    target: float
    measure: Measure | None = None
    fiscal_start_month: int = 1
    levers: tuple[Lever, ...] = ()
    team: Team | None = None
    work: Work | None = None
    spending: tuple[Spending, ...] = ()
    quotas: tuple[Quotas, ...] = ()
    pay: Pay | None = None
    activity: Activity | None = None

    def __repr__(self) -> str:
        return (
            f"Scenario({self.name}: {self.pipeline.n_deals:,} open deals, {len(self.levers)} levers, "
            f"target {self.asked} in {self.periods})"
        )

    @property
    def asked(self) -> str:
        """The target with its unit."""
        is_count = self.measure == "wins" or self.funnel.amounts is None
        return f"{self.target:,.0f} {'wins' if is_count else self.funnel.unit}".rstrip()

    def _shown_rows(self) -> Rows:
        return self.funnel.stages._shown_rows()

    def _shown_notes(self) -> tuple[str, ...]:
        levers = tuple(f"lever: {lever.name}" for lever in self.levers)
        return (self.title(language()), *levers)

    def title(self, lang: str = "en") -> str:
        """What it is called in a language; its short name where no title is given."""
        return self.titles.get(lang) or self.titles.get("en") or self.name
