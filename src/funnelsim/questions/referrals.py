"""Referrals and repeat orders: the new deals that won ones bring, per win, with their lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.fitting.groups import SegmentError, attribute_names
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.pooling import poisson_interval
from funnelsim.numerics.recurrence import cluster_rate_draws, lag_summary, seen_lags
from funnelsim.questions.columns_of_deals import words_of
from funnelsim.questions.dwell import DAYS_PER_STEP
from funnelsim.vocabulary.display import Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval
from funnelsim.vocabulary.words import did_you_mean, key_of, listed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CANNOT_TELL = "cannot tell"
_YEAR_DAYS = 365.25
_LEAST = 10  # returns, and wins still watched, before a lag is told
_LAGS = np.array([0.5, 0.9])


class ReferralError(FunnelsimError):
    """A question about repeat orders or referrals that the history cannot answer."""


@dataclass(frozen=True, eq=False)
class Referrals(Shown):
    """New deals that won ones bring: repeat orders of the same customer, and arrivals marked as referred.

    Made by :func:`referrals`. Every win has a clock of its own, from the step after it to the next win of
    that customer or to the last step of complete arrivals.

    Parameters
    ----------
    customer : str
        Attribute that names the customer.
    code : ndarray of int, shape (n_wins,)
        Customer of each win.
    n_repeats : ndarray of int, shape (n_wins,)
        Deals of the customer created while the win's clock ran.
    exposure_steps : ndarray of int, shape (n_wins,)
        Steps watched while the clock ran.
    lag_steps : ndarray of int, shape (n_seen,)
        Of wins whose clock was watched from its start: steps to the customer's next deal, or watched.
    is_next : ndarray of bool, shape (n_seen,)
        Whether that next deal came.
    lag_code : ndarray of int, shape (n_seen,)
        Customer of each of these.
    days_per_step : float
    n_referred, n_wins : int
        Arrivals marked as referred, and wins, of the period in which arrivals are complete.
    interval : float
    n_draws, seed : int
    notes : tuple of str
        What a reader must know.
    """

    customer: str
    code: Ints
    n_repeats: Ints
    exposure_steps: Ints
    lag_steps: Ints
    is_next: Flags
    lag_code: Ints
    days_per_step: float
    n_referred: int | None
    n_wins: int
    interval: float
    n_draws: int
    seed: int
    notes: tuple[str, ...]

    @property
    def exposure_years(self) -> float:
        """Years for which the clocks of all wins were watched."""
        return float(self.exposure_steps.sum()) * self.days_per_step / _YEAR_DAYS

    @property
    def rate_per_year(self) -> float:
        """Repeat orders per win and year of its clock."""
        return float(self.n_repeats.sum()) / self.exposure_years

    def table(self) -> pd.DataFrame:
        """Repeat orders and referrals per win, in numbers and words.

        Returns
        -------
        DataFrame
            Index: what. ``value`` with ``low`` and ``high``, and ``words``. Repeat orders per win and year of
            its clock, with the exact Poisson interval, and with customers resampled (wider where few
            customers order most); the plain count per win, which is too low while clocks still run; the
            chance of a next deal within the lags seen, and median and 90 % lag of those, in days; arrivals
            marked as referred per win of the same period, an association. One row "lag" says "cannot tell"
            where fewer than ten next deals were seen.
        """
        repeats = np.array(float(self.n_repeats.sum()))
        low, high = poisson_interval(repeats, np.array(self.exposure_years), self.interval)
        n, years, rate = int(repeats), self.exposure_years, self.rate_per_year
        codes = np.unique(self.code, return_inverse=True)[1]
        events = np.bincount(codes, self.n_repeats).astype(float)
        exposure = np.bincount(codes, self.exposure_steps).astype(float)
        exposure *= self.days_per_step / _YEAR_DAYS
        rng = Streams.of(self.seed).generator("referrals")
        sides = np.quantile(cluster_rate_draws(events, exposure, rng, self.n_draws), self._sides)
        per_win = n / len(self.code)
        rows = {
            "repeat orders per win and year": (
                rate, float(low), float(high), f"{n:,} repeat orders in {years:,.1f} years of watching wins"
            ),
            "the same, customers resampled": (
                rate, float(sides[0]), float(sides[1]), f"{len(events):,} customers with a win"
            ),
            "repeat orders per win, as counted": (
                per_win, per_win, per_win,
                f"no rate: on average a win was watched for {_YEAR_DAYS * years / len(self.code):,.0f} days",
            ),
        } | self._lags()  # fmt: skip
        if self.n_referred is not None and self.n_wins:
            rows["referred arrivals per win"] = self._referred(self.n_referred)
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "words"])
        table["low"] = np.minimum(table["low"], table["value"])
        table["high"] = np.maximum(table["high"], table["value"])
        return told(table.rename_axis("what"))

    @property
    def _sides(self) -> list[float]:
        return [(1 - self.interval) / 2, (1 + self.interval) / 2]

    def _lags(self) -> dict[str, tuple[float, float, float, str]]:
        n_next, longest = int(self.is_next.sum()), seen_lags(self.lag_steps, self.is_next, _LEAST)
        if n_next < _LEAST or not longest:
            n = float(n_next)
            return {"lag": (n, n, n, f"{CANNOT_TELL}: {n_next} next deals were seen, {_LEAST} are needed")}
        codes = np.unique(self.lag_code, return_inverse=True)[1]
        rng = Streams.of(self.seed).generator("referrals, lags")

        def of(weights: Floats) -> Floats:
            found = lag_summary(self.lag_steps, self.is_next, weights, longest, _LAGS)
            return found * np.array([1.0, self.days_per_step, self.days_per_step])

        best = of(np.ones(len(codes)))
        draws = [of(rng.standard_exponential(codes.max() + 1)[codes]) for _ in range(self.n_draws)]
        low, high = np.quantile(draws, self._sides, axis=0)
        days = longest * self.days_per_step
        names = ["chance of a next deal", "median lag in days", "90 % lag in days"]
        words = [
            f"within {days:,.0f} days of a win, the longest lag that {_LEAST} wins were watched for",
            f"half of the next deals within {days:,.0f} days came by then",
            f"nine in ten of the next deals within {days:,.0f} days came by then",
        ]
        parts = zip(names, best, low, high, words, strict=True)
        return {name: (float(b), float(a), float(c), said) for name, b, a, c, said in parts}

    def _referred(self, n_referred: int) -> tuple[float, float, float, str]:
        count, wins = np.array(float(n_referred)), np.array(float(self.n_wins))
        low, high = poisson_interval(count, wins, self.interval)
        words = (
            f"an association: {n_referred:,} arrivals marked as referred and {self.n_wins:,} wins in one "
            "period; which win brought which arrival is not known"
        )
        return n_referred / self.n_wins, float(low), float(high), words

    def __repr__(self) -> str:
        return (
            f"Referrals({int(self.n_repeats.sum()):,} repeat orders after {len(self.code):,} wins: "
            f"{self.rate_per_year:.3g} per win and year)"
        )


@checked
def referrals(
    history: DealHistory,
    customer: str = "customer",
    *,
    source: str = "source",
    referral: str = "referral",
    interval: float = 0.8,
    n_draws: int = 500,
    seed: int | np.random.Generator | None = 0,
) -> Referrals:
    """Tell how many new deals a won one brings: repeat orders, and arrivals marked as referred.

    Parameters
    ----------
    history : DealHistory
    customer : str
        Attribute that names the customer of a deal.
    source : str
        Attribute that says where a deal came from; not needed.
    referral : str
        Its value that means a referral; case and blanks do not matter.
    interval : float
        Share that each interval holds.
    n_draws : int
    seed : int, Generator or None
        Draws of customers behind the intervals of lags.

    Returns
    -------
    Referrals

    Raises
    ------
    ReferralError
        If there is no such attribute, no customer has two deals, no deal of a customer was won, or arrivals
        were not watched after any win.

    Notes
    -----
    A repeat order is a deal created in a later step than a win of the same customer; it counts for the latest
    such win. The rate is repeat orders over steps watched: from the window's start (or the first arrival) to
    the last step of complete arrivals. With several wins of one customer clocks do not overlap, so the rate
    is that of a customer who has won before. Whether the win brought the order about cannot be told.

    Examples
    --------
    >>> import funnelsim as fs
    >>> fs.referrals(fs.simulate_history(seed=1), "owner")  # doctest: +ELLIPSIS
    Referrals(... repeat orders after ... wins: ... per win and year)
    """
    check_draws(n_draws, ReferralError)
    check_interval(interval, ReferralError)
    deals, end = _with_customer(history, customer), history.last_arrival_step
    start = history.window_start_step
    start = int(deals["created"].min()) if start is None else start
    wins = _clocks(deals, start, end)
    complete = deals[(deals["created"] >= start) & (deals["created"] <= end) & (deals["code"] >= 0)]
    repeats = pd.merge_asof(
        complete.sort_values("created"), wins.sort_values("won"),
        left_on="created", right_on="won", by="code", allow_exact_matches=False,
    )["win"].dropna()  # fmt: skip
    nexts = pd.merge_asof(
        wins.sort_values("won"), complete[["code", "created"]].sort_values("created"),
        left_on="won", right_on="created", by="code", allow_exact_matches=False, direction="forward",
    )  # fmt: skip
    nexts = nexts[(nexts["won"] >= start - 1) & (nexts["until"] > nexts["won"])]
    is_next = (nexts["created"] <= nexts["until"]).to_numpy()
    stops = np.where(is_next, nexts["created"].fillna(0), nexts["until"])
    n_referred, notes = _referred(history, deals, source, referral, (start, end))
    n_missing = int((deals["code"] < 0).sum())
    if n_missing:
        notes = (*notes, f"{n_missing:,} of {len(deals):,} deals name no {customer!r} and are not used")
    is_within = (deals["won"] >= start) & (deals["won"] <= end)
    return Referrals(
        customer=customer,
        code=wins["code"].to_numpy(np.int64),
        n_repeats=np.bincount(repeats.to_numpy(np.int64), minlength=len(wins)).astype(np.int64),
        exposure_steps=wins["exposure"].to_numpy(np.int64),
        lag_steps=(stops - nexts["won"].to_numpy()).astype(np.int64),
        is_next=is_next,
        lag_code=nexts["code"].to_numpy(np.int64),
        days_per_step=DAYS_PER_STEP[history.clock.step],
        n_referred=n_referred,
        n_wins=int(is_within.sum()),
        interval=interval,
        n_draws=n_draws,
        seed=Streams.of(seed).seed,
        notes=notes,
    )


def _with_customer(history: DealHistory, customer: str) -> pd.DataFrame:
    """Deals with the code of their customer (-1: none), steps of creation and winning (-1: not won)."""
    if not isinstance(customer, str):
        raise ReferralError(f"customer {customer!r} must be the name of one attribute; join several into one")
    try:
        (name,) = attribute_names(history, customer)
    except SegmentError as error:
        raise ReferralError(english(error)) from error
    deals = history.deals
    code = pd.factorize(words_of(deals[name]))[0].astype(np.int64)
    if not (np.bincount(code[code >= 0], minlength=1) > 1).any():
        raise ReferralError(
            f"no value of {name!r} is shared by two deals: it names deals, not customers, or nobody came back"
        )
    is_won = (deals["outcome"] == "won").to_numpy()
    won = np.full(len(deals), -1, dtype=np.int64)
    won[is_won] = history.clock.step_of(deals.loc[is_won, "closed_at"].to_numpy())
    created = history.clock.step_of(deals["created_at"].to_numpy())
    frame = pd.DataFrame({"code": code, "created": created, "won": won, "is_won": is_won})
    frame["won"] = frame["won"].where(frame["is_won"], np.iinfo(np.int64).max)
    if not (frame["is_won"] & (frame["code"] >= 0)).any():
        raise ReferralError(f"no won deal names its {name!r}: there is nothing that could be repeated")
    return frame


def _clocks(deals: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """One row a win: its customer, when its clock stops, and how many steps of it were watched."""
    wins = deals.loc[deals["is_won"] & (deals["code"] >= 0), ["code", "won"]]
    wins = wins.sort_values(["code", "won"], kind="stable").reset_index(drop=True)
    following = wins.groupby("code")["won"].shift(-1).fillna(end)
    wins["until"] = np.minimum(following, end).astype(np.int64)
    wins["exposure"] = np.maximum(wins["until"] - np.maximum(wins["won"], start - 1), 0)
    wins["win"] = np.arange(len(wins))
    if not wins["exposure"].any():
        raise ReferralError("arrivals were not watched after any win: repeat orders cannot be counted")
    return wins


def _referred(
    history: DealHistory, deals: pd.DataFrame, source: str, referral: str, within: tuple[int, int]
) -> tuple[int | None, tuple[str, ...]]:
    """Arrivals of the period that are marked as referred, None if nothing says so, and a note on that."""
    frame = history.deals
    if source not in frame:
        return None, (f"deals have no attribute {source!r}: nothing says which were referred",)
    words = words_of(frame[source])
    known = sorted({str(word) for word in words if word is not None})
    is_referred = np.array([word is not None and key_of(str(word)) == key_of(referral) for word in words])
    if not is_referred.any():
        hint = did_you_mean(referral, known)
        return None, (f"no deal has {source!r} {referral!r}{hint}; values are {listed(known[:10])}",)
    return int((is_referred & deals["created"].between(*within).to_numpy()).sum()), ()
