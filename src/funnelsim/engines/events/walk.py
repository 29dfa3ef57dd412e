"""Deals on their way through the funnel of one future: the customer's time, the reps' time, and the ends."""

from __future__ import annotations

from functools import partial

import numpy as np
import simpy

from funnelsim.engines.events.asks import hours_sampler, queue_key
from funnelsim.engines.events.course import Course, Plan
from funnelsim.engines.events.deal import Deal
from funnelsim.engines.events.fate import CHECKED, MOST_HOPS, PARKED, TOO_FAST, WITH_REP, Fate
from funnelsim.engines.events.leads import MOST_LEADS, entry_stages
from funnelsim.engines.events.pool import Pool, RepAtWork, Task, later
from funnelsim.engines.events.routes import NEVER
from funnelsim.engines.events.tally import Tally
from funnelsim.engines.protocol import EngineError


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
        self.plan, self.course, self.fate = plan, course, Fate(plan, course, number)
        stages, edges, work = plan.funnel.stages, plan.edges, plan.work
        self._n_open, self._is_won = stages.n_open, stages.is_won.tolist()
        self._n_before, self._horizon = plan.span.n_before, edges[-1]
        self._hours, self._patience = plan.hours.tolist(), plan.patience.tolist()
        self._splits, self._rule = plan.usual.splits, work.rule
        self._check = work.qualification
        self._check_stage = stages.codes[self._check.stage] if self._check else -1
        self.env = simpy.Environment()
        self.tally = Tally(edges, self._n_open, len(plan.staff.team.reps))
        n_skills = max(len(plan.staff.skills), 1)
        self.pool = Pool(self.env, n_skills, self._on_start, self._on_end, self._on_give_up)
        self._keeps = plan.staff.team.keeps_deals
        self._owned: dict[RepAtWork, dict[Deal, None]] = {}
        self._need = self.fate.luck("hours", hours_sampler(work.spread))
        self._patient = self.fate.luck("patience", np.random.Generator.standard_exponential)
        self.took: list[list[tuple[float, float, float]]] | None = None
        self.wins = np.zeros((2, len(edges) - 1), np.int64)
        self.bookings = np.zeros((2, len(edges) - 1))
        self.won_in = np.full(plan.pipeline.n_deals, -1, np.int16)
        self.next_row = plan.pipeline.n_deals

    def enter(self, deal: Deal, stage: int) -> None:
        """Let a deal enter an open stage now, and those after it that it passes at once."""
        for _ in range(MOST_HOPS):
            deal.stage = stage
            step = self._n_before + int(self.env.now) + 1
            deal.stay, deal.place = self.fate.on_entry(deal, stage, step, deal.hop)
            hours = self._hours[stage]
            if hours > 0.0:
                hours *= self._need.at(deal.row, deal.hop)
            if stage == self._check_stage:
                hours = self._checked(deal, step, hours)
            deal.hop += 1
            if hours > 0.0:
                split = self._splits[stage]
                deal.own_delay = float(deal.stay) if split is None else split.own_delay(deal.stay)
                self.ask(deal, self.env.now, hours)
                return
            if deal.is_dropped:
                self._drop(deal)
                return
            if deal.place == NEVER:
                return
            if deal.stay > 0:
                self.move_after(deal, float(deal.stay))
                return
            stage = deal.place
            if stage >= self._n_open:
                self._end(deal)
                return
        raise EngineError(TOO_FAST)

    # --- where it goes

    def move_after(self, deal: Deal, delay: float) -> None:
        """Let a deal move on to its next place after a delay."""
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
        chance = self.fate.decision(deal, CHECKED)
        deal.is_dropped = chance < (check.catches if self.fate.will_be_lost(deal, step) else check.mistakes)
        return check.hours if deal.is_dropped else hours + check.hours

    def _drop(self, deal: Deal) -> None:
        self.tally.count(self.tally.disqualified, self.env.now)
        self._gone(deal)

    # --- work

    def ask(self, deal: Deal, asked_at: float, hours: float) -> None:
        """Let a deal ask for hours of work; it stands in the queue as one that asked at a moment."""
        stage = deal.stage
        deal.hours = hours
        deal.key = queue_key(
            self._rule, asked_at, deal.began_at, self.course.moves[deal.klass].win_rate[stage], deal.amount,
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
            self.give(task, rep)

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
            self.move_after(deal, deal.own_delay)

    def _on_give_up(self, task: Task) -> None:
        assert isinstance(task, Deal)
        self.tally.wait(task.stage, task.asked_at, self.env.now)
        self.tally.count(self.tally.neglected[task.stage], self.env.now)
        self._gone(task)

    def give(self, deal: Deal, rep: RepAtWork) -> None:
        """Let a deal belong to a rep."""
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
            chance = self.fate.decision(deal, WITH_REP)
            if chance < self.plan.staff.team.lost_with_leaver:
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
        parking = self.plan.work.parking
        if parking is not None:
            chance = self.fate.decision(deal, PARKED)
            if chance < parking.share:
                deal.place = self.plan.funnel.stages.codes[parking.stage]
                self.move_after(deal, parking.wake_up_days * self.plan.steps_per_day)
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
        bring = self.plan.work.leads_from_wins
        if bring is not None:
            rng = self.fate.generator("brought", deal.row)
            for lag in (rng.standard_exponential(rng.poisson(bring.per_win)) * self.plan.lag_steps).tolist():
                if self.env.now + lag < self._horizon:
                    later(self.env, lag, partial(self._brought, self.next_row))
                    self.next_row += 1

    def _brought(self, row: int, _: simpy.Event) -> None:
        """A referral or repeat order comes in."""
        if row > MOST_LEADS:  # rates of single draws may let leads feed themselves where the expected do not
            raise EngineError(f"wins bring more than {MOST_LEADS:,} leads in one future: give fewer per win")
        rng = self.fate.generator("brought lead", row)
        (amount,), (skill,) = self.course.traits(self.plan, rng, 1)
        booked = 0.0 if self.plan.funnel.amounts is None else amount
        (stage,) = entry_stages(self.course.leads.entry_shares, rng, 1)
        klass = self.fate.klass(row, stage)
        self.enter(Deal(row, False, self.env.now, amount, booked, skill, klass), stage)

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
