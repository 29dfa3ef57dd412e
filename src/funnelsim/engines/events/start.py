"""How a future begins: deals of the pipeline, and those not recorded yet, where they stand at the cutoff."""

from __future__ import annotations

import numpy as np

from funnelsim.engines.events.asks import hours_sampler
from funnelsim.engines.events.deal import Deal
from funnelsim.engines.events.fate import MOST_HOPS, TOO_FAST
from funnelsim.engines.events.pool import RepAtWork
from funnelsim.engines.events.routes import NEVER
from funnelsim.engines.events.split import UsualStay
from funnelsim.engines.events.walk import Walk
from funnelsim.engines.protocol import EngineError


class Start:
    """Puts deals that came before the cutoff where they stand: some still wait for a rep, or are worked on.

    Parameters
    ----------
    walk : Walk
        What they go on with.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk, self._fate, plan = walk, walk.fate, walk.plan
        self._plan, self._splits = plan, plan.usual.splits
        self._n_open, self._n_before = plan.funnel.stages.n_open, plan.span.n_before
        self._hours, self._keeps = plan.hours.tolist(), plan.staff.team.keeps_deals
        self._need = self._fate.luck("hours", hours_sampler(plan.work.spread))
        self._moment, self._queues = self._fate.luck("moments"), self._fate.luck("queues")
        self._pending: list[tuple[bool, float, int, Deal]] = []

    def take_up(self, deal: Deal, stage: int, age: int, owner: RepAtWork | None = None) -> None:
        """Let a deal go on that has been in a stage for some steps by the cutoff, and so will be after it."""
        self._settle(deal, stage, owner)
        rank, usual, split = None, None, self._splits[stage]
        if split is not None and split.knows_waits:
            luck = self._moment.at(deal.row, 1), self._moment.at(deal.row, 5)
            rank, usual = split.open_stay(age, self._queue_luck(deal), *luck)
        steps, place = self._fate.at_age(deal, stage, age, rank)
        self._go_on_after(deal, age, steps, place, usual)

    def unrecorded(self, deal: Deal, stage: int) -> None:
        """Walk a deal that came before the cutoff but is not recorded yet, as usual up to the cutoff."""
        step = self._n_before + int(np.floor(deal.began_at)) + 1
        for _ in range(MOST_HOPS):
            steps, place = self._fate.on_entry(deal, stage, step, deal.hop)
            if place == NEVER or step + steps > self._n_before:
                self._stay_on(deal, stage, self._n_before - step, steps, place)
                return
            if place >= self._n_open:
                return
            stage, step, deal.hop = place, step + steps, deal.hop + 1
        raise EngineError(TOO_FAST)

    def begin(self) -> None:
        """Let all deals taken up ask for the work they still need: those in hand at the cutoff come first."""
        for _, asked_at, _, deal in sorted(self._pending):
            self._walk.ask(deal, asked_at, deal.hours)
        self._pending.clear()

    def _stay_on(self, deal: Deal, stage: int, age: int, steps: int, place: int) -> None:
        """Let a deal go on that was walked up to the cutoff."""
        split = self._splits[stage]
        if split is not None and split.knows_waits:
            self.take_up(deal, stage, age)  # how long it stays is drawn anew, with the queue it met
        else:
            self._settle(deal, stage, None)
            self._go_on_after(deal, age, steps - age, place, None)

    def _settle(self, deal: Deal, stage: int, owner: RepAtWork | None) -> None:
        """Let a deal be in a stage, and belong to a rep if deals of this team must."""
        deal.stage = stage
        if owner is None and self._keeps:
            owner = self._some_owner(deal, stage)
        if owner is not None:
            self._walk.give(deal, owner)

    def _go_on_after(self, deal: Deal, age: int, steps: int, place: int, usual: UsualStay | None) -> None:
        """Let a deal leave its stage after so many steps; it may still wait for a rep."""
        deal.stay, deal.place, deal.hop = age + steps, place, deal.hop + 1
        split = self._splits[deal.stage]
        if split is not None:
            total, since = np.inf if place == NEVER else float(deal.stay), age + self._moment.at(deal.row, 2)
            parts = split.parts(total) if usual is None else usual.stretched(total)
            if since < parts.ends:
                deal.own_delay, left = parts.own_delay, parts.ends - max(since, parts.begins)
                deal.hours = self._hours_left(deal, parts.ends - parts.begins, left)
                self._pending.append((parts.begins > since, -float(age), len(self._pending), deal))
                return
        if place != NEVER:
            self._walk.move_after(deal, steps - 1 + self._moment.at(deal.row, 0))

    def _queue_luck(self, deal: Deal) -> float:
        """Rank of the queue that a deal met, the same for all who share it.

        Deals of one queue wait long together. Were their waits drawn apart, long and short ones would cancel
        out, every queue begin at a middling length, and reps be idle less than they are: for a while more
        would be won.
        """
        queue = 0 if deal.owner is None else deal.owner.number + 1  # so that hires change no one's luck
        return self._queues.at(queue, deal.skill)

    def _hours_left(self, deal: Deal, work_steps: float, left_steps: float) -> float:
        """Hours that a deal still needs at the cutoff, of whose work so many steps are left.

        Tasks in hand are longer than others (a long one is more often met), as are the steps they took.
        """
        rep_hours = self._plan.usual.rep_hours
        if rep_hours == rep_hours:  # known unless a share was stated
            return left_steps * rep_hours
        share = left_steps / max(work_steps, 1e-9)
        return share * self._hours[deal.stage] * self._need.at(deal.row, 0)

    def _some_owner(self, deal: Deal, stage: int) -> RepAtWork | None:
        """A rep for a deal that must belong to one, nobody knows which; None if it may be nobody's yet."""
        flow = self._plan.flow
        if self._moment.at(deal.row, 3) * flow.visits[stage] < flow.entries[stage]:
            return None
        able = [rep for rep in self._walk.pool.present if not rep.skills or deal.skill in rep.skills]
        return able[int(self._moment.at(deal.row, 4) * len(able))] if able else None
