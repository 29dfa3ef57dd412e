"""Amounts: how large deals are, how heavy their tail is, how they are revised, and what size does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.fitting.groups import attribute_names
from funnelsim.nouns.classes import MISSING
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.bootstrap import bootstrap_summary
from funnelsim.numerics.tail import Tail, TailError, fit_tail
from funnelsim.questions.amount_size import by_size
from funnelsim.questions.columns_of_deals import words_of
from funnelsim.vocabulary.display import PERCENT, TIMES, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

Floats = npt.NDArray[np.float64]

LEAST_WINS = 50
CANNOT_TELL = "cannot tell"
NO_REVISIONS = "no amounts are recorded with moves"
_MISFIT = 1.3  # gap times root of the number above: less in 99 of 100 samples of the law itself
_CLEAR = 4.0  # of AIC: seen by chance from log-normal amounts in about 1 of 50 histories
_NO_VARIANCE = 0.5  # shapes from here on have none
_UNLIKELY = 0.1
_N_LARGEST = 10
_YEAR_DAYS, _QUARTER_DAYS = 365.25, 91.3125
_CHANCES = np.array([0.1, 0.5, 0.9])
_SUMMARY = ("mean", "p10", "median", "p90")


class AmountsError(FunnelsimError):
    """A question about amounts that the history cannot answer."""


@dataclass(frozen=True, eq=False)
class AmountsReport(Shown):
    """How large deals are: typical and largest amounts, revisions on the way, and what size does.

    Made by :func:`amounts`. Amounts are in the history's unit.

    Parameters
    ----------
    history : DealHistory
    by : tuple of str
        Attributes that make the groups of :meth:`table`; empty for all deals together.
    interval : float
        Share that each interval holds.
    n_draws : int
    seed : int, Generator or None
        Draws behind the intervals.
    tail_share : float
        Share of the won amounts that makes the tail.
    """

    history: DealHistory
    by: tuple[str, ...]
    interval: float
    n_draws: int
    seed: int
    tail_share: float

    @property
    def _tails(self) -> list[float]:
        return [(1 - self.interval) / 2, (1 + self.interval) / 2]

    @cached_property
    def _deals(self) -> pd.DataFrame:
        return self.history.deals

    @cached_property
    def won_amounts(self) -> Floats:
        """Amounts of all won deals that have one, increasing."""
        return _known_amounts(self._deals)

    @cached_property
    def _groups(self) -> dict[str, pd.DataFrame]:
        if not self.by:
            return {"all deals": self._deals}
        columns = [[word or MISSING for word in words_of(self._deals[name])] for name in self.by]
        label = np.array([" / ".join(row) for row in zip(*columns, strict=True)], dtype=object)
        found = {str(name): part for name, part in self._deals.groupby(label, sort=True)}
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    @property
    def left_out(self) -> dict[str, str]:
        """Groups that :meth:`table` leaves out, and why."""
        return {
            name: f"none of its {int((part['outcome'] == 'won').sum()):,} wins has an amount"
            for name, part in self._groups.items()
            if not len(_known_amounts(part))
        }

    def _column_units(self) -> Mapping[str, str]:
        return dict.fromkeys(("mean", "p10", "median", "p90"), self.history.unit)

    def table(self) -> pd.DataFrame:
        """Amounts of won deals by group, largest group first; groups in :attr:`left_out` are not shown.

        Returns
        -------
        DataFrame
            Index: group. ``n_won``; ``n_with_amount`` of them; ``missing_won`` and ``missing_open``: shares
            of won and of open deals without an amount (0 where there are no such deals); ``mean``, ``p10``,
            ``median``, ``p90`` of the won amounts, in the unit of the history, each with ``..._low`` and
            ``..._high`` (Bayesian bootstrap); ``share_of_ten_largest`` in their total; ``words``: whether the
            tail lets the mean be known, as :meth:`tail` says it of all wins.

        Notes
        -----
        The bootstrap knows no amount beyond those seen. Where the shape of the tail is 0.5 or more, amounts
        have no finite variance, and the interval of the mean is too narrow, whatever their number: of 80 %
        intervals 43 to 63 % held the mean of Pareto amounts with exponent 1.5 (60 to 2,000 wins), and 64 to
        79 % that of log-normal ones whose logarithm has a deviation of 1.5. Medians are not touched by it.
        """
        rows = {
            name: self._row(name, part) for name, part in self._groups.items() if name not in self.left_out
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(" / ".join(self.by) or "group")
        return told(frame, self._column_units())

    def _row(self, name: str, deals: pd.DataFrame) -> dict[str, float | str]:
        amount, kind = _known_amounts(deals), deals["outcome"]
        missing = deals["amount"].isna()
        row: dict[str, float | str] = {"n_won": int((kind == "won").sum()), "n_with_amount": len(amount)}
        for outcome in ("won", "open"):
            chosen = missing[kind == outcome]
            row[f"missing_{outcome}"] = float(chosen.mean()) if len(chosen) else 0.0
        row |= self._summary(amount, name)
        total = float(amount.sum())
        row["share_of_ten_largest"] = float(amount[-_N_LARGEST:].sum()) / total if total > 0 else 1.0
        return row | {"words": _mean_words(self._tail_of(amount))}

    def _summary(self, increasing: Floats, name: str) -> dict[str, float]:
        """Mean and quantiles with their intervals."""
        rng = Streams.of(self.seed).generator(f"amounts, {name}")
        estimate, draws = bootstrap_summary(increasing, _CHANCES, rng, self.n_draws)
        low, high = np.quantile(draws, self._tails, axis=0)
        row: dict[str, float] = {}
        for i, what in enumerate(_SUMMARY):
            value = float(estimate[i])
            row |= {
                what: value,
                f"{what}_low": min(float(low[i]), value),
                f"{what}_high": max(float(high[i]), value),
            }
        return row

    @cached_property
    def fitted_tail(self) -> Tail | str:
        """The fitted tail of won amounts, or why there is none."""
        return self._tail_of(self.won_amounts)

    def _tail_of(self, amounts: Floats) -> Tail | str:
        positive = amounts[amounts > 0]
        if len(positive) < LEAST_WINS:
            return f"{len(positive)} wins with an amount are too few; {LEAST_WINS} are needed"
        try:
            return fit_tail(positive, self.tail_share)
        except TailError as error:
            return str(error)

    def tail(self) -> pd.DataFrame:
        """How heavy the tail of won amounts is, in numbers and words.

        Returns
        -------
        DataFrame
            Index: what. ``value`` with ``low`` and ``high`` (equal to it where nothing is estimated), and
            ``words``: the threshold of the tail; its shape (0: exponential; 0.5: amounts have no finite
            variance; 1: no finite mean); the chance that a win of the next quarter is larger than any seen;
            AIC of a log-normal tail less that of the Pareto tail; the largest distance between the shares
            of the tail's amounts and the fitted law. One row, "tail", that says "cannot tell"
            and why, with fewer than 50 wins or hardly any different amounts.

        Notes
        -----
        Wins of the next quarter are Poisson with the rate of the last year. Without any model, m new amounts
        among n old hold the largest with chance m / (m + n), all of one law: the words say it too.
        """
        tail = self.fitted_tail
        if isinstance(tail, str):
            n = float(len(self.won_amounts))
            rows = {"tail": (n, n, n, f"{CANNOT_TELL}: {tail}")}
        else:
            gain, gap = tail.aic_gain, tail.gap(self.won_amounts)
            rows = {
                "threshold": (tail.threshold, tail.threshold, tail.threshold, _threshold_words(tail)),
                "shape": (tail.shape, *tail.shape_interval(self.interval), _shape_words(tail)),
                "record in the next quarter": self._record(tail),
                "AIC gain over log-normal": (gain, gain, gain, verdict_on(tail)),
                "gap": (gap, gap, gap, self._gap_words(tail, gap)),
            }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "words"])
        table["low"] = np.minimum(table["low"], table["value"])
        table["high"] = np.maximum(table["high"], table["value"])
        return told(table.rename_axis("what"))

    def _record(self, tail: Tail) -> tuple[float, float, float, str]:
        n_wins, days = self._wins_of_last_year()
        streams = Streams.of(self.seed)
        rate = streams.generator("amounts, wins").standard_gamma(n_wins + 0.5, size=self.n_draws) / days
        chance = tail.chance_of_record(_QUARTER_DAYS * rate, streams.generator("amounts, tail"))
        low, high = np.quantile(chance, self._tails)
        expected = _QUARTER_DAYS * n_wins / days
        alike = expected / (expected + tail.n_amounts)
        words = (
            f"chance that one of about {expected:,.0f} wins exceeds {tail.largest:,.6g}, the largest seen; "
            f"{100 * alike:.1f} % without a model, if all wins are of one law"
        )
        return float(chance.mean()), float(low), float(high), words

    def _gap_words(self, tail: Tail, gap: float) -> str:
        if gap * np.sqrt(tail.n_above) < _MISFIT:
            return "the fitted tail follows the data as closely as chance lets it"
        return (
            f"the fitted tail misses the data by up to {100 * gap:.0f} points: amounts in heaps or round "
            "numbers; do not use what it says beyond the data"
        )

    def _wins_of_last_year(self) -> tuple[int, float]:
        """Wins of the last 365 days, or of as many as were watched, and the number of days."""
        cutoff, closed = pd.Timestamp(self.history.cutoff), self._deals["closed_at"]
        start = self.history.window_start
        first = self._deals["created_at"].min() if start is None else pd.Timestamp(start)
        since = max(cutoff - pd.Timedelta(days=_YEAR_DAYS), first)
        n_wins = int(((self._deals["outcome"] == "won") & (closed > since)).sum())
        return n_wins, max((cutoff - since) / pd.Timedelta(days=1), 1.0)

    def revision(self) -> pd.DataFrame:
        """Won amount over the amount recorded when the deal was in each stage.

        Only won deals count, with the last positive amount recorded with a move into the stage.

        Returns
        -------
        DataFrame
            Index: stage. ``n_deals``; ``mean``, ``p10``, ``median`` and ``p90`` of the ratios (1: unchanged),
            each with ``..._low`` and ``..._high`` (Bayesian bootstrap); ``unchanged``: share of ratios that
            are 1. Stages without such a deal are not shown.

        Raises
        ------
        AmountsError
            "no amounts are recorded with moves", when there are none for won deals in open stages.
        """
        moves = self.history.records.moves
        moves = moves[(moves["amount"] > 0) & (moves["stage"] < self.history.stages.n_open)]
        won = self._won_amount_by_record()
        last = moves.sort_values("entered_at", kind="stable").groupby(["stage", "deal"])["amount"].last()
        ratio = (won.reindex(last.index.get_level_values("deal")).to_numpy(float) / last).dropna()
        if not len(ratio):
            raise AmountsError(
                f"{NO_REVISIONS} into open stages by won deals: how amounts were revised is not known"
            )
        rows = {}
        for stage, of_stage in ratio.groupby(level="stage"):
            name = self.history.stages.names[int(str(stage))]
            values = np.sort(of_stage.to_numpy(float))
            row = {"n_deals": len(values)} | self._summary(values, f"revision, {name}")
            rows[name] = row | {"unchanged": float(np.isclose(values, 1.0).mean())}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("stage")
        return told(frame, dict.fromkeys(_SUMMARY, TIMES) | {"unchanged": PERCENT})

    def _won_amount_by_record(self) -> pd.Series[float]:
        """Amounts of won deals by position in the records; the latest recorded where the deal has none."""
        record = self.history.paths.deal[self.history.paths.is_first]
        moves = self.history.records.moves
        latest = moves.sort_values("entered_at", kind="stable").groupby("deal")["amount"].last()
        amount = pd.Series(self._deals["amount"].to_numpy(float), index=record)
        amount = amount.fillna(latest.reindex(record))
        return amount[(self._deals["outcome"] == "won").to_numpy()].dropna()

    def by_size(self) -> pd.DataFrame:
        """Whether large deals win at other rates or speeds than small ones.

        Returns
        -------
        DataFrame
            Index: class of the amount at entry (thirds, missing amounts a class of their own). ``n_deals``,
            ``n_won``; ``raw_win_rate`` and ``win_rate``, ``raw_pace`` and ``pace`` with their intervals, as
            :meth:`funnelsim.Segments.table` gives them; ``raw_median_days`` and ``median_days`` until a new
            deal of the class has ended (infinite where fewer than half end within the ages seen); ``gain``
            in log-likelihood per deal from knowing amounts on later time, with ``gain_se``; ``verdict``:
            "proven" where that gain is clear, else "not proven" and why. The last three are of amounts as a
            whole, the same in each row.

        Raises
        ------
        SegmentError
            If no deal was seen in an open stage.

        Notes
        -----
        The amount at entry is the one recorded with the first move; of deals without amounts on their moves
        it is the present one, which may have been settled when the deal was won. Won deals with what they
        were sold for beside others with a list price fall into other thirds for that alone: their win rates
        differ by class although size does nothing. The verdict saw through that where it was tried; the
        rates do not.
        """
        return by_size(self.history, self.interval, self.n_draws, self.seed)

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the share of wins above each amount: :func:`funnelsim.plot_amounts` of this report."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_amounts(self, ax=ax)

    def __repr__(self) -> str:
        amount, tail = self.won_amounts, self.fitted_tail
        said = f"{CANNOT_TELL}: {tail}" if isinstance(tail, str) else verdict_on(tail)
        unit = f" {self.history.unit}" if self.history.unit else ""
        return f"AmountsReport({len(amount):,} wins, median {np.median(amount):,.6g}{unit}; tail: {said})"


@checked
def amounts(
    history: DealHistory,
    by: str | Sequence[str] | None = None,
    *,
    interval: float = 0.8,
    n_draws: int = 500,
    seed: int | np.random.Generator | None = 0,
    tail_share: float = 0.1,
) -> AmountsReport:
    """Tell how large won deals are, how heavy the tail is, how amounts are revised, and what size does.

    Parameters
    ----------
    history : DealHistory
    by : str or sequence of str, optional
        Attribute, or several whose combinations are the groups of the table.
    interval : float
        Share that each interval holds.
    n_draws : int
        Draws behind the intervals.
    seed : int, Generator or None
    tail_share : float
        Share of the won amounts that makes the tail; 20 amounts at least.

    Returns
    -------
    AmountsReport
        With ``table``, ``tail``, ``revision``, ``by_size`` and ``plot``.

    Raises
    ------
    AmountsError
        If no won deal has an amount, or an option is out of range.
    SegmentError
        If an attribute is unknown.

    Examples
    --------
    >>> import funnelsim as fs
    >>> found = fs.amounts(fs.simulate_history(seed=1), "region")
    >>> sorted(found.table().index)
    ['East', 'North', 'South']
    """
    check_draws(n_draws, AmountsError)
    check_interval(interval, AmountsError)
    if not 0 < tail_share <= 0.5:
        raise AmountsError(f"tail_share {tail_share} must lie above 0 and be 0.5 at most; 0.1 is a tenth")
    names = () if by is None else tuple(attribute_names(history, by))
    report = AmountsReport(history, names, interval, n_draws, Streams.of(seed).seed, tail_share)
    if not len(report.won_amounts):
        n_won = int((history.deals["outcome"] == "won").sum())
        raise AmountsError(f"none of {n_won:,} won deals has an amount: there is nothing to tell")
    return report


def verdict_on(tail: Tail) -> str:
    """Whether the tail is heavier than log-normal, in words."""
    if abs(tail.aic_gain) <= _CLEAR or tail.aic_gain < 0:
        return "no heavier or lighter than log-normal, as far as can be told"
    return f"{'heavier' if tail.heavier else 'lighter'} than log-normal"


def _known_amounts(deals: pd.DataFrame) -> Floats:
    amount = deals.loc[deals["outcome"] == "won", "amount"].to_numpy(float)
    return np.sort(amount[np.isfinite(amount)])


def _threshold_words(tail: Tail) -> str:
    return (
        f"the tail: {tail.n_above:,} of {tail.n_amounts:,} amounts lie above this, the "
        f"{100 * (1 - tail.share_above):.0f} % quantile"
    )


def _shape_words(tail: Tail) -> str:
    if tail.shape >= _NO_VARIANCE:
        return "very heavy: amounts have no finite variance, so their mean is badly known"
    if tail.shape > 0.05:
        return "heavier than exponential: the larger an amount, the more may lie beyond it"
    return "exponential, or lighter"


def _mean_words(tail: Tail | str) -> str:
    """Whether the mean of amounts with such a tail can be known."""
    if isinstance(tail, str):
        return f"{CANNOT_TELL}: {tail}"
    if tail.shape >= _NO_VARIANCE:
        return f"{_shape_words(tail)}: its interval is too narrow"
    chance = float(tail.weight[tail.shapes >= _NO_VARIANCE].sum())
    if chance < _UNLIKELY:
        return _shape_words(tail)
    return (
        f"with a chance of {100 * chance:.0f} % amounts have no finite variance: then their mean is badly "
        f"known and its interval is too narrow"
    )
