"""Facts for programs: what every JSON result says, and the parts that several results share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from funnelsim.faces.cli.failures import as_options

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.forecast import Forecast
    from funnelsim.nouns.history import DealHistory
    from funnelsim.vocabulary.estimate import Estimate


def heading(command: str, files: Sequence[str]) -> dict[str, object]:
    """The command, the version and the records behind a result; without files the embedded sample."""
    from funnelsim import __version__

    return {
        "command": command,
        "version": __version__,
        "source": list(files) or "embedded sample",
    }


def record_facts(history: DealHistory) -> dict[str, object]:
    """The records: counts, window, clock, issues by rule."""
    counts = history.deals["outcome"].value_counts()
    return {
        "cutoff": history.cutoff,
        "window_start": history.window_start,
        "arrivals_until": history.arrivals_until,
        "step": history.clock.step,
        "unit": history.unit,
        "deals": {kind: int(counts.get(kind, 0)) for kind in ("won", "lost", "open")},
        "stages": list(history.stages.names[: history.stages.n_open]),
        "outcomes": list(history.stages.names[history.stages.n_open :]),
        "issue_summary": in_option_words(history.issue_summary()),
    }


def in_option_words(found: pd.DataFrame) -> pd.DataFrame:
    """Issues or faults whose messages speak of options instead of Python's keywords."""
    return found.assign(message=found["message"].map(as_options))


def outlook_facts(outlook: Forecast) -> dict[str, object]:
    """A forecast: how it was made, chance, total and periods, the classical figures, notes."""
    from funnelsim.nouns.forecast import JOINT_NOTE

    table = outlook.table().reset_index()
    table = table.drop(columns=[figure.label for figure in outlook.classical if figure.label in table])
    *periods, total = table.to_dict("records")
    figures = outlook.classical if outlook.measure == "bookings" else ()  # their formula counts bookings
    return {
        "engine": outlook.engine,
        "seed": outlook.seed,
        "futures": outlook.n_futures,
        "draws": outlook.n_draws,
        "measure": outlook.measure,
        "units": units(outlook),
        "target": outlook.target,
        "chance": None if outlook.target is None else estimate_facts(outlook.chance()),
        "total": total,
        "periods": periods,
        "classical": [_classical(outlook, i) for i in range(len(figures))],
        "people": None if outlook.capacity is None else outlook.capacity.table().reset_index(),
        "notes": [JOINT_NOTE, *map(as_options, outlook.notes)],
    }


def units(outlook: Forecast) -> Mapping[str, str]:
    """Units of the figures."""
    figures = outlook.unit if outlook.is_money else "deals"
    return {"figures": figures, "chance": "share of 1", "age_steps": "steps of the clock"}


def estimate_facts(estimate: Estimate) -> Mapping[str, float]:
    """A value and its standard error."""
    return {"value": estimate.value, "standard_error": estimate.standard_error}


def _classical(outlook: Forecast, index: int) -> Mapping[str, object]:
    figure = outlook.classical[index]
    low, high = figure.interval80
    return {
        "label": figure.label,
        "figure": figure.figure,
        "coin_flip_p10": low,
        "coin_flip_p90": high,
        "formula": figure.formula,
    }
