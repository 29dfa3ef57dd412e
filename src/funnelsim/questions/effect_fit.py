"""Learning the effects of attributes from a history: rows, regressions of both families, factors on rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.hazard_regression import HazardRegression, fit_hazard_regression
from funnelsim.numerics.rates import chances_of, rates_of
from funnelsim.questions.columns_of_deals import ColumnsOfDeals, EffectError, describe
from funnelsim.questions.leaks import SAYS_THE_END, leak, tells_the_end
from funnelsim.questions.watched import (
    FAMILIES,
    Stretches,
    Watched,
    families,
    stretches,
    watch,
)
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.words import did_you_mean, listed

Floats = npt.NDArray[np.float64]

_NOT_ATTRIBUTES = ("deal_id", "created_at", "place", "outcome", "entered_at", "closed_at", "amount")


@dataclass(frozen=True, eq=False)
class Learnt:
    """Regressions of both families on the same rows.

    Parameters
    ----------
    columns : ColumnsOfDeals
    funnel : Funnel
        Whose rates the effects multiply.
    fits : tuple of HazardRegression
        Of moves forward, and of losses.
    parts : Stretches
    forward_share : float
        Share of moves forward among exits of both families.
    """

    columns: ColumnsOfDeals
    funnel: Funnel
    fits: tuple[HazardRegression, HazardRegression]
    parts: Stretches
    forward_share: float

    @property
    def coefficients(self) -> Floats:
        """Shape (2, n_columns): on moves forward, on losses."""
        return np.stack([fit.coefficients for fit in self.fits])

    def multipliers(self, deals: pd.DataFrame) -> Floats:
        """Factors on the rates of the average deal, forward and to losses; shape (n_deals, 2)."""
        return np.exp(self.columns.encode(deals) @ self.coefficients.T)

    def base_hazards(self, history: DealHistory) -> list[Floats]:
        """Chances per step of the average deal, by stage; each of shape (n_bins, n_places)."""
        return [chances_of(rates) for rates in self.base_rates(history)]

    def base_rates(self, history: DealHistory) -> list[Floats]:
        """Rates of the average deal: those that give the pooled ones, all deals together."""
        found, start = [], 0
        for stage, hazards in enumerate(self.funnel.hazards):
            blocks = slice(start, start + len(hazards.first_age))
            rates = rates_of(self.funnel.mean_hazards(stage))
            for fit, places in zip(self.fits, families(history, stage).values(), strict=True):
                rates = np.where(places, rates * fit.levels[blocks, None], rates)
            found.append(rates)
            start = blocks.stop
        return found


def usable(
    history: DealHistory, wanted: Sequence[str] | None, recorded_at: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Attributes to use, and those left out with the reason.

    Raises
    ------
    EffectError
        If an attribute that was asked for is unknown, tells how deals ended, or names deals; if none is left.
    """
    deals = history.deals
    dates = set(recorded_at.values())
    attributes = [str(c) for c in deals.columns if c not in dates and c not in _NOT_ATTRIBUTES]
    known = [name for name in attributes if not tells_the_end(name)] + ["amount"]
    unknown = [name for name in recorded_at if name not in deals] + [c for c in dates if c not in deals]
    names = attributes if wanted is None else list(wanted)
    unknown += [name for name in names if name not in deals]
    if unknown:
        name = unknown[0]
        raise EffectError(
            f"deals have no attribute {name!r}{did_you_mean(name, known)}; attributes are {listed(known)}"
        )
    if len(set(names)) < len(names):
        raise EffectError(f"name each attribute once, not {listed(names)}")
    kept, left_out = [], {}
    for name in names:
        reason = _objection(history, deals, name, name in recorded_at)
        if reason and wanted is not None:
            raise EffectError(f"the effect of {name!r} cannot be told: {reason}")
        if reason:
            left_out[name] = reason
        else:
            kept.append(name)
    if not kept:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise EffectError(f"no attribute is left whose effect could be told. {reasons}".strip())
    return kept, left_out


def _objection(history: DealHistory, deals: pd.DataFrame, name: str, is_dated: bool) -> str:
    if tells_the_end(name):
        return SAYS_THE_END
    try:
        describe(deals[name])
    except EffectError as error:
        return english(error)
    found = "" if is_dated else leak(history, deals, name)
    way_out = "; say when it was recorded with recorded_at, or leave it out"
    return found and found + way_out


def learn(
    history: DealHistory,
    funnel: Funnel,
    names: Sequence[str],
    recorded_at: Mapping[str, str],
    left_out: Mapping[str, str] | None = None,
) -> Learnt:
    """Fit both families on all time watched in a history.

    Raises
    ------
    EffectError
        If no attribute varies, or no deal was seen to leave an open stage.
    """
    parts = stretches(history, history.deals, recorded_at)
    columns = ColumnsOfDeals.learn(parts.values, parts.is_last, names, left_out or {})
    if not columns.attributes:
        raise EffectError(f"no attribute varies between deals: {listed(names)}")
    return learn_on(columns, funnel, parts, watch(history, funnel, parts))


def learn_on(columns: ColumnsOfDeals, funnel: Funnel, parts: Stretches, seen: Watched) -> Learnt:
    """Fit both families on rows that are there already."""
    totals = [float(seen.exits[name].sum()) for name in FAMILIES]
    if not sum(totals):
        raise EffectError("no deal was seen to move forward or to be lost: there is nothing to learn from")
    x = columns.encode(parts.values)
    with threadpool_limits(1):  # small matrices: threads waiting for each other cost ten times as much
        forward, lost = (
            fit_hazard_regression(x, seen.exits[name], seen.expected[name], columns.group)
            for name in FAMILIES
        )
    return Learnt(columns, funnel, (forward, lost), parts, totals[0] / sum(totals))
