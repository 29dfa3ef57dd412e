"""Wording of a report: what engines and backtests say in words of their own, said for readers in finance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funnelsim.faces.plots import style
from funnelsim.faces.tables import percent
from funnelsim.nouns.forecast import JOINT_NOTE
from funnelsim.nouns.shock import Shock
from funnelsim.questions.backtest.result import Backtest
from funnelsim.vocabulary.language import tr

if TYPE_CHECKING:
    from funnelsim.faces.report.content import Told

TOTAL_IS_JOINT = (
    "The range of the total is worked out for all periods together: it is not the sum of their ranges."
)
TOGETHER = "All deals, open ones and those yet to come, are played through together: that gives the range."
_ENDS = (".", "!", "?", "。", "！", "？")


def _is_by_hand(told: Told) -> bool:
    """Whether nothing was counted: neither records now, nor those that the funnel was learnt from."""
    return told.history is None and not told.funnel.origin.startswith("fitted on")


def rates_said(told: Told) -> str:
    """Where the rates come from: counted, or written by hand."""
    if _is_by_hand(told):
        return tr(
            "For every stage somebody has written down how many deals move on, are won or are lost, and "
            "after how long."
        )
    return tr(
        "For every stage it is counted how many deals were there, for how long, and how many then moved on, "
        "were won or were lost; deals still open count for the time they have been there."
    )


def doubt_said(told: Told) -> str:
    """How far the rates are known, and where that shows."""
    if _is_by_hand(told):
        return tr(
            "Rates written down with a weight in deals are drawn many times as so many deals would tell "
            "them, and that doubt is part of every range; rates without a weight are taken as certain."
        )
    return tr(
        "What was counted are estimates: the forecast is made many times with others that the records allow, "
        "and that doubt is part of every range."
    )


def notes_of(told: Told) -> list[str]:
    """Assumptions of the forecast and of the funnel, each once."""
    shock = told.funnel.shock
    said = {JOINT_NOTE: TOTAL_IS_JOINT}
    if shock is not None:
        said[shock.in_words()] = shock_said(shock)
    notes = (*told.outlook.notes, *told.funnel.notes)
    return list(dict.fromkeys(as_sentence(tr(said.get(note, note))) for note in notes))


def as_sentence(note: str) -> str:
    """A note of a forecast or a backtest, which a terminal lists bare, as a sentence of a page."""
    whole = note[:1].upper() + note[1:]
    return whole if whole.endswith(_ENDS) else style.sentence(whole)


def shock_said(shock: Shock) -> str:
    """How far all business moves together, and how that is known."""
    if not any(shock.variances):
        return "Nothing is added for business as a whole going better or worse than the records suggest."
    size = percent(shock.variances[0] ** 0.5, decimals=0)
    if shock.n_origins:
        return (
            f"All business still to be won may go better or worse together, by about {size} (one standard "
            f"deviation), as forecasts at {shock.n_origins} past dates have shown."
        )
    return (
        f"All business still to be won may go better or worse together, by about {size} (one standard "
        "deviation). That is an assumption: it was not measured on past forecasts of this business."
    )


def share_held(told: Told) -> list[str]:
    """How many past ranges held, and how sure that share is; with rivals, how they did."""
    assert isinstance(told.test, Backtest)
    share, low, high, n = told.held
    held, whole = round(share * n), percent(share, decimals=0)
    texts = [tr(f"{held} of {n} past 80 % ranges held ({whole}).")]
    if told.test.measure != told.outlook.measure:
        texts = [tr(f"{held} of {n} past 80 % ranges of {told.test.measure} held ({whole}).")]
    if low == low and high == high:
        bounds = f"{percent(low, decimals=0)[:-2]} to {percent(high, decimals=0)}"
        texts.append(tr(f"So many checks put the true share at {bounds} (90 % interval)."))
    if told.test.cells["method"].nunique() > 1:
        texts.append(tr(told.test.verdict()))
    return texts
