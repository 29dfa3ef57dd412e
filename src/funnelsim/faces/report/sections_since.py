"""The section of a report on what has changed: what both reports hold, what came, what cannot be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from funnelsim.faces.plots import style
from funnelsim.faces.plots.revision import plot_revision
from funnelsim.faces.plots.units import period_name, scale_of
from funnelsim.faces.report.facts import Facts
from funnelsim.faces.report.parts import (
    Drawing,
    Section,
    Table,
    amount,
    in_unit,
    name,
    points,
    points_with_error,
)
from funnelsim.faces.report.since import Since, Window
from funnelsim.faces.tables import decimals_for, number
from funnelsim.questions.revision import CAUSES, Revision
from funnelsim.vocabulary.language import known, tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

_CLEAR = 2.0  # standard errors from no change at all
_PLUS_MINUS = (
    "± is one standard error of a change, from the computation of both reports; a change within two of them "
    "may come from the computation alone."
)
_NO_ERROR = (
    "The last report comes from an earlier version and hands on no errors: what of a change comes from the "
    "computation alone is not known."
)
_WHOSE = (
    "The last report comes from an earlier version and does not tell of which business it is: see to it that "
    "it is of this one."
)


def changed(told: Told) -> Section | None:
    """What the last report said of each period, what this one says, and why."""
    since = told.since
    if since is None:
        return None
    title = tr("What has changed since the last report")
    texts = [*not_compared(told), *target_answered(told), *_how_sure(told)]
    if since.periods:
        texts.append(tr("Ranges of several periods are those of their total: no ranges are added up."))
    drawings: tuple[Drawing, ...] = ()
    if isinstance(told.why, Revision):
        texts += _why(told, told.why)
        drawings = (Drawing("why", tr("Why the forecast has moved"), plot_revision, told.why),)
    elif told.why:
        texts.append(tr(told.why))
    tables = (_by_window(told),) if since.periods and since.is_same_kind else ()
    return Section("since", title, tuple(texts), drawings, tables)


def _how_sure(told: Told) -> list[str]:
    """What the ± of a change means, or why there is none; and what a last report does not tell."""
    since, now = told.since, told.facts
    assert since is not None
    last, texts = since.last, []
    if since.moved is not None and since.moved_error is not None:
        texts.append(tr(_PLUS_MINUS))
        if last.n_draws is not None and last.n_draws != now.n_draws:
            texts.append(
                tr(
                    f"The last report was computed with {last.n_draws:,} draws of the parameters, this one "
                    f"with {now.n_draws:,}: the fewer, the larger ±."
                )
            )
    elif since.moved is not None:
        texts.append(tr(_NO_ERROR))
    if not last.stages:
        texts.append(tr(_WHOSE))
    elif bool(last.deals) != bool(now.deals):
        texts.append(
            tr("Only one of the two reports comes from records: see to it that both are of one business.")
        )
    return texts


def _why(told: Told, why: Revision) -> list[str]:
    then, now = (amount(told.outlook, round(float(side.mean().value))) for side in (why.before, why.after))
    moved = signed(told, *why.moved)
    texts = [
        tr(
            f"Why the mean has moved: the forecast of {why.days[0]} is worked out again from the records of "
            f"today, then cause by cause up to {why.days[1]}: from {then} to {now}, {moved}. A cause by "
            "itself has no ±: all rest on the same draws of the rates, so their errors do not add."
        )
    ]
    same = np.array_equal(why.after.periods.edges[[0, -1]], told.outlook.periods.edges[[0, -1]])
    if same and why.after.measure == told.outlook.measure:
        here = amount(told.outlook, round(float(told.outlook.mean().value)))
        texts.append(
            tr(f"The mean of this report, {here}, may differ from that: it is computed in its own way.")
        )
    texts.append(
        tr(
            "Slipped: still in the same stage, so time was lost. New: deals that came, less what had been "
            "expected of them. Model: what the records since have taught about the rates."
        )
    )
    return texts


def _by_window(told: Told) -> Table:
    since, outlook = told.since, told.outlook
    assert since is not None
    windows = list(since.periods)
    if since.joint is not None and since.joint not in windows:
        windows.append(since.joint)
    is_last_joint = len(windows) > len(since.periods)
    decimals = decimals_for([one.then.p90 for one in windows])
    rows = tuple(_row(told, one, decimals) for one in windows)
    titles = (
        tr("period"),
        tr("last report: median (80 % range)"),
        tr("this report: median (80 % range)"),
        tr("what came"),
        tr("median moves by"),
        tr("in words"),
    )
    when = since.last.as_of or "–"
    caption = f"{tr(f'Known up to {when} and up to {told.as_of}')}{in_unit(outlook)}"
    return Table(caption, titles, rows, (5,), last_is_sum=is_last_joint)


def _row(told: Told, window: Window, decimals: int) -> tuple[str, ...]:
    def said(value: float | None) -> str:
        return "–" if value is None else number(value, decimals=decimals)

    def ranged(three: tuple[float, float, float] | None) -> str:
        return "–" if three is None else f"{said(three[1])} ({said(three[0])} – {said(three[2])})"

    then = window.then
    moved = "–" if window.moved is None else _signed(said(window.moved), window.moved)
    if window.moved_error is not None:
        moved = f"{moved} ± {said(window.moved_error)}"
    return (
        window_name(window),
        ranged((then.p10, then.p50, then.p90)),
        ranged(window.now),
        said(window.came),
        moved,
        verdict(window),
    )


def window_name(window: Window) -> str:
    """The name of a window of the last report, whatever it may have been made to be called."""
    return period_name(name(window.then.label))


def verdict(window: Window) -> str:
    """What became of a window since the last report, in words."""
    if window.kind == "apart":
        return tr("not a period of this report")
    if window.moved is not None:
        return tr("not over yet") if window.came is None else tr("partly over: what came and what is ahead")
    if window.came is None:
        return tr("over; what came is not known here")
    if window.came < window.then.p10:
        return tr("over: less than the range")
    return tr("over: more than the range") if window.came > window.then.p90 else tr("over: within the range")


def signed(told: Told, value: float, error: float | None = None) -> str:
    """A change of what is forecast, rounded, with its sign, error and unit; it may be small beside all."""
    scale = _scale(told, [value, error or 0.0])
    return f"{_changed(scale, value, error)} {scale.name}".strip()


def _scale(told: Told, changes: Iterable[float]) -> style.Scale:
    unit = told.outlook.unit if told.outlook.is_money else "wins"
    return style.Scale.of(list(changes), unit, is_count=not told.outlook.is_money)


def _changed(scale: style.Scale, value: float, error: float | None = None) -> str:
    return _signed(scale.number(value) if error is None else scale.with_error(value, error), value)


def moved_points(since: Since) -> str:
    """The change of the chance in points, with its error where both reports know theirs."""
    assert since.was is not None
    assert since.is_now is not None
    change, error = since.is_now - since.was, since.chance_error
    return points(change) if error is None else points_with_error(change, error)


def is_noise(change: float, error: float | None) -> bool:
    """Whether a change is no more than the computations alone may make it."""
    return error is not None and abs(change) <= _CLEAR * error


def within_noise() -> str:
    """What a reader has to know of such a change."""
    return tr("That is no more than the two computations alone may differ by.")


def _signed(text: str, value: float) -> str:
    return f"+{text}" if value > 0 and re.search("[1-9]", text) else text


def in_both(told: Told) -> str:
    """The median of the longest window that both reports hold, then and now."""
    since, scale = told.since, scale_of(told.outlook)
    assert since is not None
    assert since.joint is not None
    assert since.joint.now is not None
    was, is_now = scale.text(since.joint.then.p50), scale.text(since.joint.now[1])
    return tr(f"In {window_name(since.joint)}, which both reports know: median {was} then, {is_now} now.")


def came_in(told: Told, window: Window) -> str:
    """What came in a period that is over, against what was said of it."""
    assert window.came is not None
    then, scale = window.then, scale_of(told.outlook)
    said = scale.span(then.p10, then.p90)
    return tr(f"{window_name(window)} is over: {scale.text(window.came)} came, {said} had been forecast.")


def target_answered(told: Told) -> list[str]:
    """Whether the last report's target was reached, where its periods are over."""
    assert told.since is not None
    last, ended = told.since.last, told.since.ended
    if ended is None or last.target is None:
        return []
    asked, when = amount(told.outlook, last.target), window_name(ended)
    if ended.came is None:
        return [
            tr(
                f"The time of the last report's target, {asked} in {when}, is over; what came is not known "
                "here."
            )
        ]
    came, gap = (
        amount(told.outlook, round(ended.came, 2)),
        amount(told.outlook, round(abs(ended.came - last.target), 2)),
    )
    if ended.came >= last.target:
        return [tr(f"The last report's target, {asked} in {when}, was reached: {came} came, {gap} more.")]
    return [tr(f"The last report's target, {asked} in {when}, was missed: {came} came, {gap} less.")]


def most_of_it(told: Told) -> list[str]:
    """The causes that moved the mean most, in one sentence."""
    if not isinstance(told.why, Revision):
        return []
    change = told.why.table()["change"].loc[[*CAUSES, "model"]]
    most = change.reindex(change.abs().sort_values(ascending=False, kind="stable").index)[:3]
    scale = _scale(told, [*most, *told.why.moved])
    words = [f"{known(str(cause))} {_changed(scale, by)}" for cause, by in most.items() if round(by, 6)]
    unit = style.aside(scale.name) if scale.name else ""
    total = _changed(scale, *told.why.moved)
    said = tr(f"Mean, worked out anew, mainly{unit}: {style.enumerated(words)}; {total} in all.")
    return [said] if words else []


def _asked(facts: Facts) -> str:
    """What a report is about, with its unit: that alone may be what differs."""
    what = tr(f"{facts.measure} in {facts.window}")
    return what + style.aside(facts.unit) if facts.unit and facts.measure != "wins" else what


def not_compared(told: Told) -> list[str]:
    """What of the two reports does not compare, and why."""
    since = told.since
    assert since is not None
    last = since.last
    if not since.is_same_kind:
        asked, here = (_asked(facts) for facts in (last, told.facts))
        return [tr(f"The last report is about {asked}, this one about {here}: nothing is compared.")]
    if since.is_same_window:
        return []
    texts = [
        tr(
            f"The last report was about {last.window}, this one is about {told.facts.window}: their totals "
            "are of different periods and are not compared."
        )
    ]
    if not since.periods:
        texts.append(tr("The last report hands on no figures by period."))
    elif all(one.kind == "over" for one in since.periods):
        texts.append(tr("All periods of the last report are over."))
    elif since.joint is None:
        texts.append(tr("No period that is still ahead is one of both reports."))
    elif since.joint.n_ahead:
        what = window_name(since.joint)
        texts.append(tr(f"Compared is {what}: what has come of it, and the range of the rest."))
    if since.new and since.joint is not None:
        labels = style.enumerated(map(period_name, since.new))
        texts.append(tr(f"The last report said nothing of {labels}."))
    return texts
