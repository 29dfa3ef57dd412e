"""Hazards by (stage, destination, age): counts and exposures, adaptive bins, Dirichlet draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.strata import Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PRIOR_WEIGHT = 0.5
_MOST_PRIOR_EXITS = 2.0
_LEAST_EXITS_PER_BIN = 10
_LEAST_SHARE_PER_BIN = 0.02
_HAZARD_RANGE = (1e-6, 0.95)
_LEFT_AT_LAST = 1e-5
_LARGEST_WRITTEN = 1.0 - 1e-12


@dataclass(frozen=True, eq=False)
class Spells:
    """Stays in open stages, one entry each.

    Parameters
    ----------
    deal : ndarray of int
        Which deal the stay belongs to.
    stage : ndarray of int
        Code of the open stage.
    entry_step, exit_step : ndarray of int
        Steps of entry and exit; for a stay that still goes on, ``exit_step`` is the cutoff step.
    destination : ndarray of int
        Code of the place the deal went to; -1 for a stay that still goes on (censored).
    """

    deal: Ints
    stage: Ints
    entry_step: Ints
    exit_step: Ints
    destination: Ints


@dataclass(frozen=True, eq=False)
class AgeCounts:
    """Exits and exposure of one stage by age; adds over deals.

    Parameters
    ----------
    exits : ndarray of shape (n_ages, n_places)
        Exits at each age to each place.
    at_risk : ndarray of shape (n_ages,)
        Stays under observation at each age.
    """

    exits: Floats
    at_risk: Floats


def count_ages(spells: Spells, stage: int, n_places: int, window_start_step: int | None = None) -> AgeCounts:
    """Exits and exposure by age for one stage, with censoring and delayed entry.

    A stay that began before the window is watched only from the age it had when the window opened; one that
    ended before the window was never watched. A stay that still goes on was watched up to its present age,
    that age included: everything on the cutoff step is known.

    Parameters
    ----------
    spells : Spells
    stage : int
    n_places : int
        Number of places (open stages and outcomes).
    window_start_step : int, optional
        First step from which the log is complete; None when it is complete from its first event.

    Returns
    -------
    AgeCounts

    References
    ----------
    .. [1] Klein, Moeschberger (2003), *Survival Analysis*, 2nd ed., sections 3.4 and 4.6 (left truncation).
    """
    chosen = spells.stage == stage
    entry, last_step = spells.entry_step[chosen], spells.exit_step[chosen]
    destination = spells.destination[chosen]
    first_age = np.zeros_like(entry)
    if window_start_step is not None:
        watched = last_step >= window_start_step
        entry, last_step, destination = entry[watched], last_step[watched], destination[watched]
        first_age = np.maximum(window_start_step - entry, 0)
    age = last_step - entry
    n_ages = int(age.max()) + 1 if len(age) else 1
    enters = np.bincount(first_age, minlength=n_ages + 1)
    leaves = np.bincount(age + 1, minlength=n_ages + 1)
    left = destination >= 0
    cells = np.bincount(age[left] * n_places + destination[left], minlength=n_ages * n_places)
    return AgeCounts(
        exits=cells.reshape(n_ages, n_places).astype(float),
        at_risk=np.cumsum(enters - leaves)[:n_ages].astype(float),
    )


def sum_ages(parts: Sequence[AgeCounts]) -> AgeCounts:
    """Counts of one stage over parts that share no deal, as many ages as the longest has."""
    n_ages = max(len(part.at_risk) for part in parts)
    exits, at_risk = np.zeros((n_ages, parts[0].exits.shape[1])), np.zeros(n_ages)
    for part in parts:
        exits[: len(part.at_risk)] += part.exits
        at_risk[: len(part.at_risk)] += part.at_risk
    return AgeCounts(exits, at_risk)


@dataclass(frozen=True, eq=False)
class StageHazards:
    """Binned hazards of one stage: what a funnel keeps of the deals that passed it.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        First age (steps in stage) of each bin; begins with 0; the last bin never ends.
    exits : ndarray of float, shape (n_bins, n_places)
    at_risk : ndarray of float, shape (n_bins,)
        Stays at risk, summed over the ages of the bin (stay-steps).
    prior_shares : ndarray of float, shape (n_places,)
        Share of each destination that the prior of every bin expects; the stage's overall shares.
    is_certain : bool
        True for hand-written rates without a weight: they are used as they stand, without draws.
    """

    first_age: Ints
    exits: Floats
    at_risk: Floats
    prior_shares: Floats
    is_certain: bool = False

    def __post_init__(self) -> None:
        for column in (self.first_age, self.exits, self.at_risk, self.prior_shares):
            column.flags.writeable = False

    @property
    def n_exits(self) -> float:
        """Exits seen at any age."""
        return float(self.exits.sum())

    def posterior(self) -> Floats:
        """Dirichlet parameters by bin, shape (n_bins, n_places + 1); the last column is staying.

        Each bin starts from the hazard of the bin before it with the weight of half an exit, so that a bin
        without exits fades by its exposure. The bin of age 0 and the one after it start from the hazard
        pooled over the stage and over its later ages: moves within the step of entry are another mechanism,
        and where there are none, the prior of the next bin would weigh as much as all deals together. In a
        bin with exits the prior never weighs more than two of them: after quiet ages, half an exit at their
        hazard is more exposure than an expiry has, and would crush it whatever the data.
        """
        total = self.exits.sum(axis=1)
        pooled = _pooled(total, self.at_risk)
        parameters = np.empty((len(total), self.exits.shape[1] + 1))
        parameters[:, :-1] = self.exits + PRIOR_WEIGHT * self.prior_shares
        leaves, stays = parameters[:, :-1].sum(axis=1).tolist(), (self.at_risk - total).tolist()
        with np.errstate(divide="ignore", invalid="ignore"):
            most_stays = np.where(total > 0, _MOST_PRIOR_EXITS * self.at_risk / total, np.inf).tolist()
        previous, (least, most) = pooled, _HAZARD_RANGE
        for i, leave in enumerate(leaves):
            if i == 1 and total[1:].any():
                previous = _pooled(total[1:], self.at_risk[1:])
            previous = min(max(previous, least), most)
            prior_stays = PRIOR_WEIGHT * (1.0 / previous - 1.0)
            stays[i] += min(prior_stays, most_stays[i])
            previous = leave / (leave + stays[i])
        parameters[:, -1] = stays
        return parameters

    def mean_hazards(self) -> Floats:
        """Expected chance of each exit per step, by bin; shape (n_bins, n_places)."""
        if self.is_certain:
            return self.exits / np.maximum(self.at_risk, 1e-300)[:, None]
        parameters = self.posterior()
        return parameters[:, :-1] / parameters.sum(axis=1, keepdims=True)

    def draw_hazards(self, rngs: Sequence[Source]) -> Floats:
        """One draw for each generator of the chances per step; shape (n_draws, n_bins, n_places)."""
        if self.is_certain:
            return np.repeat(self.mean_hazards()[None], len(rngs), axis=0)
        parameters = self.posterior()
        gammas = np.stack([rng.standard_gamma(parameters) for rng in rngs])
        return gammas[..., :-1] / gammas.sum(axis=-1, keepdims=True)


def _pooled(exits: Floats, at_risk: Floats) -> float:
    """Exits over exposure; without any exit less than one, more than none."""
    return float((exits.sum() or PRIOR_WEIGHT) / max(at_risk.sum(), 1.0))


def bin_ages(counts: AgeCounts, shares_if_unseen: Floats) -> StageHazards:
    """Merge ages into bins that hold enough exits to estimate a hazard.

    Age 0 is a bin of its own (moves within the step of entry are another mechanism). Later ages merge until
    a bin holds max(10, 2 % of the stage's exits); an age that alone holds as many begins a bin, so that an
    expiry does not blur the quiet ages before it; what is left at the end keeps its own bin. The last bin
    begins after the oldest exit and holds exposure only, so that deals older than anything that ever left
    fade towards zero by evidence.

    Parameters
    ----------
    counts : AgeCounts
    shares_if_unseen : ndarray of shape (n_places,)
        Prior share of each destination for a stage that nobody has left yet.

    Returns
    -------
    StageHazards
    """
    exits_by_age = counts.exits.sum(axis=1)
    seen = np.flatnonzero(exits_by_age)
    tail = max(int(seen[-1]) + 1, 1) if len(seen) else 1
    enough = max(_LEAST_EXITS_PER_BIN, _LEAST_SHARE_PER_BIN * exits_by_age.sum())
    edges, held = [0], 0.0
    for age in range(1, tail):
        if age == 1 or held >= enough or exits_by_age[age] >= enough:
            edges.append(age)
            held = 0.0
        held += exits_by_age[age]
    edges.append(tail)
    first_age = np.array(edges, dtype=np.int64)
    spans = list(zip(edges, [*edges[1:], max(len(exits_by_age), tail + 1)], strict=True))
    exits = np.array([counts.exits[a:b].sum(axis=0) for a, b in spans])
    shares = exits.sum(axis=0) / exits.sum() if len(seen) else shares_if_unseen
    return StageHazards(first_age, exits, np.array([counts.at_risk[a:b].sum() for a, b in spans]), shares)


def with_chance_forward(hazards: StageHazards, forward: Flags, shares_if_unseen: Floats) -> StageHazards:
    """Hazards whose prior expects half an exit forward, over all bins, where deals left but none forward.

    Shares of what was seen would make moving on impossible, and certain to be so.

    Parameters
    ----------
    hazards : StageHazards
    forward : ndarray of bool, shape (n_places,)
        Which destinations lie forward.
    shares_if_unseen : ndarray of float, shape (n_places,)
        Where those go who go forward.

    Returns
    -------
    StageHazards
        The same where some deal has gone forward, or none has left.
    """
    ahead = np.where(forward, shares_if_unseen, 0.0)
    if not hazards.n_exits or hazards.exits[:, forward].any() or not ahead.any():
        return hazards
    a_bin = 1.0 / len(hazards.first_age)
    return replace(hazards, prior_shares=(1.0 - a_bin) * hazards.prior_shares + a_bin * ahead / ahead.sum())


def with_prior_split(
    hazards: StageHazards, forward: Flags, forward_share: float, deals: float, shares_if_unseen: Floats
) -> StageHazards:
    """Hazards as if so many more deals had left, forward in a stated share, at the ages at which others left.

    The chance to leave at each age stays; only the split between forward and elsewhere moves towards the
    stated share, as under a Beta prior worth that many deals.

    Parameters
    ----------
    hazards : StageHazards
    forward : ndarray of bool, shape (n_places,)
        Which destinations lie forward.
    forward_share : float
        Stated share of those who leave that go forward.
    deals : float
        What the statement is worth.
    shares_if_unseen : ndarray of shape (n_places,)
        Where those go who go forward, or elsewhere, if nobody has done so yet.

    Returns
    -------
    StageHazards
        With fractional exits; of a stage that nobody has left, the prior shares alone change.
    """
    seen = hazards.n_exits
    split = np.zeros(len(shares_if_unseen))
    for side, share in ((forward, forward_share), (~forward, 1.0 - forward_share)):
        usual = hazards.prior_shares if hazards.prior_shares[side].any() else shares_if_unseen
        of_side = np.where(side, usual, 0.0)
        if of_side.sum() > 0:
            split += share * of_side / of_side.sum()
    split /= split.sum()
    if not seen:
        return replace(hazards, prior_shares=split)
    per_exit = deals / seen
    exits = hazards.exits + per_exit * hazards.exits.sum(axis=1, keepdims=True) * split
    return replace(
        hazards,
        exits=exits,
        at_risk=hazards.at_risk * (1.0 + per_exit),
        prior_shares=exits.sum(axis=0) / exits.sum(),
    )


def hazards_by_hand(first_age: Ints, chances: Floats, weight_in_deals: float | None = None) -> StageHazards:
    """Hazards from chances per step written by hand, as certain as a stated number of deals.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
        Begins 0, 1; the last bin never ends.
    chances : ndarray of float, shape (n_bins, n_places)
        Chance per step to leave to each place.
    weight_in_deals : float, optional
        How many deals of experience the chances are worth; None takes them as certain.

    Returns
    -------
    StageHazards
        With the exits and exposure that so many deals would show on average.
    """
    total = chances.sum(axis=1)
    if weight_in_deals is None:
        shares = chances.sum(axis=0) / max(total.sum(), 1e-300)
        return StageHazards(first_age, chances, np.ones(len(first_age)), shares, is_certain=True)
    n_steps = np.diff(first_age)
    stays = (1.0 - total[:-1]) ** n_steps
    reaches = weight_in_deals * np.concatenate([[1.0], np.cumprod(stays)])
    leaving = np.where(total > 0, total, 1.0)
    within = np.where(total[:-1] > 0, (1.0 - stays) / leaving[:-1], n_steps)
    beyond = 1.0 / leaving[-1] if total[-1] > 0 else float(first_age[-1])
    at_risk = reaches * np.append(within, beyond)
    exits = at_risk[:, None] * chances
    return StageHazards(first_age, exits, at_risk, exits.sum(axis=0) / max(exits.sum(), 1e-300))


def extend_until_gone(first_age: Ints, chances: Floats) -> tuple[Ints, Floats]:
    """Bins whose last one begins when one deal in 100,000 is left, where its chances let that happen.

    The last bin counts as older than any exit seen. Chances written by hand are meant to hold from the first
    age of their last bin on; so that bin is made to end, and another of the same chances follows.

    Parameters
    ----------
    first_age : ndarray of int, shape (n_bins,)
    chances : ndarray of float, shape (n_bins, n_places)

    Returns
    -------
    first_age, chances : ndarray
        With one bin more, or as they were.
    """
    total = np.minimum(chances.sum(axis=1), _LARGEST_WRITTEN)
    still_there = np.exp((np.diff(first_age) * np.log1p(-total[:-1])).sum())
    if total[-1] == 0.0 or still_there <= _LEFT_AT_LAST * (1 + 1e-9):
        return first_age, chances
    more = int(np.ceil(np.log(_LEFT_AT_LAST / still_there) / np.log1p(-total[-1])))
    return np.append(first_age, first_age[-1] + more), np.vstack([chances, chances[-1:]])
