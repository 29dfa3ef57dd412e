"""Scenario: a funnel, a position and a question in one file, to be copied and edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.levers.protocol import Lever
from funnelsim.nouns.team import Team, Work
from funnelsim.vocabulary.pipeline import Pipeline


@dataclass(frozen=True, eq=False)
class Scenario:
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
    measure : {"bookings", "wins"}, optional
    fiscal_start_month : int
    levers : tuple of Lever
        To be compared; the three classical ones where the file names none.
    team : Team, optional
    work : Work, optional
        Who works on the deals, and what they ask; None: nobody runs out of hours.
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
    work: Work | None = field(default=None)

    def title(self, lang: str = "en") -> str:
        """What it is called in a language; its short name where no title is given."""
        return self.titles.get(lang) or self.titles.get("en") or self.name
