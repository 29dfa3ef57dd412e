"""Ours in the forms that the benchmark shows side by side; the first is what users get without a setting."""

from __future__ import annotations

import funnelsim as fs
from funnelsim.questions.worlds import Ours


def fit_by_source(history: fs.DealHistory) -> fs.Funnel:
    """Deals of each source at rates of their own, where the records tell sources apart."""
    has_source = "source" in history.records.deals
    return fs.fit(history, classes="source") if has_source else fs.fit(history)


VARIANTS = (
    Ours(),
    Ours(name="funnelsim, no shock", has_shock=False),
    Ours(name="funnelsim, by source", fit=fit_by_source),
)
