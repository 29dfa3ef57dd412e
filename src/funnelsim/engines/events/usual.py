"""How things usually are: the history's load on the reps it had, and what of a stay is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.events.split import StageSplit, by_share
from funnelsim.engines.events.staff import DAYS_PER_STEP
from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.changes import Changes
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.team import Work, no_open_stage
from funnelsim.numerics.incidence import incidence_by_age, win_rates
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]

_TAIL_DAYS = 365.0


@dataclass(frozen=True, eq=False)
class Flow:
    """Where the deals of a funnel go in the long run, at its usual rates and without any lever.

    Parameters
    ----------
    entries : ndarray of shape (n_open,)
        Expected new deals a step by stage.
    visits : ndarray of shape (n_open,)
        Expected entries a step into each stage, those by other stages included.
    win_rate, lost_share : ndarray of shape (n_open,)
        Chance to be won in the end; share of stays that end as lost.
    leaving : tuple of ndarray, each of shape (n_ages,)
        By stage: chance to leave after each number of steps.
    """

    entries: Floats
    visits: Floats
    win_rate: Floats
    lost_share: Floats
    leaving: tuple[Floats, ...]

    @classmethod
    def of(cls, funnel: Funnel) -> Flow:
        """The flow of a funnel, levers taken off."""
        usual = funnel.with_changes(Changes.none(funnel.stages))
        hazards = [usual.mean_hazards(stage) for stage in range(funnel.stages.n_open)]
        # A year beyond the oldest exit seen: at high loads even the few who leave then change the waits.
        tail = int(_TAIL_DAYS / DAYS_PER_STEP[funnel.clock.step])
        incidence = [
            incidence_by_age(stage.first_age, h, int(stage.first_age[-1]) + tail)
            for stage, h in zip(funnel.hazards, hazards, strict=True)
        ]
        routes = np.stack([of_stage.sum(axis=0) for of_stage in incidence])
        n_open, arrivals = funnel.stages.n_open, funnel.arrivals
        shares = arrivals.entry_counts / max(arrivals.entry_counts.sum(), 1e-300)
        entries = shares * arrivals.mean_per_block / arrivals.block_steps
        visits = np.linalg.solve(np.eye(n_open) - routes[:, :n_open].T, entries)
        leaving = tuple(of_stage.sum(axis=1) for of_stage in incidence)
        lost = routes[:, funnel.stages.is_lost].sum(axis=1)
        return cls(entries, visits, win_rates(routes, funnel.stages.is_won), lost, leaving)

    @property
    def wins_per_step(self) -> float:
        """Expected wins a step."""
        return float(self.entries @ self.win_rate)


@dataclass(frozen=True, eq=False)
class Usual:
    """The split of stays in every stage, and the load behind it.

    Parameters
    ----------
    stage_names : tuple of str
    splits : tuple of StageSplit or None
        None where a stage needs no work: all of a stay is the customer's own.
    load : float
        Hours that the history's deals needed, over those the usual reps had; NaN with a stated share.
    observed, made : ndarray of shape (n_open,)
        Mean stay in steps of deals that leave within sight: by the history, and by this model.
    rep_part : ndarray of shape (n_open,)
        Mean steps of wait and work.
    rep_hours : float
        Hours that one usual rep works in a step, in the mean; NaN with a stated share.
    """

    stage_names: tuple[str, ...]
    splits: tuple[StageSplit | None, ...]
    load: float
    observed: Floats
    made: Floats
    rep_part: Floats
    rep_hours: float = float("nan")

    def table(self) -> pd.DataFrame:
        """By stage: mean stay observed and reproduced, the rep's part of it, the share lost by neglect.

        Returns
        -------
        DataFrame
            Index: open stage. ``made`` above ``observed`` says that the hours of work, with the waits they
            cause, take longer than the history's deals stayed: state fewer hours, or a larger selling share.
        """
        neglected = [0.0 if split is None else split.neglected for split in self.splits]
        columns = {
            "observed": self.observed,
            "made": self.made,
            "rep_part": self.rep_part,
            "neglected": neglected,
        }
        return pd.DataFrame(columns, index=pd.Index(self.stage_names, name="stage"))


def check_shares(customer_share: object, stages: Stages | None = None) -> None:
    """See that stated shares are numbers between 0 and 1, and of stages that there are.

    Raises
    ------
    EngineError
        If one is not; the message lists the stages.
    """
    if customer_share is None:
        return
    if not isinstance(customer_share, Mapping):
        _check_share(customer_share, "customer_share")
        return
    for name, share in customer_share.items():
        if stages is not None and stages.codes.get(name, stages.n_open) >= stages.n_open:
            raise EngineError(f"customer_share: {no_open_stage(name, stages)}")
        _check_share(share, f"customer_share of {name!r}")


def _check_share(share: object, what: str) -> None:
    is_number = isinstance(share, Real) and not isinstance(share, bool)
    if not is_number or not 0.0 <= share <= 1.0:  # type: ignore[operator]  # also refuses NaN
        raise EngineError(
            f"{what} must be a number between 0 and 1, the part of a stay that no rep changes, not "
            f"{share!r}; leave it out to have it found"
        )


def stated(funnel: Funnel, hours: Floats, customer_share: float | Mapping[str, float], n_steps: int) -> Usual:
    """Splits by a stated share, one for all stages or one each.

    Raises
    ------
    EngineError
        If a share is missing for a stage with work.
    """
    names = tuple(stage.name for stage in funnel.stages.open)
    shares = customer_share if isinstance(customer_share, Mapping) else dict.fromkeys(names, customer_share)
    for name, need in zip(names, hours, strict=True):
        if need > 0 and name not in shares:
            raise EngineError(
                f"customer_share has no {name!r}, which needs {need:g} hours of work: add the part of its "
                "stays that no rep changes, 0..1"
            )
    splits = tuple(
        by_share(shares[name], n_steps) if need > 0 else None for name, need in zip(names, hours, strict=True)
    )
    observed = mean_stays(Flow.of(funnel))
    own = np.array([1.0 if split is None else split.slope for split in splits])
    return Usual(names, splits, float("nan"), observed, observed, observed * (1.0 - own))


def mean_stays(flow: Flow) -> Floats:
    """Mean steps in each stage of those who leave within sight, shape (n_open,)."""
    return np.array([np.arange(len(chance)) @ chance / max(chance.sum(), 1e-300) for chance in flow.leaving])


def mean_patience(work: Work, funnel: Funnel) -> Floats:
    """Mean steps that deals of each stage wait before they are lost by neglect, shape (n_open,)."""
    days = [work.patience_days.get(stage.name, np.inf) for stage in funnel.stages.open]
    return np.array(days) / DAYS_PER_STEP[funnel.clock.step]
