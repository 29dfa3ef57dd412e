"""Segments: how reps, regions, products or sources differ, and which differences are more than luck."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from funnelsim.fitting.fit import fit
from funnelsim.fitting.groups import Groups, SegmentError, SegmentWarning, group_deals
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.group_rates import GroupRates, pool_groups, raw_draws, raw_ratios
from funnelsim.numerics.multipliers import multiplied_win_rates, routes_at_common_pace
from funnelsim.numerics.pooling import Pool, more_than_luck, poisson_interval, pool
from funnelsim.questions.given import fitting
from funnelsim.questions.leaks import leak
from funnelsim.vocabulary.display import PERCENT, TIMES, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VERDICTS = {1: "above", -1: "below", 0: "not more than luck"}
PACE_VERDICTS = {1: "faster", -1: "slower", 0: "not more than luck"}
IF_KNOWN = ", if known when deals began"
_ONE_WAY = (
    "no loss and no move back is on record: whether a group wins less or only later cannot be told, win "
    "rates at the common pace hardly differ, and what differs is in the pace; record when and why deals are "
    "lost, or compare groups by their pace"
)
_FINITE = 1e6  # a ratio of something to nothing, where a win rate is computed from it
_SAME = 12  # decimals in which equal win rates agree


@dataclass(frozen=True, eq=False)
class Segments(Shown):
    """Groups of deals side by side: their own numbers, and those pulled towards the average by evidence.

    Made by :func:`segments`.

    Parameters
    ----------
    by : tuple of str
        Attributes that make the groups.
    funnel : Funnel
        What all deals together do.
    groups : Groups
    rates : GroupRates
    win_rates : ndarray of shape (n_draws, n_groups)
        Joint posterior draws.
    win_rate_bounds : ndarray of shape (2, n_groups)
        Of their intervals, given that groups differ.
    overall_win_rates : ndarray of shape (n_draws,)
        Those of all deals together, in the same draws.
    raw_win_rates : ndarray of shape (3, n_groups)
        Of each group on its own: estimate, and the bounds of its interval.
    ratios : ndarray of shape (3, n_groups, n_stages, n_places)
        Multipliers of the rates after pooling: mean, and the bounds of the interval.
    interval : float
        Share that each interval holds.
    doubts : tuple of str
        Why an attribute looks as if it had been recorded when deals moved on or ended.
    """

    by: tuple[str, ...]
    funnel: Funnel
    groups: Groups
    rates: GroupRates
    win_rates: Floats
    win_rate_bounds: Floats
    overall_win_rates: Floats
    raw_win_rates: Floats
    ratios: Floats
    interval: float
    doubts: tuple[str, ...] = ()

    @property
    def overall_win_rate(self) -> float:
        """Chance that a new deal is won within the ages seen, all groups together: at the common pace."""
        return float(self.overall_win_rates.mean())

    @property
    def _pace(self) -> Pool:
        """How fast deals leave their stages, whichever way."""
        return pool(self.rates.observed.sum(axis=(1, 2)), self.rates.expected.sum(axis=(1, 2)))

    @property
    def _index(self) -> pd.Index[str]:
        return pd.Index(self.groups.names, name=" / ".join(self.by))

    @property
    def _tails(self) -> list[float]:
        return [(1 - self.interval) / 2, (1 + self.interval) / 2]

    def _column_units(self) -> Mapping[str, str]:
        return {"pace": TIMES, "raw_pace": TIMES}

    def table(self) -> pd.DataFrame:
        """Counts, win rate and pace of each group, raw and shrunk side by side; largest group first.

        Returns
        -------
        DataFrame
            Index: group. Numbers ``n_deals``, ``n_open``, ``n_won``, ``n_lost``; ``raw_win_rate`` (the group
            on its own) and ``win_rate`` (pulled towards the average as far as its evidence is thin): win rate
            at the common pace, see Notes; ``raw_pace`` and ``pace``: how many times as fast as all deals the
            group's leave their stages, won or lost. ``..._low`` and ``..._high`` bound each, and always hold
            the estimate.

        Notes
        -----
        The *win rate at the common pace* is the chance that a new deal is won within the ages seen, as in
        :meth:`Funnel.table`, if the group's deals left each stage when all deals do and only went where the
        group's go. So a group whose deals merely wait longer has no lower win rate for it: the waiting is in
        its pace, and both together decide what it books by a date. Where no loss is on record there is one
        way to go: win rates hardly differ then, the pace has what groups differ by, and whether one wins less
        or only later cannot be told, as a warning says.

        Of `raw_win_rate` the ways deals go are the group's own observed over expected exits. Where a group
        was never seen to leave a stage, the common ways stand in and the interval is as wide as half an exit
        leaves it; a group never watched at all has the overall rate, from 0 to 1.
        """
        pace = self._pace
        observed, expected = pace.observed, pace.expected
        columns = dict(zip(("n_deals", "n_open", "n_won", "n_lost"), self.groups.counts.T, strict=True))
        shown: dict[str, Sequence[Floats]] = {
            "raw_win_rate": list(self.raw_win_rates),
            "win_rate": (self.win_rates.mean(axis=0), *self.win_rate_bounds),
            "raw_pace": (
                raw_ratios(observed, expected),
                *poisson_interval(observed, expected, self.interval),
            ),
            "pace": (pace.shrunk(), *pace.interval(self.interval)),
        }
        for name, (value, least, most) in shown.items():
            columns |= {
                name: value,
                f"{name}_low": np.minimum(least, value),
                f"{name}_high": np.maximum(most, value),
            }
        return told(pd.DataFrame(columns, index=self._index), self._column_units())

    def transitions(self) -> pd.DataFrame:
        """Observed and expected exits of each group by transition, raw and shrunk ratio side by side.

        Returns
        -------
        DataFrame
            One row per group and transition: group, ``stage``, ``destination``, ``observed``, ``expected``
            (exits if the group were as all others), ``raw_ratio`` (observed / expected, with its exact
            Poisson interval), ``ratio`` (pulled towards 1, with its posterior interval), and ``nu`` of the
            transition on its own (large: groups are alike; infinite: luck explains all differences). Where
            nothing was expected nor seen, the raw ratio is 1, from 0 to infinity.
        """
        names, rows = self.funnel.stages.names, []
        for stage, place in self.rates.departures:
            observed = self.rates.observed[:, stage, place]
            expected = self.rates.expected[:, stage, place]
            low, high = poisson_interval(observed, expected, self.interval)
            ratio, ratio_low, ratio_high = self.ratios[:, :, stage, place]
            columns = {
                "stage": names[stage],
                "destination": names[place],
                "observed": observed,
                "expected": expected,
                "raw_ratio": raw_ratios(observed, expected),
                "raw_ratio_low": low,
                "raw_ratio_high": high,
                "ratio": ratio,
                "ratio_low": np.minimum(ratio_low, ratio),
                "ratio_high": np.maximum(ratio_high, ratio),
                "nu": pool(observed, expected).nu,
            }
            rows.append(pd.DataFrame(columns, index=self._index))
        return told(pd.concat(rows).reset_index())

    def differences(self) -> pd.DataFrame:
        """Whether groups differ at all, and by how much: in pace, in conversion, in each transition.

        Conversion is what all stages have in common: a group that moves on more often everywhere.

        Returns
        -------
        DataFrame
            Index: what. ``spread``: standard deviation between groups, of the multiplier (0.2: a fifth), for
            conversion of the log odds; ``chance_of_none``: posterior chance that groups do not differ, even
            before the data; ``p_value`` of the likelihood ratio against no differences. The transitions are
            each taken alone: of twenty p-values one is below 0.05 by luck.
        """
        names, rates = self.funnel.stages.names, self.rates
        found: dict[str, Any] = {
            "pace (all exits)": self._pace,
            "conversion (odds of moving forward)": rates.odds,
        }
        for stage, place in rates.departures:
            one = pool(rates.observed[:, stage, place], rates.expected[:, stage, place])
            found[f"{names[stage]} > {names[place]}"] = one
        rows = [(part.mean_spread, part.chance_of_none, part.p_value) for part in found.values()]
        columns = ["spread", "chance_of_none", "p_value"]
        frame = pd.DataFrame(rows, columns=columns, index=pd.Index(list(found), name="what"))
        return told(frame, {"chance_of_none": PERCENT})

    def league(self, *, most_false: float = 0.1) -> pd.DataFrame:
        """Groups ranked by shrunk win rate, and which differ from all deals by more than luck, also in pace.

        Parameters
        ----------
        most_false : float
            Largest chance that a verdict is false; so no more than this share is, on average, of those on
            win rates, nor of those on the pace.

        Returns
        -------
        DataFrame
            Index: group, highest win rate first. ``n_deals``, ``n_won``, ``win_rate`` (at the common pace,
            see :meth:`table`) with its interval, ``chance_above`` and ``chance_below`` the overall rate (what
            is missing to 1: no difference), ``chance_best``, ``expected_rank`` with its interval, and
            ``verdict``: "above", "below" or "not more than luck". Then ``pace`` with its interval,
            ``chance_faster`` and ``chance_slower`` than all deals, and ``pace_verdict``: "faster", "slower"
            or "not more than luck". Where an attribute looks as if it had been recorded when deals moved on
            or ended, verdicts end in ", if known when deals began": otherwise they tell what became of deals,
            not which deals do better.

        Raises
        ------
        SegmentError
            If `most_false` is no share.
        """
        if not 0 < most_false < 1:
            raise SegmentError(f"most_false {most_false} must lie between 0 and 1; 0.1 allows one in ten")
        table, pace = self.table(), self._pace
        faster, slower = pace.above_one(), pace.below(1.0)
        rates, overall = self.win_rates, self.overall_win_rates[:, None]
        above, below = (rates > overall).mean(axis=0), (rates < overall).mean(axis=0)
        ranks = stats.rankdata(-rates, axis=1)
        is_best = rates == rates.max(axis=1, keepdims=True)
        rank_low, rank_high = np.quantile(ranks, self._tails, axis=0)
        league = table[["n_deals", "n_won", "win_rate", "win_rate_low", "win_rate_high"]].assign(
            chance_above=above,
            chance_below=below,
            chance_best=(is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0),
            expected_rank=ranks.mean(axis=0),
            rank_low=rank_low,
            rank_high=rank_high,
            verdict=self._said(VERDICTS, more_than_luck(above, below, most_false)),
            **table[["pace", "pace_low", "pace_high"]],
            chance_faster=faster,
            chance_slower=slower,
            pace_verdict=self._said(PACE_VERDICTS, more_than_luck(faster, slower, most_false)),
        )
        chances = ("chance_above", "chance_below", "chance_best", "chance_faster", "chance_slower")
        units = dict(self._column_units()) | dict.fromkeys(chances, PERCENT)
        return told(league.sort_values("win_rate", ascending=False, kind="stable"), units)

    def _said(self, verdicts: dict[int, str], signs: Ints) -> list[str]:
        """Verdicts in words, those of a doubtful attribute with the doubt."""
        doubt = IF_KNOWN if self.doubts else ""
        return [verdicts[int(sign)] + doubt * bool(sign) for sign in signs]

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the league, raw beside shrunk: :func:`funnelsim.plot_segments` of these groups."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_segments(self, ax=ax)

    def __repr__(self) -> str:
        league = self.league()
        n_rates, n_paces = (int((league[name] != VERDICTS[0]).sum()) for name in ("verdict", "pace_verdict"))
        return (
            f"Segments(by {' / '.join(self.by)}: {len(self.groups.names):,} groups; by more than luck "
            f"{n_rates:,} differ from the overall win rate {100 * self.overall_win_rate:.1f} %, "
            f"{n_paces:,} in pace)"
        )


@checked
def segments(
    history: DealHistory,
    by: str | Sequence[str],
    *,
    funnel: Funnel | None = None,
    n_draws: int = 1000,
    seed: int | np.random.Generator | None = 0,
    interval: float = 0.8,
) -> Segments:
    """Compare reps, teams, regions, products or sources without reading luck as skill.

    Parameters
    ----------
    history : DealHistory
    by : str or sequence of str
        Attribute, or several whose combinations are the groups; missing values are a group, "(missing)".
    funnel : Funnel, optional
        What groups are compared with; fitted on `history` by default.
    n_draws : int
        Joint posterior draws behind win rates and ranks.
    seed : int, Generator or None
    interval : float
        Share that each interval holds.

    Returns
    -------
    Segments
        With ``table``, ``transitions``, ``differences``, ``league`` and ``plot``.

    Raises
    ------
    SegmentError
        If an attribute is unknown or names every deal apart, or `funnel` has other stages or another clock.

    Warns
    -----
    SegmentWarning
        If there is one group only, or fewer than two deals a group; if an attribute looks as if it had been
        recorded when deals moved on or ended (evidence as in :func:`funnelsim.effects`, which refuses it);
        if no deal was seen to go any other way than forward.

    Notes
    -----
    Expected exits are each group's time at risk times the common hazard of that age, so open deals, deals of
    different ages and a log that began late are compared fairly. Each group multiplies the common rates by a
    pace, by odds of moving forward, and by what single transitions have beyond them
    (:func:`funnelsim.numerics.group_rates.pool_groups`); every layer is shrunk by empirical Bayes. Win rates
    leave the pace out (:meth:`Segments.table`), which has columns and verdicts of its own. Estimates and
    verdicts allow an even chance that groups do not differ at all; intervals of win rates take for granted
    that they do, or those of thin groups would hold too little: of 80 % intervals 73 to 79 % held the truth
    where log odds differ by 0.5 or 0.6 (20 groups of 30 deals, or 150 of three to four; 52 to 69 % with that
    chance), and 96 to 99 % where nothing differs. The draws
    include the uncertainty of the common hazards, which the groups themselves are part of: a group that holds
    most deals gets an interval somewhat too wide. Differences in what deals the groups are *given* (region,
    source, size) are not taken out.

    Examples
    --------
    >>> import funnelsim as fs
    >>> by_rep = fs.segments(fs.simulate_history(seed=1), "owner")
    >>> by_rep.league()["verdict"].value_counts().index[0] in ("above", "below", "not more than luck")
    True
    """
    check_draws(n_draws, SegmentError)
    check_interval(interval, SegmentError)
    common = fit(history) if funnel is None else fitting(funnel, history, SegmentError)
    groups, n_open = group_deals(history, by, common), history.stages.n_open
    streams = Streams.of(seed)
    is_forward = np.stack([history.stages.is_forward(stage) for stage in range(n_open)])
    mean = [common.mean_hazards(stage) for stage in range(n_open)]
    drawn = [common.hazard_draws(stage, streams, range(n_draws)) for stage in range(n_open)]
    expected = groups.expected(mean)
    observed = groups.observed * (expected.sum(axis=0) > 0)
    if observed.any() and not observed[:, ~is_forward].any():
        warnings.warn(_ONE_WAY, SegmentWarning, stacklevel=3)
    rates = pool_groups(observed, expected, is_forward)
    multipliers = rates.draw(streams.generator("segments"), groups.expected(drawn))
    wins = _WinRates(history, common)
    with_overall = np.concatenate([multipliers, np.ones_like(multipliers[:, :1])], axis=1)
    by_draw = np.round(wins.of(drawn, with_overall), _SAME)
    tails = [(1 - interval) / 2, (1 + interval) / 2]
    differing = rates.draw(streams.generator("segments, if any"), groups.expected(drawn), if_any=True)
    own = raw_draws(observed, expected, streams.generator("segments, raw"), n_draws)
    return Segments(
        by=(by,) if isinstance(by, str) else tuple(by),
        funnel=common,
        groups=groups,
        rates=rates,
        win_rates=by_draw[:, :-1],
        win_rate_bounds=np.quantile(wins.of(drawn, differing), tails, axis=0),
        overall_win_rates=by_draw[:, -1],
        raw_win_rates=_raw_win_rates(wins, mean, observed, expected, own, tails),
        ratios=np.stack([multipliers.mean(axis=0), *np.quantile(multipliers, tails, axis=0)]),
        interval=interval,
        doubts=_doubts(history, by),
    )


def _doubts(history: DealHistory, by: str | Sequence[str]) -> tuple[str, ...]:
    """Attributes that tell what became of deals, each with the evidence; they are warned of."""
    deals, found = history.deals, []
    for name in [by] if isinstance(by, str) else by:
        if evidence := leak(history, deals, name):
            found.append(f"{name!r} looks as if recorded when deals moved on or ended: {evidence}")
            warnings.warn(
                f"{found[-1]}; groups by it tell what became of deals, not which do better; choose "
                "an attribute that is known when a deal is new",
                SegmentWarning,
                stacklevel=4,
            )
    return tuple(found)


class _WinRates:
    """Win rates of new deals, entering where the history's deals do, for any multipliers."""

    def __init__(self, history: DealHistory, funnel: Funnel) -> None:
        first = history.paths.place[history.paths.is_first]
        entries = np.bincount(first, minlength=len(history.stages.names))[: history.stages.n_open]
        if not entries.any():
            raise SegmentError("no deal was seen in an open stage: there are no rates to compare")
        self.entry_shares = entries / entries.sum()
        self.is_won = history.stages.is_won
        self.first_ages = [hazards.first_age for hazards in funnel.hazards]

    def of(self, hazards: Sequence[Floats], multipliers: Floats) -> Floats:
        """Win rates (n_draws, n_groups) by multipliers (n_draws, n_groups, n_stages, n_places)."""
        by_stage = list(np.moveaxis(multipliers, 2, 0))
        return multiplied_win_rates(
            self.first_ages,
            hazards,
            by_stage,
            self.is_won,
            self.entry_shares,
            routes_of=routes_at_common_pace,
        )


def _raw_win_rates(
    wins: _WinRates, mean: list[Floats], observed: Floats, expected: Floats, own: Floats, tails: list[float]
) -> Floats:
    """Win rate of each group on its own, and the bounds of its interval; 0 to 1 if never watched."""
    best = wins.of([h[None] for h in mean], np.minimum(raw_ratios(observed, expected), _FINITE)[None])[0]
    certain = [np.broadcast_to(h, (len(own), *h.shape)) for h in mean]
    low, high = np.quantile(wins.of(certain, own), tails, axis=0)
    is_watched = expected.sum(axis=(1, 2)) > 0
    return np.stack([best, np.where(is_watched, low, 0.0), np.where(is_watched, high, 1.0)])
