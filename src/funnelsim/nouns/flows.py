"""Flows: revenue, invoices and payments of simulated futures by period, beside their wins and bookings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flow:
    """One kind of money by future and period, by where it comes from.

    Parameters
    ----------
    of_won, of_open, of_new : ndarray of shape (n_futures, n_periods)
        From what is won, or invoiced, already; from deals open now; from deals yet to arrive.
    """

    of_won: Floats
    of_open: Floats
    of_new: Floats

    @classmethod
    def joined(cls, parts: Sequence[Flow]) -> Flow:
        """Futures of all parts, in order."""
        return cls(
            np.concatenate([part.of_won for part in parts]),
            np.concatenate([part.of_open for part in parts]),
            np.concatenate([part.of_new for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Flows:
    """What becomes of the wins of the same futures.

    Parameters
    ----------
    revenue, cash : Flow
        After the cutoff.
    invoiced, unpaid, overdue : ndarray of shape (n_futures, n_periods)
        Invoiced within each period (after the cutoff); and at its end unpaid, and overdue by more than 30
        days. What is written off is no longer unpaid.
    """

    revenue: Flow
    cash: Flow
    invoiced: Floats
    unpaid: Floats
    overdue: Floats

    @classmethod
    def joined(cls, parts: Sequence[Flows]) -> Flows:
        """Flows of all parts, in order."""
        revenue, cash = ([getattr(part, name) for part in parts] for name in ("revenue", "cash"))
        balances = [
            np.concatenate([getattr(part, name) for part in parts])
            for name in (field.name for field in fields(cls)[2:])
        ]
        return cls(Flow.joined(revenue), Flow.joined(cash), *balances)
