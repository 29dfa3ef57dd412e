"""Trials: methods run on many worlds, each scored against what came, part by part and period by period."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from funnelsim.numerics.scores import crps_ensemble
from funnelsim.questions.baselines.protocol import Measure, Rival, RivalError
from funnelsim.questions.worlds.families import FAMILIES, Family, families_named
from funnelsim.questions.worlds.methods import Informed, Oracle, Ours
from funnelsim.questions.worlds.sample import WorldError
from funnelsim.questions.worlds.table import LEVELS, table_of
from funnelsim.questions.worlds.world import World
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.progress import watched
from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]


def benchmark(
    families: Iterable[str] | None = None,
    n_worlds: int | Mapping[str, int] = 20,
    methods: Sequence[Rival] = (Ours(), Oracle()),
    *,
    seed: int | np.random.Generator | None = 0,
    workers: int = 1,
    n_periods: int = 1,
    measure: Measure = "bookings",
    n_samples: int = 1000,
) -> pd.DataFrame:
    """How far methods miss in worlds whose truth is known, and whether their ranges hold.

    Parameters
    ----------
    families : iterable of str, optional
        Names of families (``FAMILIES``); all of them by default.
    n_worlds : int or mapping of str to int
        Worlds of each family, or by name of the family.
    methods : sequence of Rival
        `Ours` and `Oracle`, and any of :mod:`funnelsim.questions.baselines`; all meet the same worlds. One
        that is :class:`~funnelsim.questions.worlds.methods.Informed` is told each of them.
    seed : int, Generator or None
    workers : int
        Processes (joblib). The answer is the same for any number.
    n_periods : int
        Quarters after the cutoff, 1 to 4.
    measure : {"bookings", "wins"}
    n_samples : int
        Futures each method draws.

    Returns
    -------
    DataFrame
        One row for each family and method: see :func:`~funnelsim.questions.worlds.table.table_of`.

    Raises
    ------
    WorldError
        If a family is unknown, or there are no worlds, methods or more quarters than a world has.

    Examples
    --------
    >>> table = benchmark(["stable"], 2, n_samples=200)
    >>> table.index.tolist()
    [('stable', 'funnelsim'), ('stable', 'oracle')]
    """
    cells = run_trials(
        families,
        n_worlds,
        methods,
        seed=seed,
        workers=workers,
        n_periods=n_periods,
        measure=measure,
        n_samples=n_samples,
    )
    return table_of(cells)


def run_trials(
    families: Iterable[str] | None = None,
    n_worlds: int | Mapping[str, int] = 20,
    methods: Sequence[Rival] = (Ours(), Oracle()),
    *,
    seed: int | np.random.Generator | None = 0,
    workers: int = 1,
    n_periods: int = 1,
    measure: Measure = "bookings",
    n_samples: int = 1000,
) -> pd.DataFrame:
    """The cells behind :func:`benchmark`, with the same parameters.

    Returns
    -------
    DataFrame
        One row for each family, world, method, part ("total", or "open": the deals open at the cutoff) and
        period: ``actual``, ``median``, ``mean``, ``crps``, ``held50``, ``held80``, ``held95``, ``width80``,
        the method's ``seconds``, and ``failure``: in words, where a method had no forecast.
    """
    chosen, streams = families_named(families), Streams.of(seed)
    names = [method.name for method in methods]
    if not names or len(set(names)) < len(names):
        raise WorldError(f"methods {names} must be one or more, each of a name of its own")
    by_name = n_worlds if isinstance(n_worlds, Mapping) else dict.fromkeys(FAMILIES, n_worlds)
    counts = {family.name: by_name.get(family.name, 0) for family in chosen}
    if min(counts.values(), default=0) < 1 or not 1 <= n_periods <= 4:
        raise WorldError(f"n_worlds {counts} must be at least 1, and n_periods {n_periods} within 1..4")
    tasks = (
        joblib.delayed(_trial)(family, i, methods, streams, n_periods, measure, n_samples)
        for family in chosen
        for i in range(counts[family.name])
    )
    each = joblib.Parallel(n_jobs=workers, return_as="generator")(tasks)
    done = watched(each, "worlds", sum(counts.values()))
    return pd.DataFrame([row for rows in done for row in rows])


def _trial(
    family: Family,
    number: int,
    methods: Sequence[Rival],
    streams: Streams,
    n_periods: int,
    measure: Measure,
    n_samples: int,
) -> list[dict[str, object]]:
    """Rows of all methods in one world."""
    with threadpool_limits(1):  # one thread: how sums are grouped must not depend on the number of workers
        world = family.world(streams.generator(f"worlds of {family.name}", number))
        rows: list[dict[str, object]] = []
        for method in methods:
            rng = streams.generator(f"{method.name} in {family.name}", number)
            head: dict[str, object] = {"family": family.name, "world": number, "method": method.name}
            rows += [head | row for row in _rows(world, method, n_periods, measure, n_samples, rng)]
    return rows


def _rows(
    world: World,
    method: Rival,
    n_periods: int,
    measure: Measure,
    n_samples: int,
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    edges = world.edges(n_periods)
    of_open, of_new = world.actual(edges).parts(measure)
    told = method.told(world) if isinstance(method, Informed) else method
    start = time.perf_counter()
    try:
        drawn = told.forecast(world.history, edges, measure, n_samples, rng)
    except RivalError as error:
        return [{"part": "total", "period": p, "failure": english(error)} for p in range(n_periods)]
    seconds = time.perf_counter() - start
    rows = _scores("total", (of_open + of_new)[0], drawn.total)
    if drawn.open_deals is not None:
        rows += _scores("open", of_open[0], drawn.open_deals)
    return [row | {"seconds": seconds, "failure": ""} for row in rows]


def _scores(part: str, actual: Floats, samples: Floats) -> list[dict[str, object]]:
    """Scores of one part of the total, period by period; samples of shape (n_samples, n_periods)."""
    crps, rows = crps_ensemble(actual, samples.T), []
    for period, came in enumerate(actual):
        row: dict[str, object] = {"part": part, "period": period, "actual": came, "crps": crps[period]}
        row |= {"median": np.median(samples[:, period]), "mean": samples[:, period].mean()}
        for level in LEVELS:
            tail = (1 - level / 100) / 2
            low, high = np.quantile(samples[:, period], [tail, 1 - tail])
            row[f"held{level}"] = bool(low <= came <= high)
            if level == 80:
                row["width80"] = high - low
        rows.append(row)
    return rows
