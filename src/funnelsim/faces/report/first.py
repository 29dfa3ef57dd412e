"""The first screen: chance, range, what has changed, which lever first, and whether it can be believed."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from funnelsim.faces.plots.fan import plot_fan
from funnelsim.faces.plots.units import scale_of
from funnelsim.faces.report.parts import (
    Answer,
    Drawing,
    FirstScreen,
    amount,
    chance_said,
    name,
    points,
    span,
)
from funnelsim.faces.report.sections_since import (
    came_in,
    in_both,
    is_noise,
    most_of_it,
    moved_points,
    not_compared,
    signed,
    target_answered,
    window_name,
    within_noise,
)
from funnelsim.faces.tables import number, percent
from funnelsim.nouns.forecast import FROM_CUTOFF_NOTE
from funnelsim.questions.backtest.result import Backtest
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

_FEW_CELLS = 4  # of fewer no share says anything
_LONGEST_LEVER = 90  # letters: two lines of a card
_CLEAR = 2.0  # standard errors from no change at all


def first_screen(told: Told) -> FirstScreen:
    """The five answers, and the fan beside them."""
    outlook = told.outlook
    asked = tr(f"{outlook.measure} in {span(outlook.periods.labels)}, known up to {told.as_of}")
    answers = (_chance(told), _range(told), _changed(told), _first_lever(told), _belief(told))
    return FirstScreen(asked, answers, Drawing("fan", tr("Range by period"), plot_fan, outlook))


def _chance(told: Told) -> Answer:
    outlook, question = told.outlook, tr("Chance of the target")
    if outlook.target is None:
        text = tr("No target was given, so there is no chance of one.")
        return Answer("chance", question, "–", (text,))
    chance = outlook.chance()
    error = number(100 * chance.standard_error, decimals=1)
    asked = amount(outlook, outlook.target)
    text = tr(f"Chance of {asked} or more: {percent(chance.value)} ± {error} points (one standard error).")
    figure = _short_percent(chance.value)
    if outlook.target <= outlook.realised:
        figure, text = "100 %", tr("The target is already reached.")
    elif figure.startswith("<"):
        text = tr(
            f"Chance of {asked} or more: below 0.1 %, as good as none; so small a chance is shown without ±."
        )
    elif figure.startswith(">"):
        text = tr(f"Chance of {asked} or more: above 99.9 %, as good as certain; so it is shown without ±.")
    return Answer("chance", question, figure, (text,), chance.value)


def _short_percent(chance: float) -> str:
    """A chance as people say it: whole, unless it is close to never or always."""
    if 0.005 <= chance < 0.995:
        return f"{100 * chance:.0f} %"
    if 0.0005 <= chance < 0.9995:
        return f"{100 * chance:.1f} %"
    return "< 0.1 %" if chance < 0.5 else "> 99.9 %"


def _range(told: Told) -> Answer:
    outlook, scale = told.outlook, scale_of(told.outlook)
    low, middle, high = outlook.quantile([0.1, 0.5, 0.9]).tolist()
    texts = [
        tr(
            f"In four futures out of five the total lies between {number(low)} and {amount(outlook, high)}; "
            f"the median is {amount(outlook, middle)}."
        )
    ]
    if outlook.realised:
        texts.append(tr(f"Of that {amount(outlook, outlook.realised)} are realised already."))
    if told.history is not None and not (told.history.deals["outcome"] == "won").any():
        texts.append(tr("No deal has been won yet: wins are counted, for what they bring is not known."))
    is_running = outlook.periods.edges[0] <= outlook.periods.cutoff_step
    if outlook.measure == "cash" and is_running and FROM_CUTOFF_NOTE in outlook.notes:
        texts.append(tr(f"What was paid up to {told.as_of} is not known and not counted."))
    return Answer("range", tr("Range"), scale.span(low, high), tuple(texts))


def _changed(told: Told) -> Answer:
    since, question = told.since, tr("What has changed")
    if since is None:
        text = tr("No last report was given to compare with.")
        return Answer("changed", question, "–", (text,))
    if since.moved is None:
        ended, target = since.ended, since.last.target
        figure = "–"
        if ended is not None and ended.came is not None and target is not None:
            when = window_name(ended)
            figure = tr(f"{when}: target reached") if ended.came >= target else tr(f"{when}: target missed")
        return Answer(
            "changed", question, figure, (*not_compared(told), *target_answered(told), *_came_first(told))
        )
    change, error = since.moved, since.moved_error
    figure, texts = signed(told, since.moved, since.moved_error), []
    if since.was is not None and since.is_now is not None:
        change, error = since.is_now - since.was, since.chance_error
        figure = tr(f"{moved_points(since)} points")
        if not since.is_same_window:  # no change of the chance that stands above: of that of the last report
            figure = f"{_short_percent(since.was)} → {_short_percent(since.is_now)}"
        texts.append(_chances(told, since.was, since.is_now))
    if change and is_noise(change, error):
        texts.append(within_noise())
    elif error is None:
        texts.append(tr("Without ±: the last report, of an earlier version, hands on none."))
    if since.is_same_window:
        texts.append(tr(f"The median has moved by {signed(told, since.moved, since.moved_error)}."))
    else:
        texts += [*([] if texts else [in_both(told)]), *_came_first(told)]
    return Answer("changed", question, figure, (*texts, *most_of_it(told)))


def _chances(told: Told, was: float, is_now: float) -> str:
    """The chance of the last report's target then and now."""
    assert told.previous is not None
    last, outlook = told.previous, told.outlook
    is_same = told.since is None or told.since.is_same_window
    if last.target is None or (is_same and last.target == outlook.target):
        when = f" (of {last.as_of})" if last.as_of else ""
        return tr(
            f"The chance of the target was {chance_said(was)} in the last report{when}, "
            f"and is {chance_said(is_now)} now."
        )
    old = amount(outlook, last.target)
    if not is_same:
        return tr(
            f"The last report's target, {old} in {last.window}, had a chance of {chance_said(was)}; with "
            f"what has come since, it has {chance_said(is_now)}."
        )
    if outlook.target is None:
        return tr(
            f"No target is given now. That of the last report, {old}, had a chance of {chance_said(was)}; "
            f"now it has {chance_said(is_now)}."
        )
    return tr(
        f"The target is another one. That of the last report, {old}, had a chance of {chance_said(was)}; "
        f"now it has {chance_said(is_now)}."
    )


def _came_first(told: Told) -> list[str]:
    """What came in the latest period of the last report that is over."""
    assert told.since is not None
    over = [one for one in told.since.periods if one.kind == "over" and one.came is not None]
    return [came_in(told, one) for one in over[-1:]]


def _first_lever(told: Told) -> Answer:
    question, comparison = tr("Which lever first"), told.comparison
    if comparison is None or not comparison.levers:
        text = tr("No levers were compared.")
        return Answer("lever", question, "–", (text,))
    effects = [comparison.effect(i) for i in range(len(comparison.levers))]
    ranked = sorted(range(len(effects)), key=lambda i: -effects[i].value)
    best = effects[ranked[0]]
    if best.value <= max(_CLEAR * best.standard_error, 0.0005):
        text = tr("None of the levers compared clearly raises the chance of the target.")
        return Answer("lever", question, "–", (text,))
    first = name(comparison.levers[ranked[0]].name, _LONGEST_LEVER)
    gain, error = (number(100 * one, decimals=1) for one in (best.value, best.standard_error))
    texts = [tr(f"Of the levers compared, the chance gains most from: {first} (+{gain} ± {error} points).")]
    if len(ranked) > 1:
        second = effects[ranked[1]]
        doubt = number(100 * second.standard_error, decimals=1)
        after = name(comparison.levers[ranked[1]].name, _LONGEST_LEVER)
        then = tr(f"{after} ({points(second.value)} ± {doubt} points)")
        texts.append(tr(f"Then: {then}."))
    return Answer("lever", question, tr(f"{points(best.value)} points"), tuple(texts))


def _belief(told: Told) -> Answer:
    question = tr("Can it be believed?")
    if not isinstance(told.test, Backtest):
        text = told.test or "Whether such ranges held in the past was not checked."
        return Answer("belief", question, tr("not checked"), (tr(text),))
    share, low, high, n_cells = told.held
    figure = tr(f"{round(share * n_cells)} of {n_cells} ranges held")
    if told.test.measure != told.outlook.measure:  # a headline that others will quote alone
        figure = tr(f"{round(share * n_cells)} of {n_cells} ranges of {told.test.measure} held")
    should = _should_hold(told, told.test, percent(share, decimals=0))
    texts = (should, *checked_instead(told), judgement(low, high, n_cells), *off_by(told.test))
    return Answer("belief", question, figure, texts)


def _should_hold(told: Told, test: Backtest, share: str) -> str:
    """What share of ranges held, and how far ahead, where the headline reaches further than was checked."""
    cells = test.cells.query("part == 'total' and window == 'period' and method == 'funnelsim'")
    n_ahead = int(cells["ahead"].max())
    if n_ahead >= len(told.outlook.periods):
        return tr(f"Of 80 % ranges four in five should hold; of those at past dates {share} did.")
    if n_ahead == 1:
        return tr(f"Of 80 % ranges four in five should hold; one period ahead {share} did.")
    return tr(f"Of 80 % ranges four in five should hold; up to {n_ahead} periods ahead {share} did.")


def checked_instead(told: Told) -> list[str]:
    """What was checked, where that is not what is forecast: no past payments are, say."""
    asked = told.outlook.measure
    if not isinstance(told.test, Backtest) or told.test.measure == asked:
        return []
    return [tr(f"Checked were ranges of {told.test.measure}; whether those of {asked} hold was not.")]


def judgement(low: float, high: float, n_cells: int) -> str:
    """What the share of 80 % ranges that held says to somebody who has to decide.

    Parameters
    ----------
    low, high : float
        Interval of that share.
    n_cells : int
    """
    if n_cells < _FEW_CELLS or low != low:
        return tr("Too few past forecasts have ended to tell.")
    if high < 0.8:
        return tr("That is less than chance explains: past ranges were too narrow, and these may be, too.")
    if low > 0.8:
        return tr("That is more than chance explains: past ranges were wider than needed.")
    lowest, highest = (percent(share, decimals=0) for share in (low, high))
    return tr(
        f"Chance may explain the difference, but {n_cells} checks tell little: between {lowest} and "
        f"{highest} of such ranges may hold."
    )


def off_by(test: Backtest) -> list[str]:
    """Whether past forecasts were too high or too low on the whole, and between what that may lie."""
    scores = test.scores().query("part == 'total' and window == 'period' and method == 'funnelsim'")
    row = scores[scores["measure"] == test.measure].iloc[0]
    bias, low, high = (float(row[column]) for column in ("bias", "bias_low", "bias_high"))
    if bias != bias:
        return []
    size = percent(abs(bias), decimals=0)
    may_be = tr("too few dates for a range")
    if isfinite(low) and isfinite(high):
        least, most = (low, high) if bias > 0 else (-high, -low)
        may_be = f"{percent(least, decimals=0)} {tr('to')} {percent(most, decimals=0)}"
    if bias > 0:
        return [tr(f"On average {size} too much was expected ({may_be}); not corrected.")]
    return [tr(f"On average {size} too little was expected ({may_be}); not corrected.")]
