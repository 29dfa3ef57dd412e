"""Backtest: the rows of all forecasts made again, their scores, and a verdict in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.law import Counted
from funnelsim.nouns.shock import Shock
from funnelsim.nouns.table import told
from funnelsim.numerics.block_bootstrap import BlockInterval, bootstrap_share, bootstrap_skill
from funnelsim.numerics.deal_scores import auc, brier_skill, expected_calibration_error, reliability
from funnelsim.numerics.scores import covered, pinball
from funnelsim.questions.backtest.origins import BacktestError
from funnelsim.questions.backtest.rows import LEVELS, PINBALL_LEVELS, RANGES
from funnelsim.vocabulary.display import PERCENT, Shown
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_interval

Floats = npt.NDArray[np.float64]

OURS = "funnelsim"
KNOWS_ALL = "one who knows every rate"


@dataclass(frozen=True, eq=False)
class Backtest(Shown):
    """Forecasts made again at past origins, against what came. Made by :func:`funnelsim.backtest`.

    Parameters
    ----------
    cells : DataFrame
        One row for each total that was forecast: ``method``, ``origin``, ``measure``, ``part`` ("open":
        deals open at the origin; "total": and those that arrived later), ``window`` ("period", or "sum" of
        the periods up to it), ``ahead`` (periods after the origin), ``until`` (last day of the period),
        ``actual``, ``mean``, ``crps``, ``pit`` and quantiles.
    deals : DataFrame
        One row for each method that gives chances, and each deal open at an origin: ``method``, ``origin``,
        ``deal_id``, its ``chance`` to be won within all periods, and ``won``.
    floors : DataFrame
        By ``origin`` and ``ahead`` the ``least_error`` of totals: that of one who knows every rate.
    measure : {"bookings", "wins"}
    n_periods : int
    block_length : int
        Origins whose periods overlap: the bootstrap draws so many together.
    seed : int
    unit : str
    notes : tuple of str
    shock : Shock, optional
        The shared shock that all origins together show, for ``funnel.with_shock``; None if none was measured.
    """

    cells: pd.DataFrame
    deals: pd.DataFrame
    floors: pd.DataFrame
    measure: Counted
    n_periods: int
    block_length: int
    seed: int
    unit: str
    notes: tuple[str, ...] = ()
    shock: Shock | None = None

    @property
    def n_origins(self) -> int:
        """Origins with at least one scored total."""
        return int(self.cells["origin"].nunique())

    @property
    def methods(self) -> tuple[str, ...]:
        """Ours first, then the rivals."""
        return tuple(self.cells["method"].unique())

    def _column_units(self) -> Mapping[str, str]:
        shares = ("bias", "bias_low", "bias_high", "error", "width_80", "our_skill")
        coverages = ("coverage_50", "coverage_80", "coverage_95")
        return dict.fromkeys((*shares, *coverages), PERCENT)

    def _shown_table(self) -> pd.DataFrame:
        return self.scores()

    def scores(self, *, interval: float = 0.9) -> pd.DataFrame:
        """One row by measure, part, window and method, each method on the cells that it has forecast.

        Parameters
        ----------
        interval : float
            Of the bounds of bias, coverage and skill, by block bootstrap over origins.

        Returns
        -------
        DataFrame
            All but ``n_cells`` have no unit: shares, or ratios to the mean of what came. ``n_cells``;
            ``ncrps`` (mean CRPS over mean actual), and ``our_ncrps`` on the same cells; ``bias`` and
            ``error`` (sums of forecast means less actuals, and of their sizes, over the sum of actuals) with
            ``bias_low`` and ``_high``, ``pinball`` (mean over the 10, 50 and 90 % quantiles, over mean
            actual), ``coverage_50``, ``_80``, ``_95`` with ``coverage_80_low`` and ``_high``, ``width_80``
            (over mean actual), ``pit_mean``, and ``our_skill``: the share of this method's CRPS that
            ours saves, with its bounds.
        """
        check_interval(interval, BacktestError)
        rows = []
        for keys, group in self.cells.groupby(["measure", "part", "window"], sort=False):
            ours = group[group["method"] == OURS]
            for method, cells in group.groupby("method", sort=False):
                head = dict(zip(("measure", "part", "window"), keys, strict=True)) | {"method": method}
                same = ours.merge(cells[["origin", "ahead"]], on=["origin", "ahead"])
                rows.append(head | _row(cells) | self._bounds(cells, same, interval))
        return told(pd.DataFrame(rows), self._column_units())

    def _bounds(self, cells: pd.DataFrame, same: pd.DataFrame, interval: float) -> dict[str, float]:
        """Bounds of bias and coverage, and what ours saves on the same cells."""
        bias, coverage = self._bias(cells, interval), self._coverage(cells, interval)
        skill = self._skill(same, cells, interval)
        if (cells["method"] == OURS).all():
            skill = BlockInterval(np.nan, np.nan, np.nan, skill.n_blocks)
        return {
            "bias_low": bias.low,
            "bias_high": bias.high,
            "coverage_80_low": coverage.low,
            "coverage_80_high": coverage.high,
            "our_ncrps": same["crps"].mean() / _scale(same),
            "our_skill": skill.value,
            "our_skill_low": skill.low,
            "our_skill_high": skill.high,
        }

    def _coverage(self, cells: pd.DataFrame, interval: float, share: int = 80) -> BlockInterval:
        by_origin = (
            pd.Series(_held(cells, share), index=cells["origin"]).groupby(level=0).agg(["sum", "size"])
        )
        rng = Streams(self.seed).generator("bootstrap")
        return bootstrap_share(
            by_origin["sum"].to_numpy(float), by_origin["size"].to_numpy(float), rng,
            block_length=self.block_length, interval=interval,
        )  # fmt: skip

    def _bias(self, cells: pd.DataFrame, interval: float) -> BlockInterval:
        """What was expected over what came, less 1: a skill with its sign turned."""
        expected, came = cells.groupby("origin")[["mean", "actual"]].sum().to_numpy(float).T
        rng = Streams(self.seed).generator("bootstrap")
        skill = bootstrap_skill(expected, came, rng, block_length=self.block_length, interval=interval)
        return BlockInterval(-skill.value, -skill.high, -skill.low, skill.n_blocks)

    def _skill(self, cells: pd.DataFrame, against: pd.DataFrame, interval: float) -> BlockInterval:
        ours, theirs = (some.groupby("origin")["crps"].sum().to_numpy(float) for some in (cells, against))
        rng = Streams(self.seed).generator("bootstrap")
        return bootstrap_skill(ours, theirs, rng, block_length=self.block_length, interval=interval)

    def accuracy(self, *, ahead: int = 1) -> pd.DataFrame:
        """What accuracy is possible at this volume, and what every method reached.

        Parameters
        ----------
        ahead : int
            Which period after each origin.

        Returns
        -------
        DataFrame
            Index: method; the first is one who knows every rate, and errs by chance alone (which deals are
            won, which arrive). ``error``: sum of absolute errors of the mean forecast over the sum of what
            came; ``possible``: that of the one who knows, on the same cells; ``n_cells``.
        """
        cells = self._totals().query(f"ahead == {ahead!r}").merge(self.floors, on=["origin", "ahead"])
        if not len(cells):
            raise BacktestError(f"no period {ahead!r} after an origin had ended; there are {self.n_periods}")
        rows = {}
        for method, some in cells.groupby("method", sort=False):
            came = float(some["actual"].sum()) or float("nan")
            error = float((some["mean"] - some["actual"]).abs().sum()) / came
            rows[str(method)] = [error, float(some["least_error"].sum()) / came, len(some)]
        known = {KNOWS_ALL: [rows[OURS][1], rows[OURS][1], rows[OURS][2]]}
        frame = pd.DataFrame.from_dict(
            known | rows, orient="index", columns=["error", "possible", "n_cells"]
        ).rename_axis("method")
        return told(frame, dict.fromkeys(("error", "possible"), PERCENT))

    def deal_scores(self) -> pd.Series:
        """How good our chances of single deals were: to be won within all periods.

        Returns
        -------
        Series
            ``n_deals`` (a deal counts at each origin at which it was open), ``won`` (share), ``mean_chance``,
            ``brier_skill`` (against the share won), ``auc``, and ``ece`` (mean gap of chance and share won
            over ten bins of equal count).

        Raises
        ------
        BacktestError
            If no origin's periods had all ended.
        """
        return pd.Series(_deal_row(self._deals_of(OURS)))

    def deal_scores_by_method(self) -> pd.DataFrame:
        """How good the chances of single deals were, ours and those of the rivals that give any.

        Returns
        -------
        DataFrame
            Index: method, ours first. The columns of :meth:`deal_scores`, each method on the deals of the
            origins at which it had an answer; ``our_brier_skill``, ``our_auc`` and ``our_ece``: ours on the
            same deals.

        Raises
        ------
        BacktestError
            If no origin's periods had all ended.
        """
        ours, rows = self._deals_of(OURS), {}
        for method, deals in self.deals.groupby("method", sort=False):
            same = _deal_row(ours[ours["origin"].isin(deals["origin"])])
            rows[str(method)] = _deal_row(deals) | {
                f"our_{score}": same[score] for score in ("brier_skill", "auc", "ece")
            }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
        return told(table.astype({"n_deals": int}), dict.fromkeys(("won", "mean_chance"), PERCENT))

    def reliability(self, n_bins: int = 10, *, method: str = OURS) -> pd.DataFrame:
        """Chance against share won, by bins of equal count, with 90 % intervals of the share.

        Parameters
        ----------
        n_bins : int
        method : str
            Ours, or a rival that gives chances of single deals.

        Returns
        -------
        DataFrame
            One row a bin: ``n_deals``, mean ``chance``, and the share ``won`` with ``low`` and ``high``;
            shares of 0..1.

        Raises
        ------
        BacktestError
            If no deal can be scored, or the method gave no chances.
        """
        if isinstance(n_bins, bool) or not isinstance(n_bins, int) or n_bins < 1:
            raise BacktestError(f"n_bins={n_bins!r} must be a whole number of 1 or more")
        deals = self._deals_of(method)
        curve = reliability(deals["won"].to_numpy(float), deals["chance"].to_numpy(float), n_bins=n_bins)
        columns = {
            "n_deals": curve.n_deals,
            "chance": curve.chance,
            "won": curve.rate,
            "low": curve.low,
            "high": curve.high,
        }
        return told(pd.DataFrame(columns), dict.fromkeys(("won", "low", "high"), PERCENT))

    def _deals_of(self, method: str) -> pd.DataFrame:
        """Deals with the chances of one method."""
        if not len(self.deals):
            raise BacktestError("no origin's periods had all ended, so no deal can be scored; ask for fewer")
        deals = self.deals[self.deals["method"] == method]
        if not len(deals):
            known = ", ".join(map(repr, self.deals["method"].unique()))
            raise BacktestError(f"{method!r} gave no chances of single deals; there are those of {known}")
        return deals

    def coverage(self, *, interval: float = 0.9) -> BlockInterval:
        """Share of totals by period that 80 % ranges held, with bounds by block bootstrap over origins."""
        check_interval(interval, BacktestError)
        cells = self._totals()
        return self._coverage(cells[cells["method"] == OURS], interval)

    def verdict(self, *, interval: float = 0.9) -> str:
        """Whether ranges held, and how much better than the rivals, in one sentence.

        It speaks of totals by period, of the measure asked for. Its interval comes from a block bootstrap
        over origins: cells of one origin, and origins that overlap, are not independent. Rivals that had a
        forecast for less than half of the cells are left out.
        """
        cells = self._totals()
        ours = cells[cells["method"] == OURS]
        coverage = self.coverage(interval=interval)
        percent = f"{100 * interval:.0f} % interval"
        bounds = (
            f"{percent} {100 * coverage.low:.0f}-{100 * coverage.high:.0f} by block bootstrap"
            if np.isfinite([coverage.low, coverage.high]).all()
            else "too few independent origins for an interval"
        )
        says = (
            f"80 % ranges held in {100 * _held(ours, 80).mean():.0f} % of {len(ours)} cells from "
            f"{ours['origin'].nunique()} origins ({bounds})"
        )
        if not ours["actual"].any():
            return f"{says}; nothing was won in any of them, so no score can be relative to it."
        rivals = [rival for rival in self._rivals(cells) if 2 * len(rival[1]) >= len(ours)]
        if not rivals:
            return f"{says}."
        best = min(rivals, key=lambda rival: _relative_crps(rival[1], ours))
        named = [rivals[0]] if best[0] == rivals[0][0] else [rivals[0], best]
        others = [f"{_by_how_much(ours, theirs)} {name}" for name, theirs in named]
        which = f" (the best of {len(rivals)} rivals)" if len(rivals) > 1 else ""
        return f"{says}; CRPS {', '.join(others)}{which}."

    def _totals(self) -> pd.DataFrame:
        cells = self.cells.query("part == 'total' and window == 'period'")
        return cells[cells["measure"] == self.measure]

    def _rivals(self, cells: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
        return [(str(name), some) for name, some in cells.groupby("method", sort=False) if name != OURS]

    def __repr__(self) -> str:
        return (
            f"Backtest({self.n_origins} origins x {self.n_periods} periods, {self.measure}; {self.verdict()})"
        )


def _held(cells: pd.DataFrame, share: int) -> npt.NDArray[np.bool_]:
    low, high = RANGES[share]
    return np.asarray(covered(cells["actual"], cells[low], cells[high]), dtype=bool)


def _scale(cells: pd.DataFrame) -> float:
    """What scores are relative to; NaN where nothing came, which nothing can be relative to."""
    mean = float(cells["actual"].abs().mean())
    return mean if mean > 0 else float("nan")


def _row(cells: pd.DataFrame) -> dict[str, object]:
    """Scores of one method."""
    actual, scale = cells["actual"].to_numpy(float), _scale(cells)
    losses = [pinball(actual, cells[column], level).mean() for column, level in PINBALL_LEVELS.items()]
    return {
        "n_cells": len(cells),
        "ncrps": cells["crps"].mean() / scale,
        "bias": (cells["mean"] - actual).mean() / scale,
        "error": (cells["mean"] - actual).abs().mean() / scale,
        "pinball": np.mean(losses) / scale,
        **{f"coverage_{share}": _held(cells, share).mean() for share in RANGES},
        "width_80": (cells["p90"] - cells["p10"]).mean() / scale,
        "pit_mean": cells["pit"].mean(),
    }


def _deal_row(deals: pd.DataFrame) -> dict[str, float]:
    """Scores of one method's chances."""
    won, chance = deals["won"].to_numpy(float), deals["chance"].to_numpy(float)
    return {
        "n_deals": len(won),
        "won": won.mean(),
        "mean_chance": chance.mean(),
        "brier_skill": brier_skill(won, chance),
        "auc": auc(won, chance),
        "ece": expected_calibration_error(won, chance),
    }


def _relative_crps(theirs: pd.DataFrame, ours: pd.DataFrame) -> float:
    """CRPS of a rival over ours, on shared cells; infinite where there are none."""
    both = ours.merge(theirs, on=["origin", "ahead"], suffixes=("", "_theirs"))
    return float(both["crps_theirs"].sum() / both["crps"].sum()) if len(both) else float("inf")


def _by_how_much(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Difference of the CRPS on shared cells, in words."""
    both = ours.merge(theirs, on=["origin", "ahead"], suffixes=("", "_theirs"))
    if not len(both) or both["crps_theirs"].sum() == 0:
        return "not comparable with"
    saved = 1.0 - both["crps"].sum() / both["crps_theirs"].sum()
    return f"{abs(100 * saved):.0f} % {'below' if saved >= 0 else 'above'}"


__all__ = ["LEVELS", "OURS", "Backtest"]
