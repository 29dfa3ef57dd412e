"""Payments that came beside those expected of the same invoices: what collection adds to a plan of cash."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from funnelsim.engines.unpaid import Delays
from funnelsim.fitting.collections import fit_collections
from funnelsim.nouns.collections import Collections, steps_in
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.invoices import Invoices
from funnelsim.numerics.collections import PAID
from funnelsim.questions.targets.luck import LARGEST_FACTOR, WORTH, two_sided_luck
from funnelsim.questions.targets.plan import Plan
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def known_by(invoices: Invoices, history: DealHistory) -> Invoices:
    """The invoices as known at the cutoff of a history."""
    return invoices.as_of(history.cutoff) if invoices.cutoff > history.cutoff else invoices


def with_payments(funnel: Funnel, known: DealHistory, invoices: Invoices | None) -> Funnel:
    """The funnel; where it knows no collections, with those that the invoices known by then show.

    Raises
    ------
    TargetError
        If deals and invoices are in two currencies.
    """
    if invoices is None:
        return funnel
    if invoices.unit and funnel.unit and invoices.unit != funnel.unit:
        raise TargetError(
            f"the deals are in {funnel.unit}, the invoices in {invoices.unit}: read both in one currency"
        )
    if funnel.collections is not None:
        return funnel
    return funnel.with_collections(fit_collections(known_by(invoices, known), clock=known.clock))


def paid_by_period(invoices: Invoices, plan: Plan) -> Floats:
    """What was paid in each period of a plan, shape (n_periods,)."""
    paid = invoices.table["paid_at"].to_numpy("datetime64[us]")
    amount = invoices.table["amount"].to_numpy(float)
    is_paid = ~np.isnat(paid)
    period = np.searchsorted(plan.edges, paid[is_paid].astype("datetime64[s]"), side="right") - 1
    inside = (period >= 0) & (period < len(plan.amounts))
    return np.bincount(period[inside], amount[is_paid][inside], minlength=len(plan.amounts)).astype(float)


def collected(
    invoices: Invoices, terms: Collections, clock: Clock, then: int, now: int, streams: Streams, n_draws: int
) -> tuple[float, float]:
    """Paid over expected between two steps, both of the invoices that there were; and the luck in it.

    Parameters
    ----------
    invoices : Invoices
        Known until the later step.
    terms : Collections
        As expected at the earlier step.
    clock : Clock
    then, now : int
        Payments after the first, up to and with the second.
    streams : Streams
    n_draws : int

    Returns
    -------
    ratio : float
        1 where invoices were paid as expected. Few invoices are held back towards 1, by four invoices' worth,
        because most of what so few show is luck.
    luck : float
        Chance that luck alone pays as much more or less than expected.
    """
    delays = Delays.of(terms, streams, range(n_draws))
    known, invoiced = invoices.receivables(clock, then), invoices.steps("invoiced_at", clock)
    amount, paid = invoices.table["amount"].to_numpy(float), invoices.steps("paid_at", clock)
    of_old = _of_unpaid(
        delays, terms.codes(known.credit_class), known.is_disputed, known.age_steps, now - then
    )
    is_new = (invoiced > then) & (invoiced <= now)
    label = invoices.table["credit_class"].to_numpy(object)[is_new]
    of_new = _of_fresh(delays, terms.codes(label), now - invoiced[is_new])
    expected = float(of_old @ known.amount + of_new @ amount[is_new])
    came = float(amount[(paid > then) & (paid <= now) & (invoiced <= now)].sum())
    if expected <= 0:
        return 1.0, 1.0  # nothing was expected of these invoices, so nothing is to be compared
    held_back = WORTH * expected / (len(of_old) + len(of_new))
    chance, worth = np.append(of_old, of_new), np.append(known.amount, amount[is_new])
    spread = float(np.sqrt((chance * (1.0 - chance)) @ worth**2))
    is_as_expected = abs(came - expected) <= 1e-9 * expected  # to the cent: no rounding is a surprise
    ratio = min((came + held_back) / (expected + held_back), LARGEST_FACTOR)
    return ratio, 1.0 if is_as_expected else two_sided_luck(came - expected, spread)


def _of_unpaid(
    delays: Delays, code: Ints, is_disputed: npt.NDArray[np.bool_], age: Ints, n_steps: int
) -> Floats:
    """Chance of each invoice that is unpaid at an age to be paid within some steps."""
    if delays.terms.disputed is not None:
        code = np.where(is_disputed, len(delays.rates) - 1, code)
    chance = np.zeros(len(age))
    for law in np.unique(code).tolist():
        here = code == law
        ages, which = np.unique(age[here], return_inverse=True)
        _, settled = delays.known(law, ages, n_steps)
        chance[here] = settled[:, PAID, :, -1].mean(axis=0)[which.reshape(-1)]
    return chance


def _of_fresh(delays: Delays, code: Ints, gone: Ints) -> Floats:
    """Chance of each invoice that was sent some steps ago to have been paid since."""
    terms = delays.terms
    wait = gone - steps_in(terms.terms_shift_days, terms.clock)
    by_law = [law[:, PAID] for law in delays.from_issue(int(max(wait.max(initial=0), 0)))]
    chance = np.zeros(len(gone))
    for law in np.unique(code).tolist():
        here = (code == law) & (wait >= 0)
        usual = by_law[law][:, wait[here]]
        if terms.disputed is not None:  # which of them become disputed is a part of what may come
            share = delays.disputed[:, None]
            usual = (1.0 - share) * usual + share * by_law[-1][:, wait[here]]
        chance[here] = usual.mean(axis=0)
    return chance
