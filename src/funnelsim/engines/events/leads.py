"""New leads of one future: when they come, where they enter, what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.engines.events.usual import Flow
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.funnel import Funnel, Span
from funnelsim.nouns.team import Work
from funnelsim.numerics.incidence import incidence_by_age, win_rates
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_LEADS = 2_000_000


def check_leads(work: Work, funnel: Funnel) -> None:
    """See that wins bring fewer leads than would feed themselves.

    Parameters
    ----------
    work : Work
    funnel : Funnel
        Its levers count: with them wins may bring more wins than without.

    Raises
    ------
    EngineError
        If wins of the history would have brought more leads than came, or a win brings a further win or more.

    Notes
    -----
    A lead that a win brings enters where new deals do and is won with some chance p. So each win brings
    ``per_win * p`` wins, these as many again, and from 1 on their number grows without end [1]_.

    References
    ----------
    .. [1] Harris (1963), *The Theory of Branching Processes*, ch. I, theorem 6.1.
    """
    bring, usual = work.leads_from_wins, Flow.of(funnel)
    if bring is None:
        return
    if bring.in_arrivals and bring.per_win * usual.wins_per_step > usual.entries.sum():
        raise EngineError(
            f"{bring.per_win:g} leads per win are more than all arrivals; give fewer, or say that they "
            "come on top: in_arrivals=False"
        )
    chance = chance_of_a_lead(work, funnel)
    if bring.per_win * chance >= 1.0:
        raise EngineError(
            f"{bring.per_win:g} leads per win, of which {100 * chance:.1f} % are won: each win brings "
            f"{bring.per_win * chance:.3g} further wins, these as many again, and so on without end; give "
            f"fewer than {1.0 / chance:.3g} leads per win"
        )


def chance_of_a_lead(work: Work, funnel: Funnel) -> float:
    """Chance that a new lead is won in the end, by the expected rates under the funnel's levers.

    Parked deals that come back and good leads that a check drops count; neglect does not.
    """
    routes = np.stack([
        incidence_by_age(stage.first_age, funnel.mean_hazards(s), int(stage.first_age[-1])).sum(axis=0)
        for s, stage in enumerate(funnel.hazards)
    ])  # fmt: skip
    stages, parking, check = funnel.stages, work.parking, work.qualification
    if parking is not None:
        woken = parking.share * routes[:, stages.is_lost].sum(axis=1)
        routes[:, stages.codes[parking.stage]] += woken
    if check is not None:
        routes[stages.codes[check.stage]] *= 1.0 - check.mistakes
    counts = funnel.arrivals.entry_counts
    shares = counts / counts.sum() if counts.sum() > 0 else np.eye(len(counts))[0]
    return float(shares @ win_rates(routes, stages.is_won))


@dataclass(frozen=True, eq=False)
class LeadLaw:
    """Law of new leads under one draw of the parameters.

    Parameters
    ----------
    rate : ndarray of shape (n_steps,)
        Expected leads in each step after the last whose leads are recorded.
    block_steps : int
        Steps whose leads swing together.
    dispersion : float
        Over-dispersion of a block.
    entry_shares : ndarray of shape (n_open,)
    n_before : int
        Leading steps that lie before the cutoff.
    """

    rate: Floats
    block_steps: int
    dispersion: float
    entry_shares: Floats
    n_before: int

    @classmethod
    def of(
        cls, funnel: Funnel, streams: Streams, draw: int, span: Span, kept: float, brought: Floats
    ) -> LeadLaw:
        """The law of a draw.

        Parameters
        ----------
        funnel : Funnel
        streams : Streams
        draw : int
        span : Span
        kept : float
            Share of the arrivals after the cutoff that come of themselves; wins bring the others.
        brought : ndarray of shape (n_ahead,)
            Leads expected in each step ahead from wins too long ago to be on record.
        """
        rate, shares = funnel.arrival_draw(streams, draw)
        volume = funnel.changes.volume
        # Those not recorded yet came before the cutoff, whatever a lever on volume does.
        by_step = np.repeat([rate / volume, rate * kept], [span.n_before, span.n_ahead])
        by_step = by_step * funnel.arrival_calendar(span)
        size = funnel.arrivals.block_steps
        levels, dispersion = funnel.arrival_swings(streams, draw, -(-len(by_step) // size))
        by_step = by_step * np.repeat(levels, size)[: len(by_step)]
        by_step[span.n_before :] += brought
        if by_step.sum() > MOST_LEADS:
            raise EngineError(
                f"{by_step.sum():.3g} new deals are expected in one future; walking each takes too long: use "
                "MonteCarlo, or check the arrivals and the levers on volume"
            )
        return cls(by_step, size, dispersion, shares, span.n_before)

    def counts(self, rng: np.random.Generator) -> Ints:
        """Leads by step in one future."""
        rate = self.rate
        if self.dispersion > 0:
            n_blocks = -(-len(rate) // self.block_steps)
            swings = rng.standard_gamma(1.0 / self.dispersion, n_blocks) * self.dispersion
            rate = rate * np.repeat(swings, self.block_steps)[: len(rate)]
        return rng.poisson(rate)


@dataclass(frozen=True, eq=False)
class Leads:
    """New leads of one future, in order of time.

    Parameters
    ----------
    at : list of float
        Moment of arrival in steps from the cutoff; negative for those not recorded yet.
    stage : list of int
    """

    at: list[float]
    stage: list[int]

    @classmethod
    def drawn(cls, law: LeadLaw, rng: np.random.Generator, more: Floats) -> Leads:
        """Leads of one future; `more` are moments at which leads of earlier wins come."""
        counts = law.counts(rng)
        step = np.repeat(np.arange(len(counts)), counts) - law.n_before
        at = np.sort(np.concatenate([step + rng.random(len(step)), more]))
        return cls(at.tolist(), entry_stages(law.entry_shares, rng, len(at)))


def entry_stages(shares: Floats, rng: np.random.Generator, n: int) -> list[int]:
    """Stages that so many leads enter; the first where no share is known."""
    edges = np.cumsum(shares)
    stage = np.searchsorted(edges[:-1], rng.random(n) * edges[-1], side="right")
    return (stage if edges[-1] > 0 else np.zeros(n, np.int64)).tolist()
