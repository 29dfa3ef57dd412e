"""Facts of a report: the figures it hands on to the next one, as one line of text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np

from funnelsim.faces.report.parts import span
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.clock import Clock

_FIGURES = ("p10", "p50", "p90", "target", "chance")
_WORDS = ("as_of", "measure", "unit", "window")
_MOST_PERIODS = 60  # with what is left from each on; a file carries no more
_LONGEST_LABEL = 80
_DIGITS = 10  # more than anybody reads; each counts in a property of a workbook


@dataclass(frozen=True)
class Span:
    """The range of one window of a forecast, from its joint law.

    Parameters
    ----------
    label : str
    start, end : str
        The first moment, and the first after the last, in ISO form.
    p10, p50, p90 : float
    """

    label: str
    start: str
    end: str
    p10: float
    p50: float
    p90: float

    def __post_init__(self) -> None:
        if not all(isinstance(word, str) for word in (self.label, self.start, self.end)):
            raise ValueError("no words of a window")
        if not all(map(_is_figure, (self.p10, self.p50, self.p90))) or len(self.label) > _LONGEST_LABEL:
            raise ValueError("no figures of a window")
        if datetime.fromisoformat(self.start) >= datetime.fromisoformat(self.end):
            raise ValueError("a window that ends before it begins")


@dataclass(frozen=True)
class Facts:
    """The figures of one report, and what was asked. Words are empty where a report did not hand them on.

    Parameters
    ----------
    p50 : float
    p10, p90, target, chance : float, optional
    as_of, measure, unit, window : str
    spans : tuple of Span
        Each period, then from each one but the last on all that is left.
    """

    p50: float
    p10: float | None = None
    p90: float | None = None
    target: float | None = None
    chance: float | None = None
    as_of: str = ""
    measure: str = ""
    unit: str = ""
    window: str = ""
    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, outlook: Forecast, clock: Clock) -> Facts:
        """Those of a forecast."""
        low, middle, high = outlook.quantile([0.1, 0.5, 0.9]).tolist()
        return cls(
            p10=low, p50=middle, p90=high, as_of=last_day(clock, outlook.periods.cutoff_step),
            target=outlook.target, chance=None if outlook.target is None else outlook.chance().value,
            measure=outlook.measure, unit=outlook.unit,
            window=span(outlook.periods.labels), spans=_spans(outlook, clock),
        )  # fmt: skip

    @classmethod
    def read(cls, facts: object) -> Facts:
        """Those of a report as somebody may have edited it since.

        Raises
        ------
        ValueError
            If no report can have written them.
        """
        if not isinstance(facts, Mapping) or "p50" not in facts:
            raise ValueError("no figures of a report")
        figures = {key: facts[key] for key in _FIGURES if facts.get(key) is not None}
        words = {key: facts[key] for key in _WORDS if key in facts}
        is_chance = "chance" not in figures or _is_figure(figures["chance"])
        if not is_chance or not -1e-9 <= figures.get("chance", 0.0) <= 1.0 + 1e-9:
            raise ValueError("no chance")
        if not all(map(_is_figure, figures.values())) or not all(isinstance(w, str) for w in words.values()):
            raise ValueError("not what a report writes")
        if words.get("as_of"):
            datetime.fromisoformat(words["as_of"])
        spans = facts.get("spans", [])
        if not isinstance(spans, list) or not all(isinstance(one, list) and len(one) == 6 for one in spans):
            raise ValueError("no windows")
        return cls(**figures, **words, spans=tuple(Span(*one) for one in spans[: 2 * _MOST_PERIODS]))

    def text(self) -> str:
        """All of it as one line of ASCII, that every kind of file carries."""
        told = {key.name: getattr(self, key.name) for key in fields(self)}
        told["spans"] = [[getattr(one, key.name) for key in fields(Span)] for one in self.spans]
        return json.dumps({key: value for key, value in told.items() if value is not None}, sort_keys=True)


def last_day(clock: Clock, cutoff_step: int) -> str:
    """The last day that is known."""
    after = clock.start_of(np.array([cutoff_step + 1]))[0]
    return str(np.datetime_as_string(after - np.timedelta64(1, "us"), unit="D"))


def edges_of(outlook: Forecast, clock: Clock) -> list[str]:
    """When the periods begin, and when the last ends."""
    return [_moment(edge) for edge in clock.start_of(outlook.periods.edges)]


def _spans(outlook: Forecast, clock: Clock) -> tuple[Span, ...]:
    edges, labels, n = edges_of(outlook, clock), outlook.periods.labels, len(outlook.periods)
    windows = [slice(i, i + 1) for i in range(n)][:_MOST_PERIODS]
    windows += [slice(i, n) for i in range(n - 1)][: _MOST_PERIODS if n <= _MOST_PERIODS else 1]
    return tuple(
        Span(
            span(labels[window])[:_LONGEST_LABEL],
            edges[window.start],
            edges[window.stop],
            *(float(f"{q:.{_DIGITS}g}") for q in outlook.quantile([0.1, 0.5, 0.9], window=window)),
        )
        for window in windows
    )


def _moment(edge: np.datetime64) -> str:
    text = str(np.datetime_as_string(edge, unit="s"))
    return text.removesuffix("T00:00:00")


def _is_figure(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)
