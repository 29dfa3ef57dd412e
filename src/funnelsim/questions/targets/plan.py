"""Plans: amounts by month, quarter or year, laid on the calendar up to now and beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.forecast import target_amount
from funnelsim.questions.targets.quotas import TargetError

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Planned amounts of consecutive calendar periods.

    Parameters
    ----------
    labels : tuple of str
    edges : ndarray of datetime64, shape (n_periods + 1,)
    amounts : ndarray of shape (n_periods,)
    """

    labels: tuple[str, ...]
    edges: Moments
    amounts: Floats

    @classmethod
    def of(cls, amounts: Mapping[str, float]) -> Plan:
        """A plan from amounts by label, such as ``{"2026-07": 400_000, "2026-08": 420_000}``.

        Raises
        ------
        TargetError
            If a label is no month, quarter or year, an amount none, or periods do not follow one another.
        """
        if not isinstance(amounts, Mapping) or not amounts:
            raise TargetError(
                f"plan {amounts!r:.60} holds no amounts by month, such as {{'2026-07': 400_000}}"
            )
        spans = sorted((_span(label), str(label)) for label in amounts)
        for (earlier, label), (later, following) in zip(spans[:-1], spans[1:], strict=True):
            if earlier[1] != later[0]:
                raise TargetError(f"plan: {following} does not follow on {label}; name every period once")
        edges = np.array([spans[0][0][0], *(span[1] for span, _ in spans)], dtype="datetime64[s]")
        labels = tuple(label for _, label in spans)
        return cls(labels, edges, np.array([target_amount(amounts[label]) for label in labels]))

    def elapsed(self, now: np.datetime64) -> Floats:
        """Share of each period that has passed, by days; shape (n_periods,)."""
        passed = (np.minimum(now, self.edges[1:]) - self.edges[:-1]) / np.timedelta64(1, "s")
        return np.clip(passed / (np.diff(self.edges) / np.timedelta64(1, "s")), 0.0, 1.0)


def _span(label: object) -> tuple[np.datetime64, np.datetime64]:
    """First moment of a period, and that after its last."""
    try:
        period = pd.Period(str(label))
    except ValueError:
        period = None
    is_known = (
        period is not None and period.freqstr[:1] in ("M", "Q", "Y", "A") and 1900 <= period.year <= 2200
    )
    if period is None or not is_known:
        raise TargetError(f"plan: {label!r} is no month, quarter or year; write 2026-07, 2026-Q3 or 2026")
    start, end = period.start_time, (period + 1).start_time
    return start.to_datetime64().astype("datetime64[s]"), end.to_datetime64().astype("datetime64[s]")
