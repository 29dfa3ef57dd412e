"""The rivals that come with the package, and how to ask for one by its name."""

from __future__ import annotations

from funnelsim.questions.baselines import chain_ladder, time_series, win_within_period
from funnelsim.questions.baselines.additive_chain_ladder import AdditiveChainLadder
from funnelsim.questions.baselines.mean_of_recent import MeanOfRecent
from funnelsim.questions.baselines.protocol import Rival, RivalError, is_installed
from funnelsim.questions.baselines.seasonal_naive import SeasonalNaive
from funnelsim.questions.baselines.stage_by_time import StageByTimeInPeriod
from funnelsim.questions.baselines.weighted import WeightedPipeline
from funnelsim.vocabulary.words import did_you_mean, key_of, listed

_PLAIN: tuple[Rival, ...] = (
    WeightedPipeline(),
    WeightedPipeline(timing="cycle"),
    WeightedPipeline(rates="nominal"),
    StageByTimeInPeriod(),
    MeanOfRecent(),
    MeanOfRecent(n_periods=12),
    SeasonalNaive(),
    AdditiveChainLadder(),
)
_WITH_EXTRA: tuple[tuple[str, Rival], ...] = (
    (time_series.LIBRARY, time_series.AutoETS()),
    (time_series.LIBRARY, time_series.AutoTheta()),
    (chain_ladder.LIBRARY, chain_ladder.ChainLadder()),
    (win_within_period.LIBRARY, win_within_period.WinWithinPeriod()),
)


def all_rivals() -> tuple[Rival, ...]:
    """Every rival at its default settings; those whose library is not installed are left out.

    Examples
    --------
    >>> [rival.name for rival in all_rivals()][:2]
    ['weighted pipeline (historical)', 'weighted pipeline (historical, by cycle)']
    """
    return _PLAIN + tuple(rival for library, rival in _WITH_EXTRA if is_installed(library))


def by_name(name: str) -> Rival:
    """The rival of that name at its default settings, whether or not its library is installed.

    Raises
    ------
    RivalError
        If no rival has that name.

    Examples
    --------
    >>> by_name("Seasonal naive")
    SeasonalNaive()
    """
    every = {rival.name: rival for rival in (*_PLAIN, *(rival for _, rival in _WITH_EXTRA))}
    by_key = {key_of(known): rival for known, rival in every.items()}
    if not isinstance(name, str) or key_of(name) not in by_key:
        near = did_you_mean(name, every) if isinstance(name, str) else ""
        raise RivalError(f"no rival is called {name!r}{near}; use one of {listed(every)}")
    return by_key[key_of(name)]
