"""Plain propagation: where deals go, step by step and without a shortcut, as the oracle of all engines.

It shares with them the draws of the parameters (what a `Funnel` gives by draw) and nothing else: no renewal,
no recursion backward, no grid that blurs. Slow, and easy to read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.nouns.classes import UNKNOWN
from funnelsim.nouns.funnel import Span
from funnelsim.numerics.recursion import StageRates
from funnelsim.vocabulary.randomness import Streams


@dataclass(frozen=True)
class Worth:
    """What a win brings: points and, by draw, their shares."""

    points: np.ndarray
    shares: np.ndarray

    def moment(self, power: int) -> np.ndarray:
        return self.shares @ self.points**power


@dataclass(frozen=True, eq=False)
class Plain:
    """What plain propagation says: chances by draw, from which all else follows in closed form.

    Parameters
    ----------
    chance : ndarray of shape (n_draws, n_deals, n_periods)
    new_wins : ndarray of shape (n_draws, n_blocks, n_periods)
        Expected wins of deals that arrive in each block.
    dispersion : ndarray of shape (n_draws,)
    worths : mapping of measure to a Worth for each open deal, and one for new deals
    """

    chance: np.ndarray
    new_wins: np.ndarray
    dispersion: np.ndarray
    worths: dict[str, tuple[list[Worth], Worth]]

    def open_and_new(self, columns: tuple[int, ...], measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Expected total by draw, of deals open now and of deals yet to come."""
        (of_deals, of_new), chance = self.worths[measure], self.chance[:, :, list(columns)].sum(axis=2)
        means = [chance[:, i] * worth.moment(1) for i, worth in enumerate(of_deals)]
        new = self.new_wins[:, :, list(columns)].sum(axis=(1, 2)) * of_new.moment(1)
        return np.sum([np.zeros(len(chance)), *means], axis=0), new

    def variances(self, columns: tuple[int, ...], measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Variance by draw, of deals open now and of deals yet to come."""
        (of_deals, of_new), chance = self.worths[measure], self.chance[:, :, list(columns)].sum(axis=2)
        each = [c * w.moment(2) - (c * w.moment(1)) ** 2 for c, w in zip(chance.T, of_deals, strict=True)]
        by_block = self.new_wins[:, :, list(columns)].sum(axis=2)
        swings = self.dispersion * (by_block**2).sum(axis=1) * of_new.moment(1) ** 2
        new = by_block.sum(axis=1) * of_new.moment(2) + swings
        return np.sum([np.zeros(len(chance)), *each], axis=0), new

    @cache  # noqa: B019  # few, and as long as the tests of a module
    def law(self, columns: tuple[int, ...], measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Attainable totals, and the chance of each by draw: on the lattice of the amounts, so without error.

        The transform of a law on a circle of whole numbers; it ends far above what is ever reached.
        """
        of_deals, of_new = self.worths[measure]
        halves = np.concatenate([np.rint(2 * worth.points) for worth in (*of_deals, of_new)]).astype(int)
        unit = max(int(np.gcd.reduce(halves)), 1) / 2
        mean = np.sum(self.open_and_new(columns, measure), axis=0).max()
        sd = np.sqrt(np.sum(self.variances(columns, measure), axis=0).max())
        most = mean + 12 * sd + 3 * halves.max() / 2
        size = 1 << int(np.ceil(np.log2(most / unit + 64)))
        turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)

        def transform(worth: Worth, draw: int) -> np.ndarray:
            cells = np.rint(worth.points / unit).astype(int)
            return sum(s * turn**n for s, n in zip(worth.shares[draw], cells, strict=True))

        chance = self.chance[:, :, list(columns)].sum(axis=2)
        expected = self.new_wins[:, :, list(columns)].sum(axis=2)
        laws = []
        for draw, phi in enumerate(self.dispersion):
            known: dict[bytes, np.ndarray] = {}
            by_turn = np.ones(len(turn), dtype=complex)
            for c, worth in zip(chance[draw], of_deals, strict=True):
                key = worth.points.tobytes() + worth.shares[draw].tobytes()
                if key not in known:
                    known[key] = transform(worth, draw)
                by_turn *= 1 - c + c * known[key]
            away = 1 - transform(of_new, draw)
            for wins in expected[draw]:
                by_turn *= (1 + phi * wins * away) ** (-1 / phi) if phi > 0 else np.exp(-wins * away)
            laws.append(np.fft.irfft(by_turn, size))
        return np.arange(size) * unit, np.array(laws)


@pytest.fixture(scope="session")
def plain() -> Callable[..., Plain]:
    """Plain propagation of a funnel and a pipeline over periods."""
    return propagated


def propagated(
    funnel: fs.Funnel, pipeline: fs.Pipeline, periods: fs.Periods, seed: int, n_draws: int
) -> Plain:
    """Chances by draw, and expected wins of new deals; steps are counted from the first unrecorded one."""
    streams, draws = Streams(seed), range(n_draws)
    ahead = np.maximum(periods.edges - 1 - pipeline.cutoff_step, 0)
    span = Span(pipeline.cutoff_step, pipeline.unrecorded_steps, int(ahead[-1]))
    klass = np.full(pipeline.n_deals, UNKNOWN)
    if funnel.classes is not None:
        klass = funnel.classes.codes(pipeline.attributes, pipeline.n_deals)
    entering, dispersion = _entering(funnel, streams, n_draws, span)
    n_blocks = -(-(span.n_steps - 1) // funnel.arrivals.block_steps)
    won = np.zeros((n_draws, pipeline.n_deals + n_blocks, span.n_steps))
    for code in sorted({*klass.tolist(), *entering}):
        deals = np.flatnonzero(klass == code)
        arriving = entering.get(code, np.zeros((n_draws, span.n_steps, funnel.stages.n_open)))
        found = _followed(funnel, streams, n_draws, span, code, deals, pipeline, arriving)
        won[:, deals] = found[:, : len(deals)]
        won[:, pipeline.n_deals :] += found[:, len(deals) :]
    in_period = np.diff(np.cumsum(won, axis=2)[:, :, span.n_before + ahead], axis=2)
    chance, new_wins = in_period[:, : pipeline.n_deals], in_period[:, pipeline.n_deals :]
    if funnel.shock is not None:
        shock = funnel.shock_factors(streams, draws, ahead)[:, None]
        chance, new_wins = chance * shock, new_wins * shock
        chance = chance / np.maximum(chance.sum(axis=2, keepdims=True), 1.0)
    return Plain(chance, new_wins, dispersion, _worths(funnel, pipeline, streams, n_draws))


def _entering(
    funnel: fs.Funnel, streams: Streams, n_draws: int, span: Span
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Expected arrivals of each class by draw, step and stage of entry, and their over-dispersion.

    The first step is the one before those whose arrivals are not recorded; nobody arrives in it any more.
    """
    volume, size = funnel.changes.volume, funnel.arrivals.block_steps
    calendar = funnel.arrival_calendar(span)
    entering: dict[int, np.ndarray] = {}
    dispersion = np.zeros(n_draws)
    for draw in range(n_draws):
        rate, of_stage = funnel.arrival_draw(streams, draw)
        levels, dispersion[draw] = funnel.arrival_swings(streams, draw, -(-(span.n_steps - 1) // size))
        for step in range(1, span.n_steps):
            came = rate if step > span.n_before else rate / volume  # a lever on volume changes no past
            came *= calendar[step - 1] * levels[(step - 1) // size]
            for code, shares in funnel.class_shares(streams, draw).items():
                shape = (n_draws, span.n_steps, funnel.stages.n_open)
                entering.setdefault(code, np.zeros(shape))[draw, step] = came * of_stage * shares
    return entering, dispersion


def _followed(
    funnel: fs.Funnel,
    streams: Streams,
    n_draws: int,
    span: Span,
    code: int,
    deals: np.ndarray,
    pipeline: fs.Pipeline,
    arriving: np.ndarray,
) -> np.ndarray:
    """Chance, or expected number, of wins in each step: of each open deal, then of each block of new ones.

    Returns
    -------
    ndarray of shape (n_draws, n_deals + n_blocks, n_steps)
    """
    stages, pace = funnel.rates(streams, range(n_draws), code), funnel.factors(streams, range(n_draws), span)
    of_stage = np.moveaxis(np.stack(pace, axis=1), 3, 0)
    n_open, n_places, is_won = funnel.stages.n_open, len(funnel.stages.names), funnel.stages.is_won
    size, n_steps = funnel.arrivals.block_steps, span.n_steps
    n_blocks = -(-(n_steps - 1) // size)
    shape = (n_draws, len(deals) + n_blocks)
    stage_of, age_of = pipeline.stage[deals], pipeline.age_steps[deals]
    # Those who entered their stage since the first step, by the steps they are there; and those who did not.
    young, old = np.zeros((*shape, n_open, n_steps)), np.ones((n_draws, len(deals)))
    won = np.zeros((*shape, n_steps))
    fresh = [np.stack([_rates(s, n_places, 0, k) for k in range(1, n_steps)], axis=1) for s in stages]
    aged = np.zeros((n_draws, len(deals), span.n_ahead + 1, n_places))
    for i, (s, age) in enumerate(zip(stage_of.tolist(), age_of.tolist(), strict=True)):
        for u in range(1, span.n_ahead + 1):
            aged[:, i, u] = _rates(stages[s], n_places, age, u)
    at_entry = np.stack([_by_place(s, s.rates[:, 0], n_places) for s in stages], axis=1)
    for step in range(1, n_steps):
        enters = np.zeros((*shape, n_places))
        if step > span.n_before:
            leaves = _chances(aged[:, :, step - span.n_before] * of_stage[step][:, stage_of])
            enters[:, : len(deals)] += old[..., None] * leaves
            old *= 1 - leaves.sum(axis=2)
        for s in range(n_open):
            leaves = _chances(fresh[s][:, :step] * pace[s][:, None, :, step])  # nobody is there for longer
            stood = young[:, :, s, :step]
            enters += stood @ leaves
            young[:, :, s, 1 : step + 1] = stood * (1 - leaves.sum(axis=2))[:, None]
            young[:, :, s, 0] = 0.0
        enters[:, len(deals) + (step - 1) // size, :n_open] += arriving[:, step]
        at_once = _chances(at_entry * of_stage[step])
        while enters[..., :n_open].sum() > 1e-16:  # moves within the step
            young[..., 0] += enters[..., :n_open] * (1 - at_once.sum(axis=2))[:, None]
            again = enters[..., :n_open] @ at_once
            again[..., n_open:] += enters[..., n_open:]
            enters = again
        won[..., step] = enters[..., is_won].sum(axis=2)
    return won


def _rates(stage: StageRates, n_places: int, age: int, step: int) -> np.ndarray:
    """Rates by draw and place in a coming step of a deal of some age that is still there.

    Causes run at speeds of their own. Between two moments at which one of them passes into its next bin of
    ages all rates are constant.
    """
    cuts = {(first - 1 - age) / v for first in stage.first_age[2:].tolist() for v in stage.speed.tolist()}
    moments = [step - 1.0, *sorted(cut for cut in cuts if step - 1 < cut < step), float(step)]
    still, left = np.ones(len(stage.rates)), np.zeros((len(stage.rates), len(stage.places)))
    for start, end in zip(moments[:-1], moments[1:], strict=True):
        reached = np.ceil(age + stage.speed * (start + end) / 2)
        bins = np.searchsorted(stage.first_age, np.maximum(reached, 1), side="right") - 1
        rates = stage.rates[:, bins, np.arange(len(stage.places))] * stage.speed * (end - start)
        left += still[:, None] * _chances(rates)
        still = still * np.exp(-rates.sum(axis=1))
    total = left.sum(axis=1, keepdims=True)
    share = np.divide(left, total, out=np.zeros_like(left), where=total > 0)
    return _by_place(stage, -np.log(still)[:, None] * share, n_places)


def _by_place(stage: StageRates, rates: np.ndarray, n_places: int) -> np.ndarray:
    by_place = np.zeros((len(rates), n_places))
    by_place[:, stage.places] = rates
    return by_place


def _chances(rates: np.ndarray) -> np.ndarray:
    """Chance of each cause within a step, from their cumulative hazards in it."""
    total = rates.sum(axis=-1, keepdims=True)
    return np.divide(-np.expm1(-total), total, out=np.zeros_like(total), where=total > 0) * rates


def _worths(
    funnel: fs.Funnel, pipeline: fs.Pipeline, streams: Streams, n_draws: int
) -> dict[str, tuple[list[Worth], Worth]]:
    sure = np.ones((n_draws, 1))
    one = Worth(np.ones(1), sure)
    worths = {"wins": ([one] * pipeline.n_deals, one)}
    if funnel.amounts is None:
        return worths
    shares = np.stack([funnel.amount_draw(streams, draw) for draw in range(n_draws)])
    new, ratios = Worth(funnel.amounts.points, shares), {}
    for of_stage in zip(*(funnel.revision_draw(streams, draw) for draw in range(n_draws)), strict=True):
        ratios[of_stage[0][0]] = Worth(of_stage[0][1].points, np.stack([drawn for _, _, drawn in of_stage]))
    deals = []
    for stage, amount in zip(pipeline.stage.tolist(), pipeline.amount.tolist(), strict=True):
        ratio = ratios.get(stage, one)
        deals.append(new if np.isnan(amount) else Worth(amount * ratio.points, ratio.shares))
    return worths | {"bookings": (deals, new)}
