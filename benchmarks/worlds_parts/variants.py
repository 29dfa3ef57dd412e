"""Ours in the forms that the benchmark shows side by side; the first is what users get without a setting."""

from __future__ import annotations

import funnelsim as fs
from funnelsim.questions.backtest.origins import BacktestError
from funnelsim.questions.worlds import Ours
from worlds_parts.desks import WithDesks


def fit_by_source(history: fs.DealHistory) -> fs.Funnel:
    """Deals of each source at rates of their own, where the records tell sources apart."""
    has_source = "source" in history.records.deals
    return fs.fit(history, classes="source") if has_source else fs.fit(history)


def fit_calibrated(history: fs.DealHistory) -> fs.Funnel:
    """The shared shock measured at eight past quarters; the prior one where no past forecast can be made."""
    funnel = fs.fit(history)
    try:
        return fs.calibrate(history, funnel, periods="1Q", origins=8)
    except BacktestError:
        return funnel


VARIANTS = (
    Ours(),
    Ours(name="funnelsim, no shock", has_shock=False),
    Ours(name="funnelsim, by source", fit=fit_by_source),
)

# Nine fits a world, and half a minute or more for a world of limited desks: only where they are asked for.
SLOW_VARIANTS = (
    Ours(name="funnelsim, calibrated", fit=fit_calibrated),
    WithDesks(),
    WithDesks(name="funnelsim, with desks, waits found", finds_waits=True),
)
