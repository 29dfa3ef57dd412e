"""The embedded sample: a synthetic CRM with known truth, which every command falls back on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.nouns.records import Records
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import hazards_by_hand
from funnelsim.questions.worlds.sample_words import history_in, stages_in, unit_in
from funnelsim.vocabulary.clock import Clock, end_of_day
from funnelsim.vocabulary.door import checked
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.language import Language, checked_language
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.stages import Outcome, Stage, Stages

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAMPLE_TARGET = 5_500_000.0
SAMPLE_STAGES = Stages(
    open=(
        Stage("Qualify", nominal_win_rate=0.10, necessary_days=5, usual_days=14),
        Stage("Develop", nominal_win_rate=0.20, necessary_days=7, usual_days=21),
        Stage("Solution", nominal_win_rate=0.40, necessary_days=7, usual_days=28),
        Stage("Proof", nominal_win_rate=0.60, necessary_days=10, usual_days=30),
        Stage("Close", nominal_win_rate=0.80, necessary_days=3, usual_days=14),
    ),
    outcomes=(Outcome("won", "won"), Outcome("lost", "lost")),
)
_FIRST_AGES = np.array([0, 1, 8, 22, 46, 91, 181])
# Chance a day to leave, by age; then the split over Qualify, Develop, Solution, Proof, Close, won, lost.
_SAMPLE_EXITS = (
    ((0.02, 0.030, 0.060, 0.045, 0.020, 0.008, 0.001), (0.00, 0.52, 0.03, 0.00, 0.00, 0.00, 0.45)),
    ((0.01, 0.020, 0.050, 0.040, 0.020, 0.008, 0.001), (0.00, 0.00, 0.62, 0.03, 0.00, 0.00, 0.35)),
    ((0.01, 0.015, 0.040, 0.040, 0.025, 0.010, 0.001), (0.00, 0.04, 0.00, 0.61, 0.00, 0.00, 0.35)),
    ((0.00, 0.010, 0.035, 0.045, 0.030, 0.012, 0.001), (0.00, 0.00, 0.04, 0.00, 0.66, 0.00, 0.30)),
    ((0.02, 0.050, 0.070, 0.050, 0.025, 0.010, 0.001), (0.00, 0.00, 0.00, 0.00, 0.00, 0.74, 0.26)),
)
# Month of year factors on arrivals (peak and slack months), mean 1.
_SEASON = np.array([0.95, 0.75, 1.25, 1.10, 1.05, 1.20, 0.85, 0.75, 1.10, 1.05, 1.10, 0.85])
_REGIONS, _SOURCES, _PRODUCTS = ("East", "North", "South"), ("referral", "web", "outbound"), ("Core", "Plus")
_MOST_HOPS = 5_000


class WorldError(FunnelsimError):
    """A world that cannot be simulated."""


def sample_funnel(*, lang: Language = "en") -> Funnel:
    """The truth behind the embedded sample: a five-stage account-selling funnel, about 34 wins a quarter.

    Parameters
    ----------
    lang : {"en", "zh"}
        Language of the names of its stages.

    Raises
    ------
    LanguageError
        If it is another.
    """
    checked_language(lang)
    hazards = tuple(hazards_by_hand(_FIRST_AGES, np.outer(pace, split)) for pace, split in _SAMPLE_EXITS)
    quantiles = (np.arange(200) + 0.5) / 200
    points = np.round(np.exp(10.35 + 0.75 * special.ndtri(quantiles)), -2).astype(float)
    return Funnel(
        stages=stages_in(lang, SAMPLE_STAGES),
        clock=Clock("day"),
        hazards=hazards,
        arrivals=Arrivals(7, 19.0, np.inf, 0.02, np.array([0.9, 0.1, 0.0, 0.0, 0.0])),
        amounts=Amounts(points, np.ones(200), is_certain=True),
        unit=unit_in(lang, "EUR"),
        origin="the truth of the embedded sample",
    )


@dataclass(frozen=True, eq=False)
class _Traits:
    """What differs between deals of a world: attributes, odds of moving forward, amount factor."""

    frame: pd.DataFrame
    log_odds: Floats
    amount_factor: Floats


@checked
def simulate_history(
    seed: int | np.random.Generator | None = 0,
    *,
    funnel: Funnel | None = None,
    start: str = "2024-01-01",
    as_of: str = "2026-08-31",
    window_start: str | None = "2024-07-01",
    segments: bool = True,
    season: bool = True,
    missing_amounts: float = 0.02,
    lang: Language = "en",
) -> DealHistory:
    """A synthetic CRM with known truth: stages, censoring, a late-starting window, segments, reps, seasons.

    Deals arrive from `start` on and move by the hazards of `funnel` until they end or `as_of` comes; those
    that ended before `window_start` are not in the records, as after a change of system.

    Parameters
    ----------
    seed : int, Generator or None
    funnel : Funnel, optional
        The truth; :func:`sample_funnel` by default. A shared shock shakes what is still to be won at a
        cutoff; a whole history has none, and it is left out.
    start, as_of : str
        First day of arrivals, and the day of observation. Another day gives other deals, whatever the seed.
    window_start : str, optional
        From when the log is complete; None keeps every deal.
    segments : bool
        Give deals a rep, region, source and product that move their odds and amounts. Without, all deals are
        alike and `funnel` is the exact truth.
    season : bool
        Let arrivals follow the month of the year.
    missing_amounts : float
        Share of deals without a recorded amount.
    lang : {"en", "zh"}
        Language of the names of stages, regions, sources, products and reps; days and figures are the same.
        Names of the stages of a `funnel` of your own stay.

    Returns
    -------
    DealHistory

    Raises
    ------
    WorldError
        If `as_of` does not lie after `start`, or nothing arrives in between.
    LanguageError
        If `lang` is another.

    Examples
    --------
    >>> import funnelsim as fs
    >>> fs.simulate_history(seed=1)  # doctest: +ELLIPSIS
    DealHistory(... deals at 2026-08-31: ... won, ... lost, ... open; ... issues)
    """
    truth, streams = funnel or sample_funnel(), Streams.of(seed)
    checked_language(lang)
    clock = truth.clock
    cutoff = clock.known_until(end_of_day(as_of))
    first, last = int(clock.step_of(np.datetime64(start, "s"))), int(clock.step_of(cutoff))
    if truth.pace is not None or truth.calendar is not None:
        raise WorldError(
            "a world is simulated at its usual rates: drop the levels and the calendar of the funnel with "
            "dataclasses.replace(funnel, pace=None, calendar=None)"
        )
    _check_changes(truth)
    if last <= first:
        raise WorldError(f"as_of {as_of} must lie after start {start}")
    arrival_step, entry_stage = _arrive(truth, streams, first, last, season)
    if not len(arrival_step):
        raise WorldError(
            f"no deal arrived between {start} and {as_of}; make arrivals more frequent or the span longer"
        )
    traits = _traits(len(arrival_step), streams.generator("traits"), segments)
    deal, place, step = _walk(
        truth, streams.generator("walk"), arrival_step, entry_stage, traits.log_odds, last
    )
    if window_start is not None:
        opens = int(clock.step_of(np.datetime64(window_start, "s")))
        ended_before = np.unique(deal[(place >= truth.stages.n_open) & (step < opens)])
        keep = ~np.isin(deal, ended_before)
        deal, place, step = deal[keep], place[keep], step[keep]
    history = DealHistory(
        records=_records(truth, streams.generator("amounts"), traits, missing_amounts, deal, place, step),
        stages=truth.stages,
        clock=clock,
        cutoff=cutoff,
        window_start=None if window_start is None else np.datetime64(window_start, "s"),
        unit=truth.unit,
    )
    return history_in(lang, history)


def _check_changes(truth: Funnel) -> None:
    """Refuse what a whole history cannot show, or what this walk does not follow."""
    changes = truth.changes
    if (changes.speed != 1.0).any():
        raise WorldError("a lever on speed acts from a cutoff on, and a whole history has none; leave it out")
    if truth.classes is not None or changes.classes or changes.narrowing:
        raise WorldError(
            "deals are walked at the common rates: a funnel with classes cannot be simulated; drop "
            "them with dataclasses.replace(funnel, classes=None)"
        )
    if (changes.new_amount, changes.open_amount) != (1.0, 1.0):
        raise WorldError(
            "a lever on amounts acts from a cutoff on, and a whole history has none; leave it out"
        )


def _arrive(truth: Funnel, streams: Streams, first: int, last: int, season: bool) -> tuple[Ints, Ints]:
    """Arrival step and entry stage of every deal, in order of time."""
    rng, law = streams.generator("arrivals"), truth.arrivals
    steps = np.arange(first, last + 1)
    rate = np.full(len(steps), truth.changes.volume * law.mean_per_block / law.block_steps)
    if season:
        month = truth.clock.start_of(steps).astype("datetime64[M]").astype(np.int64) % 12
        rate *= _SEASON[month]
    if law.dispersion > 0:
        n_blocks = -(-len(steps) // law.block_steps)
        swings = rng.standard_gamma(1.0 / law.dispersion, n_blocks) * law.dispersion
        rate *= np.repeat(swings, law.block_steps)[: len(steps)]
    arrival_step = np.repeat(steps, rng.poisson(rate))
    shares = law.entry_counts / law.entry_counts.sum()
    return arrival_step, rng.choice(len(shares), size=len(arrival_step), p=shares)


def _traits(n_deals: int, rng: np.random.Generator, segments: bool) -> _Traits:
    """Attributes of each deal and what they do to its odds and amount."""
    if not segments:
        return _Traits(pd.DataFrame(index=range(n_deals)), np.zeros(n_deals), np.ones(n_deals))
    rep, region = rng.integers(8, size=n_deals), rng.integers(len(_REGIONS), size=n_deals)
    source, product = rng.choice(3, size=n_deals, p=[0.2, 0.5, 0.3]), rng.integers(2, size=n_deals)
    skill = np.linspace(-0.35, 0.35, 8)
    log_odds = skill[rep] + np.array([0.45, -0.05, -0.2])[source] + np.array([0.0, 0.1, -0.1])[region]
    frame = pd.DataFrame(
        {
            "owner": np.array([f"rep {i + 1}" for i in range(8)], dtype=object)[rep],
            "region": np.array(_REGIONS, dtype=object)[region],
            "source": np.array(_SOURCES, dtype=object)[source],
            "product": np.array(_PRODUCTS, dtype=object)[product],
        }
    )
    return _Traits(frame, log_odds, np.array([0.8, 1.2])[product])


def _walk(
    truth: Funnel, rng: np.random.Generator, entry_step: Ints, entry_stage: Ints, log_odds: Floats, last: int
) -> tuple[Ints, Ints, Ints]:
    """Moves of all deals up to the cutoff, stage by stage: deal, place, step; in order of deal and move.

    The age at exit comes first (odds do not change it), then the destination from the split at that age.
    """
    n_open, deal = truth.stages.n_open, np.arange(len(entry_step))
    place, step = entry_stage.astype(np.int64), entry_step.astype(np.int64)
    moves = [(deal, place, step)]
    for _ in range(_MOST_HOPS):
        age, target = np.zeros(len(deal), dtype=np.int64), np.zeros(len(deal), dtype=np.int64)
        for stage in range(n_open):
            here = place == stage
            age[here], target[here] = _leave(truth, stage, rng, log_odds[deal[here]], last - step[here])
        arrives = step + age
        seen = target >= 0
        deal, place, step = deal[seen], target[seen], arrives[seen]
        moves.append((deal, place, step))
        goes_on = place < n_open
        deal, place, step = deal[goes_on], place[goes_on], step[goes_on]
        if not len(deal):
            break
    else:
        raise WorldError(f"deals were still moving after {_MOST_HOPS:,} moves; the funnel loops too fast")
    all_deals, all_places, all_steps = (np.concatenate(column) for column in zip(*moves, strict=True))
    order = np.argsort(all_deals, kind="stable")
    return all_deals[order], all_places[order], all_steps[order]


def _leave(
    truth: Funnel, stage: int, rng: np.random.Generator, log_odds: Floats, steps_left: Ints
) -> tuple[Ints, Ints]:
    """Age at exit and destination; destination -1 for deals still there when the steps are used up."""
    first_age, hazards = truth.hazards[stage].first_age, truth.mean_hazards(stage)
    longest = int(steps_left.max(initial=0)) + 1
    by_age = hazards[np.searchsorted(first_age, np.arange(longest), side="right") - 1]
    left_by = 1.0 - np.cumprod(1.0 - by_age.sum(axis=1))
    age = np.searchsorted(left_by, rng.random(len(log_odds)), side="right")
    split = by_age[np.minimum(age, longest - 1)]
    tilted = np.where(truth.stages.is_forward(stage), split * np.exp(log_odds)[:, None], split)
    edges = np.cumsum(tilted, axis=1)
    target = (rng.random(len(log_odds))[:, None] * edges[:, -1:] >= edges).sum(axis=1)
    return age, np.where(age <= steps_left, target, -1)


def _records(
    truth: Funnel,
    rng: np.random.Generator,
    traits: _Traits,
    missing_amounts: float,
    deal: Ints,
    place: Ints,
    step: Ints,
) -> Records:
    kept, position = np.unique(deal, return_inverse=True)
    chances, is_missing = rng.random(len(traits.log_odds)), rng.random(len(traits.log_odds)) < missing_amounts
    frame = traits.frame.iloc[kept].reset_index(drop=True)
    amount: Floats = np.full(len(kept), np.nan)
    if truth.amounts is not None:
        shares = truth.amounts.weights / truth.amounts.weights.sum()
        listed = np.round(truth.amounts.pick(shares, chances) * traits.amount_factor, 2)
        amount = np.where(is_missing, np.nan, listed)[kept]
    deals = pd.concat(
        [pd.DataFrame({"deal_id": [f"D{i + 1:05d}" for i in kept], "amount": amount}), frame], axis=1
    )
    moves = pd.DataFrame(
        {
            "deal": position,
            "stage": place,
            "entered_at": truth.clock.start_of(step).astype("datetime64[ns]"),
            "recorded_at": np.datetime64("NaT", "ns"),
            "amount": np.nan,
            "row": np.arange(len(deal)) + 2,
        }
    )
    return Records(deals, moves)
