"""What all futures of a run share, and what those of one draw of the parameters share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.engines.events.leads import LeadLaw
from funnelsim.engines.events.routes import Routes
from funnelsim.engines.events.staff import DAYS_PER_STEP, Staff
from funnelsim.engines.events.usual import Flow, Usual, mean_patience
from funnelsim.nouns.funnel import Funnel, Span
from funnelsim.nouns.team import Work
from funnelsim.numerics.incidence import observed_routes, win_rates
from funnelsim.numerics.rates import chances_of
from funnelsim.numerics.recursion import StageRates
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

_KEPT_DAYS = 366.0  # a pipeline keeps the wins of a year


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is the same in all futures of a run.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    periods : Periods
    work : Work
    staff : Staff
    usual : Usual
    flow : Flow
        The long run of the funnel without levers.
    hours : ndarray of shape (n_open,)
        Mean hours of work by stage.
    skill, owner, klass : ndarray of int, shape (n_deals,)
        Of open deals: code of the skill they need, number of the rep they belong to (-1: nobody), code of the
        class whose rates they move at.
    streams : Streams
    """

    funnel: Funnel
    pipeline: Pipeline
    periods: Periods
    work: Work
    staff: Staff
    usual: Usual
    flow: Flow
    hours: Floats
    skill: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    klass: npt.NDArray[np.int64]
    streams: Streams

    @property
    def edges(self) -> list[float]:
        """Moments at which periods begin and end, in steps from the cutoff."""
        return [float(edge) for edge in self.periods.steps_ahead]

    @property
    def span(self) -> Span:
        """Steps around the cutoff."""
        ahead = int(self.periods.steps_ahead[-1])
        return Span(self.periods.cutoff_step, self.pipeline.unrecorded_steps, ahead)

    @property
    def patience(self) -> Floats:
        """Mean steps that deals of each stage wait for a rep, shape (n_open,)."""
        return mean_patience(self.work, self.funnel)

    @property
    def steps_per_day(self) -> float:
        """Steps of the clock in a day."""
        return 1.0 / DAYS_PER_STEP[self.funnel.clock.step]

    @property
    def lag_steps(self) -> float:
        """Mean steps from a win to a lead that it brings."""
        bring = self.work.leads_from_wins
        return np.inf if bring is None else bring.lag_days * self.steps_per_day

    def leads_of_old_wins(self) -> tuple[float, Floats]:
        """Share of arrivals that come of themselves, and leads by step from wins no longer on record."""
        bring, ahead = self.work.leads_from_wins, self.span.n_ahead
        if bring is None or not bring.in_arrivals:
            return 1.0, np.zeros(ahead)
        per_step = bring.per_win * self.flow.wins_per_step
        since = _KEPT_DAYS * self.steps_per_day + np.arange(ahead) + 0.5
        brought = per_step * np.exp(-since / self.lag_steps)
        return 1.0 - per_step / max(self.flow.entries.sum(), 1e-300), brought


@dataclass(frozen=True, eq=False)
class Moves:
    """How deals of one class move, under one draw of the parameters.

    Parameters
    ----------
    routes : Routes
    win_rate : list of float
        Chance to be won in the end, by stage.
    """

    routes: Routes
    win_rate: list[float]

    @classmethod
    def of(cls, plan: Plan, draw: int, klass: int, factors: list[Floats] | None) -> Moves:
        """The moves of a class."""
        funnel, streams = plan.funnel, plan.streams
        stages = funnel.rates(streams, [draw], klass)
        seen = np.zeros((funnel.stages.n_open, len(funnel.stages.names)))
        for s, stage in enumerate(stages):
            seen[s, stage.places] = observed_routes(stage.first_age, chances_of(stage.rates[0]))
        routes = Routes(stages, factors, _sight(plan, stages), plan.span.n_before)
        return cls(routes, win_rates(seen, funnel.stages.is_won).tolist())


@dataclass(frozen=True, eq=False)
class Course:
    """What all futures of one draw of the parameters share.

    Parameters
    ----------
    draw : int
    moves : mapping of int to Moves
        By code of a class of deals.
    class_shares : mapping of int to ndarray of shape (n_open,)
        Share of each class among the new deals of every stage.
    leads : LeadLaw
    amount_shares : ndarray of shape (n_points,)
    """

    draw: int
    moves: Mapping[int, Moves]
    class_shares: Mapping[int, Floats]
    leads: LeadLaw
    amount_shares: Floats

    @classmethod
    def of(cls, plan: Plan, draw: int) -> Course:
        """The course of a draw."""
        funnel, streams, span = plan.funnel, plan.streams, plan.span
        factors = None
        if not funnel.is_steady:
            factors = [by_place[0] for by_place in funnel.factors(streams, [draw], span)]
        kept, brought = plan.leads_of_old_wins()
        shares = funnel.class_shares(streams, draw)
        classes = sorted({*plan.klass.tolist(), *shares})
        return cls(
            draw,
            {klass: Moves.of(plan, draw, klass, factors) for klass in classes},
            shares,
            LeadLaw.of(funnel, streams, draw, span, kept, brought),
            funnel.amount_draw(streams, draw),
        )

    def klass(self, stage: int, chance: float) -> int:
        """Class of a new deal that enters a stage, picked by a number between 0 and 1."""
        *first, last = self.class_shares
        for klass in first:
            chance -= self.class_shares[klass][stage]
            if chance < 0.0:
                return klass
        return last

    def traits(self, plan: Plan, rng: np.random.Generator, n: int) -> tuple[list[float], list[int]]:
        """Amounts (1 where there are none) and skills of so many new deals."""
        law, shares = plan.funnel.amounts, plan.staff.skill_shares
        factor = plan.funnel.changes.new_amount
        amount = np.ones(n) if law is None else factor * law.pick(self.amount_shares, rng.random(n))
        return amount.tolist(), rng.choice(len(shares), n, p=shares).tolist()


def _sight(plan: Plan, stages: list[StageRates]) -> int:
    """Steps that a stay is followed: to the horizon, and beyond it as far as shorter waits reach."""
    usual = max(
        (float(split.rep_parts.max(initial=0.0)) for split in plan.usual.splits if split), default=0.0
    )
    looks_ahead = plan.work.qualification is not None
    tails = [stage.tail_age for stage in stages] if looks_ahead else [0]
    return max(plan.span.n_steps + int(np.ceil(usual)), *tails)
