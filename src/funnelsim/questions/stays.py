"""Stays of one stage: what was seen of them, which families fit them, and how well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.dwell import BestDwell, DwellFit, DwellFitError, NeverLeaves, best_dwell
from funnelsim.numerics.goodness_of_fit import ExitsCheck, check_exits, incidence_bounds, kaplan_meier
from funnelsim.numerics.hazards import AgeCounts, StageHazards, count_ages
from funnelsim.vocabulary.display import PERCENT, POINTS, several
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINNED = "hazards by age bin"
_MISFIT = 0.01  # a p-value below says that a model does not fit
_FAMILY_COLUMNS = ["parameters", "never_leaves", "n_params", "log_likelihood", "aic", "weight", "note"]


class StayError(FunnelsimError):
    """A question about stays that the history, or the way it is asked, leaves without an answer."""


@dataclass(frozen=True, eq=False)
class StageStays:
    """Stays of one stage as far as they were watched.

    Parameters
    ----------
    entry_age : ndarray of int, shape (n_stays,)
        Age in steps from which each was watched; above 0 where it began before the log was complete.
    exit_age : ndarray of int, shape (n_stays,)
        Age at exit, or at the cutoff.
    destination : ndarray of int, shape (n_stays,)
        Code of the place it left to; -1 while it goes on.
    counts : AgeCounts
        The same as exits and stays at risk by age.
    """

    entry_age: Ints
    exit_age: Ints
    destination: Ints
    counts: AgeCounts

    @classmethod
    def of(cls, history: DealHistory, stage: int) -> StageStays:
        """Stays of the stage with this code."""
        spells, start = history.spells, history.window_start_step
        chosen = spells.stage == stage
        if start is not None:
            chosen = chosen & (spells.exit_step >= start)
        entry, last = spells.entry_step[chosen], spells.exit_step[chosen]
        first_watched = entry if start is None else np.maximum(entry, start)
        counts = count_ages(spells, stage, len(history.stages.names), start)
        return cls(first_watched - entry, last - entry, spells.destination[chosen], counts)

    @property
    def exits(self) -> Floats:
        """Exits at each age, to any place."""
        by_age: Floats = self.counts.exits.sum(axis=1)
        return by_age

    def fits(self, destination: int | None = None) -> BestDwell:
        """Six families, each with and without a share that never leaves, best first.

        Raises
        ------
        StayError
            If none can be fitted.
        """
        left = self.destination >= 0 if destination is None else self.destination == destination
        reason = "nobody left it, so nothing says how long a stay lasts" if not left.any() else ""
        if left.any() and not self.exit_age[left].any():
            reason = "everybody who left did so within the step of entry; a finer clock may tell more"
        if not reason:
            try:
                return best_dwell(
                    self.exit_age, left, entry=self.entry_age, whole_steps=True, never_leaves=True
                )
            except DwellFitError:
                reason = f"its {int(left.sum())} exits have too few distinct ages"
        raise StayError(f"no family can be fitted: {reason}")


def next_steps(stages: Stages, stage: int) -> Floats:
    """Shares of destinations that stand in for exits never seen: the next place ahead, and every loss."""
    possible = stages.is_lost.copy()
    possible[np.flatnonzero(stages.is_forward(stage))[0]] = True
    return possible / possible.sum()


def model_name(fit: DwellFit) -> str:
    """Name of a family, with what it adds: "weibull + never leaves"."""
    return fit.family + (" + never leaves" if fit.never_leaves else "")


def families_table(found: BestDwell) -> pd.DataFrame:
    """Fits side by side, best first; families without a fit last, with the reason."""
    least = found.best.aic
    odds = np.exp([(least - fit.aic) / 2 for fit in found.fits])
    rows: dict[str, list[object]] = {}
    for fit, weight in zip(found.fits, odds / odds.sum(), strict=True):
        words = ", ".join(f"{name} {fit.params[name]:.4g} ± {se:.2g}" for name, se in fit.se.items())
        share = fit.params.get("never_leaves", 0.0)
        rows[model_name(fit)] = [words, share, len(fit.params), fit.loglik, fit.aic, float(weight), ""]
    for name, reason in found.failures.items():
        n_params = 0
        rows[name] = ["", 0.0, n_params, -np.inf, np.inf, 0.0, reason.split(": ", 1)[-1]]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=_FAMILY_COLUMNS)
    table.index.name = "family"
    return told(table, dict.fromkeys(("never_leaves", "weight"), PERCENT))


# --- hazards by age of every model, and their slopes


def binned_by_age(hazards: StageHazards, means: Floats, counts: AgeCounts) -> tuple[Floats, Floats]:
    """Hazards to leave by age from those by bin, and their slopes by the bins'.

    Hazards that were not learnt from these stays, or under a calendar, have no slopes: they are held to the
    exits as they are, for they did not follow them.
    """
    n_ages = len(counts.at_risk)
    row = np.searchsorted(hazards.first_age, np.arange(n_ages), side="right") - 1
    by_bin = means.sum(axis=1)
    n_bins = len(by_bin)
    here = (np.bincount(row, values, n_bins) for values in (counts.exits.sum(axis=1), counts.at_risk))
    there = (hazards.exits.sum(axis=1), hazards.at_risk)
    is_learnt = all(np.allclose(a, b, rtol=1e-9) for a, b in zip(here, there, strict=True))
    return by_bin[row], np.eye(n_bins)[row] if is_learnt else np.zeros((n_ages, 0))


def fitted_by_age(fit: DwellFit, n_ages: int) -> tuple[Floats, Floats]:
    """Hazards per step of a fitted family by age, and their slopes by central differences."""
    ages = np.arange(n_ages, dtype=float)
    law = fit.dwell.leavers if isinstance(fit.dwell, NeverLeaves) else fit.dwell
    theta, log_odds = law.unconstrained, 0.0
    if isinstance(fit.dwell, NeverLeaves):
        log_odds = float(np.log(fit.dwell.share) - np.log1p(-fit.dwell.share))

    def hazard(shift: Floats) -> Floats:
        moved = type(law).from_unconstrained(theta + shift[: len(theta)])
        if not fit.never_leaves:
            return moved.step_hazard(ages)
        share = 1 / (1 + np.exp(-(log_odds + float(shift[-1]))))
        return NeverLeaves(moved, share).step_hazard(ages)

    errors = np.sqrt(fit.cov_log_scale.diagonal())
    moves = np.diag(1e-3 * np.minimum(errors, 0.1))
    slopes = [(hazard(move) - hazard(-move)) / (2 * move.sum()) for move in moves]
    return hazard(np.zeros(len(moves))), np.stack(slopes, axis=1)


@dataclass(frozen=True, eq=False)
class Models:
    """Observed stays of one stage, and all models of the time to leave it: binned hazards, then families."""

    stays: StageStays
    hazards: StageHazards
    means: Floats
    fits: tuple[DwellFit, ...]

    @property
    def n_ages(self) -> int:
        """Ages up to the oldest watched."""
        return len(self.stays.counts.at_risk)

    def by_age(self) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
        """Name of each model, with its hazards by age and their slopes by its parameters."""
        yield BINNED, binned_by_age(self.hazards, self.means, self.stays.counts)
        for fit in self.fits:
            yield model_name(fit), fitted_by_age(fit, self.n_ages)

    def checks(self) -> Iterator[tuple[str, Floats, ExitsCheck]]:
        """Name of each model, its hazards by age, and the exits it expects against those seen."""
        for name, (hazard, slopes) in self.by_age():
            yield name, hazard, check_exits(self.stays.exits, self.stays.counts.at_risk, hazard, slopes)

    def check_table(self, step: str) -> pd.DataFrame:
        """Statistic, p-value and largest gap of each model."""
        survival, error = kaplan_meier(self.stays.exits, self.stays.counts.at_risk)
        n_seen = int(np.flatnonzero(self.stays.exits).max(initial=0)) + 1
        rows = []
        for name, hazard, check in self.checks():
            gap = (survival - np.cumprod(1 - hazard))[:n_seen]  # fitted less observed incidence
            age = int(np.abs(gap).argmax())
            seen = 1 - float(survival[age])
            said = f"by {step} {age:,} it says {100 * (seen + gap[age]):.1f} % left, seen {100 * seen:.1f} %"
            verdict = (
                "cannot tell: too few exits, or as many bins as parameters"
                if check.df == 0
                else f"does not fit: {said}"
                if check.p_value < _MISFIT
                else "no sign of misfit"
            )
            row = [len(check.first_age), check.statistic, check.df, check.p_value, gap[age], age, error[age]]
            rows.append([name, *row, verdict])
        columns = ["model", "n_bins", "statistic", "df", "p_value", "largest_gap", "gap_age", "gap_se"]
        frame = pd.DataFrame(rows, columns=[*columns, "verdict"]).set_index("model")
        return told(frame, {"largest_gap": POINTS, "gap_se": POINTS, "gap_age": several(step)})

    def exits_table(self, model: str) -> pd.DataFrame:
        """Exits observed and expected under one model, by bin of age."""
        found = {name: check for name, _, check in self.checks()}
        if model not in found:
            raise StayError(f"no model {model!r} of this stage; there are {', '.join(found)}")
        check = found[model]
        last = np.append(check.first_age[1:], self.n_ages) - 1
        columns = {"last_age": last, "observed": check.observed, "expected": check.expected}
        return told(pd.DataFrame(columns, index=pd.Index(check.first_age, name="first_age")))

    def incidence(self, interval: float) -> pd.DataFrame:
        """Share that has left by each age: observed with pointwise bounds, and by every model."""
        survival, error = kaplan_meier(self.stays.exits, self.stays.counts.at_risk)
        columns: dict[str, Floats] = {"at_risk": self.stays.counts.at_risk, "observed": 1 - survival}
        low, high = incidence_bounds(survival, error, float(stats.norm.ppf((1 + interval) / 2)))
        columns |= {"observed_low": low, "observed_high": high}
        for name, (hazard, _) in self.by_age():
            columns[name] = np.asarray(1 - np.cumprod(1 - hazard))
        frame = pd.DataFrame(columns, index=pd.RangeIndex(self.n_ages, name="age"))
        return told(frame, dict.fromkeys(list(columns)[1:], PERCENT))
