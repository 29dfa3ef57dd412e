"""Units, ticks and words of a forecast, the same in every picture."""

from __future__ import annotations

from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import readable
from funnelsim.nouns.forecast import Forecast


def scale_of(forecast: Forecast) -> style.Scale:
    """Units fit for what is forecast; for the target where nothing is."""
    is_money = forecast.is_money
    largest = float(forecast.quantile(0.975)) or forecast.target or 0.0
    return style.Scale.of(largest, readable(forecast.unit) if is_money else "wins", is_count=not is_money)


def span_in_words(forecast: Forecast) -> str:
    first, last = (style.plain(forecast.periods.labels[i]) for i in (0, -1))
    return f"in {first}" if first == last else f"from {first.split(' to ')[0]} to {last.split(' to ')[-1]}"


def amount_ticks(axis: Axis, scale: style.Scale) -> None:
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=scale.unit == "wins"))
    axis.set_major_formatter(scale.tick)
