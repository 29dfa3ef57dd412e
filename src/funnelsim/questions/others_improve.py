"""If the other 80 % improved by 30 %: the answer by rule of three, and the one with luck and time in it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.choose import EngineName
from funnelsim.engines.protocol import Engine
from funnelsim.nouns.classes import word
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Measure, over_draws
from funnelsim.nouns.levers.classes import OutsideTop, expected_wins
from funnelsim.nouns.levers.protocol import LeverError
from funnelsim.nouns.levers.rates import Conversion
from funnelsim.nouns.table import told
from funnelsim.questions.situation import Situation
from funnelsim.vocabulary.display import PERCENT, POINTS
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.pipeline import Pipeline

_DAYS_A_YEAR = 365.25


@checked
def others_improve(
    funnel: Funnel,
    pipeline: Pipeline,
    *,
    target: float,
    by: float = 0.3,
    top: float = 0.2,
    attribute: str = "owner",
    measure: Measure | None = None,
    periods: str | Sequence[object] = "4Q",
    fiscal_start_month: int = 1,
    engine: Engine | EngineName = "auto",
    seed: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """What it would bring if all but the best improved: naively, and as forecast.

    Parameters
    ----------
    funnel : Funnel
        Fitted with ``classes=attribute``.
    pipeline : Pipeline
        With the wins of the last twelve months.
    target : float
    by : float
        By how much the others improve: 0.3 multiplies the odds of every step forward by 1.3.
    top : float
        Share of them, by number, that count as the best.
    attribute : str
    measure, periods, fiscal_start_month, engine, seed
        As in :func:`funnelsim.compare_levers`.

    Returns
    -------
    DataFrame
        Rows "rule of three" and "forecast". ``share_of_best``: of the results (of last year as recorded; of
        the wins expected of new deals, differences by luck shrunk); ``gain`` over all periods with
        ``gain_se``, in the unit of the forecast; ``change_of_chance`` with ``change_se`` (0.1: ten points).
        The rule of three has no error to show: it is one number, the results of the others times `by`, scaled
        to the length of the periods.

    Raises
    ------
    LeverError
        If the funnel does not tell deals apart by the attribute, no win tells it, or `by` is no share.

    Notes
    -----
    The rule of three takes last year's ranking for skill, though some of the best were lucky; it takes
    results to rise by as much as each step, though odds multiply along the steps; and it takes them to rise
    at once, though open deals and long cycles hold them back.
    """
    if isinstance(by, bool) or not isinstance(by, Real) or not 0 < float(by) <= 10:
        raise LeverError(f"by={by!r} must be a share above 0, such as 0.3 for 30 %")
    lever = OutsideTop(Conversion(1.0 + float(by)), top, attribute)
    situation = Situation(funnel, pipeline, target, measure, periods, fiscal_start_month, engine, seed)
    outlook = situation.under(lever)
    change = situation.change_of_chance(outlook)
    gain = over_draws(outlook.law().mean_by_draw() - situation.base.law().mean_by_draw())
    wins, others = expected_wins(funnel, attribute)[0], lever.others(funnel)
    assert funnel.classes is not None  # as the lever has checked
    is_best = np.array([label not in others for label in funnel.classes.labels])
    results, n_best = _results(pipeline, attribute, top, situation.base.measure, funnel)
    steps_ahead = int(situation.base.periods.steps_ahead[-1])
    ahead = funnel.clock.start_of(np.array([steps_ahead])) - funnel.clock.start_of(np.array([0]))
    years = float(ahead[0] / np.timedelta64(1, "D")) / _DAYS_A_YEAR
    rows = {
        "rule of three": {
            "share_of_best": float(results[:n_best].sum() / results.sum()),
            "gain": float(by) * float(results[n_best:].sum()) * years,
            "gain_se": np.nan,
            "change_of_chance": np.nan,
            "change_se": np.nan,
        },
        "forecast": {
            "share_of_best": float(wins[is_best].sum() / wins.sum()),
            "gain": gain.value,
            "gain_se": gain.standard_error,
            "change_of_chance": change.value,
            "change_se": change.standard_error,
        },
    }
    units = {"share_of_best": PERCENT, "change_of_chance": POINTS, "change": POINTS}
    units["gain"] = situation.base.unit if situation.base.is_money else "wins"
    return told(
        pd.DataFrame.from_dict(rows, orient="index").rename_axis("answer"), units, {"forecast": "as forecast"}
    )


def _results(
    pipeline: Pipeline, attribute: str, top: float, measure: Measure, funnel: Funnel
) -> tuple[npt.NDArray[np.float64], int]:
    """Results of last year by value of the attribute, largest first, and how many count as the best."""
    named = pipeline.won_attributes.get(attribute)
    if named is None or not len(named):
        raise LeverError(f"no win of the last twelve months tells its {attribute!r}")
    mean = 1.0 if funnel.amounts is None else funnel.amounts.mean
    worth = np.where(np.isnan(pipeline.won_amount), mean, pipeline.won_amount)
    worth = np.ones(len(named)) if measure == "wins" else worth
    by_value = pd.Series(worth).groupby([word(value) for value in named]).sum().sort_values(ascending=False)
    if not by_value.sum() > 0:
        raise LeverError("the wins of the last twelve months are worth nothing: ask with measure='wins'")
    return np.asarray(by_value, dtype=np.float64), int(np.ceil(top * len(by_value)))
