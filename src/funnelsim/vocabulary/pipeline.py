"""The position at the cutoff, as arrays: open deals, and the wins already booked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.receivables import InvoiceTable, Receivables


class PipelineError(FunnelsimError):
    """Arrays of a pipeline that do not fit together."""


@dataclass(frozen=True, eq=False)
class Pipeline(Shown):
    """Open deals and recent wins at the cutoff: what an engine starts from.

    Parameters
    ----------
    clock : Clock
        Steps in which ages are counted.
    cutoff_step : int
        Last step whose events are known.
    deal_ids : ndarray of str, shape (n_deals,)
    stage : ndarray of int, shape (n_deals,)
        Code of the open stage each deal is in.
    age_steps : ndarray of int, shape (n_deals,)
        Steps since the deal entered that stage, >= 0.
    amount : ndarray of float, shape (n_deals,)
        Listed amount; NaN where none is recorded.
    won_step, won_amount : ndarray of shape (n_won,)
        Wins of the last twelve months, for what is already realised in the running period.
    unrecorded_steps : int
        Latest steps up to the cutoff whose new deals are not recorded yet; an engine expects them.
    attributes : mapping of str to ndarray of shape (n_deals,)
        Any other columns of the open deals.
    won_attributes : mapping of str to ndarray of shape (n_won,)
        The same columns of the wins, so that what is realised is known by region or rep.
    receivables : Receivables, optional
        Unpaid invoices; None: no invoices are known.

    Raises
    ------
    PipelineError
        If lengths differ, an age is negative or an amount is negative or infinite.
    """

    clock: Clock
    cutoff_step: int
    deal_ids: npt.NDArray[np.object_]
    stage: npt.NDArray[np.int64]
    age_steps: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float64]
    won_step: npt.NDArray[np.int64]
    won_amount: npt.NDArray[np.float64]
    unrecorded_steps: int = 0
    attributes: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)
    won_attributes: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)
    receivables: Receivables | None = None

    def __post_init__(self) -> None:
        per_deal = [self.deal_ids, self.stage, self.age_steps, self.amount, *self.attributes.values()]
        per_win = [self.won_step, self.won_amount, *self.won_attributes.values()]
        if any(len({len(column) for column in columns}) != 1 for columns in (per_deal, per_win)):
            raise PipelineError("every column of a pipeline must have one entry per deal (or per win)")
        if (self.age_steps < 0).any():
            raise PipelineError(f"ages must be >= 0, found {self.age_steps.min()}")
        if self.unrecorded_steps < 0:
            raise PipelineError(f"unrecorded_steps must be >= 0, not {self.unrecorded_steps}")
        for amounts in (self.amount, self.won_amount):
            if (amounts < 0).any() or np.isinf(amounts).any():
                raise PipelineError("amounts must be finite and >= 0, or NaN where unknown")
        for column in (*per_deal, *per_win):
            column.flags.writeable = False

    def with_invoices(self, invoices: InvoiceTable) -> Pipeline:
        """The same position with the invoices that were unpaid at its cutoff, for forecasts of cash.

        Wins before the cutoff are taken to be among the invoices, except instalments not yet due to be
        invoiced.

        Parameters
        ----------
        invoices : Invoices
            As read by :func:`funnelsim.read_invoices`.
        """
        return replace(self, receivables=invoices.receivables(self.clock, self.cutoff_step))

    @property
    def first_won_step(self) -> int:
        """First step from which wins are kept: those of the last twelve months."""
        year_ago = self.clock.start_of(self.cutoff_step + 1) - np.timedelta64(366, "D")
        return int(self.clock.step_of(year_ago))

    @property
    def n_deals(self) -> int:
        """Number of open deals."""
        return len(self.stage)

    def of_deals(self, which: npt.NDArray[np.int64]) -> Pipeline:
        """The pipeline with some of its open deals, by number, in that order; one may stand there twice."""
        return replace(
            self,
            deal_ids=self.deal_ids[which],
            stage=self.stage[which],
            age_steps=self.age_steps[which],
            amount=self.amount[which],
            attributes={name: column[which] for name, column in self.attributes.items()},
        )

    def __repr__(self) -> str:
        missing = int(np.isnan(self.amount).sum())
        day = np.datetime_as_string(
            self.clock.start_of(self.cutoff_step + 1) - np.timedelta64(1, "s"), unit="D"
        )
        return f"Pipeline({self.n_deals:,} open deals worth {np.nansum(self.amount):,.0f} at {day}" + (
            f", {missing:,} without an amount)" if missing else ")"
        )
