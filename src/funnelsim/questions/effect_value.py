"""What knowing attributes is worth: learnt by a date, tested on the time after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.fitting.fit import fit
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.numerics.rates import rates_of
from funnelsim.numerics.recursion import StageRates, won_after_entry, won_from_age
from funnelsim.questions.columns_of_deals import ColumnsOfDeals, EffectError
from funnelsim.questions.effect_fit import Learnt, learn_on
from funnelsim.questions.leaks import uneven_filling
from funnelsim.questions.watched import FAMILIES, Stretches, Watched, families, stretches, watch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOGETHER = "all together"
HELPS, HURTS, NO_CLEAR_GAIN = "helps", "hurts", "no clear gain"
HELPS_IF_KNOWN = "helps, if it was known by then"
_LEAST_EXITS = 30
_CLEAR = 2.0  # standard errors
_N_BY_ODDS, _N_BY_PACE = 8, 4  # classes of deals that share a recursion
_INSTANT = np.timedelta64(1, "us")


@dataclass(frozen=True, eq=False)
class _Split:
    """The past up to a date, and the time after it up to the next."""

    before: DealHistory
    funnel: Funnel
    parts: Stretches
    seen: Watched
    after: DealHistory
    later_parts: Stretches
    later: Watched


def out_of_sample_value(
    history: DealHistory, names: Sequence[str], recorded_at: Mapping[str, str], n_splits: int
) -> pd.DataFrame:
    """Gain in log-likelihood per deal and Brier skill, of all attributes together and of each alone.

    Parameters
    ----------
    history : DealHistory
    names : sequence of str
    recorded_at : dict of str to str
    n_splits : int

    Returns
    -------
    DataFrame
        As :meth:`funnelsim.questions.effects.Effects.value` says.
    """
    if n_splits < 1:
        raise EffectError(f"n_splits {n_splits} must be at least 1")
    splits = [_split(history, step, until, recorded_at) for step, until in _spans(history, n_splits)]
    unsure = [name for name in names if name not in recorded_at and uneven_filling(history.deals, name)]
    sets = {TOGETHER: list(names)} | ({name: [name] for name in names} if len(names) > 1 else {})
    rows = {label: _measured(splits, chosen) for label, chosen in sets.items()}
    for label, chosen in sets.items():
        if set(chosen) & set(unsure) and rows[label]["verdict"] == HELPS:
            rows[label]["verdict"] = HELPS_IF_KNOWN
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("attributes")


def _spans(history: DealHistory, n_splits: int) -> list[tuple[int, int]]:
    """Split steps, each with the last step it is tested on, at even shares of the exits from half on."""
    spells = history.spells
    exits = np.sort(spells.exit_step[spells.destination >= 0])
    if history.window_start_step is not None:
        exits = exits[exits >= history.window_start_step]
    if len(exits) < _LEAST_EXITS:
        raise EffectError(
            f"only {len(exits)} moves were seen, too few to learn from a part and test on the rest"
        )
    shares = 0.5 + 0.5 * np.arange(n_splits) / n_splits
    steps = np.unique(np.quantile(exits, shares, method="lower"))
    ends = [*steps[1:], history.cutoff_step]
    spans = [(int(a), int(b)) for a, b in zip(steps, ends, strict=True) if b > a]
    if not spans:
        raise EffectError("all moves were seen in one step: there is no earlier and later to test on")
    return spans


def _split(history: DealHistory, step: int, until: int, recorded_at: Mapping[str, str]) -> _Split:
    def known_at(last: int) -> DealHistory:
        return history.as_of(min(_end_of(history, last), history.cutoff))

    before, after = known_at(step), known_at(until)
    funnel = fit(before, level_period=None)
    parts, later_parts = (stretches(known, known.deals, recorded_at) for known in (before, after))
    return _Split(
        before=before,
        funnel=funnel,
        parts=parts,
        seen=watch(before, funnel, parts),
        after=after,
        later_parts=later_parts,
        later=watch(after, funnel, later_parts, after_step=step),
    )


def _end_of(history: DealHistory, step: int) -> np.datetime64:
    return np.datetime64(history.clock.start_of(step + 1).item(), "us") - _INSTANT


def _measured(splits: Sequence[_Split], names: Sequence[str]) -> dict[str, object]:
    gains: list[pd.Series[float]] = []
    scores: list[pd.DataFrame] = []
    for split in splits:
        columns = ColumnsOfDeals.learn(split.parts.values, split.parts.is_last, names, {})
        learnt = learn_on(columns, split.funnel, split.parts, split.seen)
        gains.append(_gain_by_deal(split, learnt))
        scores.append(_squared_errors(split, learnt))
    n_better = sum(float(of_split.sum()) > 0 for of_split in gains)
    gain = pd.concat(gains).groupby(level=0).sum()
    by_deal = pd.concat(scores).groupby(level=0).sum()
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("inf")
    mean = float(gain.mean()) if len(gain) else 0.0
    better, total = by_deal["base"] - by_deal["with"], float(by_deal["base"].sum())
    skill = float(better.sum()) / total if total > 0 else 0.0
    skill_se = (
        float(better.std(ddof=1) * np.sqrt(len(better))) / total if total > 0 and len(better) > 1 else 0.0
    )
    clear = abs(mean) > _CLEAR * error
    return {
        "gain": mean,
        "gain_se": error,
        "n_better": f"{n_better} of {len(gains)}",
        "brier_skill": skill,
        "brier_skill_se": skill_se,
        "n_deals": len(gain),
        "n_open": len(by_deal),
        "verdict": (HELPS if mean > 0 else HURTS) if clear else NO_CLEAR_GAIN,
    }


def _gain_by_deal(split: _Split, learnt: Learnt) -> pd.Series[float]:
    """Gain in log-likelihood of the time after the split, by deal watched then."""
    logs = learnt.columns.encode(split.later_parts.values) @ learnt.coefficients.T
    gain: Floats = np.zeros(len(logs))
    exposure: Floats = np.zeros(len(logs))
    for i, name in enumerate(FAMILIES):
        exits, expected, levels = split.later.exits[name], split.later.expected[name], learnt.fits[i].levels
        gain += exits.sum(axis=1) * logs[:, i] + exits @ np.log(levels)
        gain -= np.exp(logs[:, i]) * (expected @ levels) - expected.sum(axis=1)
        exposure += expected.sum(axis=1) + exits.sum(axis=1)
    ids = split.after.deals["deal_id"].to_numpy(object)[split.later_parts.deal]
    by_part = pd.DataFrame({"gain": gain, "exposure": exposure}).groupby(ids).sum()
    return by_part.loc[by_part["exposure"] > 0, "gain"]


def _squared_errors(split: _Split, learnt: Learnt) -> pd.DataFrame:
    """Squared errors of "won by the next split" for deals open at the split, with and without attributes."""
    before, is_last = split.before, split.before.paths.is_last
    place = before.paths.place[is_last]
    is_open = place < before.stages.n_open
    age = before.cutoff_step - before.clock.step_of(before.paths.entered_at[is_last])
    n_steps = split.after.cutoff_step - before.cutoff_step
    factors = learnt.multipliers(split.parts.values[split.parts.is_last])[is_open]
    ids = before.deals["deal_id"].to_numpy(object)[is_open]
    later = split.after.deals.set_index("deal_id")["outcome"]
    won = (later.reindex(ids) == "won").to_numpy(float)
    label, means = _classes(factors)
    plain = [rates_of(split.funnel.mean_hazards(stage)) for stage in range(before.stages.n_open)]
    told = _won_within(split, plain, np.ones((1, 2)), place[is_open], age[is_open], 0 * label, n_steps)
    known = _won_within(split, learnt.base_rates(before), means, place[is_open], age[is_open], label, n_steps)
    return pd.DataFrame({"base": (told - won) ** 2, "with": (known - won) ** 2}, index=ids)


def _classes(factors: Floats) -> tuple[Ints, Floats]:
    """Deals in at most 32 classes of alike factors: class of each, and the mean factors of each class."""
    if not len(factors):
        return np.zeros(0, dtype=np.int64), np.ones((1, 2))
    logs = np.log(factors)
    odds = _ranked(logs[:, 0] - logs[:, 1], _N_BY_ODDS)
    pace = _ranked(logs[:, 0] + logs[:, 1], _N_BY_PACE)
    _, label = np.unique(odds * _N_BY_PACE + pace, return_inverse=True)
    size = np.bincount(label)[:, None]
    sums = np.stack([np.bincount(label, column) for column in logs.T], axis=1)
    return label.astype(np.int64), np.exp(sums / size)


def _ranked(values: Floats, n: int) -> Ints:
    edges = np.unique(np.quantile(values, np.arange(1, n) / n))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _won_within(
    split: _Split, rates: list[Floats], factors: Floats, stage: Ints, age: Ints, label: Ints, n_steps: int
) -> Floats:
    """Chance of each open deal to be won within some steps; classes of deals take the place of draws."""
    history, stages, chance = split.before, [], np.zeros(len(stage))
    for code, base in enumerate(rates):
        of_class = np.repeat(base[None], len(factors), axis=0)
        for i, of_family in enumerate(families(history, code).values()):
            of_class = np.where(of_family, of_class * factors[:, None, i, None], of_class)
        places = np.flatnonzero((base > 0).any(axis=0))
        first_age = split.funnel.hazards[code].first_age
        stages.append(StageRates(first_age, places, of_class[:, :, places], np.ones(len(places))))
    is_won = history.stages.is_won
    after_entry = won_after_entry(stages, is_won, n_steps)
    for code, of_stage in enumerate(stages):
        here = np.flatnonzero(stage == code)
        ages, position = np.unique(age[here], return_inverse=True)
        won = won_from_age(of_stage, ages, after_entry, is_won, np.array([n_steps]))
        chance[here] = won[label[here], position, 0]
    return chance
