"""Unpaid invoices at the cutoff, and recent payments, as arrays: what cash starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.errors import FunnelsimError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class ReceivablesError(FunnelsimError):
    """Arrays of unpaid invoices that do not fit together."""


@dataclass(frozen=True, eq=False)
class Receivables:
    """Unpaid invoices, and what was paid of late.

    Parameters
    ----------
    age_steps : ndarray of int, shape (n_unpaid,)
        Steps since the invoice, >= 0.
    due_step : ndarray of int, shape (n_unpaid,)
        Step of the due date; -1 where none is recorded, so that the usual terms hold.
    amount : ndarray of float, shape (n_unpaid,)
    credit_class : ndarray of str, shape (n_unpaid,)
        "" where none is recorded.
    is_disputed : ndarray of bool, shape (n_unpaid,)
    paid_step, paid_amount : ndarray of shape (n_paid,)
        Payments up to the cutoff.
    invoiced_step, invoiced_amount : ndarray of shape (n_invoices,)
        All invoices up to the cutoff.

    Raises
    ------
    ReceivablesError
        If lengths differ, an age is negative or an amount is no number of 0 or more.
    """

    age_steps: Ints
    due_step: Ints
    amount: Floats
    credit_class: npt.NDArray[np.object_]
    is_disputed: npt.NDArray[np.bool_]
    paid_step: Ints
    paid_amount: Floats
    invoiced_step: Ints
    invoiced_amount: Floats

    def __post_init__(self) -> None:
        unpaid = (self.age_steps, self.due_step, self.amount, self.credit_class, self.is_disputed)
        pairs = ((self.paid_step, self.paid_amount), (self.invoiced_step, self.invoiced_amount))
        if any(len({len(column) for column in columns}) != 1 for columns in (unpaid, *pairs)):
            raise ReceivablesError("every column of unpaid invoices must have one entry per invoice")
        if (self.age_steps < 0).any():
            raise ReceivablesError(f"ages of invoices must be >= 0, found {self.age_steps.min()}")
        for amounts in (self.amount, self.paid_amount, self.invoiced_amount):
            if not (np.isfinite(amounts) & (amounts >= 0)).all():
                raise ReceivablesError("amounts of invoices must be finite and >= 0")
        for column in (*unpaid, *(column for columns in pairs for column in columns)):
            column.flags.writeable = False

    @property
    def n_unpaid(self) -> int:
        """Number of unpaid invoices."""
        return len(self.amount)


class InvoiceTable(Protocol):
    """Anything that knows which invoices were unpaid at a cutoff."""

    def receivables(self, clock: Clock, cutoff_step: int) -> Receivables:
        """Unpaid invoices at the end of a step, with their ages then."""
        ...
