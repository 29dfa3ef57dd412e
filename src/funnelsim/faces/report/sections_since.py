"""The section of a report on what has changed: what both reports hold, what came, what cannot be compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from funnelsim.faces.plots import plot_revision, style
from funnelsim.faces.plots.units import period_name, scale_of
from funnelsim.faces.report.parts import Drawing, Section, Table, in_unit, name
from funnelsim.faces.report.since import Window
from funnelsim.faces.tables import decimals_for, number
from funnelsim.questions.revision import CAUSES, Revision
from funnelsim.vocabulary.language import known, tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told


def changed(told: Told) -> Section | None:
    """What the last report said of each period, what this one says, and why."""
    since = told.since
    if since is None:
        return None
    title = tr("What has changed since the last report")
    texts = not_compared(told)
    if since.periods:
        texts.append(tr("Ranges of several periods are those of their total: no ranges are added up."))
    drawings: tuple[Drawing, ...] = ()
    if isinstance(told.why, Revision):
        texts += _why(told.why)
        drawings = (Drawing("why", tr("Why the forecast has moved"), plot_revision, told.why),)
    elif told.why:
        texts.append(tr(told.why))
    tables = (_by_window(told),) if since.periods and since.is_same_kind else ()
    return Section("since", title, tuple(texts), drawings, tables)


def _why(why: Revision) -> list[str]:
    return [
        tr(
            f"The bars tell why the mean has moved: the forecast of {why.days[0]} is worked out again from "
            f"the records of today, then cause by cause up to {why.days[1]}."
        ),
        tr(
            "Slipped: still in the same stage, so time was lost. New: deals that came, less what had been "
            "expected of them. Model: what the records since have taught about the rates."
        ),
    ]


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


def signed(told: Told, value: float) -> str:
    """A change of what is forecast, rounded, with its sign and unit; it may be small beside the forecast."""
    unit = told.outlook.unit if told.outlook.is_money else "wins"
    scale = style.Scale.of(value, unit, is_count=not told.outlook.is_money)
    return _signed(scale.text(value), value)


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


def most_of_it(told: Told) -> list[str]:
    """The causes that moved the mean most, in one sentence."""
    if not isinstance(told.why, Revision):
        return []
    change = told.why.table()["change"].loc[[*CAUSES, "model"]]
    most = change.reindex(change.abs().sort_values(ascending=False, kind="stable").index)[:2]
    words = [f"{known(str(cause))} {signed(told, float(by))}" for cause, by in most.items() if round(by, 6)]
    return [tr(f"What moved the mean most: {style.enumerated(words)}.")] if words else []


def not_compared(told: Told) -> list[str]:
    """What of the two reports does not compare, and why."""
    since = told.since
    assert since is not None
    last = since.last
    if not since.is_same_kind:
        what = f"{last.measure} in {last.window}"
        asked = tr(what) + style.aside(last.unit) if last.unit else tr(what)
        return [tr(f"The last report asked something else ({asked}), so its figures are not compared.")]
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
    elif since.joint is None:
        texts.append(tr("No period of the one is known to the other."))
    elif since.joint.n_ahead:
        what = window_name(since.joint)
        texts.append(tr(f"Compared is {what}: what has come of it, and the range of the rest."))
    if since.new and since.joint is not None:
        labels = style.enumerated(map(period_name, since.new))
        texts.append(tr(f"The last report said nothing of {labels}."))
    return texts
