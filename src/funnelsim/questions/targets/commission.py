"""Commission in steps: the distribution of what a forecast costs in pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.forecast import Forecast, Window
from funnelsim.nouns.law import Law, over_draws, slack
from funnelsim.nouns.table import told
from funnelsim.questions.targets.parts import chance_of
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.questions.targets.split import TargetSplit
from funnelsim.vocabulary.display import PERCENT
from funnelsim.vocabulary.door import checked

Floats = npt.NDArray[np.float64]
Steps = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class PaySteps:
    """Rates of commission above thresholds.

    Parameters
    ----------
    thresholds, rates : ndarray of shape (n_steps,)
    is_on_whole : bool
        Whether the rate of the highest threshold reached is paid on the whole amount; else each rate is paid
        on what lies above its threshold and below the next.

    Examples
    --------
    >>> steps = PaySteps(np.array([0.0, 100_000.0]), np.array([0.05, 0.07]), is_on_whole=False)
    >>> steps.pay(np.array([50_000.0, 150_000.0])).round(2)
    array([2500., 8500.])
    """

    thresholds: Floats
    rates: Floats
    is_on_whole: bool

    @classmethod
    def of(cls, steps: Steps, *, on_whole: bool) -> PaySteps:
        """Steps as they are written, such as ``((0, 0.05), (100_000, 0.07))``.

        Raises
        ------
        TargetError
            If thresholds do not rise from 0 or more, a rate is negative, or rates on the whole amount fall.
        """
        wrong = (
            f"steps={steps!r}: write a threshold and a rate for each, rising, such as "
            "((0, 0.05), (100_000, 0.07))"
        )
        try:
            pairs = [(threshold, rate) for threshold, rate in steps]
            table = np.array([(float(threshold), float(rate)) for threshold, rate in pairs]).reshape(-1, 2)
        except (TypeError, ValueError, OverflowError) as error:
            raise TargetError(wrong) from error
        thresholds, rates = table.T
        if any(isinstance(value, bool | np.bool_) for pair in pairs for value in pair):
            raise TargetError(wrong)  # True would pay all of the amount
        is_fine = len(table) and thresholds[0] >= 0 and (np.diff(thresholds) > 0).all() and (rates >= 0).all()
        if not is_fine or not np.isfinite(table).all():
            raise TargetError(wrong)
        if on_whole and (np.diff(rates) < 0).any():
            raise TargetError(f"steps={tuple(steps)!r}: rates on the whole amount must not fall")
        return cls(thresholds, rates, on_whole)

    def pay(self, amount: Floats) -> Floats:
        """What is paid for amounts, of the same shape."""
        total = np.zeros_like(amount)
        for threshold, more in zip(self.thresholds, np.diff(self.rates, prepend=0.0), strict=True):
            if self.is_on_whole:
                total += more * np.where(amount >= threshold - slack(threshold), amount, 0.0)
            else:
                total += more * np.maximum(amount - threshold, 0.0)
        return total

    def times(self, amount: float) -> PaySteps:
        """The same steps with thresholds as shares of an amount."""
        return PaySteps(self.thresholds * amount, self.rates, self.is_on_whole)


@checked
def commission(
    outlook: Forecast | TargetSplit,
    steps: Steps = ((0, 0.05), (100_000, 0.07)),
    *,
    on_whole: bool = False,
    of_quota: bool = False,
    window: Window = None,
) -> pd.DataFrame:
    """What a forecast costs in commission: the distribution of pay, and the chance of each step.

    Parameters
    ----------
    outlook : Forecast or TargetSplit
        The company, or each part of a split (a rep, a region), each paid by the same steps.
    steps : sequence of (threshold, rate)
        Rates that rise or fall above thresholds; below the first nothing is paid. A rate is a share of the
        amount, 1 at most (5 % is 0.05); for numbers of wins it is an amount per win.
    on_whole : bool
        Pay the rate of the highest threshold reached on the whole amount; by default each rate is paid on
        what lies between its threshold and the next.
    of_quota : bool
        Thresholds are shares of each part's quota (1 is the quota), or of the forecast's target.
    window : optional
        Periods of a forecast; all by default.

    Returns
    -------
    DataFrame
        Index: part, or only ``total``. ``mean`` pay with ``mean_se``, ``p10``, ``p50``, ``p90`` in the
        unit of the forecast, ``of_amount`` (mean pay over mean amount, 0..1; for wins, pay per win), and for
        each threshold above 0 the chance to reach it (0..1).
        The total of a split is what all parts are paid together, from joint futures: its range is no sum of
        ranges.

    Raises
    ------
    TargetError
        If the steps are none, more than all of the amount would be paid, or thresholds are shares and there
        is no quota.

    Notes
    -----
    The expected pay of an expected amount is not the expected pay: steps bend it.
    """
    plan = PaySteps.of(steps, on_whole=on_whole)
    measure = outlook.parts.measure if isinstance(outlook, TargetSplit) else outlook.measure
    if measure != "wins" and (plan.rates > 1.0).any():
        rate = float(plan.rates.max())
        raise TargetError(
            f"steps={tuple(steps)!r}: a rate of {rate:g} pays {100 * rate:,.0f} % of the amount; write 5 "
            "% as 0.05"
        )
    if isinstance(outlook, TargetSplit):
        return _of_split(outlook, plan, of_quota)
    if of_quota and outlook.target is None:
        raise TargetError("of_quota=True: the forecast has no target; make it with forecast(target=...)")
    own = plan.times(outlook.target) if of_quota and outlook.target is not None else plan
    by_draw, row = _row(outlook.law(window), own, _names(plan, of_quota))
    return _table([_with_mean(row, by_draw, outlook.law(window))], ["total"], outlook.unit)


def _of_split(split: TargetSplit, plan: PaySteps, of_quota: bool) -> pd.DataFrame:
    parts, names = split.parts, _names(plan, of_quota)
    own = [plan.times(quota) if of_quota else plan for quota in split.quotas.values()]
    pairs = [_row(law, steps, names) for law, steps in zip(parts.laws, own, strict=True)]
    rows = [_with_mean(row, by_draw, law) for (by_draw, row), law in zip(pairs, parts.laws, strict=True)]
    paid = sum(steps.pay(parts.futures[:, :, k]) for k, steps in enumerate(own))
    p10, p50, p90 = np.quantile(paid, [0.1, 0.5, 0.9]).tolist()
    together = np.sum([by_draw for by_draw, _ in pairs], axis=0)
    rows.append(_with_mean({"p10": p10, "p50": p50, "p90": p90}, together, parts.whole))
    return _table(rows, [*parts.labels, "total"], parts.unit)


def _names(plan: PaySteps, of_quota: bool) -> list[str]:
    return [
        f"reaches {step:.4g} of quota" if of_quota else f"reaches {step:,.10g}" for step in plan.thresholds
    ]


def _row(law: Law, steps: PaySteps, names: Sequence[str]) -> tuple[Floats, dict[str, float]]:
    """Mean pay by draw; its quantiles, which are the pay of the quantiles, for pay never falls."""
    p10, p50, p90 = steps.pay(law.quantile(np.array([0.1, 0.5, 0.9]))).tolist()
    reached = {
        name: chance_of(law, float(threshold)).value
        for name, threshold in zip(names, steps.thresholds, strict=True)
        if threshold > 0
    }
    return law.mean_of_by_draw(steps.pay), {"p10": p10, "p50": p50, "p90": p90} | reached


def _with_mean(row: dict[str, float], by_draw: Floats, law: Law) -> dict[str, float]:
    mean, amount = over_draws(by_draw), float(law.mean_by_draw().mean())
    of_amount = mean.value / amount if amount > 0 else np.nan
    return {"mean": mean.value, "mean_se": mean.standard_error} | row | {"of_amount": of_amount}


def _table(rows: list[dict[str, float]], names: list[str], unit: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, index=pd.Index(names, name="part"))
    first = ["mean", "mean_se", "p10", "p50", "p90", "of_amount"]
    reached = [str(column) for column in frame if column not in first]
    units = dict.fromkeys(first, unit) | dict.fromkeys(("of_amount", *reached), PERCENT)
    return told(frame[[*first, *reached]], units)
