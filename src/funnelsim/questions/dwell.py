"""Dwell: how long deals must and do stay in each stage, which law fits, and what an overlong stay costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.dwell import BestDwell
from funnelsim.numerics.hazards import StageHazards, bin_ages
from funnelsim.numerics.incidence import win_rates
from funnelsim.numerics.staying import age_of_share, chance_ahead, routes_by_bin
from funnelsim.numerics.strata import strata
from funnelsim.questions.given import fitting
from funnelsim.questions.stays import BINNED, Models, StageStays, StayError, families_table, next_steps
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.display import PERCENT, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NOT_STATED = "not stated"
DAYS_PER_STEP = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12}
_MUCH_UNDECIDED = 0.05


@dataclass(frozen=True, eq=False)
class Dwell(Shown):
    """Time that deals stay in each stage. Made by :func:`dwell`.

    Parameters
    ----------
    stages : Stages
    clock : Clock
    stays : tuple of StageStays
        What was seen, by stage.
    hazards : tuple of StageHazards
        Exits and exposure by bin of age, by stage.
    means : tuple of ndarray, each of shape (n_bins, n_places)
        Chances per step, behind necessary and usual dwell and the chance after an overlong stay.
    draws : tuple of ndarray, each of shape (n_draws, n_bins, n_places)
        Joint posterior draws of the chances per step, by stage.
    necessary, usual : float
        Shares of those who move on that define the necessary and the usual dwell.
    interval : float
        Share that each interval holds.
    """

    stages: Stages
    clock: Clock
    stays: tuple[StageStays, ...]
    hazards: tuple[StageHazards, ...]
    means: tuple[Floats, ...]
    draws: tuple[Floats, ...]
    necessary: float
    usual: float
    interval: float
    _found: dict[tuple[int, int | None], BestDwell | str] = field(default_factory=dict, repr=False)

    @property
    def _tails(self) -> list[float]:
        return [(1 - self.interval) / 2, (1 + self.interval) / 2]

    @property
    def _days(self) -> float:
        return DAYS_PER_STEP[self.clock.step]

    def table(self) -> pd.DataFrame:
        """Necessary and usual dwell of each stage, with intervals, against what the organisation states.

        Returns
        -------
        DataFrame
            Index: open stage. Columns ``..._days`` are in days, shares 0..1. ``n_stays`` watched, of which
            ``n_left`` (``n_moved_on`` of them forward: to a later stage, or won) and ``n_censored`` go on;
            ``moves_on`` and ``undecided``: shares of entering deals that move on, and that are still there,
            by the oldest age at which anyone left; ``necessary_days`` and ``usual_days``: age by which the
            stated shares of those who move on have done so, with ``..._low`` and ``..._high``; ``stated_...``
            and ``..._verdict`` for each; ``note``.

        Notes
        -----
        Ages are whole steps of the clock, given in days: 0 means within the step of entry, and on a clock of
        weeks or months a stated value counts as different only beyond one step. Where nobody was seen to
        move on, the dwell is infinite, from 0 to infinity, and the verdict says so. Deals still there at the
        oldest age may move on later; where they are more than 5 %, the note says that the dwell is that of
        moves seen by then.
        """
        rows = [self._row(stage) for stage in range(self.stages.n_open)]
        return told(pd.DataFrame(rows, index=pd.Index(self.stages.names[: len(rows)], name="stage")))

    def _row(self, stage: int) -> dict[str, object]:
        stays, is_forward = self.stays[stage], self.stages.is_forward(stage)
        n_moved = float(self.hazards[stage].exits[:, is_forward].sum())
        routes = routes_by_bin(self._first_age(stage), self.means[stage]).sum(axis=0)
        n_left = int((stays.destination >= 0).sum())
        row: dict[str, object] = {
            "n_stays": len(stays.exit_age),
            "n_left": n_left,
            "n_moved_on": int(is_forward[stays.destination[stays.destination >= 0]].sum()),
            "n_censored": len(stays.exit_age) - n_left,
            "moves_on": float(routes[is_forward].sum()) if n_moved else 0.0,
            "undecided": max(1 - float(routes.sum()), 0.0),
        }
        place = self.stages.open[stage]
        for name, share in (("necessary", self.necessary), ("usual", self.usual)):
            value, low, high = (self._days * self._quantile(stage, share)).tolist()
            stated = getattr(place, f"{name}_days")
            row |= {
                f"{name}_days": value,
                f"{name}_days_low": low,
                f"{name}_days_high": high,
                f"stated_{name}_days": NOT_STATED if stated is None else float(stated),
                f"{name}_verdict": _verdict(stated, value, low, high, self._days),
            }
        return row | {"note": self._note(stage, n_moved, float(row["undecided"]))}  # type: ignore[arg-type]

    def _quantile(self, stage: int, share: float, is_counted: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Age by which a share of those who move on have done so, in steps: estimate, low, high."""
        counted = self.stages.is_forward(stage) if is_counted is None else is_counted
        if not self.hazards[stage].exits[:, counted].any():
            return np.array([np.inf, 0.0, np.inf])
        first_age = self._first_age(stage)
        value = float(age_of_share(first_age, self.means[stage], counted, share))
        drawn = age_of_share(first_age, self.draws[stage], counted, share)
        low, high = np.quantile(drawn, self._tails, method="inverted_cdf")
        return np.array([value, min(low, value), max(high, value)])

    def _note(self, stage: int, n_moved: float, undecided: float) -> str:
        if not n_moved:
            return "nobody was seen to move on: necessary and usual dwell are unknown"
        if undecided <= _MUCH_UNDECIDED:
            return ""
        return (
            f"{100 * undecided:.0f} % of entering deals are still there at the oldest age at which anyone "
            f"left ({self._oldest(stage):,} {self.clock.step}s); the dwell is that of moves by then"
        )

    def fits(self, stage: str, destination: str | None = None) -> BestDwell:
        """Fits behind :meth:`families`, with their distributions and covariances.

        Raises
        ------
        StayError
            If no family can be fitted: nobody left, or all within the step of entry.
        """
        key = self._code(stage), None if destination is None else self._place(destination)
        if key not in self._found:
            try:
                self._found[key] = self.stays[key[0]].fits(key[1])
            except StayError as error:
                self._found[key] = english(error)
        found = self._found[key]
        if isinstance(found, str):
            raise StayError(f"stage {stage!r}: {found}")
        return found

    def families(self, stage: str, destination: str | None = None) -> pd.DataFrame:
        """Six families for the time to leave a stage, each with and without a share that never leaves.

        Whole steps count as intervals: an exit at age d means ``d <= T < d + 1``, a stay open at age c
        ``T >= c + 1``, one first watched at age e ``T >= e``.

        Parameters
        ----------
        stage : str
        destination : str, optional
            One way out, the others counted as the end of watching. Its law is that of the cause-specific
            hazard: what would be seen if there were no other way out, and not a share of deals.

        Returns
        -------
        DataFrame
            Index: family, best (smallest AIC) first. ``parameters`` with standard errors, ``never_leaves``
            (share; 0 for a family without), ``n_params``, ``log_likelihood``, ``aic``, Akaike ``weight``
            among the families fitted, and ``note``: why a family has no fit; its AIC is then infinite.

        Raises
        ------
        StayError
            If no family can be fitted, or a name is unknown.

        Notes
        -----
        The best of six may still be bad: see :meth:`fit_check`. A share that never leaves is known only as
        far as the family's tail beyond the oldest age seen is believed.
        """
        return families_table(self.fits(stage, destination))

    def models(self, stage: str) -> Models:
        """Stays of a stage with all models of the time to leave it; without families where none fits."""
        code = self._code(stage)
        try:
            fits = self.fits(stage).fits
        except StayError:
            fits = ()
        if not len(self.stays[code].exit_age):
            raise StayError(f"stage {stage!r}: no deal was seen in it, so there is nothing to hold models to")
        return Models(self.stays[code], self.hazards[code], self.means[code], fits)

    def fit_check(self, stage: str) -> pd.DataFrame:
        """Whether each family, and the hazards by age bin, fit the exits seen.

        Returns
        -------
        DataFrame
            Index: model; hazards by age bin first, then families, best first. ``n_bins`` of age, the
            ``statistic`` of observed against expected exits in them, ``df``, ``p_value``; ``largest_gap``
            between the share left by the model and by Kaplan-Meier (which for all ways out together is what
            Aalen-Johansen gives), the age in steps where it is (``gap_age``), Kaplan-Meier's pointwise
            standard error there (``gap_se``); and a ``verdict`` (misfit: p below 0.01).

        Notes
        -----
        The statistic and its chi-squared reference are those of
        :func:`funnelsim.numerics.goodness_of_fit.check_exits`: open stays and delayed entry count as far as
        watched, estimated parameters are allowed for; that a family was picked as the best of several, or
        bins of age to hold enough exits, is not: p-values of families are somewhat too high, those of bins
        too low with fewer than 100 exits (of 60 stays, 6 % were below .01 where 1 % should). Thousands of
        stays reject any smooth family: look at the gap, and at :meth:`plot`, before dropping one.
        """
        return self.models(stage).check_table(self.clock.step)

    def exits(self, stage: str, model: str = BINNED) -> pd.DataFrame:
        """Exits observed and expected by bin of age under one model, named as in :meth:`fit_check`.

        Returns
        -------
        DataFrame
            Index: ``first_age`` of the bin, with ``last_age``, in steps of the clock. ``observed`` and
            ``expected`` numbers of exits.
        """
        return self.models(stage).exits_table(model)

    def incidence(self, stage: str) -> pd.DataFrame:
        """Share of deals that have left a stage by each age, any way: observed, and by every model.

        Returns
        -------
        DataFrame
            Index: age in steps of the clock. ``at_risk``: deals watched at it; then shares of 0..1:
            ``observed`` (Kaplan-Meier) with pointwise ``observed_low`` and ``observed_high``; then one column
            per model.
        """
        return self.models(stage).incidence(self.interval)

    def plot(self, stage: str, ax: Any = None) -> Any:
        """Draw fitted against observed incidence: :func:`funnelsim.plot_dwell` of a stage."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_dwell(self, stage, ax=ax)

    def overlong(self, stage: str, at: Iterable[float] | None = None) -> pd.DataFrame:
        """Chance to be won in the end of a deal that has reached some age in a stage without leaving it.

        Parameters
        ----------
        stage : str
        at : iterable of int, optional
            Ages in steps; ``range(0, 100)`` gives a curve. By default entry, the usual dwell, twice the
            usual, the age by which 90 % of those who leave have left, and the oldest age of an exit.

        Returns
        -------
        DataFrame
            Index: age in steps of the clock; chances are 0..1. ``what`` the age is; ``n_watched`` stays at
            that age; ``n_open`` deals now of that age or older, up to the next row; ``chance`` of a win with
            its interval; ``undecided``: chance to be still there at the oldest age at which anyone left;
            ``chance_if_leaves``: of a win among those who leave by then, with its interval.

        Raises
        ------
        StayError
            If an age is negative, no whole number, or older than any exit seen: nothing says what follows.

        Notes
        -----
        Only what happens within the ages seen counts, as in :meth:`Funnel.table`. So `chance` falls towards
        the oldest age even where age does not matter, as fewer steps are left; `chance_if_leaves` does not.
        Read both: where `undecided` is large, the first is a lower bound. A deal open today has been watched
        through its present age, so its own chance is that one step further. Staying long is not shown to
        *cause* a lower chance: weak deals stay longer.
        """
        code = self._code(stage)
        ages, what = self._named_ages(code) if at is None else self._checked_ages(stage, code, at)
        best = self._ahead(code, list(self.means), ages)
        low, high = np.quantile(self._ahead(code, list(self.draws), ages), self._tails, axis=1)
        low, high = np.minimum(low, best), np.maximum(high, best)
        stays, at_risk = self.stays[code], self.stays[code].counts.at_risk
        open_ages = np.sort(stays.exit_age[stays.destination < 0])
        older = len(open_ages) - np.searchsorted(open_ages, np.append(ages[1:], np.iinfo(np.int64).max))
        frame = pd.DataFrame(
            {
                "what": what,
                "n_watched": at_risk[np.minimum(ages, len(at_risk) - 1)] * (ages < len(at_risk)),
                "n_open": len(open_ages) - np.searchsorted(open_ages, ages) - older,
                "chance": best[0], "chance_low": low[0], "chance_high": high[0],
                "undecided": np.maximum(1 - best[1], 0.0),
                "chance_if_leaves": best[2], "chance_if_leaves_low": low[2], "chance_if_leaves_high": high[2],
            },
            index=pd.Index(ages, name=f"age in {self.clock.step}s"),
        )  # fmt: skip
        return told(frame, dict.fromkeys(("undecided", "chance_if_leaves"), PERCENT))

    def _ahead(self, stage: int, hazards: list[Floats], ages: Ints) -> Floats:
        """Chances to be won, to leave, and to be won if leaving; shape (3, ..., n_ages)."""
        n_places = hazards[0].shape[-1]
        routes = [routes_by_bin(self._first_age(s), h).sum(axis=-2) for s, h in enumerate(hazards)]
        rates = win_rates(np.stack(routes, axis=-2), self.stages.is_won)
        is_won = np.broadcast_to(self.stages.is_won, (*rates.shape[:-1], n_places))
        worth = np.concatenate([rates, is_won[..., rates.shape[-1] :].astype(float)], axis=-1)
        won = chance_ahead(self._first_age(stage), hazards[stage], worth, ages)
        left = chance_ahead(self._first_age(stage), hazards[stage], np.ones_like(worth), ages)
        return np.stack([won, left, won / np.where(left > 0, left, 1.0)])

    def _named_ages(self, stage: int) -> tuple[Ints, list[str]]:
        usual, oldest = float(self._quantile(stage, self.usual)[0]), self._oldest(stage)
        every = np.ones(len(self.stages.names), dtype=bool)
        late = float(self._quantile(stage, 0.9, every)[0])
        named: dict[int, list[str]] = {}
        for age, what in (
            (0.0, "entry"),
            (usual, "usual"),
            (2 * usual, "twice usual"),
            (late, "90 % have left"),
            (float(oldest), "oldest exit"),
        ):
            if age <= oldest:
                named.setdefault(int(age), []).append(what)
        ages = sorted(named)
        return np.array(ages, dtype=np.int64), [", ".join(named[age]) for age in ages]

    def _checked_ages(self, stage: str, code: int, at: Iterable[float]) -> tuple[Ints, list[str]]:
        asked, oldest = np.unique(np.array(list(at), dtype=float)), self._oldest(code)
        is_sound = (asked >= 0) & (asked <= oldest) & (asked == np.floor(asked))
        if not len(asked) or not is_sound.all():
            raise StayError(
                f"stage {stage!r}: ages are whole {self.clock.step}s from 0 to {oldest}, the oldest age "
                f"at which anyone left; asked for {asked[~is_sound][:5].tolist()}"
            )
        return asked.astype(np.int64), [""] * len(asked)

    def _first_age(self, stage: int) -> Ints:
        return self.hazards[stage].first_age

    def _oldest(self, stage: int) -> int:
        return int(self._first_age(stage)[-1]) - 1

    def _code(self, stage: str) -> int:
        code = self.stages.codes.get(stage, self.stages.n_open)
        if code >= self.stages.n_open:
            names = ", ".join(place.name for place in self.stages.open)
            raise StayError(f"{stage!r} is no open stage; open stages are {names}")
        return code

    def _place(self, name: str) -> int:
        if name not in self.stages.codes:
            raise StayError(f"{name!r} is no place; there are {', '.join(self.stages.names)}")
        return self.stages.codes[name]

    def __repr__(self) -> str:
        usual = [self._days * self._quantile(stage, self.usual)[0] for stage in range(len(self.stays))]
        names = (place.name for place in self.stages.open)
        told = ", ".join(f"{name} {_days(days)}" for name, days in zip(names, usual, strict=True))
        return f"Dwell(usual days of those who move on: {told})"


@checked
def dwell(
    history: DealHistory,
    *,
    funnel: Funnel | None = None,
    necessary: float = 0.1,
    usual: float = 0.5,
    interval: float = 0.8,
    n_draws: int = 500,
    seed: int | np.random.Generator | None = 0,
) -> Dwell:
    """How long deals must and usually do stay in each stage, which law fits, what an overlong stay means.

    Parameters
    ----------
    history : DealHistory
    funnel : Funnel, optional
        Its hazards answer in place of those counted in `history`; a lever on conversion counts.
    necessary, usual : float
        The dwell is called necessary, or usual, by which this share of those who move on have moved on.
    interval : float
        Share that each interval holds.
    n_draws : int
        Joint posterior draws behind the intervals.
    seed : int, Generator or None

    Returns
    -------
    Dwell
        With ``table``, ``families``, ``fit_check``, ``plot`` and ``overlong``.

    Raises
    ------
    StayError
        If a share is outside 0..1 or `necessary` above `usual`, or `funnel` has other stages, another clock,
        or a lever on speed.

    Notes
    -----
    Deals still open count for as long as they were watched, and those that entered before the log was
    complete from then on. Closed stays alone would give a dwell too short: the long ones are not over yet.
    The hazards counted are those of :func:`funnelsim.fit` before any calendar effect or level: dwell as it
    was over the days that were, not that of an average day.

    Examples
    --------
    >>> import funnelsim as fs
    >>> stay = fs.dwell(fs.simulate_history(seed=1), n_draws=50)
    >>> bool((stay.table()["necessary_days"] <= stay.table()["usual_days"]).all())
    True
    """
    if not 0 < necessary <= usual < 1:
        raise StayError(f"0 < necessary <= usual < 1 must hold; got {necessary} and {usual}")
    check_draws(n_draws, StayError)
    check_interval(interval, StayError)
    stages, streams, numbers = history.stages, Streams.of(seed), range(n_draws)
    codes = range(stages.n_open)
    stays = tuple(StageStays.of(history, stage) for stage in codes)
    if funnel is None:
        hazards = tuple(bin_ages(seen.counts, next_steps(stages, s)) for s, seen in enumerate(stays))
        means = tuple(stage.mean_hazards() for stage in hazards)
        draws = tuple(
            stage.draw_hazards(strata(streams, "hazards", numbers, s)) for s, stage in enumerate(hazards)
        )
    else:
        hazards = fitting(funnel, history, StayError).hazards
        means = tuple(funnel.mean_hazards(stage) for stage in codes)
        draws = tuple(funnel.hazard_draws(stage, streams, numbers) for stage in codes)
    return Dwell(stages, history.clock, stays, hazards, means, draws, necessary, usual, interval)


def _days(days: float) -> str:
    """A number of days as people say it."""
    return (
        f"{days:,.0f}"
        if days >= 100 or days == round(days)
        else f"{days:.2g}"
        if days < 10
        else f"{days:.1f}"
    )


def _verdict(stated: float | None, value: float, low: float, high: float, step_days: float) -> str:
    """Stated against observed dwell, in words; a clock coarser than days blurs by a step either way."""
    if np.isinf(value):
        told = "nobody was seen to move on"
    else:
        told = f"observed {_days(value)}" + (f" ({_days(low)} to {_days(high)})" if low < high else "")
    if stated is None:
        return told
    blur = max(step_days - 1, 0.0)
    relation = (
        "longer than stated"
        if low - blur > stated
        else "shorter than stated"
        if high + blur < stated
        else "cannot be compared"
        if np.isinf(value)
        else "no clear difference"
    )
    return f"stated {_days(stated)}, {told}: {relation}"
