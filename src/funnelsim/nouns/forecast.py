"""Forecast: the joint distribution of wins and bookings over periods, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.capacity import CapacityUse
from funnelsim.nouns.flows import Flows
from funnelsim.nouns.law import Futures, Law, Measure, Outcome, over_draws
from funnelsim.nouns.open_deals import OpenDeals
from funnelsim.nouns.table import told
from funnelsim.vocabulary.display import Shown, several
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.periods import Periods, step_of

Floats = npt.NDArray[np.float64]
Window = int | str | slice | Sequence[str] | None

FROM_CUTOFF_NOTE = (
    "no invoices are known: wins of the last twelve months are invoiced and paid by the same law, "
    "and cash of the running period counts from the cutoff on"
)
JOINT_NOTE = "Ranges of the total come from joint draws: they are not sums of the ranges of the periods."


class ForecastError(FunnelsimError):
    """A question this forecast cannot answer."""


@dataclass(frozen=True, eq=False)
class Classical:
    """The classical weighted pipeline beside a forecast.

    Parameters
    ----------
    label : str
        Which stage rates were used.
    figure : float
        Realised + sum of amount x stage rate.
    sd : float
        Standard deviation if every open deal were one coin.
    formula : str
    """

    label: str
    figure: float
    sd: float
    formula: str

    @property
    def interval80(self) -> tuple[float, float]:
        """Coin-flip 80 % range: figure -+ 1.2816 standard deviations."""
        return self.figure - 1.2816 * self.sd, self.figure + 1.2816 * self.sd


@dataclass(frozen=True, eq=False)
class Forecast(Shown):
    """Joint distribution of wins and bookings over periods.

    Made by :func:`funnelsim.forecast`. Ask it for :meth:`table` (ranges by period), :meth:`chance` of the
    target, :meth:`quantile` and :meth:`mean` of any window of periods, and :meth:`by_deal` or
    :meth:`by_stage` for the open deals; :attr:`notes` say what was assumed.

    Parameters
    ----------
    periods : Periods
    realised_wins, realised_bookings : float
        Already won in the first period, before the cutoff.
    outcome : Outcome
        The joint law over periods of what is still to be won: simulated futures, or the exact law.
    deals : OpenDeals
    classical : tuple of Classical
    asked : {"bookings", "wins", "revenue", "cash"}, optional
        What was asked for; None: bookings, or wins when the data has no amounts.
    target : float, optional
        Target for all periods together, in units of what is forecast.
    unit : str
    engine : str
    seed : int
    notes : tuple of str
    capacity : CapacityUse, optional
        What became of the reps' hours, from the engine that knows of them.
    realised_revenue, realised_cash : float
        Earned, and paid as far as invoices are known, in the first period before the cutoff.
    """

    periods: Periods
    realised_wins: float
    realised_bookings: float
    outcome: Outcome
    deals: OpenDeals
    classical: tuple[Classical, ...] = ()
    asked: Measure | None = None
    target: float | None = None
    unit: str = ""
    engine: str = ""
    seed: int = 0
    notes: tuple[str, ...] = ()
    capacity: CapacityUse | None = None
    realised_revenue: float = 0.0
    realised_cash: float = 0.0

    @property
    def n_draws(self) -> int:
        """Draws of the parameters."""
        return self.outcome.n_draws

    @property
    def n_futures(self) -> int | None:
        """Number of simulated futures; None when the engine draws none."""
        return len(self.outcome.open_wins) if isinstance(self.outcome, Futures) else None

    @property
    def measure(self) -> Measure:
        """What is forecast: as asked for; else bookings, or wins when the data has no amounts."""
        return self.asked or ("bookings" if self.outcome.has_amounts else "wins")

    def draws(self, measure: Measure | None = None) -> Floats:
        """Jointly drawn futures, what is already realised included; shape (n_futures, n_periods).

        Raises
        ------
        ForecastError
            If bookings are asked for and the data has no amounts, or the engine draws no futures.
        """
        measure = self._checked_measure(measure)
        if not isinstance(self.outcome, Futures):
            raise ForecastError(
                f"the {self.engine} engine gives laws and draws no futures; ask for mean, quantile, chance "
                "or law, or forecast with engine=MonteCarlo()"
            )
        open_part, new_part = self.outcome.parts(measure)
        draws = open_part + new_part
        draws[:, 0] += self._realised(measure)
        return draws

    def window(self, window: Window = None, measure: Measure | None = None) -> Floats:
        """Draws of the sum over a window of periods; shape (n_futures,).

        Parameters
        ----------
        window : optional
            All periods (None), the number of leading periods, a label, several labels, or a slice.
        measure : {"bookings", "wins", "revenue", "cash"}, optional
        """
        return self.draws(measure)[:, self._columns(window)].sum(axis=1)

    def law(self, window: Window = None, measure: Measure | None = None) -> Law:
        """Law of the total of a window, what is already realised included.

        Raises
        ------
        ForecastError
            If the window is not one of the forecast's, or bookings are asked for and the data has no amounts.
        """
        columns, measure = tuple(self._columns(window)), self._checked_measure(measure)
        key = (columns, measure)
        if key not in self._laws:
            realised = self._realised(measure) if 0 in columns else 0.0
            self._laws[key] = self.outcome.law(columns, measure, realised)
        return self._laws[key]

    @cached_property
    def _laws(self) -> dict[tuple[tuple[int, ...], Measure], Law]:
        """Laws that have been asked for."""
        return {}

    def _realised(self, measure: Measure) -> float:
        realised: float = getattr(self, f"realised_{measure}")
        return realised

    @property
    def realised(self) -> float:
        """What is realised by the cutoff of the measure that is forecast, in its unit."""
        return self._realised(self.measure)

    @property
    def is_money(self) -> bool:
        """Whether amounts are forecast, and not a number of wins."""
        return self.measure != "wins"

    def _checked_measure(self, measure: Measure | None) -> Measure:
        if measure not in (None, *get_args(Measure)):
            raise ForecastError(f"measure {measure!r} is unknown; use one of {', '.join(get_args(Measure))}")
        chosen = measure or self.measure
        if chosen != "wins" and not self.outcome.has_amounts:
            raise ForecastError(f"the data has no amounts, so there are no {chosen}; ask for measure='wins'")
        if chosen in ("revenue", "cash") and self._flows is None:
            raise ForecastError(
                f"this forecast knows no {chosen}: give the funnel collections (Funnel.with_collections) and "
                f"forecast with measure={chosen!r} or engine=MonteCarlo(); the {self.engine} engine followed "
                "no invoice"
            )
        return chosen

    @property
    def _flows(self) -> Flows | None:
        return self.outcome.flows if isinstance(self.outcome, Futures) else None

    def _columns(self, window: Window) -> list[int]:
        labels = self.periods.labels
        if isinstance(window, int | np.integer) and not isinstance(window, bool):
            if not 1 <= window <= len(labels):
                raise ForecastError(f"a window of {window} leading periods is not within 1..{len(labels)}")
            return list(range(window))
        if window is None or isinstance(window, slice):
            columns = _within(window or slice(None), len(labels))
        elif isinstance(window, Iterable):
            wanted = [window] if isinstance(window, str) else list(window)
            unknown = [label for label in wanted if label not in labels]
            if unknown:
                raise ForecastError(
                    f"no period is called {unknown[0]!r}; the periods are {', '.join(labels)}"
                )
            columns = [labels.index(label) for label in wanted]
        else:
            raise ForecastError(f"window {window!r} is no number of periods, label, list of labels or slice")
        if not columns or len(set(columns)) < len(columns):
            raise ForecastError(f"window {window!r} holds no period, or one twice; name each once")
        return columns

    def mean(self, window: Window = None, measure: Measure | None = None) -> Estimate:
        """Expected total of a window, with its standard error."""
        return over_draws(self.law(window, measure).mean_by_draw())

    def sd(self, window: Window = None, measure: Measure | None = None) -> float:
        """Standard deviation of the total of a window: how far reality may lie from the mean."""
        return self.law(window, measure).sd()

    def quantile(
        self, chance: float | Sequence[float], window: Window = None, measure: Measure | None = None
    ) -> npt.NDArray[np.float64]:
        """Amount that the total of a window stays below with the given chance(s).

        Raises
        ------
        ForecastError
            If a chance is not within 0..1.
        """
        return self.law(window, measure).quantile(_chances(chance))

    def chance(
        self, target: float | None = None, window: Window = None, measure: Measure | None = None
    ) -> Estimate:
        """Chance that the total of a window reaches a target, with its standard error.

        Parameters
        ----------
        target : float, optional
            The forecast's own target by default.
        window : optional
            All periods by default; see :meth:`window`.
        measure : {"bookings", "wins", "revenue", "cash"}, optional

        Raises
        ------
        ForecastError
            If no target is known, or it is no amount.
        """
        wanted = self.target if target is None else target_amount(target)
        if wanted is None:
            raise ForecastError("no target is known; give one, such as chance(5_000_000)")
        law = self.law(window, measure)
        chance = over_draws(law.chance_by_draw(wanted), law.resolution)
        if self.n_futures is not None:
            return chance  # the spread over draws holds the simulation's own error
        error = np.hypot(chance.standard_error, law.engine_error(wanted))
        return Estimate(chance.value, float(error))

    def accuracy(
        self, target: float | None = None, window: Window = None, measure: Measure | None = None
    ) -> pd.Series[float]:
        """How exactly the chance of a target is known, and what limits it.

        Returns
        -------
        Series
            ``chance``; its ``standard_error``; and the two parts of it: ``of_draws``, from the finite number
            of parameter draws, and ``of_engine``, from simulating (Monte Carlo: a standard error) or from the
            grid (exact: a bound to first order). More draws make the first smaller; more futures, or cells,
            the second.
        """
        chance = self.chance(target, window, measure)
        wanted = self.target if target is None else target_amount(target)
        assert wanted is not None  # as self.chance has checked
        of_engine = self.law(window, measure).engine_error(wanted)
        of_draws = np.sqrt(max(chance.standard_error**2 - of_engine**2, 0.0))
        parts = {"of_draws": float(of_draws), "of_engine": of_engine}
        return pd.Series({"chance": chance.value, "standard_error": chance.standard_error, **parts})

    def _column_units(self) -> Mapping[str, str]:
        return self._units_of(self.measure)

    def _units_of(self, measure: Measure) -> dict[str, str]:
        unit = "wins" if measure == "wins" else self.unit
        figures = ("realised", "won_before", "open_deals", "new_deals", "mean", "sd", "p10", "p50", "p90")
        return dict.fromkeys((*figures, *(figure.label for figure in self.classical)), unit)

    def table(self, measure: Measure | None = None) -> pd.DataFrame:
        """Realised, mean, spread and range by period and in total, beside the classical figure.

        Returns
        -------
        DataFrame
            One row a period and ``total``: ``realised``, ``open_deals`` and ``new_deals`` (what is expected
            of them), ``mean`` with ``mean_se``, ``sd``, ``p10``, ``p50``, ``p90``, all in the unit of the
            forecast, or wins; in the total row one column for each classical figure, in the same unit, empty
            by period because the formula has no timing. Bookings only: that is what the classical formula
            counts. Revenue and cash have a column ``won_before``: what is expected of deals won, and invoices
            sent, before the cutoff.

        Notes
        -----
        Ranges of the total come from joint futures: they are not sums of the ranges of the periods.
        """
        measure = self._checked_measure(measure)
        labels: list[Window] = [*self.periods.labels, None]
        rows = [self._row(label, measure) for label in labels]
        frame = pd.DataFrame(rows, index=pd.Index([*self.periods.labels, "total"], name="period"))
        for figure in self.classical if measure == "bookings" else ():
            frame[figure.label] = [np.nan] * len(self.periods) + [figure.figure]
        return told(frame, self._units_of(measure))

    def _row(self, window: Window, measure: Measure) -> dict[str, float]:
        columns = self._columns(window)
        of_open, of_new = self.outcome.expected(columns, measure)
        mean = self.mean(window, measure)
        p10, p50, p90 = self.quantile([0.1, 0.5, 0.9], window, measure)
        won = {}
        if measure in ("revenue", "cash") and isinstance(self.outcome, Futures):
            won = {"won_before": self.outcome.expected_of_won(columns, measure)}
        return {
            "realised": self._realised(measure) if 0 in columns else 0.0,
            **won,
            "open_deals": of_open,
            "new_deals": of_new,
            "mean": mean.value,
            "mean_se": mean.standard_error,
            "sd": self.sd(window, measure),
            "p10": float(p10),
            "p50": float(p50),
            "p90": float(p90),
        }

    def receivables(self) -> pd.DataFrame:
        """Invoices and payments by period, and what is unpaid and overdue at its end, with ranges.

        Returns
        -------
        DataFrame
            One row a period; columns of two levels: ``invoiced`` and ``paid`` within the period (of the
            running one what lies after the cutoff), ``open`` (unpaid at its end) and ``overdue30`` (overdue
            by more than 30 days at its end), each with ``p10``, ``p50``, ``p90`` and ``mean``, in the unit
            of the forecast. What is written off is no longer open. Balances of periods do not add, nor do
            quantiles.

        Raises
        ------
        ForecastError
            If the forecast followed no invoices.
        """
        self._checked_measure("cash")
        assert self._flows is not None
        cash = self._flows.cash
        parts = {
            "invoiced": self._flows.invoiced,
            "paid": cash.of_won + cash.of_open + cash.of_new,
            "open": self._flows.unpaid,
            "overdue30": self._flows.overdue,
        }
        columns: dict[tuple[str, str], Floats] = {}
        for name, by_future in parts.items():
            quantiles = np.quantile(by_future, [0.1, 0.5, 0.9], axis=0)
            columns |= {(name, q): row for q, row in zip(("p10", "p50", "p90"), quantiles, strict=True)}
            columns[name, "mean"] = by_future.mean(axis=0)
        units = dict.fromkeys((f"{part}: {figure}" for part, figure in columns), self.unit)
        words = {name: name.replace("open: ", "unpaid: ") for name in units}
        return told(pd.DataFrame(columns, index=pd.Index(self.periods.labels, name="period")), units, words)

    def by_deal(self) -> pd.DataFrame:
        """Each open deal: its chance to be won by the end of the periods, with its spread, and by period.

        Returns
        -------
        DataFrame
            Sorted by expected contribution. ``age_steps`` in the stage, in steps of the clock; ``chance`` to
            be won by the end (0..1), and ``chance in ...`` each period; ``chance_sd`` is the uncertainty of
            the chance that comes from the parameters (and, where reps are walked, from the number of
            futures); ``amount`` and ``expected`` (amount x chance) in the unit of the forecast, and whether
            the ``amount_is_imputed``. Without amounts there are no amount columns.
        """
        frame = self.deals.by_deal(self.periods.labels, has_amounts=self.is_money)
        units = dict.fromkeys(("amount", "expected"), self.unit)
        return told(frame, units | {"age_steps": several(step_of(self.periods))})

    def by_stage(self) -> pd.DataFrame:
        """Open deals by stage: number, listed amount, expected wins (with spread) and bookings.

        Returns
        -------
        DataFrame
            One row per open stage with deals, in the order of the funnel: ``n_deals``, ``expected_wins``, and
            their spread given the chances, ``expected_wins_sd``; ``amount`` listed and ``expected_bookings``
            in the unit of the forecast.
        """
        frame = self.deals.by_stage(has_amounts=self.is_money)
        return told(frame, dict.fromkeys(("amount", "expected_bookings"), self.unit))

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the fan chart: :func:`funnelsim.plot_fan` of this forecast."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_fan(self, ax=ax)

    def __repr__(self) -> str:
        p10, p50, p90 = self.quantile([0.1, 0.5, 0.9])
        text = (
            f"Forecast({self.periods.labels[0]} .. {self.periods.labels[-1]}: {self.measure} P50 {p50:,.0f} "
        )
        text = (
            f"{text}{self.unit if self.is_money else ''}".rstrip() + f", 80 % range {p10:,.0f} to {p90:,.0f}"
        )
        if self.target is not None:
            text += f"; chance of {self.target:,.0f}: {self.chance().in_english('.1%')}"
        return text + f"; {self.engine}, seed {self.seed})"


def target_amount(target: object) -> float:
    """A target as a number.

    Raises
    ------
    ForecastError
        If it is no finite number of 0 or more.
    """
    if isinstance(target, bool) or not isinstance(target, Real) or not _is_amount(target):
        raise ForecastError(f"target {target!r} is no amount; give a number of 0 or more, such as 5_000_000")
    return float(target)


def _is_amount(target: Real) -> bool:
    try:
        return 0.0 <= float(target) < np.inf
    except OverflowError:  # an integer too large for a float
        return False


def _within(window: slice, n_periods: int) -> list[int]:
    try:
        return list(range(n_periods)[window])
    except (TypeError, ValueError) as error:
        raise ForecastError(f"window {window!r} must count periods: {error}") from error


def _chances(chance: object) -> Floats:
    try:
        chances = np.asarray(chance, dtype=float)
    except (TypeError, ValueError):
        chances = np.array(np.nan)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ForecastError(f"quantile of {chance!r}: a chance lies within 0..1; write 90 % as 0.9")
    return chances
