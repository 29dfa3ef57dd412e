"""What a forecast says of each open deal, and of the open deals of each stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OpenDeals:
    """What the forecast says of each open deal.

    Parameters
    ----------
    deal_ids : ndarray of str, shape (n_deals,)
    stage : ndarray of int, shape (n_deals,)
        Code of the open stage.
    stage_names : tuple of str
        Name of each code.
    age_steps : ndarray of int, shape (n_deals,)
    amount : ndarray of float, shape (n_deals,)
        Listed amount, times the mean revision of its stage; the mean of won amounts where none is listed.
    is_imputed : ndarray of bool, shape (n_deals,)
        Whether the amount was missing.
    chance : ndarray of shape (n_deals, n_periods)
        Chance to be won in each period, mean over parameter draws.
    chance_sd : ndarray of shape (n_deals,)
        Standard deviation over parameter draws of the chance to be won in any of the periods; where deals are
        walked one by one, the luck of the simulated futures adds to it.
    """

    deal_ids: npt.NDArray[np.object_]
    stage: npt.NDArray[np.int64]
    stage_names: tuple[str, ...]
    age_steps: npt.NDArray[np.int64]
    amount: Floats
    is_imputed: npt.NDArray[np.bool_]
    chance: Floats
    chance_sd: Floats

    def by_deal(self, periods: Sequence[str], *, has_amounts: bool) -> pd.DataFrame:
        """One row a deal, largest expected contribution (or chance) first."""
        total = self.chance.sum(axis=1)
        columns = {
            "deal_id": self.deal_ids,
            "stage": np.array(self.stage_names, dtype=object)[self.stage],
            "age_steps": self.age_steps,
            "chance": total,
            "chance_sd": self.chance_sd,
        }
        if has_amounts:
            columns |= {
                "amount": self.amount,
                "amount_is_imputed": self.is_imputed,
                "expected": self.amount * total,
            }
        by_period = {f"chance in {label}": self.chance[:, i] for i, label in enumerate(periods)}
        frame = pd.DataFrame(columns | by_period)
        key = "expected" if has_amounts else "chance"
        return frame.sort_values(key, ascending=False, ignore_index=True)

    def by_stage(self, *, has_amounts: bool) -> pd.DataFrame:
        """One row for each open stage with deals, in the order of the funnel."""
        chance = self.chance.sum(axis=1)
        columns = {
            "n_deals": np.ones(len(chance)),
            "expected_wins": chance,
            "expected_wins_sd": chance * (1 - chance),
        }
        if has_amounts:
            columns |= {"amount": self.amount, "expected_bookings": self.amount * chance}
        n_stages = len(self.stage_names)
        frame = pd.DataFrame(
            {name: np.bincount(self.stage, value, n_stages) for name, value in columns.items()}
        )
        frame["n_deals"] = frame["n_deals"].astype(int)
        frame["expected_wins_sd"] = np.sqrt(frame["expected_wins_sd"])
        frame.index = pd.Index(self.stage_names, name="stage")
        return frame[frame["n_deals"] > 0]
