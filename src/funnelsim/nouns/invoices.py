"""Invoices: validated invoices with their payments, as known at a cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.vocabulary.clock import Clock, end_of_day
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.receivables import Receivables

Ints = npt.NDArray[np.int64]
Moments = npt.NDArray[np.datetime64]

INVOICE_COLUMNS = (
    "invoice_id",
    "invoiced_at",
    "due_at",
    "paid_at",
    "written_off_at",
    "amount",
    "customer",
    "is_disputed",
    "credit_class",
)


class InvoicesError(FunnelsimError):
    """Invoices that cannot answer what was asked of them."""


@dataclass(frozen=True, eq=False)
class Invoices(Shown):
    """Invoices as known at a cutoff; made by :func:`funnelsim.read_invoices`.

    Parameters
    ----------
    table : DataFrame
        One row an invoice: ``invoice_id``, ``invoiced_at``, ``due_at``, ``paid_at`` and ``written_off_at``
        (NaT: not so far), ``amount``, ``customer``, ``is_disputed``, ``credit_class`` ("" where unknown).
    cutoff : datetime64[us]
        Last moment whose events are known.
    unit : str
    issues : DataFrame
        What was repaired, left out or noted while reading.
    """

    table: pd.DataFrame
    cutoff: np.datetime64
    unit: str
    issues: pd.DataFrame

    def as_of(self, moment: object) -> Invoices:
        """The invoices as they stood at an earlier moment: later ones are gone, later payments forgotten.

        Disputes are kept as they stand now: when one began is not on record.

        Raises
        ------
        InvoicesError
            If the moment lies after the cutoff.
        """
        cutoff = end_of_day(moment)
        if cutoff > self.cutoff:
            raise InvoicesError(
                f"as of {_day(cutoff)} is after the cutoff of the invoices, {_day(self.cutoff)}"
            )
        table = self.table[self.table["invoiced_at"] <= cutoff].reset_index(drop=True)
        for end in ("paid_at", "written_off_at"):
            table[end] = table[end].where(table[end] <= cutoff)
        return replace(self, table=table, cutoff=cutoff)

    def steps(self, column: str, clock: Clock) -> Ints:
        """Steps of the moments of a column; -1 where there is none."""
        moments = self.table[column].to_numpy("datetime64[us]")
        steps = np.full(len(moments), -1, dtype=np.int64)
        is_known = ~np.isnat(moments)
        steps[is_known] = clock.step_of(moments[is_known])
        return steps

    def receivables(self, clock: Clock, cutoff_step: int) -> Receivables:
        """Unpaid invoices at the end of a step, and the payments up to then.

        Raises
        ------
        InvoicesError
            If the invoices are known for less long: what was paid in between would count as unpaid.
        """
        last_moment = clock.start_of(cutoff_step + 1) - np.timedelta64(1, "s")
        if clock.step_of(self.cutoff) < cutoff_step:
            raise InvoicesError(
                f"the invoices are known until {_day(self.cutoff)}, the position stands at "
                f"{_day(last_moment)}; export the invoices again, or read the deals with "
                f"as_of={_day(self.cutoff)!r}"
            )
        invoiced, paid = self.steps("invoiced_at", clock), self.steps("paid_at", clock)
        ended = np.maximum(paid, self.steps("written_off_at", clock))
        is_sent, amount = invoiced <= cutoff_step, self.table["amount"].to_numpy(float)
        is_unpaid = is_sent & ((ended < 0) | (ended > cutoff_step))
        is_paid = is_sent & (paid >= 0) & (paid <= cutoff_step)
        return Receivables(
            age_steps=cutoff_step - invoiced[is_unpaid],
            due_step=self.steps("due_at", clock)[is_unpaid],
            amount=amount[is_unpaid],
            credit_class=self.table["credit_class"].to_numpy(object)[is_unpaid],
            is_disputed=self.table["is_disputed"].to_numpy(bool)[is_unpaid],
            paid_step=paid[is_paid],
            paid_amount=amount[is_paid],
            invoiced_step=invoiced[is_sent],
            invoiced_amount=amount[is_sent],
        )

    def _shown_table(self) -> pd.DataFrame:
        """How many invoices, and how much, are paid, due later, overdue and written off."""
        is_paid = self.table["paid_at"].notna()
        is_off, is_late = self.table["written_off_at"].notna(), self.table["due_at"] < self.cutoff
        states = {
            "paid": is_paid,
            "unpaid, not due yet": ~is_paid & ~is_off & ~is_late,
            "unpaid, overdue": ~is_paid & ~is_off & is_late,
            "written off": is_off & ~is_paid,
        }
        amounts = self.table["amount"]
        rows = {name: (int(which.sum()), float(amounts[which].sum())) for name, which in states.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["invoices", "amount"]).rename_axis(
            "state"
        )

    def _column_units(self) -> Mapping[str, str]:
        return {"amount": self.unit}

    def __repr__(self) -> str:
        is_open = self.table["paid_at"].isna() & self.table["written_off_at"].isna()
        worth = f"{self.table.loc[is_open, 'amount'].sum():,.0f} {self.unit}".rstrip()
        return (
            f"Invoices({len(self.table):,} invoices, {int(is_open.sum()):,} unpaid, worth {worth}, at "
            f"{_day(self.cutoff)})"
        )


def _day(moment: npt.ArrayLike) -> str:
    return str(np.datetime_as_string(np.asarray(moment, dtype="datetime64[s]"), unit="D"))
