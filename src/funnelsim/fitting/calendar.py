"""Learning the calendar: kinds that clearly predict later steps, fitted jointly with the hazards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.calendar import Calendar, Group, groups_of
from funnelsim.numerics.by_time import StepCounts
from funnelsim.numerics.calendar import Factors, Gain, Kind, by_step, categories, fit_factors, gain_of
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.rates import chances_of, rates_of
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Moments = npt.NDArray[np.datetime64]

_KINDS: dict[str, tuple[Kind, ...]] = {
    "hour": ("hour of day", "weekday", "month of quarter", "month of year"),
    "day": ("weekday", "month of quarter", "month of year"),
    "week": ("month of quarter", "month of year"),
    "month": ("month of quarter", "month of year"),
}
_LEAST_DAYS = {"hour of day": 28, "weekday": 56, "month of quarter": 182, "month of year": 730}
_UNIT_DAYS = {"hour of day": 1, "weekday": 1, "month of quarter": 28, "month of year": 28}
_FOLDS = 4
_YEAR = 365
_MOST_LEAVING = 1.0 - 1e-12
_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Series:
    """Counts of a group by step, beside what is expected without a calendar.

    Parameters
    ----------
    moments : ndarray of datetime64, shape (n_steps,)
    observed, expected : ndarray of float, shape (n_steps,)
    """

    moments: Moments
    observed: Floats
    expected: Floats


def arrivals_as_usual(complete: Floats, clock: Clock, last_step: int) -> Series:
    """Arrivals by step beside the mean of their year, years counted back from the last step.

    The mean of the year and not of all years: a trend must not pass for a season.
    """
    moments = clock.start_of(last_step - len(complete) + 1 + np.arange(len(complete)))
    day = moments.astype("datetime64[D]").astype(np.int64)
    year = (day[-1] - day) // _YEAR
    arrived = complete.sum(axis=1)
    mean = np.bincount(year, arrived) / np.maximum(np.bincount(year), 1)
    return Series(moments, arrived, mean[year])


def choose_kinds(
    series: Series, candidates: Sequence[Kind], holidays: Sequence[np.datetime64]
) -> tuple[dict[Kind, Ints], dict[Kind, Gain]]:
    """Kinds whose factors clearly tell of steps they were not learnt on; and the gain of each tried.

    Kinds are tried in order, each on top of those chosen before it. Each quarter of the time (or each
    year, for the month of the year) is told by factors learnt on the rest.
    """
    day = series.moments.astype("datetime64[D]").astype(np.int64)
    n_days = int(day[-1] - day[0]) + 1
    chosen: dict[Kind, Ints] = {}
    gains: dict[Kind, Gain] = {}
    for kind in candidates:
        if n_days < _LEAST_DAYS[kind]:
            continue
        tried = chosen | {kind: categories(series.moments, kind, holidays)}
        fold_days = _YEAR if kind == "month of year" else -(-n_days // _FOLDS)
        fold = (day[-1] - day) // fold_days
        usual, shift = np.ones((2, len(day)))
        for tested in np.unique(fold):
            told = fold == tested
            usual[told] = _factor(series, chosen, ~told)[told]
            shift[told] = _factor(series, tried, ~told)[told] / usual[told]
        gains[kind] = gain_of(shift, series.observed, series.expected * usual, day // _UNIT_DAYS[kind])
        if gains[kind].is_clear:
            chosen = tried
    return chosen, gains


def _factor(series: Series, kinds: Mapping[Kind, Ints], taught: npt.NDArray[np.bool_]) -> Floats:
    """Factors learnt on some steps, for all steps."""
    learnt = fit_factors(
        series.observed[taught], series.expected[taught], {k: at[taught] for k, at in kinds.items()}
    )
    return by_step({f.kind: f.values for f in learnt}, dict(kinds), len(series.observed))


def fit_calendar(
    stages: Stages,
    clock: Clock,
    first_step: int,
    counts: Sequence[StepCounts],
    hazards: tuple[StageHazards, ...],
    arrivals: Series,
    holidays: Sequence[np.datetime64],
) -> tuple[Calendar, tuple[StageHazards, ...]]:
    """The calendar that the data clearly shows, and the hazards of a step that is like the average one.

    Parameters
    ----------
    stages : Stages
    clock : Clock
    first_step : int
        First step of `counts`.
    counts : sequence of StepCounts
        One per open stage.
    hazards : tuple of StageHazards
    arrivals : Series
    holidays : sequence of datetime64

    Returns
    -------
    calendar : Calendar
        Without factors where nothing is clear.
    hazards : tuple of StageHazards
        As they were, or with exposure counted in average steps.
    """
    moments = clock.start_of(np.arange(first_step, first_step + counts[0].at_risk.shape[1]))
    groups = groups_of(stages)
    factors: dict[Group, tuple[Factors, ...]] = {}
    kinds, gains = choose_kinds(arrivals, _KINDS[clock.step], holidays)
    tried: dict[Group, dict[Kind, Gain]] = {"arrivals": gains}
    if kinds:
        factors["arrivals"] = tuple(fit_factors(arrivals.observed, arrivals.expected, kinds))
    chosen: dict[Group, dict[Kind, Ints]] = {}
    joint, usual = factors, hazards
    # Twice: where most leave within a step, what a weekday does to losses shows only once that of wins is on.
    for _ in range(2):
        calendar = Calendar(joint, tuple(holidays))
        factor = calendar.by_place(stages, moments) if calendar.moves_deals else None
        newly: dict[Group, dict[Kind, Ints]] = {}
        for group in dict.fromkeys(groups):
            if group in chosen:
                continue
            at = [place for place, of_place in enumerate(groups) if of_place == group]
            series = _series_of(at, counts, usual, factor, moments)
            kinds, tried[group] = choose_kinds(series, _KINDS[clock.step], holidays)
            newly |= {group: kinds} if kinds else {}
        if not newly:
            break
        chosen |= newly
        learnt, usual = _fit_jointly(groups, counts, hazards, chosen)
        joint = factors | learnt
    told = [_in_words(group, kind, gain) for group, of in tried.items() for kind, gain in of.items()]
    return Calendar(joint, tuple(holidays), tuple(told)), usual


def _series_of(
    places: list[int],
    counts: Sequence[StepCounts],
    hazards: tuple[StageHazards, ...],
    factor: Floats | None,
    moments: npt.NDArray[np.datetime64],
) -> Series:
    """Exits to some places by step, and those to expect under the factors of the others."""
    observed = np.sum([c.exits[places].sum(axis=0) for c in counts], axis=0)
    expected = np.sum(
        [
            c.expected(h.mean_hazards(), factor)[places].sum(axis=0)
            for c, h in zip(counts, hazards, strict=True)
        ],
        axis=0,
    )
    return Series(moments, observed, expected)


def _in_words(group: Group, kind: Kind, gain: Gain) -> str:
    state = "on" if gain.is_clear else "off"
    return (
        f"calendar of {group} by {kind}: {state}; learnt on other times it told {gain.per_count:+.3f} ± "
        f"{gain.standard_error:.3f} log-likelihood units per event"
    )


def _fit_jointly(
    groups: list[Group],
    counts: Sequence[StepCounts],
    hazards: tuple[StageHazards, ...],
    kinds: Mapping[Group, dict[Kind, Ints]],
) -> tuple[dict[Group, tuple[Factors, ...]], tuple[StageHazards, ...]]:
    """Factors and baseline in turn, until each expects as many exits as were seen.

    Steps that are alike in every category are counted together. Chances are those of rates multiplied by the
    factors, so the log of a rate is additive (complementary log-log).
    """
    columns = np.stack([at for of_group in kinds.values() for at in of_group.values()])
    alike, of_step = np.unique(columns, axis=1, return_inverse=True)
    n_alike, of_step = alike.shape[1], of_step.reshape(-1)
    first = np.unique(of_step, return_index=True)[1]
    at_risk = [_summed(c.at_risk, of_step, n_alike) for c in counts]
    seen = _summed(np.sum([c.exits for c in counts], axis=0), of_step, n_alike)
    rates = [rates_of(h.mean_hazards()) for h in hazards]
    start = [r.copy() for r in rates]
    factors: dict[Group, tuple[Factors, ...]] = {}
    by_group: dict[Group, Floats] = {}
    for _ in range(_ROUNDS):
        factor = np.stack([by_group.get(group, np.ones(n_alike)) for group in groups])
        expected = np.zeros((len(groups), n_alike))
        for of_stage, before, there in zip(rates, start, at_risk, strict=True):
            usual = _expected(of_stage, factor, there)
            expected += usual.sum(axis=0) / factor
            target = _expected(before, np.ones_like(factor), there).sum(axis=2)
            of_stage *= _step_towards(target, usual.sum(axis=2), there.sum(axis=1))
        for group, of_group in kinds.items():
            at = [place for place, of_place in enumerate(groups) if of_place == group]
            reduced = {kind: categories_[first] for kind, categories_ in of_group.items()}
            factors[group] = tuple(fit_factors(seen[at].sum(axis=0), expected[at].sum(axis=0), reduced))
            by_group[group] = by_step({f.kind: f.values for f in factors[group]}, reduced, n_alike)
    scaled = tuple(
        _in_average_steps(h, after / np.maximum(before, 1e-300))
        for h, after, before in zip(hazards, rates, start, strict=True)
    )
    return factors, scaled


def _summed(by_step_: Floats, of_step: Ints, n_alike: int) -> Floats:
    return np.stack([np.bincount(of_step, row, n_alike) for row in by_step_])


def _step_towards(target: Floats, expected: Floats, at_risk: Floats) -> Floats:
    """Factors on rates by bin and place that bring expected exits close to their target.

    The split over places by the ratio of exits, all together by the ratio of cumulative hazards: where most
    leave within a step, exits hardly answer to the rate, and their own ratio would creep.
    """
    ratio = np.divide(target, expected, out=np.ones_like(target), where=expected > 0)

    def cumulative(exits: Floats) -> Floats:
        share = np.divide(exits.sum(axis=1), at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
        return -np.log1p(-np.minimum(share, _MOST_LEAVING))

    wanted, reached = cumulative(target), cumulative(expected)
    overall = np.divide(target.sum(axis=1), expected.sum(axis=1), out=np.ones_like(wanted), where=reached > 0)
    pace = np.divide(wanted, reached, out=np.ones_like(wanted), where=reached > 0)
    return np.asarray(ratio * (pace / overall)[:, None])


def _expected(rates: Floats, factor: Floats, at_risk: Floats) -> Floats:
    """Exits to expect by bin, place and kind of step."""
    return chances_of(rates[:, :, None] * factor[None], axis=1) * at_risk[:, None]


def _in_average_steps(hazards: StageHazards, correction: Floats) -> StageHazards:
    """Hazards whose exposure counts average steps: an hour at which hardly anyone leaves is less than one.

    The number of exits stays, and with it how sure the hazards are; exposure and the split over causes become
    those at which rates are multiplied by `correction`. It is the rates that a calendar multiplies, not the
    chances: where nearly all leave at once, twice the pace is not twice the exits.
    """
    seen, at_risk = hazards.exits, np.maximum(hazards.at_risk, 1e-12)
    total = seen.sum(axis=1)
    raw = seen / np.maximum(at_risk, total * (1.0 + 1e-12))[:, None]
    average = chances_of(rates_of(raw) * correction, axis=1)
    chance = average.sum(axis=1)
    left = (total > 0) & (chance > 0)
    exposed = np.divide(total, chance, out=hazards.at_risk.astype(float), where=left)
    split = np.divide(average, chance[:, None], out=np.zeros_like(seen), where=left[:, None])
    exits = np.where(left[:, None], split * total[:, None], seen)
    return replace(hazards, exits=exits, at_risk=exposed)
