"""The chance that a forecast reaches an amount, as a curve over amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from funnelsim.faces.plots import style
from funnelsim.faces.plots.sheet import Entry, Sheet, line_height, share_of_width, spoken
from funnelsim.faces.plots.units import amount_ticks, during, scale_of
from funnelsim.nouns.forecast import Forecast
from funnelsim.vocabulary.language import Language, tr

Floats = npt.NDArray[np.float64]
_MOST_CURVE_POINTS = 400


@dataclass(frozen=True, eq=False)
class _Curve:
    """Chance that the total reaches each amount, with its standard error (nan from a single draw)."""

    amounts: Floats
    chance: Floats
    error: Floats

    @classmethod
    def of(cls, forecast: Forecast) -> _Curve:
        law = forecast.law()
        amounts = law.quantile(np.linspace(0.0, 1.0, _MOST_CURVE_POINTS))
        amounts = np.unique(np.round(amounts) if forecast.measure == "wins" else amounts)
        chances = np.array([law.chance_by_draw(amount) for amount in amounts.tolist()])
        error = np.full(len(amounts), np.nan)
        if forecast.n_draws > 1:
            error = chances.std(axis=1, ddof=1) / np.sqrt(forecast.n_draws)
        return cls(amounts, chances.mean(axis=1), error)

    def at(self, amount: float) -> float:
        """Chance of reaching an amount, from the curve as it is drawn."""
        i = np.searchsorted(self.amounts, amount, side="left")
        return float(self.chance[i]) if i < len(self.amounts) else 0.0


@dataclass(frozen=True)
class _Mark:
    """A point on the curve, with the range of what was estimated and words for it."""

    amount: float
    chance: float
    text: str
    colour: str


@spoken
def plot_chance(forecast: Forecast, *, ax: Axes | None = None, lang: Language | None = None) -> Axes:
    """Chance that the total of all periods reaches an amount, over the amounts.

    Parameters
    ----------
    forecast : Forecast
    ax : Axes, optional
        A new pyplot figure by default.
    lang : {"en", "zh"}, optional
        Language of the words; the one spoken now by default (:func:`funnelsim.use_language`).

    Returns
    -------
    Axes
        Its label, ``ax.get_label()``, is the alt text: the numbers in one sentence.
        The curve with a band of one standard error (simulation and finite parameter draws); the amounts
        reached with chances of 90, 80 and 50 %, each with the range that the band leaves it; the target with
        its chance.
    """
    sheet, curve = Sheet.on(ax), _Curve.of(forecast)
    scale = scale_of(forecast)
    entries = _chance_curve(sheet, curve)
    marks, ranges = _sure_amounts(sheet, forecast, scale)
    _amount_limits(sheet, forecast, curve, scale)
    if forecast.target is not None:
        marks.append(_target_mark(sheet, forecast, scale))
    _write_marks(sheet, curve, marks)
    what = during(forecast.measure, forecast)
    n_lines = sheet.axis_names(scale.axis(what), "chance of reaching it")
    amount_ticks(sheet.ax.xaxis, scale)
    sheet.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    many = forecast.measure in ("bookings", "wins")
    head = f"Chance that {what} reach an amount" if many else f"Chance that {what} reaches an amount"
    sheet.title(head)
    sheet.legend(entries, lines_above=n_lines + 1)
    words = [*ranges, *(mark.text.replace("：\n", "：").replace("\n", " ") for mark in marks[3:])]
    return sheet.finish(style.sentence(style.joined(":", [tr(head), style.joined(";", words)])))


def _chance_curve(sheet: Sheet, curve: _Curve) -> list[Entry]:
    amounts = np.concatenate([[curve.amounts[0]], curve.amounts, [curve.amounts[-1]]])
    chance, error = (
        np.concatenate([[at], values, [0.0]]) for at, values in ((1.0, curve.chance), (0.0, curve.error))
    )
    entries: list[Entry] = []
    (line,) = sheet.ax.plot(
        amounts, chance, color=style.BLUE, linewidth=1.8, drawstyle="steps-pre", label="chance"
    )
    entries.append((line, "chance"))
    if not np.isnan(error).any():
        text = "± one standard error (SE)"
        band = sheet.ax.fill_between(
            amounts, np.maximum(chance - error, 0), np.minimum(chance + error, 1),
            step="pre", color=style.tint(style.BLUE, 0.35), linewidth=0, label=text,
        )  # fmt: skip
        entries.append((band, text))
    return entries


def _sure_amounts(sheet: Sheet, forecast: Forecast, scale: style.Scale) -> tuple[list[_Mark], list[str]]:
    """Mark the amounts reached with 90, 80 and 50 %; gives the marks and full words for each."""
    marks, words = [], []
    for share in (0.9, 0.8, 0.5):
        amount = float(forecast.quantile(1 - share))
        error = forecast.chance(amount).standard_error
        text = f"{100 * share:.0f} %: {scale.text(amount)}"
        sheet.ax.plot(
            [amount],
            [share],
            "o",
            color=style.BLUE,
            markersize=5,
            zorder=6,
            clip_on=False,
            label=f"{100 * share:.0f} %",
        )
        full = text
        if np.isfinite(error):
            low, high = forecast.quantile([max(1 - share - error, 0.0), min(1 - share + error, 1.0)])
            sheet.ax.plot([low, high], [share] * 2, color=style.BLUE, linewidth=1.2, zorder=6)
            full = text + style.aside(scale.range(low, high))
        marks.append(_Mark(amount, share, text if sheet.is_small else full, style.INK))
        words.append(full)
    return marks, words


def _amount_limits(sheet: Sheet, forecast: Forecast, curve: _Curve, scale: style.Scale) -> None:
    """All but the far tails, and the target when it is not far off."""
    low, high = (float(limit) for limit in forecast.quantile([0.002, 0.998]))
    span = (high - low) or max(0.1 * abs(high), scale.factor)
    low, high = max(low - 0.08 * span, min(0.0, low)), high + 0.12 * span
    target = forecast.target
    if target is not None and (low - span < target < high + span or high <= span):
        low, high = min(low, target), max(high, target)
        low, high = low - (low == target) * 0.05 * (high - low), high + (high == target) * 0.05 * (high - low)
    ax = sheet.ax
    ax.set_xlim(low, high)
    is_sure = target is not None and forecast.chance(target).value > 0.9
    # Words for a sure target stand on top.
    ax.set_ylim(0, 1 / (1 - 2.6 * line_height(sheet)) if is_sure else 1.06)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.plot([low, curve.amounts[0]], [1, 1], color=style.BLUE, linewidth=1.8)
    ax.plot([curve.amounts[-1], max(high, curve.amounts[-1])], [0, 0], color=style.BLUE, linewidth=1.8)
    ax.grid(axis="y", color=style.PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def _target_mark(sheet: Sheet, forecast: Forecast, scale: style.Scale) -> _Mark:
    assert forecast.target is not None
    low, high = sheet.ax.get_xlim()
    chance, target, colour, ax = forecast.chance(), forecast.target, style.VERMILLION, sheet.ax
    text = tr(f"target {scale.text(target)}:\n{style.chance_words(chance, forecast.n_futures)}")
    if sheet.is_small:  # the legend says what ± means
        text = text.replace(" (SE)", "").replace("（标准误）", "")
    if not low <= target <= high:
        arrow = "→" if target > high else "←"
        return _Mark(high if target > high else low, chance.value, f"{arrow} {text}", colour)
    ax.plot([target] * 2, [0, chance.value], color=colour, linewidth=1.5, linestyle=(0, (5, 2)))
    error = 0.0 if np.isnan(chance.standard_error) else 2 * chance.standard_error
    ax.errorbar(
        [target], [chance.value], [[error], [error]], fmt="D", color=colour, capsize=3, markersize=6,
        zorder=7, label="target",
    )  # fmt: skip
    return _Mark(target, chance.value, text, colour)


def _write_marks(sheet: Sheet, curve: _Curve, marks: Sequence[_Mark]) -> None:
    """Words to the right of each mark, a line apart or higher; above the curve if shifted left to fit."""
    low, high = sheet.ax.get_xlim()
    line = line_height(sheet) * sheet.ax.get_ylim()[1]
    free = 0.0
    for mark in sorted(marks, key=lambda mark: mark.chance):
        text, share = mark.text, share_of_width(sheet, mark.text)
        if mark.amount + share * (high - low) > high:
            text = text.replace(" (", "\n(").replace("（", "\n（")
            share = share_of_width(sheet, text)
        half = 0.5 * line * (text.count("\n") + 1)
        x = max(min(mark.amount, high - share * (high - low)), low)
        # The last line is level with the mark: further down the curve would run through the words.
        y = mark.chance + half - 0.5 * line if x == mark.amount else curve.at(x) + half
        y = max(1 + half if mark.chance > 0.9 else y, free + half)
        free = y + half
        sheet.write(x, y, text, color=mark.colour, ha="left", va="center", dx=0.8)
