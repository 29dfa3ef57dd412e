"""Effects: what attributes of deals do to the odds of winning and to the pace, and their worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special
from threadpoolctl import threadpool_limits

from funnelsim.fitting.fit import fit
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.table import told
from funnelsim.numerics.hazard_regression import joint_covariance
from funnelsim.numerics.multipliers import multiplied_win_rates
from funnelsim.numerics.pooling import more_than_luck
from funnelsim.questions.columns_of_deals import EffectError
from funnelsim.questions.effect_fit import Learnt, learn, usable
from funnelsim.questions.effect_value import out_of_sample_value
from funnelsim.questions.given import fitting
from funnelsim.questions.leaks import uneven_filling
from funnelsim.questions.watched import families, recording_dates
from funnelsim.vocabulary.display import PERCENTAGE_POINTS, TIMES, Shown
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.uncertainty import check_draws, check_interval

Floats = npt.NDArray[np.float64]

NO_EFFECT = "no clear effect"
_WINS = {1: "wins more often", -1: "wins less often"}
_PACE = {1: "moves faster", -1: "moves slower"}
_MOST_FALSE = 0.02  # of either sign, for either measure: of 25 idle columns two or so look clear


@dataclass(frozen=True, eq=False)
class Effects(Shown):
    """What attributes of deals do to the odds of moving forward, to the pace, and to the chance of winning.

    Made by :func:`effects`. Effects are associations: what goes with winning need not bring it about.

    Parameters
    ----------
    history : DealHistory
    learnt : Learnt
        Columns and regressions.
    covariance : ndarray of shape (2 * n_columns, 2 * n_columns)
        Of the coefficients on moves forward, then of those on losses; clustered by deal.
    recorded_at : dict of str to str
        Attribute, and the column that holds the date its value was recorded.
    interval : float
        Share that each interval holds.
    n_draws, seed
        Draws behind the intervals of the win chance.
    notes : tuple of str
        What a reader must know.
    """

    _column_words: ClassVar[Mapping[str, str]] = MappingProxyType({"level": "value"})

    history: DealHistory
    learnt: Learnt
    covariance: Floats
    recorded_at: Mapping[str, str]
    interval: float
    n_draws: int
    seed: int | np.random.Generator | None
    notes: tuple[str, ...]

    @property
    def left_out(self) -> dict[str, str]:
        """Attributes that are not used, and why."""
        return dict(self.learnt.columns.left_out)

    def _column_units(self) -> Mapping[str, str]:
        return {"win_change": PERCENTAGE_POINTS}

    def table(self) -> pd.DataFrame:
        """Effect of every column: odds of moving forward, pace, chance of winning, each with its interval.

        Returns
        -------
        DataFrame
            One row a column. ``attribute``; ``level``: the class (against the average deal), "yes" (against
            no), "per +1", "per doubling", "per SD (...)", or "(missing)" (of numbers against the mean, of
            classes against the average deal); ``n_deals`` behind it; ``missing_share`` of the attribute;
            ``odds_ratio`` of moving forward rather than being lost, at every stage and age; ``pace_ratio``
            of leaving at all; ``win_change``: points by which it changes the chance that a new deal of
            otherwise average attributes is won within the ages seen; each with ``..._low`` and ``..._high``;
            ``verdict`` in words.
        """
        return told(self._table, self._column_units(), self._column_words)

    @cached_property
    def _table(self) -> pd.DataFrame:
        columns = self.learnt.columns
        share_missing = dict(zip((a.name for a in columns.attributes), columns.missing, strict=True))
        wins, draws = self._win_changes()
        pace_sign, shown = self._ratios()
        low, high = np.quantile(draws, [(1 - self.interval) / 2, (1 + self.interval) / 2], axis=0)
        shown |= {
            "win_change": wins,
            "win_change_low": np.minimum(low, wins),
            "win_change_high": np.maximum(high, wins),
        }
        sign = more_than_luck((draws > 0).mean(axis=0), (draws < 0).mean(axis=0), _MOST_FALSE)
        verdicts = [
            ", ".join(word for word in (_WINS.get(int(w), ""), _PACE.get(int(p), "")) if word) or NO_EFFECT
            for w, p in zip(sign, pace_sign, strict=True)
        ]
        head = {
            "attribute": [name for name, _ in columns.labels],
            "level": [label for _, label in columns.labels],
            "n_deals": columns.counts,
            "missing_share": [share_missing[name] for name, _ in columns.labels],
        }
        return pd.DataFrame(head | shown | {"verdict": verdicts})

    def _ratios(self) -> tuple[npt.NDArray[np.int64], dict[str, Floats]]:
        """Odds and pace ratios with their intervals, by the delta method on logarithms."""
        contrasts, n = self.learnt.columns.contrasts(), len(self.learnt.columns.means)
        forward, lost = (contrasts @ beta for beta in self.learnt.coefficients)
        share = self.learnt.forward_share
        pace = np.logaddexp(forward + np.log(max(share, 1e-300)), lost + np.log(max(1 - share, 1e-300)))
        weight = share * np.exp(forward - pace)
        z = float(special.ndtri((1 + self.interval) / 2))
        shown: dict[str, Floats] = {}
        signs = np.zeros(n, dtype=np.int64)
        for name, value, of_forward, of_lost in (
            ("odds_ratio", forward - lost, np.ones(n), -np.ones(n)),
            ("pace_ratio", pace, weight, 1 - weight),
        ):
            rows = np.concatenate([contrasts * of_forward[:, None], contrasts * of_lost[:, None]], axis=1)
            error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, self.covariance, rows), 0.0))
            known = error > 0
            chance = special.ndtr(np.divide(value, error, out=np.zeros(n), where=known))
            signs = more_than_luck(chance, 1 - chance, _MOST_FALSE)
            shown |= {
                name: np.exp(value),
                f"{name}_low": np.exp(value - z * error),
                f"{name}_high": np.exp(value + z * error),
            }
        return signs, shown

    def _win_changes(self) -> tuple[Floats, Floats]:
        """Change of the win chance in points by column: the estimate, and draws (n_draws, n_columns)."""
        contrasts, n = self.learnt.columns.contrasts(), len(self.learnt.columns.means)
        rng = Streams.of(self.seed).generator("effects")
        values, vectors = np.linalg.eigh(self.covariance)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        noise = rng.standard_normal((self.n_draws, 2 * n)) @ half.T
        beta = self.learnt.coefficients.reshape(-1) + np.concatenate([np.zeros((1, 2 * n)), noise])
        logs = np.einsum("dfj,kj->dkf", beta.reshape(-1, 2, n), contrasts)
        average = np.zeros_like(logs[:, :1])
        rates = self._win_rates(np.exp(np.clip(np.concatenate([average, logs], axis=1), -20, 20)))
        change = 100 * np.round(rates[:, 1:] - rates[:, :1], 12)
        return change[0], change[1:]

    def _win_rates(self, factors: Floats) -> Floats:
        """Chance that a new deal is won, by factors (n_draws, n_groups, 2) on those of the average deal."""
        history = self.history
        first = history.paths.place[history.paths.is_first]
        entries = np.bincount(first, minlength=len(history.stages.names))[: history.stages.n_open]
        hazards = [np.repeat(h[None], len(factors), axis=0) for h in self.learnt.base_hazards(history)]
        multipliers = []
        for stage in range(history.stages.n_open):
            of_stage = np.ones((*factors.shape[:2], len(history.stages.names)))
            for i, places in enumerate(families(history, stage).values()):
                of_stage = np.where(places, factors[:, :, i, None], of_stage)
            multipliers.append(of_stage)
        ages = [h.first_age for h in self.learnt.funnel.hazards]
        return multiplied_win_rates(
            ages, hazards, multipliers, history.stages.is_won, entries / entries.sum()
        )

    @property
    def win_rate(self) -> float:
        """Chance that a new deal of average attributes is won within the ages seen."""
        return float(self._win_rates(np.ones((1, 1, 2)))[0, 0])

    def multipliers(self, deals: pd.DataFrame | None = None) -> pd.DataFrame:
        """Factors on the rates of the average deal, by deal: for moves forward, and for losses.

        Parameters
        ----------
        deals : DataFrame, optional
            With the attributes as columns; by default the history's own deals. A class never seen counts as
            average; with `recorded_at`, values recorded after the cutoff or without a date are missing.

        Returns
        -------
        DataFrame
            ``forward`` and ``lost``: factors (1: as the average deal); index: ``deal_id`` where there is such
            a column, else that of `deals`. They multiply :meth:`base_rates`, not the pooled rates of the
            funnel.

        Raises
        ------
        EffectError
            If an attribute, or the column with its date, is not there.
        """
        frame = self.history.deals if deals is None else deals
        known = frame
        for name, column in self.recorded_at.items():
            if name not in frame or column not in frame:
                raise EffectError(f"the deals need {name!r} and the date it was recorded, {column!r}")
            is_known = recording_dates(frame, column) <= pd.Timestamp(self.history.cutoff)
            known = known.assign(**{name: frame[name].astype(object).where(is_known, None)})
        index = pd.Index(frame["deal_id"]) if "deal_id" in frame else frame.index
        frame = pd.DataFrame(self.learnt.multipliers(known), index=index, columns=["forward", "lost"])
        return told(frame, dict.fromkeys(map(str, frame), TIMES))

    def base_rates(self) -> list[Floats]:
        """Rates of the average deal, by stage: what the multipliers multiply.

        Returns
        -------
        list of ndarray, each of shape (n_bins, n_places)
            Cumulative hazard per step in the funnel's bins of age: pooled rates times a level for each bin,
            so that all deals together leave as they did.
        """
        return self.learnt.base_rates(self.history)

    def value(self, *, n_splits: int = 3) -> pd.DataFrame:
        """What knowing the attributes is worth on later time, learnt only from what was known before.

        Parameters
        ----------
        n_splits : int
            Dates at which the past is cut; each is tested on the time up to the next.

        Returns
        -------
        DataFrame
            Index: "all together", then each attribute alone. ``gain``: mean gain in log-likelihood per deal
            watched after a split, in nats, with ``gain_se`` by deal; ``n_better``: after how many of the
            splits there was a gain; ``brier_skill`` for "won by the next
            split" of deals open at a split, against chances without attributes, with its standard error;
            ``n_deals`` and ``n_open`` behind them; ``verdict``: "helps", "no clear gain" or "hurts" (the gain
            against two standard errors), or "helps, if it was known by then" where an attribute is filled in
            far more often for deals of one kind.

        Raises
        ------
        EffectError
            If the history is too short to be cut.

        Notes
        -----
        Moves after a split are unknown to what is learnt (:meth:`DealHistory.as_of`). Attributes are as the
        records hold them today, which flatters those that are filled in late; `recorded_at` mends that.
        Standard errors take deals as independent: what moves all deals of a class at once shows only between
        splits.
        """
        names = [attribute.name for attribute in self.learnt.columns.attributes]
        return told(out_of_sample_value(self.history, names, self.recorded_at, n_splits))

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the effects on the chance of winning: :func:`funnelsim.plot_effects` of these."""
        import funnelsim  # pictures lie in a higher layer, loaded when one is asked for

        return funnelsim.plot_effects(self, ax=ax)

    def __repr__(self) -> str:
        table = self._table
        clear = table.loc[table["verdict"] != NO_EFFECT, "attribute"].unique()
        named = ", ".join(clear) or "none"
        return f"Effects({len(self.learnt.columns.attributes)} attributes; with a clear effect: {named})"


@checked
def effects(
    history: DealHistory,
    attributes: str | Sequence[str] | None = None,
    *,
    funnel: Funnel | None = None,
    recorded_at: Mapping[str, str] | None = None,
    n_draws: int = 400,
    seed: int | np.random.Generator | None = 0,
    interval: float = 0.8,
) -> Effects:
    """Tell what attributes of deals do to the odds of winning and to the pace, all at once.

    Parameters
    ----------
    history : DealHistory
    attributes : str or sequence of str, optional
        Attributes to use, such as BANT flags, support from -5 to +5 or the region; "amount" is one of them.
        By default all that can be used, amount apart; what is left out is in ``left_out`` with the reason.
    funnel : Funnel, optional
        Whose pooled rates the effects multiply; fitted on `history` by default.
    recorded_at : dict of str to str, optional
        Attribute, and the column that holds the date its value was recorded: until then it counts as missing.
    n_draws : int
        Draws behind the intervals of the win chance.
    seed : int, Generator or None
    interval : float
        Share that each interval holds.

    Returns
    -------
    Effects
        With ``table``, ``value``, ``multipliers`` and ``plot``.

    Raises
    ------
    EffectError
        If an attribute asked for is unknown, names every deal apart, or was recorded when deals ended.

    Notes
    -----
    ``rate_sj(age | x) = rate_sj(age) exp(x'beta)``, with one beta for all moves forward and one for all
    losses; backward moves are left alone. Fitted jointly with the level of every bin of age, shrunk by
    attribute (:func:`funnelsim.numerics.hazard_regression.fit_hazard_regression`).

    A single export shows attributes as they are today. One that is filled in as deals end is refused where
    the data show it; one that fills up as deals move on is noted, and `recorded_at` is the cure.

    Examples
    --------
    >>> import funnelsim as fs
    >>> found = fs.effects(fs.simulate_history(seed=1), ["source", "region"])
    >>> found.table().columns[:4].tolist()
    ['attribute', 'level', 'n_deals', 'missing_share']
    """
    check_draws(n_draws, EffectError)
    check_interval(interval, EffectError)
    dated = dict(recorded_at or {})
    wanted = [attributes] if isinstance(attributes, str) else attributes
    names, left_out = usable(history, wanted, dated)
    common = fit(history, level_period=None) if funnel is None else fitting(funnel, history, EffectError)
    learnt = learn(history, common, names, dated, left_out)
    used = [attribute.name for attribute in learnt.columns.attributes]
    with threadpool_limits(1):
        covariance = joint_covariance(learnt.fits, learnt.parts.deal)
    notes = _notes(history, learnt, [name for name in used if name not in dated])
    return Effects(history, learnt, covariance, dated, interval, n_draws, seed, notes)


def _notes(history: DealHistory, learnt: Learnt, undated: Sequence[str]) -> tuple[str, ...]:
    deals = history.deals
    notes = [note for note in (uneven_filling(deals, name) for name in undated) if note]
    forward, lost = learnt.fits
    if not lost.has_exits:
        notes.append("no loss was seen: odds and pace are both those of moving forward against staying")
    if not forward.has_exits:
        notes.append("no move forward was seen: odds and pace are both those of being lost against staying")
    if not (forward.is_converged and lost.is_converged):
        notes.append("the search stopped before it reached a maximum: read intervals with care")
    if undated:
        notes.append("attributes are as recorded today; what they were when deals began is not known")
    return tuple(notes)
