"""What each deal's own luck has in store: when it leaves a stage, to where, how decisions about it fall."""

from __future__ import annotations

import numpy as np

from funnelsim.engines.events.course import Course, Plan
from funnelsim.engines.events.deal import Deal
from funnelsim.engines.events.luck import Luck, Sample
from funnelsim.engines.events.routes import NEVER, Law
from funnelsim.engines.protocol import EngineError

MOST_HOPS = 100_000
TOO_FAST = "deals move from stage to stage within one step without end; check the hazards of age 0"
WITH_REP, PARKED, CHECKED, OUT_OF_SIGHT = range(4)  # what a deal's decisions in a stay are about
_KINDS = 4


class Fate:
    """The luck of the deals of one future, and where it leads them when no rep is short.

    Parameters
    ----------
    plan : Plan
    course : Course
    number : int
        Number of the future within its draw.
    """

    def __init__(self, plan: Plan, course: Course, number: int) -> None:
        self._plan, self._course, self._number = plan, course, number
        self._n_open, self._is_lost = plan.funnel.stages.n_open, plan.funnel.stages.is_lost.tolist()
        self._splits = plan.usual.splits
        self._moves, self._again = self.luck("routes"), self.luck("routes again")
        self._decisions, self._classes = self.luck("decisions"), self.luck("classes")

    def luck(self, name: str, sample: Sample = np.random.Generator.random) -> Luck:
        """Random numbers of a name by deal and occasion."""
        return Luck(self._plan.streams, f"events {name}", self._course.draw, self._number, sample)

    def generator(self, name: str, row: int) -> np.random.Generator:
        """Random numbers of a name for one deal."""
        return self._plan.streams.generator(f"events {name}", self._course.draw, self._number, row)

    def decision(self, deal: Deal, kind: int) -> float:
        """Chance, 0..1, by which a decision about a deal in its stay falls."""
        return self._decisions.at(deal.row, _KINDS * deal.hop + kind)

    def klass(self, row: int, stage: int) -> int:
        """Class of a new deal that enters a stage."""
        several = len(self._course.class_shares) > 1
        return self._course.klass(stage, self._classes.at(row, 0) if several else 0.0)

    def on_entry(self, deal: Deal, stage: int, step: int, hop: int) -> tuple[int, int]:
        """Steps and destination of a deal that enters a stage in a step."""
        law = self._course.moves[deal.klass].routes.on_entry(stage, step)
        return self._drawn(law, self._moves.at(deal.row, hop), stage, deal.row, hop)

    def at_age(self, deal: Deal, stage: int, age: int, rank: float | None = None) -> tuple[int, int]:
        """The same of one that has been there for some steps; a rank takes the place of its luck."""
        chance = self._moves.at(deal.row, deal.hop) if rank is None else rank
        law = self._course.moves[deal.klass].routes.at_age(stage, age)
        return self._drawn(law, chance, stage, deal.row, deal.hop)

    def will_be_lost(self, deal: Deal, step: int) -> bool:
        """Whether this deal's own luck leads to a loss; beyond all sight, as often as such deals are."""
        stage, place, step, hop = deal.stage, deal.place, step + deal.stay, deal.hop
        for _ in range(MOST_HOPS):
            if place == NEVER:
                chance = self._decisions.at(deal.row, _KINDS * hop + OUT_OF_SIGHT)
                return chance >= self._course.moves[deal.klass].win_rate[stage]
            if place >= self._n_open:
                return bool(self._is_lost[place])
            stage, hop = place, hop + 1
            steps, place = self.on_entry(deal, stage, step, hop)
            step += steps
        raise EngineError(TOO_FAST)

    def _drawn(self, law: Law, chance: float, stage: int, row: int, hop: int) -> tuple[int, int]:
        """Steps and destination; the losses that neglect makes of itself are taken out of the history's."""
        steps, place = law.draw(chance)
        split = self._splits[stage]
        if split is None or split.neglected == 0.0:
            return steps, place
        share = split.neglected / float(self._plan.flow.lost_share[stage])
        column = 64 * hop  # so many numbers are at hand for one stay; the next stay's follow
        while place != NEVER and self._is_lost[place] and self._again.at(row, column) < share:
            steps, place = law.draw(self._again.at(row, column + 1))
            column += 2
        return steps, place
