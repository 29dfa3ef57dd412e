"""fit_collections: how invoices are paid; those still unpaid count for as long as they have been seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.collections import Collections, Recognition
from funnelsim.nouns.invoices import Invoices, InvoicesError
from funnelsim.numerics.collections import ENDS, PAID, WRITTEN_OFF
from funnelsim.numerics.hazards import Spells, StageHazards, bin_ages, count_ages
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.door import checked

Flags = npt.NDArray[np.bool_]

LEAST_SETTLED = 50  # invoices of a class, or under dispute, whose delays are learnt apart
_USUAL_TERMS_DAYS = 30.0


@checked
def fit_collections(
    invoices: Invoices,
    *,
    clock: Clock | None = None,
    instalments: Sequence[tuple[float, float]] = ((1.0, 0.0),),
    recognition: Recognition | None = None,
    credit_attribute: str = "credit_class",
) -> Collections:
    """How invoices are paid: delays by age since the invoice, with unpaid ones counted for as long as seen.

    Parameters
    ----------
    invoices : Invoices
    clock : Clock, optional
        That of the funnel they are to serve; days by default.
    instalments : sequence of (share, days)
        How a win is invoiced: invoices alone do not tell.
    recognition : Recognition, optional
        When a win becomes revenue; with the win by default.
    credit_attribute : str
        Attribute of deals that names the credit class of their invoices.

    Returns
    -------
    Collections
        Invoices under dispute, and each credit class, have delays of their own where 50 of them have been
        settled; the others share the delay of all undisputed ones. Terms are the median of the due dates.

    Raises
    ------
    InvoicesError
        If no invoice has been paid: then nothing tells when one is.
    CollectionsError
        If instalments do not add up.

    Notes
    -----
    Invoices are counted as independent. Those of one customer are not quite, so with few customers the
    delays are known less well than it seems.
    """
    clock = clock or Clock("day")
    spells = _spells(invoices, clock)
    settled = spells.destination >= 0
    if not (spells.destination == PAID).any():
        raise InvoicesError(
            f"none of {len(settled):,} invoices has been paid, so nothing tells when they are; check the "
            "column 'paid_at', or write collections by hand: Collections.by_hand(terms_days=30)"
        )
    table = invoices.table.iloc[spells.deal]
    is_disputed, label = table["is_disputed"].to_numpy(bool), table["credit_class"].to_numpy(object)
    apart = (settled & is_disputed).sum() >= LEAST_SETTLED and (settled & ~is_disputed).any()
    usual = ~is_disputed if apart else np.ones(len(settled), dtype=bool)
    enough = [
        name
        for name in sorted(set(label) - {""})
        if (settled & usual & (label == name)).sum() >= LEAST_SETTLED
    ]
    return Collections(
        clock=clock,
        delay=_law(spells, usual),
        by_class={str(name): _law(spells, usual & (label == name)) for name in enough},
        credit_attribute=credit_attribute,
        disputed=_law(spells, is_disputed) if apart else None,
        share_disputed=float(is_disputed.mean()) if apart else 0.0,
        worth_invoices=float(len(settled)) if apart else np.inf,
        instalments=tuple(instalments),
        terms_days=_terms_days(invoices),
        recognition=recognition or Recognition(),
        origin=f"{len(settled):,} invoices, {int((spells.destination == PAID).sum()):,} of them paid",
    )


def _spells(invoices: Invoices, clock: Clock) -> Spells:
    """Each invoice as a stay that ends with its payment or its write-off, or goes on."""
    invoiced, paid, written_off = (
        invoices.steps(column, clock) for column in ("invoiced_at", "paid_at", "written_off_at")
    )
    destination = np.where(paid >= 0, PAID, np.where(written_off >= 0, WRITTEN_OFF, -1))
    last = int(clock.step_of(clock.known_until(invoices.cutoff)))
    left = np.maximum(paid, written_off)
    # On a clock of weeks the running one is not over: what was settled in it is unpaid so far.
    destination = np.where(left > last, -1, destination)
    is_seen = invoiced <= last
    return Spells(
        deal=np.flatnonzero(is_seen),
        stage=np.zeros(int(is_seen.sum()), dtype=np.int64),
        entry_step=invoiced[is_seen],
        exit_step=np.where(destination >= 0, left, last)[is_seen],
        destination=destination[is_seen],
    )


def _law(spells: Spells, which: Flags) -> StageHazards:
    chosen = Spells(*(getattr(spells, name)[which] for name in Spells.__dataclass_fields__))
    return bin_ages(count_ages(chosen, 0, len(ENDS)), np.array([1.0, 0.0]))


def _terms_days(invoices: Invoices) -> float:
    """Median days from invoice to due date; 30 where no due date is on record."""
    table = invoices.table
    days = (table["due_at"].dt.normalize() - table["invoiced_at"].dt.normalize()).dt.days.dropna()
    return float(days.median()) if len(days) else _USUAL_TERMS_DAYS
