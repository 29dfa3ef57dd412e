"""Rates of groups, layer by layer: a pace and odds common to all stages, then departures by transition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.odds_pooling import OddsPool, pool_odds
from funnelsim.numerics.pooling import Pool, pool

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_LEAST_SHARE = 1e-9
_HALF_AN_EXIT = 0.5  # as in the prior of the hazards themselves


@dataclass(frozen=True, eq=False)
class GroupRates:
    """Multipliers of every transition's rate by group, pulled towards 1 as far as evidence is thin.

    Parameters
    ----------
    observed, expected : ndarray of shape (n_groups, n_stages, n_places)
        Exits seen, and exits expected when all groups are alike.
    is_forward : ndarray of bool, shape (n_stages, n_places)
    weight : ndarray of shape (n_groups, n_stages, n_places)
        How far an exit tells of what all stages have in common: less where transitions depart from it.
    pace : Pool
        Of all exits: how fast a group's deals leave their stages, whichever way.
    odds : OddsPool
        Of leaving forward rather than otherwise.
    departures : dict of (stage, place) to Pool
        What a transition has beyond pace and odds.
    """

    observed: Floats
    expected: Floats
    is_forward: Flags
    weight: Floats
    pace: Pool
    odds: OddsPool
    departures: dict[tuple[int, int], Pool]

    def draw(self, rng: np.random.Generator, expected: Floats, *, if_any: bool = False) -> Floats:
        """Joint posterior draws of the multipliers.

        Parameters
        ----------
        rng : Generator
        expected : ndarray of shape (n_draws, n_groups, n_stages, n_places)
            Expected exits under each draw of the hazards.
        if_any : bool
            Whether to take for granted that odds differ, as :meth:`OddsPool.draw` does.

        Returns
        -------
        ndarray of the shape of `expected`
            1 for transitions that nobody is expected to make.
        """
        pace = self.pace.draw(rng, (self.weight * expected).sum(axis=(2, 3)))
        tilts = self._tilts(self.odds.draw(rng, len(expected), if_any=if_any))
        multipliers = pace[:, :, None, None] * tilts
        for (stage, place), departure in self.departures.items():
            common = multipliers[:, :, stage, place]
            multipliers[:, :, stage, place] = common * departure.draw(
                rng, expected[:, :, stage, place] * common
            )
        return multipliers

    def _tilts(self, log_odds: Floats) -> Floats:
        return _tilts(log_odds, _forward_share(self.expected, self.is_forward), self.is_forward)


def pool_groups(observed: Floats, expected: Floats, is_forward: Flags) -> GroupRates:
    """Estimate pace, odds and departures of groups from their observed and expected exits.

    Parameters
    ----------
    observed, expected : ndarray of shape (n_groups, n_stages, n_places)
    is_forward : ndarray of bool, shape (n_stages, n_places)

    Returns
    -------
    GroupRates

    Notes
    -----
    The multiplier of a rate is ``pace x tilt(odds) x departure``. The tilt leaves the rate of all exits
    together as expected: ``e ** x / (1 - p + p e ** x)`` forward, and the same without ``e ** x`` otherwise.
    Pace and odds are estimated first as if transitions had nothing of their own, departures against them, and
    then pace and odds again with each exit weighed ``1 / (1 + E / nu)``: E exits of one transition tell of
    the common part no more than ``nu`` do, when the transition varies by ``1 / nu`` on its own.
    """
    weight = np.ones_like(observed)
    pace, odds = _common(observed, expected, is_forward, weight)
    tilts = _tilts(odds.shrunk()[None], _forward_share(expected, is_forward), is_forward)[0]
    centre = expected * pace.shrunk()[:, None, None] * tilts
    departures = {
        (int(stage), int(place)): pool(observed[:, stage, place], centre[:, stage, place])
        for stage, place in np.argwhere(expected.sum(axis=0) > 0)
    }
    for (stage, place), departure in departures.items():
        weight[:, stage, place] = 1.0 / (1.0 + centre[:, stage, place] * departure.mean_variance)
    pace, odds = _common(observed, expected, is_forward, weight)
    return GroupRates(observed, expected, is_forward, weight, pace, odds, departures)


def _common(observed: Floats, expected: Floats, is_forward: Flags, weight: Floats) -> tuple[Pool, OddsPool]:
    seen, hoped = weight * observed, weight * expected
    pace = pool(seen.sum(axis=(1, 2)), hoped.sum(axis=(1, 2)))
    share = _forward_share(hoped, is_forward)  # weighed like the exits: else weights alone move the odds
    return pace, pool_odds((seen * is_forward).sum(axis=2), seen.sum(axis=2), share)


def _forward_share(expected: Floats, is_forward: Flags) -> Floats:
    """Expected share of exits forward, by group and stage; that of all groups where one has no exposure."""
    forward, total = (expected * is_forward).sum(axis=2), expected.sum(axis=2)
    pooled = forward.sum(axis=0) / np.maximum(total.sum(axis=0), 1e-300)
    share = np.divide(forward, total, out=np.broadcast_to(pooled, total.shape).copy(), where=total > 0)
    return np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)


def _tilts(log_odds: Floats, forward_share: Floats, is_forward: Flags) -> Floats:
    """Multipliers by draw, group, stage and place that change the odds and not the pace."""
    x = log_odds[:, :, None]
    keeps_pace = 1.0 / (1.0 + forward_share * np.expm1(x))
    tilts: Floats = np.where(is_forward, (np.exp(x) * keeps_pace)[..., None], keeps_pace[..., None])
    return tilts


def raw_ratios(observed: Floats, expected: Floats) -> Floats:
    """Observed over expected exits; 1 where nothing was expected nor seen, for nothing is known."""
    nothing = np.where(observed > 0, np.inf, 1.0)
    ratios: Floats = np.divide(observed, expected, out=nothing, where=expected > 0)
    return ratios


def raw_draws(observed: Floats, expected: Floats, rng: np.random.Generator, n_draws: int) -> Floats:
    """Draws of what each group's own exits leave open, without a word from the other groups.

    Parameters
    ----------
    observed, expected : ndarray of shape (n_groups, n_stages, n_places)
    rng : Generator
    n_draws : int

    Returns
    -------
    ndarray of shape (n_draws, n_groups, n_stages, n_places)

    Notes
    -----
    ``Gamma(O + a) / max(E, a)`` with a the transition's share of half an exit per stage: Jeffreys' law of a
    Poisson rate, its half an exit shared out as the hazards' own prior does, so that many rare destinations
    do not outweigh the usual ones.
    """
    by_transition = expected.sum(axis=0)
    total = by_transition.sum(axis=1, keepdims=True)
    prior = _HALF_AN_EXIT * np.divide(by_transition, total, out=np.zeros_like(by_transition), where=total > 0)
    gammas = rng.standard_gamma(observed + prior, size=(n_draws, *observed.shape))
    floor = np.maximum(expected, prior)
    draws: Floats = np.divide(gammas, floor, out=np.ones_like(gammas), where=floor > 0)
    return draws
