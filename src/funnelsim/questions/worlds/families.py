"""Families of synthetic worlds: each a way in which sales may go, drawn anew around a base for every seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.numerics.rates import chances_of, rates_of
from funnelsim.questions.worlds.process import CLOCK, AmountLaw, Desks, Process, tilted
from funnelsim.questions.worlds.sample import SAMPLE_STAGES, WorldError, sample_funnel
from funnelsim.questions.worlds.world import World, simulate_world
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

SOURCES = ("referral", "web", "outbound")
WINS_A_QUARTER = 34.0
_DAYS_A_QUARTER = 365.25 / 4
_LAST_CUTOFF = np.datetime64("2026-12")


@dataclass(frozen=True)
class Family:
    """A family of worlds.

    Parameters
    ----------
    name : str
    sentence : str
        What it is, in one sentence.
    draw : callable
        From a random generator to the process of one world.
    """

    name: str
    sentence: str
    draw: Callable[[Rng], Process]

    def world(self, seed: int | np.random.Generator | None = 0) -> World:
        """One world of the family; the same seed gives the same world.

        Examples
        --------
        >>> FAMILIES["stable"].world(seed=1)  # doctest: +ELLIPSIS
        World(stable: DealHistory(... deals at ...: ... won, ... lost, ... open; ...); ... wins after it)
        """
        streams = Streams.of(seed)
        process = self.draw(streams.generator(f"process of {self.name}"))
        return simulate_world(process, streams.generator(f"deals of {self.name}"), family=self.name)


# --- the base ----------------------------------------------------------------------------------------------


def base_process(
    rng: Rng, *, log_odds: Iterable[float] = (0.0,), shares: Iterable[float] = (1.0,)
) -> Process:
    """A process around the funnel of the embedded sample, steady in time.

    Parameters
    ----------
    rng : Generator
    log_odds : iterable of float
        By class, what is added to the log-odds of leaving each stage forward.
    shares : iterable of float
        Share of each class among arrivals.

    Returns
    -------
    Process

    Notes
    -----
    Drawn for every world: the pace of each stage (log-normal, sd 0.15), the log-odds of leaving it forward
    (normal, sd 0.12), the wins expected a quarter (34, log-normal, sd 0.2), the amounts (median 31,300,
    log-normal, sd 0.2; log-sd within a world 0.5 to 1), the cutoff (the end of a month of 2026) and the
    length of the past (24 to 36 months, empty at its start; a year is simulated after the cutoff). Weeks
    swing with a variance of 0.02, as the sample's.
    """
    sample = sample_funnel()
    usual = np.stack([sample.mean_hazards(stage) for stage in range(sample.stages.n_open)])
    pace, odds = np.exp(0.15 * rng.standard_normal(len(usual))), 0.12 * rng.standard_normal(len(usual))
    paced = chances_of(rates_of(usual) * pace[:, None, None])
    chances = np.stack([tilted(SAMPLE_STAGES, paced, odds + of_class) for of_class in log_odds])
    cutoff = _LAST_CUTOFF - int(rng.integers(12))
    start = CLOCK.step_of(cutoff + 1 - int(rng.integers(24, 37)))
    cutoff_step, end_step = int(CLOCK.step_of(cutoff + 1)) - 1, int(CLOCK.step_of(cutoff + 13)) - 1
    n_steps = end_step - int(start) + 1
    process = Process(
        stages=SAMPLE_STAGES,
        first_age=sample.hazards[0].first_age,
        chances=chances,
        start_step=int(start),
        cutoff_step=cutoff_step,
        end_step=end_step,
        arrival_rate=np.ones(n_steps),
        class_shares=np.tile(np.array(list(shares)), (n_steps, 1)),
        entry_shares=sample.arrivals.entry_counts / sample.arrivals.entry_counts.sum(),
        cause_factors=np.ones((n_steps, len(SAMPLE_STAGES.names))),
        forward_log_odds=np.zeros(n_steps),
        amounts=AmountLaw(np.full(len(chances), 10.35 + 0.2 * rng.normal()), rng.uniform(0.5, 1.0)),
        dispersion=0.02,
    )
    return with_wins(process, WINS_A_QUARTER * np.exp(0.2 * rng.normal()))


def with_wins(process: Process, wins_a_quarter: float) -> Process:
    """The process with as many arrivals as bring so many wins a quarter, were all days as the cutoff's."""
    cutoff = process.cutoff_step
    day = cutoff - process.start_step
    chance = float(process.class_shares[day] @ process.win_chance(cutoff))
    rate = wins_a_quarter / _DAYS_A_QUARTER / chance
    return replace(process, arrival_rate=process.arrival_rate / process.arrival_rate[day] * rate)


def _years_after_cutoff(process: Process) -> Floats:
    steps = np.arange(process.start_step, process.end_step + 1)
    return (steps - process.cutoff_step) / 365.25


def _drift(process: Process, rng: Rng, trend: tuple[float, float], step: tuple[float, float]) -> Floats:
    """A course in time that is 0 at the cutoff: in half of the worlds a trend, else a step in the last year.

    `trend` and `step` are the ranges of the absolute slope a year and of the size of the step; up and down
    are as likely. A trend began at most two years before the cutoff and goes on after it; a step lies 36 to
    365 days before the cutoff.
    """
    years, sign = _years_after_cutoff(process), rng.choice([-1.0, 1.0])
    slope, size, at = rng.uniform(*trend), rng.uniform(*step), -rng.uniform(0.1, 1.0)
    if rng.random() < 0.5:
        return np.asarray(sign * slope * np.maximum(years, -2.0))
    return np.asarray(np.where(years < at, -sign * size, 0.0))


# --- the families -------------------------------------------------------------------------------------------


def _well_specified(rng: Rng) -> Process:
    return base_process(rng)


def _stable(rng: Rng) -> Process:
    process = base_process(rng, log_odds=(0.45, -0.05, -0.2), shares=(0.2, 0.5, 0.3))
    amounts = replace(process.amounts, log_mean=process.amounts.log_mean + np.log([0.8, 1.0, 1.2]))
    return replace(process, class_names=SOURCES, amounts=amounts)


def _drifting_volume(rng: Rng) -> Process:
    process = _stable(rng)
    factor = np.exp(_drift(process, rng, (0.2, 0.5), (0.3, 0.6)))
    return replace(process, arrival_rate=process.arrival_rate * factor)


def _drifting_conversion(rng: Rng) -> Process:
    process = _stable(rng)
    return replace(process, forward_log_odds=_drift(process, rng, (0.1, 0.3), (0.15, 0.4)))


def _drifting_cycle(rng: Rng) -> Process:
    process = _stable(rng)
    factor = np.exp(_drift(process, rng, (0.15, 0.4), (0.2, 0.5)))
    return replace(process, cause_factors=process.cause_factors * factor[:, None])


def _mix_shift(rng: Rng) -> Process:
    process = base_process(rng, log_odds=(0.6, 0.0, -0.4), shares=(1 / 3, 1 / 3, 1 / 3))
    slope = rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 1.2)
    weights = np.exp(slope * np.maximum(_years_after_cutoff(process), -2.0)[:, None] * np.array([1, 0, -1]))
    amounts = replace(process.amounts, log_mean=process.amounts.log_mean + np.log([0.7, 1.0, 1.5]))
    shares = weights / weights.sum(axis=1, keepdims=True)
    return replace(process, class_names=SOURCES, amounts=amounts, class_shares=shares)


def _season(rng: Rng) -> Process:
    process = _stable(rng)
    months = np.arange(12)
    by_month = rng.uniform(0.25, 0.5) * np.cos(2 * np.pi * (months - rng.uniform(0, 12)) / 12)
    by_month = np.exp(by_month + 0.1 * rng.standard_normal(12))
    steps = np.arange(process.start_step, process.end_step + 1)
    month = CLOCK.start_of(steps).astype("datetime64[M]").astype(np.int64) % 12
    return replace(process, arrival_rate=process.arrival_rate * (by_month / by_month.mean())[month])


def _quarter_end_rush(rng: Rng) -> Process:
    process = _stable(rng)
    starts = CLOCK.start_of(np.arange(process.start_step, process.end_step + 1)).astype("datetime64[D]")
    month = starts.astype("datetime64[M]")
    quarter_end = month + 3 - month.astype(np.int64) % 3
    days_left = (quarter_end.astype("datetime64[D]") - starts).astype(np.int64)
    rush, slack = days_left <= int(rng.integers(10, 22)), days_left > 60
    factor = np.where(rush, rng.uniform(2.0, 4.0), np.where(slack, rng.uniform(0.4, 0.8), 1.0))
    is_won = process.stages.is_won
    return replace(process, cause_factors=np.where(is_won, factor[:, None], process.cause_factors))


def _heavy_amounts(rng: Rng) -> Process:
    process = _stable(rng)
    tail = replace(process.amounts, tail_index=rng.uniform(1.3, 1.8), tail_share=0.1)
    return replace(process, amounts=tail)


def _small_volume(rng: Rng) -> Process:
    return with_wins(_stable(rng), rng.uniform(4.0, 9.0))


def _zombies(rng: Rng) -> Process:
    share, n_open = rng.uniform(0.1, 0.25), SAMPLE_STAGES.n_open
    process = base_process(rng, log_odds=(0.0, 0.0), shares=(1.0 - share, share))
    chances = process.chances.copy()
    chances[1, :, :, n_open:] = 0.0
    chances[1] *= rng.uniform(0.1, 0.4)
    return with_wins(replace(process, chances=chances), WINS_A_QUARTER * np.exp(0.2 * rng.normal()))


def _late_window(rng: Rng) -> Process:
    process = _stable(rng)
    opens = process.cutoff_step - int(rng.integers(270, 500))
    return replace(process, window_start_step=opens)


def _loops(rng: Rng) -> Process:
    process = _stable(rng)
    chances = process.chances.copy()
    for stage in range(1, process.stages.n_open):
        back = rng.uniform(0.15, 0.35) * chances[:, stage].sum(axis=-1)
        chances[:, stage] *= 1.0 - (back / np.maximum(chances[:, stage].sum(axis=-1), 1e-300))[..., None]
        chances[:, stage, :, stage - 1] += back
    return with_wins(replace(process, chances=chances), WINS_A_QUARTER * np.exp(0.2 * rng.normal()))


def _overdispersed_arrivals(rng: Rng) -> Process:
    return replace(_stable(rng), swing_steps=28, dispersion=rng.uniform(0.1, 0.4))


def _capacity_limited(rng: Rng) -> Process:
    process = _stable(rng)
    chances = process.chances.copy()
    chances[:, :, -1] *= 0.02 / chances[:, :, -1].sum(axis=-1, keepdims=True)  # or old deals hold the desks
    process = with_wins(replace(process, chances=chances), 1.4 * WINS_A_QUARTER * np.exp(0.2 * rng.normal()))
    cutoff = process.cutoff_step
    worked = np.einsum("s,csj,cj->c", process.entry_shares, process.visits(cutoff), process.mean_stay(cutoff))
    day = cutoff - process.start_step
    load = process.arrival_rate[day] * float(process.class_shares[day] @ worked)
    desks = Desks(max(1, round(load * rng.uniform(0.6, 0.85))), rng.uniform(0.01, 0.03))
    return replace(process, desks=desks)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "well_specified",
            "All deals alike and nothing changes: the truth is of the model's own kind.",
            _well_specified,
        ),
        Family(
            "stable",
            "Nothing changes, but deals of three sources win at other odds and amounts.",
            _stable,
        ),
        Family(
            "drifting_volume",
            "Arrivals rise or fall by 20 to 50 % a year, or stepped by 30 to 60 % within the last year.",
            _drifting_volume,
        ),
        Family(
            "drifting_conversion",
            "The odds of moving on drift in every stage by 10 to 30 % a year, or stepped by 15 to 40 %.",
            _drifting_conversion,
        ),
        Family(
            "drifting_cycle",
            "All moves become faster or slower by 15 to 40 % a year, or did by 20 to 50 % at once.",
            _drifting_cycle,
        ),
        Family(
            "mix_shift",
            "Three sources of other odds and amounts, whose shares of the arrivals shift for two years.",
            _mix_shift,
        ),
        Family("season", "Arrivals follow the month of the year, by 25 to 50 % around their mean.", _season),
        Family(
            "quarter_end_rush",
            "Wins are two to four times as fast in the last 10 to 21 days of a quarter, slow at its start.",
            _quarter_end_rush,
        ),
        Family(
            "heavy_amounts",
            "One amount in ten has a Pareto tail of index 1.3 to 1.8: a finite mean, no variance.",
            _heavy_amounts,
        ),
        Family("small_volume", "Four to nine wins a quarter.", _small_volume),
        Family(
            "zombies",
            "One deal in ten to one in four drifts on, never ends, and is not told apart in the records.",
            _zombies,
        ),
        Family(
            "late_window",
            "The log is complete for the last 270 to 500 days only: deals that ended before are missing.",
            _late_window,
        ),
        Family("loops", "From every later stage 15 to 35 % of the moves go one stage back.", _loops),
        Family(
            "overdispersed_arrivals",
            "Every four weeks arrivals swing by a common factor with a variance of 0.1 to 0.4.",
            _overdispersed_arrivals,
        ),
        Family(
            "capacity_limited",
            "Only so many deals are worked at once, 60 to 85 % of those who come; others wait or give up.",
            _capacity_limited,
        ),
    )
}


def families_named(names: Iterable[str] | None = None) -> tuple[Family, ...]:
    """Families by name; all of them by default.

    Raises
    ------
    WorldError
        If there is no family of a name.
    """
    wanted = list(FAMILIES) if names is None else list(names)
    unknown = [name for name in wanted if name not in FAMILIES]
    if unknown:
        raise WorldError(f"no family of worlds is called {unknown[0]!r}; there are {', '.join(FAMILIES)}")
    return tuple(FAMILIES[name] for name in wanted)
