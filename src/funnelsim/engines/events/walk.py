"""Deals on their way through the funnel of one future: the customer's time, the reps' time, and the ends."""

from __future__ import annotations

from functools import partial

import numpy as np
import simpy

from funnelsim.engines.events.asks import hours_sampler, queue_key
from funnelsim.engines.events.course import Course, Plan
from funnelsim.engines.events.leads import MOST_LEADS, entry_stages
from funnelsim.engines.events.luck import Luck, Sample
from funnelsim.engines.events.pool import Pool, RepAtWork, Task, later
from funnelsim.engines.events.routes import NEVER, Law
from funnelsim.engines.events.split import UsualStay
from funnelsim.engines.events.tally import Tally
from funnelsim.engines.protocol import EngineError

MOST_HOPS = 100_000
TOO_FAST = "deals move from stage to stage within one step without end; check the hazards of age 0"
_WITH_REP, _PARKED, _CHECKED, _OUT_OF_SIGHT = range(4)  # what a deal's decisions in a stay are about
_KINDS = 4


class Deal(Task):
    """A deal on its way: a task for reps now and then.

    Parameters
    ----------
    row : int
        Number that its luck hangs on.
    is_old : bool
        Whether it was open at the cutoff.
    began_at : float
        Moment at which it entered the funnel (of open deals: their stage), in steps from the cutoff.
    amount, won_amount : float
        Listed now, and booked if it is won.
    skill : int
    """

    __slots__ = ("amount", "began_at", "hop", "is_dropped", "is_gone", "is_old", "own_delay", "place", "row",
                 "stage", "stay", "won_amount")  # fmt: skip

    def __init__(
        self, row: int, is_old: bool, began_at: float, amount: float, won_amount: float, skill: int
    ) -> None:
        super().__init__(skill=skill)
        self.row, self.is_old, self.began_at = row, is_old, began_at
        self.amount, self.won_amount = amount, won_amount
        self.stage, self.stay, self.place, self.hop, self.own_delay = 0, 0, NEVER, 0, 0.0
        self.is_dropped = self.is_gone = False


class Walk:
    """Walks the deals of one future.

    Parameters
    ----------
    plan : Plan
    course : Course
    number : int
        Number of the future within its draw.
    """

    def __init__(self, plan: Plan, course: Course, number: int) -> None:
        self._plan, self.course, self._index = plan, course, (course.draw, number)
        stages, edges, work = plan.funnel.stages, plan.edges, plan.work
        self._n_open, self._is_won, self._is_lost = (
            stages.n_open,
            stages.is_won.tolist(),
            stages.is_lost.tolist(),
        )
        self._n_before, self._horizon = plan.span.n_before, edges[-1]
        self._hours, self._patience = plan.hours.tolist(), plan.patience.tolist()
        self._splits, self._rule = plan.usual.splits, work.rule
        self._check = work.qualification
        self._check_stage = stages.codes[self._check.stage] if self._check else -1
        self.env = simpy.Environment()
        self.tally = Tally(edges, self._n_open, len(plan.staff.team.reps))
        n_skills = max(len(plan.staff.skills), 1)
        self.pool = Pool(self.env, n_skills, self._on_start, self._on_end, self._on_give_up)
        self._pending: list[tuple[bool, float, int, Deal]] = []
        self._keeps = plan.staff.team.keeps_deals
        self._owned: dict[RepAtWork, dict[Deal, None]] = {}
        self._moves, self._again = self._luck("routes"), self._luck("routes again")
        self._need = self._luck("hours", hours_sampler(work.spread))
        self._patient = self._luck("patience", np.random.Generator.standard_exponential)
        self._decisions, self._moment = self._luck("decisions"), self._luck("moments")
        self._queues = self._luck("queues")
        self.took: list[list[tuple[float, float, float]]] | None = None
        self.wins = np.zeros((2, len(edges) - 1), np.int64)
        self.bookings = np.zeros((2, len(edges) - 1))
        self.won_in = np.full(plan.pipeline.n_deals, -1, np.int16)
        self.next_row = 0

    def _luck(self, name: str, sample: Sample = np.random.Generator.random) -> Luck:
        return Luck(self._plan.streams, f"events {name}", *self._index, sample)

    # --- how a walk begins

    def take_up(self, deal: Deal, stage: int, age: int, owner: RepAtWork | None = None) -> None:
        """Let a deal go on that has been in a stage for some steps by the cutoff, and so will be after it."""
        self._own(deal, stage, owner)
        chance, usual, split = self._moves.at(deal.row, deal.hop), None, self._splits[stage]
        if split is not None and split.knows_waits:
            luck = self._moment.at(deal.row, 1), self._moment.at(deal.row, 5)
            chance, usual = split.open_stay(age, self._queue_luck(deal), *luck)
        law = self.course.routes.at_age(stage, age)
        steps, place = self._drawn(law, chance, stage, deal.row, deal.hop)
        self._go_on_after(deal, age, steps, place, usual)

    def _own(self, deal: Deal, stage: int, owner: RepAtWork | None) -> None:
        """Let a deal be in a stage, and belong to a rep if deals of this team must."""
        deal.stage = stage
        if owner is None and self._keeps:
            owner = self._some_owner(deal, stage)
        if owner is not None:
            self._give(deal, owner)

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
            self._move_after(deal, steps - 1 + self._moment.at(deal.row, 0))

    def _queue_luck(self, deal: Deal) -> float:
        """Rank of the queue that a deal met, the same for all who share it.

        Deals of one queue wait long together. Were their waits drawn apart, long and short ones would cancel
        out, every queue begin at a middling length, and reps be idle less than they are: for a while more
        would be won.
        """
        queue = len(self._plan.staff.team.reps) if deal.owner is None else deal.owner.number
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

    def begin(self) -> None:
        """Let all deals taken up ask for the work they still need: those in hand at the cutoff come first."""
        for _, asked_at, _, deal in sorted(self._pending):
            self._ask(deal, asked_at, deal.hours)
        self._pending.clear()

    def _some_owner(self, deal: Deal, stage: int) -> RepAtWork | None:
        """A rep for a deal that must belong to one, nobody knows which; None if it may be nobody's yet."""
        flow = self._plan.flow
        if self._moment.at(deal.row, 3) * flow.visits[stage] < flow.entries[stage]:
            return None
        able = [rep for rep in self.pool.present if not rep.skills or deal.skill in rep.skills]
        return able[int(self._moment.at(deal.row, 4) * len(able))] if able else None

    def unrecorded(self, deal: Deal, stage: int) -> None:
        """Walk a deal that came before the cutoff but is not recorded yet, as usual up to the cutoff."""
        step = self._n_before + int(np.floor(deal.began_at)) + 1
        for _ in range(MOST_HOPS):
            steps, place = self._leaving(deal.row, stage, step, deal.hop)
            if place == NEVER or step + steps > self._n_before:
                self._stay_on(deal, stage, self._n_before - step, steps, place)
                return
            if place >= self._n_open:
                return
            stage, step, deal.hop = place, step + steps, deal.hop + 1
        raise EngineError(TOO_FAST)

    def _stay_on(self, deal: Deal, stage: int, age: int, steps: int, place: int) -> None:
        """Let a deal go on that was walked up to the cutoff."""
        split = self._splits[stage]
        if split is not None and split.knows_waits:
            self.take_up(deal, stage, age)  # how long it stays is drawn anew, with the queue it met
        else:
            self._own(deal, stage, None)
            self._go_on_after(deal, age, steps - age, place, None)

    def enter(self, deal: Deal, stage: int) -> None:
        """Let a deal enter an open stage now, and those after it that it passes at once."""
        for _ in range(MOST_HOPS):
            deal.stage = stage
            step = self._n_before + int(self.env.now) + 1
            deal.stay, deal.place = self._leaving(deal.row, stage, step, deal.hop)
            hours = self._hours[stage]
            if hours > 0.0:
                hours *= self._need.at(deal.row, deal.hop)
            if stage == self._check_stage:
                hours = self._checked(deal, step, hours)
            deal.hop += 1
            if hours > 0.0:
                split = self._splits[stage]
                deal.own_delay = float(deal.stay) if split is None else split.own_delay(deal.stay)
                self._ask(deal, self.env.now, hours)
                return
            if deal.is_dropped:
                self._drop(deal)
                return
            if deal.place == NEVER:
                return
            if deal.stay > 0:
                self._move_after(deal, float(deal.stay))
                return
            stage = deal.place
            if stage >= self._n_open:
                self._end(deal)
                return
        raise EngineError(TOO_FAST)

    # --- where it goes

    def _leaving(self, row: int, stage: int, step: int, hop: int) -> tuple[int, int]:
        law = self.course.routes.on_entry(stage, step)
        return self._drawn(law, self._moves.at(row, hop), stage, row, hop)

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

    def _move_after(self, deal: Deal, delay: float) -> None:
        if self.env.now + delay < self._horizon:
            later(self.env, delay, partial(self._move, deal))

    def _move(self, deal: Deal, _: simpy.Event) -> None:
        if deal.is_gone:
            return  # lost with its rep in the meantime
        if deal.place < self._n_open:
            self.enter(deal, deal.place)
        else:
            self._end(deal)

    # --- the check of qualification

    def _checked(self, deal: Deal, step: int, hours: float) -> float:
        """Hours of the check, and of the work too where the deal passes it."""
        check = self._check
        assert check is not None
        chance = self._decisions.at(deal.row, _KINDS * deal.hop + _CHECKED)
        deal.is_dropped = chance < (check.catches if self._will_be_lost(deal, step) else check.mistakes)
        return check.hours if deal.is_dropped else hours + check.hours

    def _will_be_lost(self, deal: Deal, step: int) -> bool:
        """Whether this deal's own luck leads to a loss; beyond all sight, as often as such deals are."""
        stage, place, step, hop = deal.stage, deal.place, step + deal.stay, deal.hop
        for _ in range(MOST_HOPS):
            if place == NEVER:
                chance = self._decisions.at(deal.row, _KINDS * hop + _OUT_OF_SIGHT)
                return chance >= self.course.win_rate[stage]
            if place >= self._n_open:
                return bool(self._is_lost[place])
            stage, hop = place, hop + 1
            steps, place = self._leaving(deal.row, stage, step, hop)
            step += steps
        raise EngineError(TOO_FAST)

    def _drop(self, deal: Deal) -> None:
        self.tally.count(self.tally.disqualified, self.env.now)
        self._gone(deal)

    # --- work

    def _ask(self, deal: Deal, asked_at: float, hours: float) -> None:
        stage = deal.stage
        deal.hours = hours
        deal.key = queue_key(
            self._rule, asked_at, deal.began_at, self.course.win_rate[stage], deal.amount,
            max(self._hours[stage], 1e-9),
        )  # fmt: skip
        patience = self._patience[stage]
        if patience < np.inf:
            deal.patience = patience * self._patient.at(deal.row, deal.hop)
        else:
            deal.patience = np.inf
        self.tally.count(self.tally.asked[stage], self.env.now)
        self.pool.ask(deal)

    def _on_start(self, task: Task, rep: RepAtWork) -> None:
        assert isinstance(task, Deal)
        if task.asked_at < self.env.now:
            self.tally.wait(task.stage, task.asked_at, self.env.now)
        if self._keeps and task.owner is not rep:
            self._give(task, rep)

    def _on_end(self, task: Task, rep: RepAtWork) -> None:
        assert isinstance(task, Deal)
        deal = task
        self.tally.work(rep.number, rep.clock, rep.started_at, self.env.now)
        if self.took is not None:
            asked_at = deal.asked_at
            part = (asked_at, rep.started_at - asked_at, self.env.now - asked_at)
            self.took[deal.stage].append(part)
        if deal.is_dropped:
            self._drop(deal)
        elif deal.place != NEVER:
            self._move_after(deal, deal.own_delay)

    def _on_give_up(self, task: Task) -> None:
        assert isinstance(task, Deal)
        self.tally.wait(task.stage, task.asked_at, self.env.now)
        self.tally.count(self.tally.neglected[task.stage], self.env.now)
        self._gone(task)

    def _give(self, deal: Deal, rep: RepAtWork) -> None:
        if deal.owner is not None:
            self._owned.get(deal.owner, {}).pop(deal, None)
        deal.owner = rep
        self._owned.setdefault(rep, {})[deal] = None

    def leave(self, rep: RepAtWork, _: simpy.Event) -> None:
        """Let a rep go: of the deals some are lost, the others are handed over."""
        now, in_hand = self.env.now, rep.task
        if in_hand is not None:
            self.tally.work(rep.number, rep.clock, rep.started_at, now)
        open_tasks = self.pool.leave(rep)
        for task in open_tasks:
            assert isinstance(task, Deal)
            if task is not in_hand:
                self.tally.wait(task.stage, task.asked_at, now)
        for deal in self._owned.pop(rep, {}):
            deal.owner = None
            chance = self._decisions.at(deal.row, _KINDS * deal.hop + _WITH_REP)
            if chance < self._plan.staff.team.lost_with_leaver:
                deal.is_gone = True
                self.tally.count(self.tally.left_with_rep, now)
        for task in open_tasks:
            if isinstance(task, Deal) and not task.is_gone:
                self.pool.ask(task)

    # --- ends

    def _end(self, deal: Deal) -> None:
        """A deal is won or lost; a lost one may be parked, and wake later."""
        if self._is_won[deal.place]:
            self._win(deal)
            self._gone(deal)
            return
        parking = self._plan.work.parking
        if parking is not None:
            chance = self._decisions.at(deal.row, _KINDS * deal.hop + _PARKED)
            if chance < parking.share:
                deal.place = self._plan.funnel.stages.codes[parking.stage]
                self._move_after(deal, parking.wake_up_days * self._plan.steps_per_day)
                return
        self._gone(deal)

    def _gone(self, deal: Deal) -> None:
        deal.is_gone = True
        if deal.owner is not None:
            self._owned.get(deal.owner, {}).pop(deal, None)

    def _win(self, deal: Deal) -> None:
        period = self.tally.period(self.env.now)
        if period >= 0:
            origin = 0 if deal.is_old else 1
            self.wins[origin, period] += 1
            self.bookings[origin, period] += deal.won_amount
            if deal.is_old:
                self.won_in[deal.row] = period
        bring = self._plan.work.leads_from_wins
        if bring is not None:
            rng = self._plan.streams.generator("events brought", *self._index, deal.row)
            for lag in (rng.standard_exponential(rng.poisson(bring.per_win)) * self._plan.lag_steps).tolist():
                if self.env.now + lag < self._horizon:
                    later(self.env, lag, partial(self._brought, self.next_row))
                    self.next_row += 1

    def _brought(self, row: int, _: simpy.Event) -> None:
        """A referral or repeat order comes in."""
        if row > MOST_LEADS:  # rates of single draws may let leads feed themselves where the expected do not
            raise EngineError(f"wins bring more than {MOST_LEADS:,} leads in one future: give fewer per win")
        rng = self._plan.streams.generator("events brought lead", *self._index, row)
        (amount,), (skill,) = self.course.traits(self._plan, rng, 1)
        booked = 0.0 if self._plan.funnel.amounts is None else amount
        (stage,) = entry_stages(self.course.leads.entry_shares, rng, 1)
        self.enter(Deal(row, False, self.env.now, amount, booked, skill), stage)

    # --- counts

    def on_edge(self, period: int, _: simpy.Event | None = None) -> None:
        """Count what waits at the end of a period."""
        waiting = self.pool.waiting()
        self.tally.waiting_deals[period] = float(len(waiting))
        self.tally.waiting_hours[period] = float(sum(task.hours for task in waiting))

    def close(self) -> None:
        """Count waits and work that the end of the periods cuts off."""
        for task in self.pool.waiting():
            assert isinstance(task, Deal)
            self.tally.wait(task.stage, task.asked_at, self._horizon)
        for rep in self.pool.present:
            if rep.task is not None:
                self.tally.work(rep.number, rep.clock, rep.started_at, self._horizon)
        self.on_edge(self.wins.shape[1] - 1)
