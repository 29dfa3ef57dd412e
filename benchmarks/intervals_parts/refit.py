"""One refit: what the public tables say of a world, the truth beside it, and its rank among the draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

import funnelsim as fs
from funnelsim.numerics.incidence import win_rates
from funnelsim.numerics.staying import age_of_share, routes_by_bin
from intervals_parts.cases import enough_exits, small_world
from intervals_parts.truth import QUANTITIES, true_figures

Floats = npt.NDArray[np.float64]

N_DRAWS = 200
_IN_TABLE = ("conversion", "win_rate", "median_dwell", "p90_dwell")
_IN_DWELL = ("necessary_days", "usual_days")


def refit(case: str, seed: int) -> pd.DataFrame | None:
    """One world fitted, and its intervals held against the truth.

    Parameters
    ----------
    case : str
    seed : int

    Returns
    -------
    DataFrame or None
        One row for each stage and quantity: ``n_exits``, ``value``, ``low`` and ``high`` of the 80 %
        interval, ``truth`` within the ages seen, ``eventual`` truth of all exits, ``rank`` of the truth among
        the draws, between 0 and 1. None for a world in which some stage has too few exits.
    """
    process, history = small_world(case, seed)
    funnel = fs.fit(history)
    if not enough_exits([hazards.n_exits for hazards in funnel.hazards]):
        return None
    stay = fs.dwell(history, funnel=funnel, n_draws=N_DRAWS, seed=seed)
    dwells = stay.table().filter(regex="^(necessary|usual)_days")
    shown = funnel.table(n_draws=N_DRAWS, seed=seed).assign(**dict(dwells.items()))
    last_ages = np.array([hazards.first_age[-1] for hazards in funnel.hazards])
    truth, eventual, drawn = true_figures(process, last_ages), true_figures(process), drawn_figures(stay)
    luck = np.random.default_rng([seed, 1])
    parts = [
        {
            "case": case,
            "seed": seed,
            "stage": shown.index,
            "quantity": quantity,
            "n_exits": shown["n_exits"].to_numpy(),
            "value": shown[column].to_numpy(),
            "low": shown[f"{column}_low"].to_numpy(),
            "high": shown[f"{column}_high"].to_numpy(),
            "truth": truth[quantity],
            "eventual": eventual[quantity],
            "rank": rank_of(truth[quantity], drawn[quantity], luck),
        }
        for quantity, column in zip(QUANTITIES, _IN_TABLE + _IN_DWELL, strict=True)
    ]
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def drawn_figures(stay: fs.Dwell) -> dict[str, Floats]:
    """The draws behind the intervals, each of shape (n_draws, n_open), from those of the hazards."""
    stages, by_stage = stay.stages, list(enumerate(zip(stay.hazards, stay.draws, strict=True)))
    routes = np.stack([routes_by_bin(h.first_age, drawn).sum(axis=-2) for _, (h, drawn) in by_stage], axis=-2)
    forward = np.array([stages.is_forward(stage) for stage in range(stages.n_open)])

    def of_all(share: float) -> Floats:
        # Funnel.table looks on for as long again as anyone stayed: a bin more, with the hazard of the last.
        ages = []
        for _, (hazards, drawn) in by_stage:
            edges = np.append(hazards.first_age, 2 * hazards.first_age[-1])
            longer = np.concatenate([drawn, drawn[:, -1:]], axis=1)
            ages.append(age_of_share(edges, longer, np.ones(len(stages.names), dtype=bool), share))
        return np.stack(ages, axis=-1)

    def of_those_ahead(share: float) -> Floats:
        ages = [age_of_share(h.first_age, drawn, forward[s], share) for s, (h, drawn) in by_stage]
        return np.stack(ages, axis=-1)

    return {
        "conversion": np.where(forward, routes, 0.0).sum(axis=-1),
        "win rate": win_rates(routes, stages.is_won),
        "median dwell": of_all(0.5),
        "p90 dwell": of_all(0.9),
        "necessary dwell": of_those_ahead(0.1),
        "usual dwell": of_those_ahead(0.5),
    }


def rank_of(truth: Floats, drawn: Floats, luck: np.random.Generator) -> Floats:
    """Where the truth lies among the draws, between 0 and 1: uniform if it is one of them.

    Whole days tie with many draws; the truth then takes any of the places among them.
    """
    below, ties = (drawn < truth - 1e-9).sum(axis=0), (np.abs(drawn - truth) <= 1e-9).sum(axis=0)
    place = below + luck.random(truth.shape) * (ties + 1)
    return np.asarray(place / (len(drawn) + 1))
