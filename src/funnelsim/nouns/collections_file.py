"""The collections of a funnel as a part of its file, and back; also writable by hand as terms and delays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from funnelsim.nouns.collections import Collections, CollectionsError, Recognition
from funnelsim.nouns.funnel_schema import CollectionsPart, DelayPart
from funnelsim.numerics.collections import ENDS
from funnelsim.numerics.hazards import StageHazards
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.faults import Faults


def collections_to_part(terms: Collections) -> dict[str, Any]:
    """Collections as plain names and numbers."""
    rule = terms.recognition
    return {
        "origin": terms.origin,
        "terms_days": terms.terms_days,
        "instalments": [list(pair) for pair in terms.instalments],
        "revenue": {"how": rule.how, "months": rule.months, "days": rule.days},
        "delay": _delay_to_part(terms.delay),
        "credit_attribute": terms.credit_attribute,
        "by_class": {label: _delay_to_part(law) for label, law in terms.by_class.items()},
        "disputed": terms.disputed and _delay_to_part(terms.disputed),
        "share_disputed": terms.share_disputed,
        "worth_invoices": terms.worth_invoices if np.isfinite(terms.worth_invoices) else None,
        "pace": terms.pace,
        "never_paid_odds": terms.never_paid_odds,
        "terms_shift_days": terms.terms_shift_days,
    }


def _delay_to_part(law: StageHazards) -> dict[str, Any]:
    ages = {"first_age": law.first_age.tolist()}
    if law.is_certain:
        chances = law.mean_hazards()
        return ages | {"chance_per_step": {end: chances[:, j].tolist() for j, end in enumerate(ENDS)}}
    return ages | {
        "at_risk": law.at_risk.tolist(),
        "exits": {end: law.exits[:, j].tolist() for j, end in enumerate(ENDS)},
        "prior_shares": dict(zip(ENDS, law.prior_shares.tolist(), strict=True)),
    }


def collections_from_part(part: CollectionsPart, clock: Clock) -> Collections:
    """The collections a file tells of.

    Raises
    ------
    CollectionsError
        If delays are not understood, or numbers do not fit together.
    """
    instalments = tuple((share, days) for share, days in part.instalments)
    faults = Faults()
    faults.attempt(("instalments",), lambda: Collections.by_hand(instalments=instalments))
    faults.attempt(("late_mean_days",), lambda: Collections.by_hand(late_mean_days=part.late_mean_days))
    faults.refuse()
    rule = Recognition(**part.revenue.model_dump())
    if part.delay is None:
        if part.by_class or part.disputed:
            raise CollectionsError(
                "collections: delays of classes or disputed invoices need a 'delay' of all"
            )
        terms = Collections.by_hand(
            terms_days=part.terms_days,
            late_mean_days=part.late_mean_days,
            never_paid=part.never_paid,
            share_disputed=part.share_disputed,
            dispute_days=part.dispute_days,
            instalments=instalments,
            recognition=rule,
            clock=clock,
        )
        return replace(terms, origin=part.origin)
    return Collections(
        clock=clock,
        delay=_delay(part.delay, "delay"),
        by_class={label: _delay(law, f"by_class.{label}") for label, law in part.by_class.items()},
        credit_attribute=part.credit_attribute,
        disputed=None if part.disputed is None else _delay(part.disputed, "disputed"),
        share_disputed=part.share_disputed,
        worth_invoices=np.inf if part.worth_invoices is None else part.worth_invoices,
        instalments=instalments,
        terms_days=part.terms_days,
        recognition=rule,
        pace=part.pace,
        never_paid_odds=part.never_paid_odds,
        terms_shift_days=part.terms_shift_days,
        origin=part.origin,
    )


def _delay(part: DelayPart, where: str) -> StageHazards:
    first_age = np.array(part.first_age, dtype=np.int64)
    n_bins, where = len(first_age), f"collections.{where}"
    if n_bins < 2 or first_age[0] != 0 or first_age[1] != 1 or (np.diff(first_age) <= 0).any():
        raise CollectionsError(f"{where}.first_age: must increase and begin 0, 1 (age 0 is a bin of its own)")
    if part.chance_per_step is not None:
        chances = _columns(part.chance_per_step, n_bins, where)
        if (chances.sum(axis=1) > 1 + 1e-12).any():
            raise CollectionsError(f"{where}.chance_per_step: the chances of one bin add to more than 1")
        shares = chances.sum(axis=0) / max(chances.sum(), 1e-300)
        return StageHazards(first_age, chances, np.ones(n_bins), shares, is_certain=True)
    exits, at_risk = _columns(part.exits or {}, n_bins, where), np.array(part.at_risk or [], dtype=float)
    if len(at_risk) != n_bins or (exits.sum(axis=1) > at_risk).any():
        raise CollectionsError(f"{where}.at_risk: one number per bin of age, none below the exits of its bin")
    given = part.prior_shares or {}
    shares = np.array([given.get(end, 0.0) for end in ENDS])
    return StageHazards(first_age, exits, at_risk, shares)


def _columns(by_end: dict[str, list[float]], n_bins: int, where: str) -> np.ndarray[Any, Any]:
    table = np.zeros((n_bins, len(ENDS)))
    for end, values in by_end.items():
        if end not in ENDS or len(values) != n_bins:
            raise CollectionsError(
                f"{where}: {end!r} needs {n_bins} numbers, one for each bin of age; "
                f"ends are {', '.join(ENDS)}"
            )
        table[:, ENDS.index(end)] = values
    return table
