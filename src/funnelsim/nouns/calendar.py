"""Calendar: how weekdays, months and holidays change the pace of moves, wins, losses and arrivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.nouns.table import told
from funnelsim.numerics.calendar import Factors, by_step, categories
from funnelsim.vocabulary.display import TIMES, Shown
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]
Group = Literal["moves", "wins", "losses", "arrivals"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NAMES: dict[str, tuple[str, ...]] = {
    "hour of day": tuple(f"{hour:02d}:00" for hour in range(24)),
    "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "holiday"),
    "month of quarter": ("first", "second", "third"),
    "month of year": _MONTHS,
}


@dataclass(frozen=True, eq=False)
class Calendar(Shown):
    """Factors on the rates of a funnel by calendar, group by group.

    Parameters
    ----------
    factors : mapping of group to tuple of Factors
        Groups are "moves" (to open stages), "wins", "losses" and "arrivals"; a group that is absent knows no
        calendar.
    holidays : tuple of datetime64
        Days that are like no weekday, in the past and to come.
    tried : tuple of str
        Each kind that was tried, whether it is on, and what it told of later steps: one sentence each.
    """

    factors: Mapping[Group, tuple[Factors, ...]]
    holidays: tuple[np.datetime64, ...] = ()
    tried: tuple[str, ...] = ()

    def by_step(self, group: Group, moments: Moments) -> Floats:
        """Factor of a group in the steps that begin at `moments`, shape (n_steps,)."""
        of_group = self.factors.get(group, ())
        kinds = {f.kind: categories(moments, f.kind, self.holidays) for f in of_group}
        return by_step({f.kind: f.values for f in of_group}, kinds, len(moments))

    def by_place(self, stages: Stages, moments: Moments) -> Floats:
        """Factors on going to each place, shape (n_places, n_steps)."""
        return np.stack([self.by_step(group, moments) for group in groups_of(stages)])

    @property
    def moves_deals(self) -> bool:
        """Whether anything but arrivals follows the calendar."""
        return any(group != "arrivals" for group in self.factors)

    def __repr__(self) -> str:
        if not self.factors:
            return "Calendar(no kind tells)"
        told = ", ".join(
            f"{group} follow {' and '.join(f.kind for f in of_group)}"
            for group, of_group in self.factors.items()
        )
        return f"Calendar({told})"

    def _shown_notes(self) -> tuple[str, ...]:
        return self.tried

    def table(self) -> pd.DataFrame:
        """Every factor on the rates of an average day, with its standard error.

        Returns
        -------
        DataFrame
            Index: ``group`` of moves, ``kind`` of effect, ``category`` (such as a weekday). ``factor`` (1: as
            on an average day) and its ``standard_error``.
        """
        rows = [
            (group, f.kind, name, value, error)
            for group, of_group in self.factors.items()
            for f in of_group
            for name, value, error in zip(NAMES[f.kind], f.values, f.standard_error, strict=True)
            if name != "holiday" or self.holidays
        ]
        frame = pd.DataFrame(rows, columns=["group", "kind", "category", "factor", "standard_error"])
        return told(
            frame.set_index(["group", "kind", "category"]), {"factor": TIMES, "standard_error": TIMES}
        )


def groups_of(stages: Stages) -> list[Group]:
    """Group that each place belongs to, by code."""
    of_end: dict[bool, Group] = {True: "wins", False: "losses"}
    moves: list[Group] = ["moves"] * stages.n_open
    return moves + [of_end[bool(is_won)] for is_won in stages.is_won[stages.n_open :]]
