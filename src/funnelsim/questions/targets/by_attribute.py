"""Parts by attribute: the regions, reps or products that share one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from funnelsim.engines.chances import Chances, Positions, batch_chances, draw_batches
from funnelsim.engines.choose import choose
from funnelsim.engines.exact import Exact, ExactOutcome, Money
from funnelsim.engines.futures import batch_futures
from funnelsim.nouns.classes import OTHERS, UNKNOWN, joined_words
from funnelsim.nouns.forecast import Forecast
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Futures, Law
from funnelsim.numerics.strata import stratum
from funnelsim.questions.targets.parts import Parts, drawn_laws
from funnelsim.questions.targets.quotas import TargetError
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.randomness import Streams
from funnelsim.vocabulary.words import did_you_mean

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


_MOST_NEW_DEALS = 1000.0  # times as many are a slip of the finger


@dataclass(frozen=True, eq=False)
class _Part:
    """One part: its open deals, and the chances of all it may win in the window, in one column.

    Parameters
    ----------
    deals : ndarray of int, shape (n_deals,)
        Of the pipeline.
    positions : Positions
    chances : Chances
        Shapes (n_draws, n_positions, 1) and (n_draws, n_blocks, 1).
    """

    deals: Ints
    positions: Positions
    chances: Chances


def parts_by_attribute(
    funnel: Funnel,
    pipeline: Pipeline,
    whole: Forecast,
    by: str,
    *,
    new_deals: Mapping[str, float],
    n_draws: int,
    n_futures: int,
    streams: Streams,
) -> Parts:
    """The joint law of the values of an attribute.

    Parameters
    ----------
    funnel : Funnel
    pipeline : Pipeline
    whole : Forecast
        Of the same funnel and pipeline, by the exact engine with as many draws: it knows window and measure.
    by : str
    new_deals : mapping of str to float
        Factors on the new deals of some parts.
    n_draws, n_futures : int
    streams : Streams

    Raises
    ------
    TargetError
        If open deals, or wins of the running period, do not have the attribute; or a factor on new deals is
        none, or of no part.
    """
    labels, of_open, of_won = _values(funnel, pipeline, by)
    has_own = _has_own_classes(funnel, by)
    cut = _by_class if has_own else _by_share
    parts = cut(funnel, pipeline, whole, (len(labels), of_open, of_won), n_draws, streams)
    parts = _with_factors(parts, _factors(new_deals, labels))
    realised = _realised(funnel, pipeline, whole, (len(labels), of_won))
    drawn = _joint_futures(funnel, pipeline, parts, n_futures // n_draws, streams)
    open_part, new_part = drawn.parts(whole.measure)
    futures = (open_part + new_part).reshape(n_draws, -1, len(labels)) + realised
    laws, company = drawn_laws(futures)
    if isinstance(choose("auto", funnel, pipeline)[0], Exact):
        laws = _exact_laws(funnel, pipeline, whole, (parts, realised), streams)
        company = company if new_deals else whole.law()  # no forecast knows these factors
    notes = () if has_own else (_by_share_note(by),)
    return Parts(labels, laws, company, futures, whole.measure, funnel.unit, streams.seed, notes)


def _has_own_classes(funnel: Funnel, by: str) -> bool:
    return funnel.classes is not None and funnel.classes.attributes == (by,)


def _by_share_note(by: str) -> str:
    return (
        f"the funnel does not tell deals apart by {by}: new deals are shared out as the wins of the latest "
        f"twelve months were; fit(history, classes={by!r}) gives each its own rates and arrivals"
    )


def _values(funnel: Funnel, pipeline: Pipeline, by: str) -> tuple[tuple[str, ...], Ints, Ints]:
    """Names of the parts, and the part of each open deal and of each win."""
    for deals, columns, n in (
        ("open deals", pipeline.attributes, pipeline.n_deals),
        ("wins", pipeline.won_attributes, len(pipeline.won_step)),
    ):
        if n and by not in columns:
            known = ", ".join(map(repr, columns)) or "none"
            raise TargetError(
                f"by={by!r}: the {deals} of the pipeline have no such attribute (they have {known})"
                f"{did_you_mean(by, list(columns))}; or split by 'week', 'month' or 'quarter'"
            )
    if _has_own_classes(funnel, by):
        assert funnel.classes is not None
        of_open = funnel.classes.codes(pipeline.attributes, pipeline.n_deals)
        of_won = funnel.classes.codes(pipeline.won_attributes, len(pipeline.won_step))
        labels = funnel.classes.labels
        if min(of_open.min(initial=0), of_won.min(initial=0)) == UNKNOWN:
            labels = (*labels, OTHERS)
        return labels, of_open % len(labels), of_won % len(labels)
    open_words, won_words = (
        joined_words([columns[by]]) if by in columns else []
        for columns in (pipeline.attributes, pipeline.won_attributes)
    )
    labels = tuple(sorted({*open_words, *won_words}))
    if not labels:
        raise TargetError(f"by={by!r}: there is no open deal and no win to share the target out by")
    code = {label: k for k, label in enumerate(labels)}
    of_open, of_won = (
        np.array([code[word] for word in words], dtype=np.int64) for words in (open_words, won_words)
    )
    return labels, of_open, of_won


def _factors(new_deals: Mapping[str, float], labels: tuple[str, ...]) -> Floats:
    """Factor on the new deals of each part, shape (n_parts,)."""
    for label, factor in new_deals.items():
        if label not in labels:
            raise TargetError(
                f"new_deals: no part is called {label!r}{did_you_mean(label, labels)}; the parts are "
                f"{', '.join(labels)}"
            )
        if not 0.0 <= factor <= _MOST_NEW_DEALS:
            raise TargetError(f"new_deals: {label!r} has the factor {factor!r}; give one of 0 or more")
    return np.array([new_deals.get(label, 1.0) for label in labels])


def _with_factors(parts: list[_Part], factors: Floats) -> list[_Part]:
    return [
        replace(part, chances=replace(part.chances, new_wins=part.chances.new_wins * factor))
        for part, factor in zip(parts, factors.tolist(), strict=True)
    ]


Values = tuple[int, Ints, Ints]  # number of parts, part of each open deal, part of each win


def _chances(
    funnel: Funnel,
    positions: Positions,
    whole: Forecast,
    n_draws: int,
    streams: Streams,
    arriving_class: int | None = None,
) -> Chances:
    """Chances over the whole window, as one column: those of a deal are disjoint by period and add."""
    by_batch = [
        batch_chances(funnel, positions, whole.periods, streams, draws, arriving_class)
        for draws in draw_batches(n_draws)
    ]
    joined = Chances.joined(by_batch)
    return Chances(
        joined.open_deals.sum(axis=2, keepdims=True),
        joined.new_wins.sum(axis=2, keepdims=True),
        joined.dispersion,
    )


def _by_class(
    funnel: Funnel, pipeline: Pipeline, whole: Forecast, values: Values, n_draws: int, streams: Streams
) -> list[_Part]:
    """Each part with the open deals, rates and arrivals of its class."""
    assert funnel.classes is not None
    n_parts, of_open, _ = values
    everyone, parts = Positions.of(funnel, pipeline), []
    for part in range(n_parts):
        klass = part if part < len(funnel.classes) else UNKNOWN
        deals = np.flatnonzero(of_open == part)
        mine = np.flatnonzero(everyone.klass == klass)
        positions = Positions(
            everyone.klass[mine],
            everyone.stage[mine],
            everyone.age[mine],
            np.searchsorted(mine, everyone.of_deal[deals]),
            everyone.unrecorded_steps,
        )
        parts.append(_Part(deals, positions, _chances(funnel, positions, whole, n_draws, streams, klass)))
    return parts


def _by_share(
    funnel: Funnel, pipeline: Pipeline, whole: Forecast, values: Values, n_draws: int, streams: Streams
) -> list[_Part]:
    """Each part with its open deals, and a share of all new deals that its latest wins tell, by draw."""
    n_parts, of_open, of_won = values
    positions = Positions.of(funnel, pipeline)
    chances = _chances(funnel, positions, whole, n_draws, streams)
    seen = np.bincount(of_won if len(of_won) else of_open, minlength=n_parts).astype(float)
    drawn = [stratum(streams, "shares of parts", draw).standard_gamma(seen) for draw in range(n_draws)]
    shares = np.stack([row / row.sum() for row in drawn])
    parts = []
    for part in range(n_parts):
        deals = np.flatnonzero(of_open == part)
        new_wins = chances.new_wins * shares[:, part, None, None]
        own = replace(positions, of_deal=positions.of_deal[deals])
        parts.append(_Part(deals, own, replace(chances, new_wins=new_wins)))
    return parts


def _realised(funnel: Funnel, pipeline: Pipeline, whole: Forecast, values: tuple[int, Ints]) -> Floats:
    """What each part has realised in the running period, shape (n_parts,); missing amounts count the mean."""
    n_parts, of_won = values
    mean = 1.0 if funnel.amounts is None else funnel.amounts.mean
    amount = np.where(np.isnan(pipeline.won_amount), mean, pipeline.won_amount)
    worth = amount if whole.measure == "bookings" else np.ones(len(amount))
    is_now = whole.periods.period_of(pipeline.won_step) == 0
    return np.bincount(of_won[is_now], worth[is_now], minlength=n_parts).astype(float)


def _exact_laws(
    funnel: Funnel,
    pipeline: Pipeline,
    whole: Forecast,
    of_parts: tuple[list[_Part], Floats],
    streams: Streams,
) -> tuple[Law, ...]:
    n_draws, n_cells = whole.n_draws, Exact().n_cells
    laws: list[Law] = []
    for part, realised in zip(*of_parts, strict=True):
        money = Money.of(funnel, pipeline.of_deals(part.deals), streams, n_draws)
        outcome = ExactOutcome(part.chances, part.positions, money, n_cells)
        laws.append(outcome.law([0], whole.measure, float(realised)))
    return tuple(laws)


def _joint_futures(
    funnel: Funnel, pipeline: Pipeline, parts: Sequence[_Part], n_futures: int, streams: Streams
) -> Futures:
    """Futures with a column for each part, where the engine has one for each period.

    A deal has all its chance in the column of its part, so it is won there or nowhere; new deals of all parts
    swing together, block by block, and are independent otherwise.
    """
    n_draws = len(parts[0].chances.dispersion)
    each = replace(parts[0].positions, of_deal=np.arange(pipeline.n_deals))
    batches = []
    for draws in draw_batches(n_draws):
        now = slice(draws.start, draws.stop)
        chance = np.zeros((len(draws), pipeline.n_deals, len(parts)))
        for k, part in enumerate(parts):
            chance[:, part.deals, k] = part.chances.open_deals[now][:, part.positions.of_deal, 0]
        new_wins = np.concatenate([part.chances.new_wins[now] for part in parts], axis=2)
        chances = Chances(chance, new_wins, parts[0].chances.dispersion[now])
        batches.append(batch_futures(funnel, pipeline, each, chances, streams, draws, n_futures))
    return Futures.joined(batches)
