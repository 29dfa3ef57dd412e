"""Facts of a report: the figures it hands on to the next one, as one line of text."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np

from funnelsim.faces.report.parts import span
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.questions.targets.attainable import quantiles_with_errors
from funnelsim.vocabulary.clock import Clock

_FIGURES = ("p10", "p50", "p90", "p50_error", "target", "chance", "chance_error", "n_draws", "seed")
_WORDS = ("as_of", "measure", "unit", "window", "stages", "deals")
_MOST_MARKS = 32  # of deals: of two reports that share one deal in five, one mark is found in 999 of 1000
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
    p50_error : float, optional
        Standard error of the median; None where a report did not hand it on.
    """

    label: str
    start: str
    end: str
    p10: float
    p50: float
    p90: float
    p50_error: float | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(word, str) for word in (self.label, self.start, self.end)):
            raise ValueError("no words of a window")
        if not all(map(_is_figure, (self.p10, self.p50, self.p90))) or len(self.label) > _LONGEST_LABEL:
            raise ValueError("no figures of a window")
        if self.p50_error is not None and not _is_error(self.p50_error):
            raise ValueError("no error of a window")
        if datetime.fromisoformat(self.start) >= datetime.fromisoformat(self.end):
            raise ValueError("a window that ends before it begins")


@dataclass(frozen=True)
class Facts:
    """The figures of one report, and what was asked. Words are empty where a report did not hand them on.

    Parameters
    ----------
    p50 : float
    p10, p90, target, chance : float, optional
    p50_error, chance_error : float, optional
        Standard errors of the computation.
    n_draws, seed : int, optional
        With how many draws of the parameters, and from which seed, it was computed.
    as_of, measure, unit, window : str
    stages, deals : str
        Marks of the stages, and of some open deals where records were given: short hashes, no names.
    spans : tuple of Span
        Each period, then from each one but the last on all that is left.
    """

    p50: float
    p10: float | None = None
    p90: float | None = None
    target: float | None = None
    chance: float | None = None
    p50_error: float | None = None
    chance_error: float | None = None
    n_draws: int | None = None
    seed: int | None = None
    as_of: str = ""
    measure: str = ""
    unit: str = ""
    window: str = ""
    stages: str = ""
    deals: str = ""
    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, outlook: Forecast, funnel: Funnel, history: DealHistory | None = None) -> Facts:
        """Those of a forecast; open deals are marked where records stand behind their names."""
        clock = funnel.clock
        low, middle, high = outlook.quantile([0.1, 0.5, 0.9]).tolist()
        chance = None if outlook.target is None else outlook.chance()
        ids = () if history is None else outlook.deals.deal_ids
        return cls(
            p10=low, p50=middle, p90=high, p50_error=median_error(outlook, slice(None)),
            target=outlook.target, chance=None if chance is None else chance.value,
            chance_error=None if chance is None else chance.standard_error,
            n_draws=outlook.n_draws, seed=outlook.seed,
            as_of=last_day(clock, outlook.periods.cutoff_step), measure=outlook.measure, unit=outlook.unit,
            window=span(outlook.periods.labels), spans=_spans(outlook, clock),
            stages=" ".join(sorted(marks_of_stages(funnel))),
            deals=" ".join(sorted(marks(ids))[:_MOST_MARKS]),
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
        if not all(_is_error(figures.get(key, 0.0)) for key in ("p50_error", "chance_error")):
            raise ValueError("no error")
        is_chance = "chance" not in figures or _is_figure(figures["chance"])
        if not is_chance or not -1e-9 <= figures.get("chance", 0.0) <= 1.0 + 1e-9:
            raise ValueError("no chance")
        if not all(map(_is_figure, figures.values())) or not all(isinstance(w, str) for w in words.values()):
            raise ValueError("not what a report writes")
        if words.get("as_of"):
            datetime.fromisoformat(words["as_of"])
        spans = facts.get("spans", [])
        if not isinstance(spans, list) or not all(
            isinstance(one, list) and len(one) in (6, 7) for one in spans
        ):
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


def marks(names: Iterable[object]) -> set[str]:
    """Short hashes of names: who holds the names can tell whether they are the same, nobody reads them."""
    written = (str(one).encode("utf-8", "backslashreplace") for one in names)
    return {hashlib.blake2s(one, digest_size=4).hexdigest() for one in written}


def marks_of_stages(funnel: Funnel) -> set[str]:
    """Marks of the open stages under all their names: a scenario has the same ones in both languages."""
    return marks(name for stage in funnel.stages.open for name in (stage.name, *stage.aliases))


def edges_of(outlook: Forecast, clock: Clock) -> list[str]:
    """When the periods begin, and when the last ends."""
    return [_moment(edge) for edge in clock.start_of(outlook.periods.edges)]


def _spans(outlook: Forecast, clock: Clock) -> tuple[Span, ...]:
    edges, labels, n = edges_of(outlook, clock), outlook.periods.labels, len(outlook.periods)
    windows = [slice(i, i + 1) for i in range(n)][:_MOST_PERIODS]
    windows += [slice(i, n) for i in range(n - 1)][: _MOST_PERIODS if n <= _MOST_PERIODS else 1]
    return tuple(
        _span(outlook, window, edges[window.start], edges[window.stop], labels[window]) for window in windows
    )


def _span(outlook: Forecast, window: slice, start: str, end: str, labels: tuple[str, ...]) -> Span:
    low, middle, high = (_short(q) for q in outlook.quantile([0.1, 0.5, 0.9], window=window))
    error = _short(median_error(outlook, window))
    return Span(span(labels)[:_LONGEST_LABEL], start, end, low, middle, high, error)


def median_error(outlook: Forecast, window: slice) -> float:
    """Standard error of the median of a window."""
    return float(quantiles_with_errors(outlook, np.array([0.5]), window)[1][0])


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _moment(edge: np.datetime64) -> str:
    text = str(np.datetime_as_string(edge, unit="s"))
    return text.removesuffix("T00:00:00")


def _is_error(value: object) -> bool:
    return _is_figure(value) and float(value) >= 0.0  # type: ignore[arg-type]  # a figure is a number


def _is_figure(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)
