"""Worth of wins: amounts per win that came beside those expected of the same deals, and the luck in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.open_deals import OpenDeals
from funnelsim.numerics.amounts import Amounts
from funnelsim.questions.targets.luck import held_back, two_sided_luck

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Worth:
    """Amount per win over that expected.

    Parameters
    ----------
    new, open : float
        Of deals that were not there yet at the plan date, and of those that were open; held back for luck.
    luck : float
        Chance that luck alone brings both together as far from what was expected.
    """

    new: float
    open: float
    luck: float


@dataclass(frozen=True, eq=False)
class _Wins:
    """Wins of one kind: what they brought, and mean and variance of what one was expected to bring."""

    amounts: npt.NDArray[np.floating]
    mean: float
    variance: float

    @property
    def expected(self) -> float:
        return len(self.amounts) * self.mean

    @property
    def relative_variance(self) -> float:
        """Of came over expected; of no win at all, nothing is known."""
        n = len(self.amounts)
        return self.variance / (n * self.mean**2) if n and self.mean > 0 else np.inf

    def leaning_on(self, pooled: float) -> float:
        """The factor told by these wins, held back towards that of all wins."""
        if not np.isfinite(self.relative_variance):
            return pooled
        beside = float(self.amounts.sum()) / (self.expected * pooled)
        return pooled * held_back(beside, self.relative_variance)


def worth_of_wins(then: DealHistory, now: DealHistory, funnel: Funnel, deals: OpenDeals) -> Worth:
    """Amounts of the wins between two histories beside those that the earlier one's funnel expected.

    Parameters
    ----------
    then, now : DealHistory
    funnel : Funnel
        Of the earlier one; it knows amounts.
    deals : OpenDeals
        The deals that were open then, with their chances to be won since.

    Notes
    -----
    A win of a deal that came since is expected to bring the mean of the funnel's amounts. One of a deal that
    was open is expected to bring the mean of the listed amounts, revised as usual, each weighted by its
    chance: that large deals were won rather than small ones is a larger amount per win. How much such means
    swing by luck follows from the variance of the same laws and the number of wins; :func:`held_back` says
    how far it is believed. Wins without an amount tell nothing.

    Most records list an open deal at the amount it was won at later, not at that of the time: then a rise of
    all amounts is half hidden in the list. So luck is asked twice, of the wins beside what was expected of
    them and beside the wins before, and the clearer answer counts twice (Bonferroni).
    """
    assert funnel.amounts is not None
    won = now.deals.query("outcome == 'won'").set_index("deal_id")["amount"].astype(float).dropna()
    was_there = won.index.isin(then.deals["deal_id"])
    was_open = won.index.isin(deals.deal_ids)
    scale, law = funnel.changes.new_amount, funnel.amounts
    mean, variance = scale * law.mean, scale**2 * _variance(law)
    fresh = _Wins(won[~was_there].to_numpy(float), mean, variance)
    old = _Wins(won[was_open].to_numpy(float), *_of_open(funnel, deals))
    both = (fresh, old)
    expected, came = sum(w.expected for w in both), float(sum(w.amounts.sum() for w in both))
    n_wins = sum(len(w.amounts) for w in both)
    if expected <= 0:
        return Worth(1.0, 1.0, 1.0)
    by_luck = sum(len(w.amounts) * w.variance for w in both) / expected**2
    pooled = held_back(came / expected, by_luck)
    # The mean of the law is itself learnt from some wins.
    of_mean = 0.0 if law.is_certain or not mean else variance / law.weights.sum() / mean**2
    surprises = [(came / expected, by_luck + of_mean * (fresh.expected / expected) ** 2)]
    if mean > 0:
        surprises.append((came / (n_wins * mean), variance / (n_wins * mean**2) + of_mean))
    luck = min(1.0, len(surprises) * min(_luck_of_ratio(*surprise) for surprise in surprises))
    return Worth(fresh.leaning_on(pooled), old.leaning_on(pooled), luck)


def _luck_of_ratio(ratio: float, relative_variance: float) -> float:
    """Amounts are skewed: their logarithms are nearer to a normal law, with about the same variance."""
    return two_sided_luck(float(np.log(max(ratio, 1e-9))), float(np.sqrt(np.log1p(relative_variance))))


def _of_open(funnel: Funnel, deals: OpenDeals) -> tuple[float, float]:
    """Mean and variance of the amount of a win among the deals that were open, each by its chance."""
    assert funnel.amounts is not None
    chance = deals.chance.sum(axis=1)
    if chance.sum() <= 0:
        return 0.0, 0.0
    mean = float(np.average(deals.amount, weights=chance))
    laws = funnel.revisions or (None,) * funnel.stages.n_open
    revised = np.array([0.0 if law is None else _variance(law) / law.mean**2 for law in laws])
    imputed = _variance(funnel.amounts) / max(funnel.amounts.mean, 1e-300) ** 2
    own = deals.amount**2 * np.where(deals.is_imputed, imputed, revised[deals.stage])
    return mean, float(np.average((deals.amount - mean) ** 2 + own, weights=chance))


def _variance(law: Amounts) -> float:
    return float(np.average((law.points - law.mean) ** 2, weights=law.weights))
