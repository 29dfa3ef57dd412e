"""Ours by the engine that has capacity: for those who know their roster, where deals wait for desks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import funnelsim as fs
from funnelsim.engines.events.usual import Flow
from funnelsim.nouns.law import Futures
from funnelsim.nouns.team import WEEKDAYS
from funnelsim.questions.baselines.protocol import Measure, RivalError, Samples
from funnelsim.questions.worlds import World

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_HOURS_A_DAY = 24.0
_SPREAD = 1.25  # of days at a desk, standard deviation over mean: as stays in the stages of the sample


@dataclass(frozen=True)
class Roster:
    """What a manager knows of a world with desks; nothing else of its truth.

    Parameters
    ----------
    n_desks : int
    days_at_desk : ndarray of shape (n_open,)
        Mean days that a deal holds a desk in each stage.
    patience_days : float
        Mean days that a customer waits before giving up.
    """

    n_desks: int
    days_at_desk: Floats
    patience_days: float

    @classmethod
    def of(cls, world: World) -> Roster | None:
        """The roster of a world; None where nobody waits for a desk."""
        process, cutoff = world.process, world.process.cutoff_step
        if process.desks is None:
            return None
        shares = process.class_shares[cutoff - process.start_step]
        visits = np.einsum("c,s,csj->cj", shares, process.entry_shares, process.visits(cutoff))
        days = (visits * process.mean_stay(cutoff)).sum(axis=0) / visits.sum(axis=0)
        return cls(process.desks.n_desks, days, 1.0 / process.desks.leaving_chance)

    def team(self) -> fs.Team:
        """A rep a desk, at work around the clock; whoever is free takes the next deal."""
        return fs.Team(
            fs.Rep.several(self.n_desks),
            selling_share=1.0,
            hours_per_day=_HOURS_A_DAY,
            opens_at=0,
            working_days=WEEKDAYS,
            keeps_deals=False,
        )


@dataclass(frozen=True)
class WithDesks:
    """Ours with the roster: deals wait for a desk, the oldest goes first, so that it keeps its desk.

    Parameters
    ----------
    name : str
        Begins with "funnelsim", lest it count as a rival.
    finds_waits : bool
        Whether the engine finds usual waits, and what of a stay no desk changes; else the user says that all
        of it is work or wait.
    roster : Roster, optional
        Of one world; :meth:`told` gives it.
    n_futures, n_draws : int
        Fewer than other methods draw: every future is walked deal by deal.
    """

    name: str = "funnelsim, with desks"
    finds_waits: bool = False
    roster: Roster | None = None
    n_futures: int = 100
    n_draws: int = 20

    @property
    def formula(self) -> str:
        """One line: what is computed, and how its range comes about."""
        return f"hazards as usual, waits for a given number of desks, {self.n_futures} futures walked"

    def told(self, world: World) -> WithDesks:
        """The method with the roster of one world."""
        return replace(self, roster=Roster.of(world))

    def forecast(
        self, seen: fs.DealHistory, edges: Ints, measure: Measure, n_samples: int, rng: np.random.Generator
    ) -> Samples:
        """Joint samples; as many as the engine walks, whatever `n_samples`.

        Raises
        ------
        RivalError
            If the world has no desks, or the engine refuses.
        """
        if self.roster is None:
            raise RivalError("nobody waits for a desk here, so there is no roster to know")
        funnel, days = fs.fit(seen), list(seen.clock.start_of(np.asarray(edges)))
        try:
            engine = self._engine(funnel, self.roster)
            outlook = fs.forecast(
                funnel, seen.pipeline(), periods=days, measure=measure, engine=engine, seed=rng
            )
        except fs.FunnelsimError as error:
            raise RivalError(str(error)) from error
        if not isinstance(outlook.outcome, Futures):
            raise RivalError(f"the {outlook.engine} engine draws no futures")
        of_open, of_new = outlook.outcome.parts(measure)
        return Samples(total=of_open + of_new, open_deals=of_open)

    def _engine(self, funnel: fs.Funnel, roster: Roster) -> fs.Events:
        hours = _HOURS_A_DAY * roster.days_at_desk
        if not self.finds_waits:
            hours = _hours_of_all_who_enter(funnel, roster, hours)
        names = [stage.name for stage in funnel.stages.open]
        work = fs.Work(
            dict(zip(names, hours.tolist(), strict=True)),
            spread=_SPREAD,
            rule="oldest",
            # With a stated share the history's losses hold those who gave up; patience would add them again.
            patience_days=dict.fromkeys(names, roster.patience_days) if self.finds_waits else {},
        )
        share = None if self.finds_waits else 0.0
        return fs.Events(
            roster.team(), work, customer_share=share, n_futures=self.n_futures, n_draws=self.n_draws
        )


def _hours_of_all_who_enter(funnel: fs.Funnel, roster: Roster, hours: Floats) -> Floats:
    """Hours at a desk, none for those who gave up: desks are full, so the first stage has what is left.

    Nearly all who wait do so in the first stage; later ones hold their desk.
    """
    visits = Flow.of(funnel).visits
    left = _HOURS_A_DAY * roster.n_desks - float(visits[1:] @ hours[1:])
    return np.concatenate([[max(left / visits[0], 1.0)], hours[1:]])
