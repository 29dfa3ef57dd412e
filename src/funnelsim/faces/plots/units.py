"""Units, ticks and words of a forecast, the same in every picture."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.dates as mdates
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import readable
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import language, tr

_CHINESE_DATES = ["%Y年", "%m月", "%m-%d", "%H:%M", "%H:%M", "%S.%f"]


def scale_of(forecast: Forecast) -> style.Scale:
    """Units fit for what is forecast; for the target where nothing is."""
    is_money = forecast.is_money
    largest = float(forecast.quantile(0.975)) or forecast.target or 0.0
    return style.Scale.of(largest, readable(forecast.unit) if is_money else "wins", is_count=not is_money)


def period_name(label: object) -> str:
    """The name of a period, on one line; a span of two dates in the language spoken."""
    return style.plain(label).replace(" to ", f" {tr('to')} ")


def tick_names(labels: Sequence[str]) -> list[str]:
    """Names of periods for an axis; spans of two dates on two lines."""
    names = [style.shorten(period_name(label), 24) for label in labels]
    return [name.replace(" to ", " to\n").replace(" 至 ", " 至\n") for name in names]


def during(what: str, forecast: Forecast) -> str:
    """What is shown, and over which periods."""
    first, last = (style.plain(forecast.periods.labels[i]) for i in (0, -1))
    start, end = first.split(" to ")[0], last.split(" to ")[-1]
    if language() == "zh":
        when = first if first == last else f"{start} 至 {end}"
        return f"{period_name(when)} {tr(what)}"
    return f"{what} in {first}" if start == end else f"{what} from {start} to {end}"


def amount_ticks(axis: Axis, scale: style.Scale) -> None:
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=scale.unit == "wins"))
    axis.set_major_formatter(scale.tick)


def date_ticks(axis: Axis, n_most: int) -> None:
    """Ticks at dates, as few as fit."""
    locator = mdates.AutoDateLocator(minticks=3, maxticks=n_most)  # type: ignore[no-untyped-call]
    locator.intervald[mdates.MONTHLY] = [1, 2, 3, 4, 6, 12]  # or two years on a small picture would warn
    own = (
        {"formats": _CHINESE_DATES, "zero_formats": ["", *_CHINESE_DATES[:-1]]} if language() == "zh" else {}
    )
    formatter = mdates.ConciseDateFormatter(locator, show_offset=False, **own)  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(formatter)


def steps(step: str) -> str:
    """Several steps of a clock: "days"."""
    return f"{step}s" if language() == "en" else tr(step)
