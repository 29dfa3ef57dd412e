"""Model of the page: from where the sliders stand to the numbers shown, by the engines of the package."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from funnelsim.faces.workshop.factors import (
    AMOUNT,
    COLLECTION,
    CONVERSION,
    CYCLE,
    LEADS,
    N_DRAWS,
    STAY,
    WIN_RATE,
    Factor,
    Moves,
    Position,
    Range,
    Rates,
    factors_of,
    levers_of,
    position,
)
from funnelsim.faces.workshop.outlook import Outlook
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.nouns.levers.protocol import Together
from funnelsim.nouns.scenario import Scenario
from funnelsim.numerics.incidence import observed_routes
from funnelsim.questions.targets.course import course_formula
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.randomness import Streams

N_DOTS = 100  # equally likely futures that stand for all
_MOST_DRAWS = 100  # as funnelsim forecast takes; where a picture still comes within half a second with them
_FEW_STEPS = 200  # and wins are counted: cash has waits for payment of its own to go through
_KEPT = 64  # states of the sliders whose numbers are kept: a few kilobytes each

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """All that the page shows of one position of the sliders.

    Parameters
    ----------
    values : dict of str to Range
        The factors: leads to come in all periods, conversion to the last stage, win rate of the last stage,
        amount per win, share collected, time in the slowest stage (steps), and the change of every stay.
    formula : dict of str to float
        The course formula with these factors: leads, intents, wins, bookings, cash.
    reach : tuple of float
        Of 100 leads, those that reach each open stage, and those that are won.
    conversions : tuple of Range
        Of each open stage.
    won : Range
        Share of leads that is won in the end.
    chance, change : Estimate
        Chance of the target, and its change against today, draw by draw.
    mean : Estimate
    p10, p50, p90 : float
    futures : tuple of float
        A hundred equally likely totals, increasing.
    parts : tuple of float
        The mean as realised, from deals open today, from deals yet to come.
    """

    values: dict[str, Range]
    formula: dict[str, float]
    reach: tuple[float, ...]
    conversions: tuple[Range, ...]
    won: Range
    chance: Estimate
    change: Estimate
    mean: Estimate
    p10: float
    p50: float
    p90: float
    futures: tuple[float, ...]
    parts: tuple[float, float, float]


@dataclass(eq=False)
class Room:
    """One scenario in front of a room: today, and any position of the sliders.

    Parameters
    ----------
    scenario : Scenario
    """

    scenario: Scenario
    _known: OrderedDict[Position, Numbers] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.rates = Rates.of(scenario.funnel)
        self.factors: tuple[Factor, ...] = factors_of(self.rates)
        self.measure: Measure = scenario.measure or (
            "wins" if scenario.funnel.amounts is None else "bookings"
        )
        pipeline = scenario.pipeline
        self.periods = Periods.parse(
            scenario.periods,
            pipeline.clock,
            pipeline.cutoff_step,
            fiscal_start_month=scenario.fiscal_start_month,
        )
        self.n_steps = int(self.periods.steps_ahead[-1])
        is_light = self.n_steps <= _FEW_STEPS and self.measure != "cash"
        self.n_draws = _MOST_DRAWS if is_light else N_DRAWS
        self._base = self._outlook(scenario.funnel)
        self.today = self.numbers({})

    def _outlook(self, funnel: Funnel) -> Outlook:
        return Outlook.of(self.scenario, funnel, self.periods, self.n_draws)

    def funnel(self, moves: Moves) -> Funnel:
        """The funnel with the sliders at some position."""
        levers = levers_of(moves, self.rates, self.scenario)
        return Together(levers).apply(self.scenario.funnel) if levers else self.scenario.funnel

    def numbers(self, moves: Moves) -> Numbers:
        """The numbers of a position of the sliders; the last few dozen are remembered."""
        key = position(moves)
        if key not in self._known:
            self._known[key] = self._computed(moves)
        self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return self._known[key]

    def _computed(self, moves: Moves) -> Numbers:
        funnel, target = self.funnel(moves), self.scenario.target
        is_today = funnel is self.scenario.funnel
        outlook = self._base if is_today else self._outlook(funnel)  # not kept: laws are large
        steps, drawn = conversions_of(funnel)
        values = self._values(funnel, moves, steps, drawn)
        p10, p50, p90 = outlook.law.quantile(np.array([0.1, 0.5, 0.9])).tolist()
        return Numbers(
            values,
            _formula(values, steps),
            tuple(course_formula(100, steps[:-1], steps[-1]).iloc[: len(steps) + 1].tolist()),
            tuple(Range.over(step, of_step) for step, of_step in zip(steps, drawn.T, strict=True)),
            Range.over(float(np.prod(steps)), drawn.prod(axis=1)),
            outlook.chance(target),
            outlook.change(self._base, target),
            outlook.mean,
            p10,
            p50,
            p90,
            tuple(outlook.law.quantile((np.arange(N_DOTS) + 0.5) / N_DOTS).tolist()),
            outlook.parts,
        )

    def _values(self, funnel: Funnel, moves: Moves, steps: list[float], drawn: Floats) -> dict[str, Range]:
        streams, arrivals = Streams(0), funnel.arrivals.scaled(funnel.changes.volume)
        rates = np.array([funnel.arrival_draw(streams, draw)[0] for draw in range(N_DRAWS)])
        leads = arrivals.mean_per_block / arrivals.block_steps
        slower = (1.0 + moves.get(CYCLE, 0) / 100) * (1.0 + moves.get(STAY, 0) / 100)
        return {
            LEADS: Range.over(leads, rates).times(self.n_steps),
            CONVERSION: Range.over(float(np.prod(steps[:-1])), drawn[:, :-1].prod(axis=1)),
            WIN_RATE: Range.over(steps[-1], drawn[:, -1]),
            AMOUNT: _yield(funnel, streams),
            COLLECTION: Range.certain(_collected(funnel, moves)),
            CYCLE: Range.certain(1.0 + moves.get(CYCLE, 0) / 100),
            STAY: self.rates.stay.times(slower),
        }


def conversions_of(funnel: Funnel) -> tuple[list[float], Floats]:
    """Chance to move on from each open stage, as in ``Funnel.table``, and its draws (n_draws, n_open)."""
    streams = Streams(0)
    values: list[Floats] = []
    drawn: list[Floats] = []
    for stage, hazards in enumerate(funnel.hazards):
        forward = funnel.stages.is_forward(stage)
        for found, chances in (
            (values, funnel.mean_hazards(stage)),
            (drawn, funnel.hazard_draws(stage, streams, range(N_DRAWS))),
        ):
            found.append(observed_routes(hazards.first_age, chances)[..., forward].sum(axis=-1))
    return [float(value) for value in values], np.stack(drawn, axis=-1)


def _yield(funnel: Funnel, streams: Streams) -> Range:
    """Amount per win; 1 where the funnel knows no amounts, so that wins are counted."""
    if funnel.amounts is None:
        return Range.certain(1.0)
    drawn = [funnel.amount_draw(streams, draw) @ funnel.amounts.points for draw in range(N_DRAWS)]
    return Range.over(funnel.amounts.mean, np.array(drawn)).times(funnel.changes.new_amount)


def _collected(funnel: Funnel, moves: Moves) -> float:
    """Share of what is won that is paid; all of it, moved by hand, where the funnel says nothing of it."""
    if funnel.collections is None:
        return 1.0 + moves.get(COLLECTION, 0) / 100
    return 1.0 - funnel.collections.never_paid


def _formula(values: dict[str, Range], steps: list[float]) -> dict[str, float]:
    """The course formula with the factors as they stand."""
    course = course_formula(
        values[LEADS].value, steps[:-1], steps[-1], values[AMOUNT].value, values[COLLECTION].value
    )
    wins, bookings, cash = course.iloc[-3:].tolist()
    return {"leads": values[LEADS].value, "wins": wins, "bookings": bookings, "cash": cash}
