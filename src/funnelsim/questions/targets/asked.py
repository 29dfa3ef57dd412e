"""Asked: what a plan may be followed in, and what that needs; the rest is refused with the way out."""

from __future__ import annotations

from numbers import Real

import numpy as np

from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.invoices import Invoices
from funnelsim.nouns.law import Measure
from funnelsim.questions.targets.quotas import TargetError


def check_asked(tolerance: float, measure: Measure | None, invoices: Invoices | None) -> None:
    """Refuse a tolerance that is none, and invoices without cash or cash without invoices.

    Raises
    ------
    TargetError
    """
    is_number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
    if not is_number or not 0.0 <= tolerance < np.inf:
        raise TargetError(f"tolerance={tolerance!r} must be 0 or more; write 15 % as 0.15")
    if measure not in (None, "bookings", "wins", "cash"):
        raise TargetError(f"measure={measure!r}: a plan is followed in bookings, wins or cash")
    if measure == "cash" and invoices is None:
        raise TargetError(
            "measure='cash': a history of deals knows no payments; give invoices=fs.read_invoices(...)"
        )
    if measure != "cash" and invoices is not None:
        raise TargetError("invoices are held against a plan of cash: give measure='cash', or leave them out")


def check_amounts(measure: Measure | None, before: Forecast, then: DealHistory) -> None:
    """Refuse to follow a plan of money in wins, for want of amounts.

    Raises
    ------
    TargetError
    """
    if measure is None and before.measure == "wins":
        raise TargetError(
            f"no deal known by {then.cutoff.astype('datetime64[D]')}, when the plan was made, has an amount "
            "that a win could bring (none is won, or amounts are missing or 0), so a plan of money cannot be "
            "followed; check which column holds the amounts (columns= of read_deals), or give measure='wins' "
            "for a plan of wins"
        )
