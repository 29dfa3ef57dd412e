"""Where the engine's time goes: clocks around its own functions, each without the clocked ones inside."""

from __future__ import annotations

import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import funnelsim as fs
from funnelsim.engines import chances, futures
from funnelsim.nouns.funnel import Funnel
from funnelsim.vocabulary.randomness import Streams
from montecarlo_parts.case import Case, certain_case, fitted_case

_REPEATS = 9
THE_REST = "the rest"
_FUNCTIONS: tuple[tuple[str, Any, str], ...] = (
    ("parameter draws", Funnel, "rates"),
    ("parameter draws", Funnel, "arrival_draw"),
    ("parameter draws", Funnel, "amount_draw"),
    ("recursion for entry", chances, "won_after_entry"),
    ("recursion for ages", chances, "won_from_age"),
    ("expected wins of new deals", chances, "_expected_new_wins"),
    ("fates of open deals", futures, "_open_futures"),
    ("missing amounts of open deals", futures, "_picked_amounts"),
    ("new wins", futures, "_new_wins"),
    ("amounts of new wins", futures, "_new_bookings"),
    ("random streams", Streams, "generator"),
)


class Clocks:
    """CPU seconds by part; a part's clock stands still while one inside it runs."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = [THE_REST]
        self._since = time.process_time()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def clocked(*args: Any, **options: Any) -> Any:
            self.switch()
            self._running.append(part)
            try:
                return function(*args, **options)
            finally:
                self.switch()
                self._running.pop()

        return clocked

    def switch(self) -> None:
        """Book the time since the last switch to the part that was running."""
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def read(self) -> dict[str, float]:
        self.switch()
        seconds, self.seconds = dict(self.seconds), defaultdict(float)
        return seconds


def split(n_futures: int) -> dict[str, object]:
    """Median CPU seconds by part of one run, for certain and for fitted parameters."""
    clocks, missing = Clocks(), []
    for part, owner, name in _FUNCTIONS:
        if hasattr(owner, name):
            setattr(owner, name, clocks.around(part, getattr(owner, name)))
        else:
            missing.append(name)  # renamed since: its time falls to the part it runs in
    return {
        "certain": _median_split(clocks, certain_case(), n_futures),
        "fitted": _median_split(clocks, fitted_case(), n_futures),
        "functions_not_found": missing,
    }


def _median_split(clocks: Clocks, case: Case, n_futures: int) -> dict[str, float]:
    engine = fs.MonteCarlo(n_futures=n_futures)
    engine.run(case.funnel, case.pipeline, case.periods, Streams(0))
    runs = []
    for seed in range(_REPEATS):
        clocks.read()
        engine.run(case.funnel, case.pipeline, case.periods, Streams(seed))
        runs.append(clocks.read())
    parts = dict.fromkeys([part for part, _, _ in _FUNCTIONS] + [THE_REST])
    return {part: statistics.median(run.get(part, 0.0) for run in runs) for part in parts}
