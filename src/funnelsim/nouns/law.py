"""Laws of totals: what a forecast knows of the sum over some of its periods, whichever engine made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.flows import Flows
from funnelsim.numerics.strata import error_over_draws
from funnelsim.vocabulary.estimate import Estimate

Floats = npt.NDArray[np.float64]
Counted = Literal["bookings", "wins"]  # what deals tell by themselves; the rest needs their invoices
Measure = Literal["bookings", "wins", "revenue", "cash"]
Worth = Callable[[Floats], Floats]


class Law(Protocol):
    """Distribution of one total, mixed over draws of the parameters.

    Figures come by draw, so that two laws of the same draws can be compared draw by draw.
    """

    @property
    def resolution(self) -> float:
        """Smallest chance the law can tell from none."""
        ...

    def mean_by_draw(self) -> Floats:
        """Expected total given each draw, shape (n_draws,)."""
        ...

    def sd(self) -> float:
        """Standard deviation of the total, over chance and draws."""
        ...

    def quantile(self, chance: Floats) -> Floats:
        """Amount that the total stays below with each chance; the shape of `chance`."""
        ...

    def chance_by_draw(self, amount: float) -> Floats:
        """Chance that the total reaches `amount` given each draw, shape (n_draws,)."""
        ...

    def mean_of_by_draw(self, worth: Worth) -> Floats:
        """Expected worth of the total given each draw, such as what is paid for it; shape (n_draws,)."""
        ...

    def engine_error(self, amount: float) -> float:
        """Error of the chance to reach `amount` that is the engine's own: simulation, or the grid."""
        ...


class Outcome(Protocol):
    """What an engine says of the periods: the joint law, of which any window can be asked."""

    @property
    def n_draws(self) -> int:
        """Draws of the parameters."""
        ...

    @property
    def has_amounts(self) -> bool:
        """Whether bookings are known, and not only the number of wins."""
        ...

    def law(self, columns: Sequence[int], measure: Measure, realised: float) -> Law:
        """Law of what is won in some periods together, `realised` added."""
        ...

    def expected(self, columns: Sequence[int], measure: Measure) -> tuple[float, float]:
        """Expected total of some periods: from deals open now, and from deals yet to arrive."""
        ...


@dataclass(frozen=True, eq=False)
class DrawnLaw:
    """Law of a total by simulated futures.

    Parameters
    ----------
    totals : ndarray of shape (n_draws, n_futures_per_draw)
    """

    totals: Floats

    @property
    def resolution(self) -> float:
        """One future in all: none out of ten thousand does not mean never."""
        return 1.0 / self.totals.size

    def mean_by_draw(self) -> Floats:
        """Mean over the futures of each draw, shape (n_draws,)."""
        return np.asarray(self.totals.mean(axis=1))

    def sd(self) -> float:
        """Standard deviation over all futures."""
        return float(self.totals.std(ddof=1))

    def quantile(self, chance: Floats) -> Floats:
        """Quantiles of all futures."""
        return np.asarray(np.quantile(self.totals, chance))

    def chance_by_draw(self, amount: float) -> Floats:
        """Share of the futures of each draw that reach `amount`, shape (n_draws,)."""
        return np.asarray(reaches(self.totals, amount).mean(axis=1))

    def mean_of_by_draw(self, worth: Worth) -> Floats:
        """Mean worth over the futures of each draw, shape (n_draws,)."""
        return np.asarray(worth(self.totals).mean(axis=1))

    def engine_error(self, amount: float) -> float:
        """Standard error of the simulation, given the draws: that of a share of independent futures.

        A single future for each draw cannot tell luck from draws: then all of the spread counts as luck.
        """
        share, n = self.chance_by_draw(amount), self.totals.shape[1]
        if n == 1:
            share = share.mean(keepdims=True)
        return float(np.sqrt((share * (1.0 - share)).mean() * n / max(n - 1, 1) / self.totals.size))


@dataclass(frozen=True, eq=False)
class Futures:
    """Jointly simulated futures: an outcome that has draws.

    Parameters
    ----------
    open_wins, new_wins : ndarray of int, shape (n_futures, n_periods)
        Wins of deals open now, and of deals that arrive later.
    open_bookings, new_bookings : ndarray of shape (n_futures, n_periods)
        Their amounts; empty when the data has no amounts.
    n_draws : int
        Parameter draws; futures of one draw stand together, equally many each.
    flows : Flows, optional
        What becomes of these wins: revenue, invoices and cash of the same futures.
    """

    open_wins: npt.NDArray[np.integer]
    new_wins: npt.NDArray[np.integer]
    open_bookings: Floats
    new_bookings: Floats
    n_draws: int
    flows: Flows | None = None

    @property
    def has_amounts(self) -> bool:
        """Whether the futures have amounts."""
        return bool(self.open_bookings.size)

    def parts(self, measure: Measure) -> tuple[Floats, Floats]:
        """By future and period: of what is won already and deals open now, and of deals yet to arrive."""
        if measure == "wins":
            return self.open_wins.astype(float), self.new_wins.astype(float)
        if measure == "bookings" or self.flows is None:
            return self.open_bookings, self.new_bookings
        flow = getattr(self.flows, measure)
        return flow.of_won + flow.of_open, flow.of_new

    def _columns(self, columns: Sequence[int], measure: Measure) -> Iterator[list[npt.NDArray[Any]]]:
        """Period by period, of each source: a million futures stay one copy."""
        sources: list[npt.NDArray[Any]] = [self.open_bookings, self.new_bookings]
        if measure == "wins":
            sources = [self.open_wins, self.new_wins]
        elif measure != "bookings" and self.flows is not None:
            flow = getattr(self.flows, measure)
            sources = [flow.of_open, flow.of_new, flow.of_won]
        for column in columns:
            yield [source[:, column] for source in sources]

    def law(self, columns: Sequence[int], measure: Measure, realised: float) -> DrawnLaw:
        """Law of the sum over some periods, `realised` added."""
        totals = np.zeros(len(self.open_wins))
        for of_open, of_new, *of_won in self._columns(columns, measure):
            totals += sum(of_won, of_open + of_new)
        return DrawnLaw((totals + realised).reshape(self.n_draws, -1))

    def expected_of_won(self, columns: Sequence[int], measure: Measure) -> float:
        """Mean revenue or cash of some periods from what is won, or invoiced, already."""
        rows = self._columns(columns, measure)
        return float(sum(source.mean() for _, _, *of_won in rows for source in of_won))

    def expected(self, columns: Sequence[int], measure: Measure) -> tuple[float, float]:
        """Means over the futures: from deals open now, and from deals yet to arrive."""
        means = [(of_open.mean(), of_new.mean()) for of_open, of_new, *_ in self._columns(columns, measure)]
        return float(sum(mean for mean, _ in means)), float(sum(mean for _, mean in means))

    @classmethod
    def joined(cls, batches: Sequence[Futures]) -> Futures:
        """Futures of all batches of draws, in order."""
        flows = [batch.flows for batch in batches if batch.flows is not None]
        return cls(
            np.concatenate([batch.open_wins for batch in batches]),
            np.concatenate([batch.new_wins for batch in batches]),
            np.concatenate([batch.open_bookings for batch in batches]),
            np.concatenate([batch.new_bookings for batch in batches]),
            sum(batch.n_draws for batch in batches),
            Flows.joined(flows) if len(flows) == len(batches) else None,
        )


def reaches(total: Floats, target: float) -> npt.NDArray[np.bool_]:
    """Whether totals reach a target; what sums of decimals lose to rounding does not count against them."""
    return total >= target - slack(target)


def slack(target: float) -> float:
    """What sums of decimals may lose to rounding."""
    return 1e-9 * max(abs(target), 1.0)


def over_draws(by_draw: Floats, resolution: float = 0.0) -> Estimate:
    """Mean over draws with its standard error, at least `resolution`.

    What depends on one parameter draw is one observation, however many futures it has; so the error comes
    from the spread over draws (:func:`~funnelsim.numerics.strata.error_over_draws`), and a single draw has
    none (NaN).
    """
    error = error_over_draws(by_draw)
    return Estimate(float(by_draw.mean()), error if np.isnan(error) else max(error, resolution))
