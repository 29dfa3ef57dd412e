"""The classical weighted pipeline, as it is computed today: a rival, kept beside every forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.hazards import Spells

Floats = npt.NDArray[np.float64]

CLOSED_FORMULA = "realised + sum over open deals of (amount x closed-only win rate of the deal's stage)"
NOMINAL_FORMULA = "realised + sum over open deals of (amount x nominal win rate of the deal's stage)"


@dataclass(frozen=True, eq=False)
class ClosedRates:
    """Win rates among closed deals that passed each open stage. Do not use them to forecast.

    Open deals are left out and time is ignored: that is the classical method, and its bias.

    Parameters
    ----------
    n_won, n_closed : ndarray of float, shape (n_open,)
        Closed deals that visited the stage: won ones, and all.
    """

    n_won: Floats
    n_closed: Floats

    @property
    def rates(self) -> Floats:
        """Share won among closed, shape (n_open,); 0 where no deal has closed."""
        return np.divide(self.n_won, self.n_closed, out=np.zeros_like(self.n_won), where=self.n_closed > 0)


def closed_rates(
    spells: Spells, is_won_deal: npt.NDArray[np.bool_], is_closed_deal: npt.NDArray[np.bool_], n_open: int
) -> ClosedRates:
    """Closed-only win rates by visited stage.

    Parameters
    ----------
    spells : Spells
    is_won_deal, is_closed_deal : ndarray of bool, shape (n_deals,)
        By the deal numbers used in `spells`.
    n_open : int
    """
    # Ticking off visits instead of sorting them takes a tenth of the time, which large logs feel.
    visits = np.zeros(len(is_won_deal) * n_open, dtype=bool)
    visits[spells.deal * n_open + spells.stage] = True
    deal, stage = np.divmod(np.flatnonzero(visits), n_open)
    won = np.bincount(stage[is_won_deal[deal]], minlength=n_open)
    closed = np.bincount(stage[is_closed_deal[deal]], minlength=n_open)
    return ClosedRates(won.astype(float), closed.astype(float))


def weighted_pipeline(amount: Floats, rate: Floats, realised: float) -> tuple[float, float]:
    """The classical figure and its coin-flip standard deviation.

    ``realised + sum(amount * rate)``; deals without an amount count nothing, as they do in a spreadsheet.
    The standard deviation takes each deal as one coin: ``sqrt(sum(amount**2 * rate * (1 - rate)))``.

    Parameters
    ----------
    amount, rate : ndarray of float, shape (n_deals,)
    realised : float

    Returns
    -------
    figure, sd : float
    """
    known = np.nan_to_num(amount, nan=0.0)
    return realised + float(known @ rate), float(np.sqrt((known**2 * rate * (1 - rate)).sum()))
