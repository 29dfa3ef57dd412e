"""Seconds to fit a whole funnel, against lifelines' Aalen-Johansen and hazards by hand in pandas.

Run ``python benchmarks/fit.py``; see ``benchmarks/README.md`` for what is measured. Exits with an error if
the methods disagree: the speed of a wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import lifelines
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import funnelsim as fs
from funnelsim.questions.worlds import sample_funnel

DEALS_OF_SAMPLE = 2_640  # in the span simulated, before arrivals are scaled
CHECKED_AGES = (5, 20, 60)
MOST_GAP = 0.003  # of an incidence: the jitter that lifelines gives to ties, and nothing else


def main() -> int:
    options = _options()
    sample = sample_funnel()
    more = sample.with_changes(replace(sample.changes, volume=options.deals / DEALS_OF_SAMPLE))
    history = fs.simulate_history(1, funnel=more, segments=False, window_start=None)
    stays = stays_of(history)
    methods: dict[str, Callable[[], object]] = {
        "funnelsim: the whole of fit": lambda: fs.fit(replace(history)),
        "funnelsim: fit, hazards only": lambda: fs.fit(replace(history), level_period=None, calendar=False),
        "lifelines: without variance": lambda: by_lifelines(stays, has_variance=False),
        "pandas: hazards by hand": lambda: by_pandas(history.records.moves, history),
    }
    if not options.no_variance:
        methods["lifelines: as it comes"] = lambda: by_lifelines(stays, has_variance=True)
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    results: dict[str, object] = {}
    for i in range(options.rounds):
        for name, method in methods.items():
            begin = time.perf_counter()
            results[name] = method()
            seconds[name].append(time.perf_counter() - begin)
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr)
    report(history, seconds)
    return check(history, results["lifelines: without variance"], results["pandas: hazards by hand"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deals", type=int, default=100_000, help="deals, about (default 100000)")
    parser.add_argument("--rounds", type=int, default=3, help="timed runs of every method (default 3)")
    parser.add_argument("--no-variance", action="store_true", help="leave out lifelines as it comes (slow)")
    return parser.parse_args()


def stays_of(history: fs.DealHistory) -> pd.DataFrame:
    """Stays as a survival library wants them, ready made: stage, days under observation, destination."""
    spells = history.spells
    return pd.DataFrame(
        {
            "stage": spells.stage,
            "days": spells.exit_step - spells.entry_step + 1,
            "destination": spells.destination,
        }
    )


def by_lifelines(stays: pd.DataFrame, *, has_variance: bool) -> dict[tuple[int, int], pd.Series]:
    """Cumulative incidence of every stage and destination; ties are jittered by lifelines, with a seed."""
    found = {}
    for stage, of_stage in stays.groupby("stage"):
        events = of_stage["destination"] + 1  # 0 is censored
        for event in sorted(set(events) - {0}):
            fitter = lifelines.AalenJohansenFitter(seed=0, calculate_variance=has_variance)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "Tied event times were detected"
                fitter.fit(of_stage["days"], events, event_of_interest=event)
            found[stage, event - 1] = fitter.cumulative_density_.iloc[:, 0]
    return found


def by_pandas(moves: pd.DataFrame, history: fs.DealHistory) -> pd.DataFrame:
    """Hazards by stage, destination and age, as one writes them at first: no bins, levels or calendar."""
    moves = moves.sort_values(["deal", "entered_at", "row"])
    next_move = moves.groupby("deal")[["stage", "entered_at"]].shift(-1)
    left_at = next_move["entered_at"].fillna(pd.Timestamp(history.cutoff))
    moves = moves.assign(to=next_move["stage"], age=(left_at.dt.floor("D") - moves["entered_at"]).dt.days)
    moves = moves[moves["stage"] < history.stages.n_open]
    rows = []
    for stage, of_stage in moves.groupby("stage"):
        exits = of_stage.groupby(["to", "age"]).size()
        for age in sorted(of_stage["age"].unique()):
            at_risk = (of_stage["age"] >= age).sum()
            for destination in exits.index.levels[0]:
                n_exits = exits.get((destination, age), 0)
                rows.append((stage, destination, age, n_exits, at_risk, n_exits / at_risk))
    return pd.DataFrame(rows, columns=["stage", "destination", "age", "exits", "at_risk", "hazard"])


def report(history: fs.DealHistory, seconds: dict[str, list[float]]) -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("lifelines", "pandas", "numpy"))
    python = ".".join(map(str, sys.version_info[:3]))
    n_moves = len(history.records.moves)
    print(f"{history.n_deals:,} deals, {n_moves:,} moves, {history.stages.n_open} open stages")
    print(f"{libraries}, Python {python}; one thread\n")
    print(f"{'method':32}{'seconds':>9}{'range':>18}{'as long as the whole fit':>28}")
    fastest = min(seconds["funnelsim: the whole of fit"])
    for name, taken in seconds.items():
        span = f"{min(taken):.2f} to {max(taken):.2f}"
        print(f"{name:32}{min(taken):9.2f}{span:>18}{min(taken) / fastest:27.1f}x")
    print("(seconds: the fastest of the rounds; all methods take turns)")


def check(history: fs.DealHistory, incidence: object, hazards: object) -> int:
    """Whether all say the same of where deals go: 1 if not."""
    assert isinstance(incidence, dict)
    assert isinstance(hazards, pd.DataFrame)
    funnel = fs.fit(history, level_period=None, calendar=False)
    counted = np.stack([h.n_exits for h in funnel.hazards])
    by_stage = hazards.groupby("stage")["exits"].sum().to_numpy()
    gaps = [0.0]
    for (stage, destination), curve in incidence.items():
        table = hazards[hazards["stage"] == stage].pivot_table(
            index="age", columns="destination", values="hazard", fill_value=0.0
        )
        staying = (1.0 - table.sum(axis=1)).cumprod().shift(1, fill_value=1.0)
        by_hand = (table[destination] * staying).cumsum()
        # Days are ages + 1; ties are jittered by less than half a day.
        gaps += [abs(by_hand.loc[:a].iloc[-1] - curve.loc[: a + 1.5].iloc[-1]) for a in CHECKED_AGES]
    same = np.array_equal(counted, by_stage)
    print(f"\nexits of every stage the same in funnelsim and pandas: {'yes' if same else 'NO'}")
    print(f"incidence by age {CHECKED_AGES}, lifelines and pandas: largest difference {max(gaps):.5f}")
    return 0 if same and max(gaps) < MOST_GAP else 1


if __name__ == "__main__":
    with threadpool_limits(1):
        raise SystemExit(main())
