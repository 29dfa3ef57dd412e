"""Parts by time: the weeks, months or quarters of a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from funnelsim.engines.choose import choose
from funnelsim.engines.exact import Exact
from funnelsim.engines.montecarlo import MonteCarlo
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure
from funnelsim.questions.targets.parts import Parts, drawn_laws
from funnelsim.questions.targets.quotas import is_paid_later
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.periods import Periods
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams

DAYS = {"week": 7, "month": 28, "quarter": 90}


def calendar_parts(window: Periods, clock: Clock, by: str, fiscal_start_month: int) -> Periods:
    """The weeks, months or quarters of a window, from the running one on; it takes what has ended before.

    Parameters
    ----------
    window : Periods
    clock : Clock
    by : {"week", "month", "quarter"}
    fiscal_start_month : int

    Returns
    -------
    Periods
        The first and the last are as long as the window allows.
    """
    cutoff = window.cutoff_step
    ahead = clock.start_of(window.edges[-1]) - clock.start_of(cutoff + 1)
    n = int(ahead / np.timedelta64(DAYS[by], "D")) + 2
    fine = Periods.parse(f"{n}{by[0]}", clock, cutoff, fiscal_start_month=fiscal_start_month)
    inner = fine.edges[(fine.edges > cutoff + 1) & (fine.edges < window.edges[-1])]
    labels = list(fine.labels[: len(inner) + 1])
    if window.edges[0] < fine.edges[0]:
        labels[0] = f"until {labels[0]}"
    return Periods(np.concatenate([window.edges[:1], inner, window.edges[-1:]]), tuple(labels), cutoff)


def parts_by_time(
    funnel: Funnel,
    pipeline: Pipeline,
    periods: Periods,
    *,
    measure: Measure,
    n_draws: int,
    n_futures: int,
    streams: Streams,
) -> Parts:
    """The joint law of periods; each funnel and pipeline has been checked by a forecast before."""
    drawn = MonteCarlo(n_futures=n_futures, n_draws=n_draws).run(funnel, pipeline, periods, streams)
    drawn = replace(drawn, asked=measure)
    futures = drawn.draws().reshape(n_draws, -1, len(periods))
    laws, whole = drawn_laws(futures)
    if not is_paid_later(measure) and isinstance(choose("auto", funnel, pipeline)[0], Exact):
        exact = replace(Exact(n_draws=n_draws).run(funnel, pipeline, periods, streams), asked=measure)
        laws, whole = tuple(exact.law(label) for label in periods.labels), exact.law()
    return Parts(periods.labels, laws, whole, futures, measure, funnel.unit, streams.seed)
