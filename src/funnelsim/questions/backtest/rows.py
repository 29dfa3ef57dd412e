"""Rows of a backtest: each total that was forecast, by method, beside what came, with its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.law import Counted
from funnelsim.numerics.scores import crps_ensemble
from funnelsim.questions.backtest.looks import Look, Wins
from funnelsim.questions.baselines.protocol import RivalError

Floats = npt.NDArray[np.float64]

LEVELS = {"p2_5": 0.025, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p97_5": 0.975}
RANGES = {50: ("p25", "p75"), 80: ("p10", "p90"), 95: ("p2_5", "p97_5")}
PINBALL_LEVELS = {"p10": 0.1, "p50": 0.5, "p90": 0.9}


def rows_of(
    method: str,
    look: Look,
    measure: Counted,
    samples: dict[str, Floats],
    actual: dict[str, Floats],
    rng: np.random.Generator,
) -> Iterator[dict[str, object]]:
    """Rows of one method at one origin: by part, for every period and the sum up to it.

    Parameters
    ----------
    method : str
    look : Look
    measure : {"bookings", "wins"}
    samples : dict of ndarray of shape (n_samples, n_periods)
        Joint samples by part: ``"open"`` (deals open at the origin) and ``"total"``.
    actual : dict of ndarray of shape (n_periods,)
        What came, by part; NaN where a period is not recorded to its end.
    rng : Generator
        For the randomised probability integral transform: it is uniform also where totals have ties.
    """
    ends = look.origin.ends(look.funnel.clock)
    for part, drawn in samples.items():
        n_known = int((~np.isnan(actual[part])).cumprod().sum())
        for window in ("period", "sum"):
            through = np.cumsum(drawn, axis=1) if window == "sum" else drawn
            came = np.cumsum(actual[part]) if window == "sum" else actual[part]
            for h in range(n_known):
                if window == "sum" and h == 0:
                    continue  # the same as the first period
                head = {"method": method, "origin": look.origin.day, "measure": measure, "part": part}
                which: dict[str, object] = {"window": window, "ahead": h + 1, "until": ends[h]}
                yield head | which | _scored(through[:, h], float(came[h]), rng)


def _scored(sample: Floats, came: float, rng: np.random.Generator) -> dict[str, object]:
    quantiles = np.quantile(sample, list(LEVELS.values()))
    below, ties = (sample < came).mean(), (sample == came).mean()
    return {
        "actual": came,
        "mean": sample.mean(),
        "crps": float(crps_ensemble(np.array([came]), sample[None])[0]),
        "pit": below + rng.random() * ties,
        **dict(zip(LEVELS, quantiles.tolist(), strict=True)),
    }


def floor_rows(look: Look, measure: Counted) -> pd.DataFrame:
    """What even one who knows every rate would err by, in each period after an origin."""
    errors = look.least_errors(measure)
    ahead = np.arange(1, len(errors) + 1)
    return pd.DataFrame({"origin": look.origin.day, "ahead": ahead, "least_error": errors})


def deal_rows(look: Look, wins: Wins, chances: Mapping[str, Floats]) -> pd.DataFrame:
    """Each deal open at an origin, with its chance to be won by the end of the last period, and if it was.

    Parameters
    ----------
    look : Look
    wins : Wins
    chances : mapping of str to ndarray of shape (n_deals,)
        By method, in the order of the pipeline.

    Returns
    -------
    DataFrame
        ``method``, ``origin``, ``deal_id``, ``chance``, ``won``; empty where the last period is not recorded
        to its end.

    Raises
    ------
    RivalError
        If a method has not one chance for each open deal.
    """
    edges, ids = look.origin.edges, look.pipeline.deal_ids
    wrong = [name for name, chance in chances.items() if chance.shape != ids.shape]
    if wrong:
        shape = chances[wrong[0]].shape
        raise RivalError(
            f"{wrong[0]} gave chances {shape} at {look.origin.day}, where {len(ids)} deals are open"
        )
    if edges[-1] - 1 > wins.last_step:
        return pd.DataFrame({"method": [], "origin": [], "deal_id": [], "chance": [], "won": []})
    won = wins.period_of(ids, edges) >= 0
    head = {"origin": look.origin.day, "deal_id": ids}
    return pd.concat(
        [
            pd.DataFrame({"method": method} | head | {"chance": chance, "won": won})
            for method, chance in chances.items()
        ],
        ignore_index=True,
    )
