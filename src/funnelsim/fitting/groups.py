"""Deals by attribute: which group each deal belongs to, and what every group has seen."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.classes import joined_words
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.hazards import Spells, count_ages
from funnelsim.vocabulary.errors import FunnelsimError, FunnelsimWarning
from funnelsim.vocabulary.words import did_you_mean, listed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NOT_ATTRIBUTES = ("deal_id", "created_at", "place", "outcome", "entered_at", "closed_at", "amount")
_TOO_MANY = 0.5


class SegmentError(FunnelsimError):
    """Segments that cannot be formed."""


class SegmentWarning(FunnelsimWarning):
    """Segments that say little."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of deals in an order that depends on what they did, not on what they are called.

    Parameters
    ----------
    names : tuple of str
        Values of the attributes, joined by " / "; largest group first.
    counts : ndarray of int, shape (n_groups, 4)
        Deals, and those open, won and lost.
    observed : ndarray of shape (n_groups, n_stages, n_places)
        Exits watched.
    exposure : tuple of ndarray, one per stage, shape (n_groups, n_bins)
        Stay-steps watched in each of the funnel's bins of age.
    """

    names: tuple[str, ...]
    counts: Ints
    observed: Floats
    exposure: tuple[Floats, ...]

    def expected(self, hazards: Sequence[Floats]) -> Floats:
        """Exits expected under chances per step by stage: exposure times hazard, summed over bins.

        Parameters
        ----------
        hazards : sequence of ndarray, one per stage, shape (..., n_bins, n_places)

        Returns
        -------
        ndarray of shape (..., n_groups, n_stages, n_places)
        """
        return np.stack([seen @ h for seen, h in zip(self.exposure, hazards, strict=True)], axis=-2)


def group_deals(history: DealHistory, by: str | Sequence[str], funnel: Funnel) -> Groups:
    """Form groups and count what each has seen, censoring and a late start of the log included.

    Parameters
    ----------
    history : DealHistory
    by : str or sequence of str
        Attribute, or several whose combinations are the groups.
    funnel : Funnel
        Whose bins of age the exposure is counted in.

    Returns
    -------
    Groups

    Raises
    ------
    SegmentError
        If an attribute is unknown, or names every deal apart.
    """
    names, code = _labels(history, by)
    kind = history.deals["outcome"].to_numpy(object)
    counts = np.stack(
        [np.bincount(code[chosen], minlength=len(names)) for chosen in _kinds(kind)], axis=1
    ).astype(np.int64)
    spells, n_open = history.spells, history.stages.n_open
    of_record = np.full(len(history.records.deals), -1)
    of_record[history.paths.deal[history.paths.is_first]] = code
    observed = np.zeros((len(names), n_open, len(history.stages.names)))
    exposure = tuple(np.zeros((len(names), len(hazards.first_age))) for hazards in funnel.hazards)
    columns = (spells.deal, spells.stage, spells.entry_step, spells.exit_step, spells.destination)
    for group in range(len(names)):
        chosen = of_record[spells.deal] == group
        own = Spells(*(column[chosen] for column in columns))
        for stage, hazards in enumerate(funnel.hazards):
            seen = count_ages(own, stage, observed.shape[2], history.window_start_step)
            bins = np.searchsorted(hazards.first_age, np.arange(len(seen.at_risk)), side="right") - 1
            exposure[stage][group] = np.bincount(bins, seen.at_risk, minlength=len(hazards.first_age))
            observed[group, stage] = seen.exits.sum(axis=0)
    return _ordered(Groups(tuple(names), counts, observed, exposure))


def _kinds(kind: npt.NDArray[np.object_]) -> list[npt.NDArray[np.bool_]]:
    return [np.ones(len(kind), dtype=bool), *(kind == name for name in ("open", "won", "lost"))]


def _ordered(groups: Groups) -> Groups:
    """Largest first, ties by what was seen, so that random draws do not depend on names."""
    seen = np.concatenate(
        [groups.counts, groups.observed.reshape(len(groups.names), -1), *groups.exposure], axis=1
    )
    order = sorted(range(len(groups.names)), key=lambda g: (*(-seen[g]).tolist(), groups.names[g]))
    return Groups(
        tuple(groups.names[g] for g in order),
        groups.counts[order],
        groups.observed[order],
        tuple(exposure[order] for exposure in groups.exposure),
    )


def _labels(history: DealHistory, by: str | Sequence[str]) -> tuple[list[str], Ints]:
    deals = history.deals
    columns = attribute_names(history, by)
    joined = joined_words([deals[name] for name in columns])
    names, code = np.unique(np.array(joined, dtype=str), return_inverse=True)
    _check_number(len(names), len(deals), " and ".join(columns))
    return [str(name) for name in names], code.astype(np.int64)


def attribute_names(history: DealHistory, by: str | Sequence[str]) -> list[str]:
    """The attributes asked for, each of which the deals have.

    Raises
    ------
    SegmentError
        If none is named, one is named twice, or one is unknown; the message lists those there are.
    """
    wanted = [by] if isinstance(by, str) else list(by)
    known = [str(name) for name in history.deals.columns if name not in _NOT_ATTRIBUTES]
    there = f"attributes are {listed(known)}" if known else "the deals have no attributes"
    if not wanted or len(set(wanted)) < len(wanted):
        raise SegmentError(f"name one attribute, or several different ones, not {by!r}; {there}")
    for name in wanted:
        if name not in known:
            raise SegmentError(f"deals have no attribute {name!r}{did_you_mean(str(name), known)}; {there}")
    return wanted


def _check_number(n_groups: int, n_deals: int, name: str) -> None:
    if n_groups == n_deals and n_deals > 1:
        raise SegmentError(
            f"{name!r} has another value for each of {n_deals:,} deals: it names deals, not groups; choose "
            "an attribute that deals share, or cut it into classes"
        )
    if n_groups == 1:
        warnings.warn(
            f"all {n_deals:,} deals have one value of {name!r}: there is nothing to "
            "compare; choose an attribute with several values",
            SegmentWarning,
            stacklevel=6,
        )
    elif n_groups > _TOO_MANY * n_deals:
        warnings.warn(
            f"{name!r} has {n_groups:,} values for {n_deals:,} deals, fewer than two deals a group: nearly "
            "all of what is shown comes from the other groups; join small groups, or choose a coarser "
            "attribute",
            SegmentWarning,
            stacklevel=6,
        )
