"""Moments as written, to naive moments of the business's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from funnelsim.intake.dates import Moments, Wall
from funnelsim.intake.tables import Flags
from funnelsim.intake.words import did_you_mean
from funnelsim.vocabulary.errors import FunnelsimError


class ZoneError(FunnelsimError):
    """A time zone that is unknown, or missing where times cannot be read without one."""


@dataclass(frozen=True)
class Zones:
    """The time zone the business lives in, and the one that times without an offset are written in.

    Parameters
    ----------
    business, file : str, optional
        IANA names such as "Europe/Amsterdam". Each stands for the other where only one is given.
    """

    business: str | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        for option, name in (("tz", self.business), ("file_tz", self.file)):
            if name is not None and not _is_zone(name):
                raise ZoneError(
                    f"{option}={name!r} is no time zone{did_you_mean(name, available_timezones()) or ';'} "
                    "use a name such as 'Europe/Amsterdam', 'Asia/Shanghai' or 'UTC'"
                )

    def to_business(self, moments: Moments) -> tuple[Wall, Flags, Flags]:
        """Naive moments in the business's zone.

        Times with an offset are converted, to UTC where no zone is given. Dates without a time stay the
        dates they are. So do midnights where no other time occurs in the column.

        Returns
        -------
        wall : ndarray of datetime64[us]
        is_skipped, is_repeated : ndarray of bool
            Local times that do not exist (clocks go forward; the next moment that does is taken), or exist
            twice (clocks go back; the first is taken).

        Raises
        ------
        ZoneError
            If times of day are written without an offset and no zone is given.
        """
        wall = moments.wall.copy()
        is_aware = ~np.isnan(moments.offset_minutes) & ~np.isnat(wall)
        is_local = moments.has_time & ~is_aware & ~np.isnat(wall)
        is_local &= bool((wall[is_local] != wall[is_local].astype("datetime64[D]")).any())
        is_skipped, is_repeated = np.zeros(len(wall), bool), np.zeros(len(wall), bool)
        business = self.business or self.file
        if is_aware.any():
            utc = wall[is_aware] - moments.offset_minutes[is_aware].astype("m8[m]")
            wall[is_aware] = _moved(pd.DatetimeIndex(utc).tz_localize("UTC"), business or "UTC")
        if is_local.any():
            if business is None:
                raise ZoneError("times without an offset need a time zone; give tz= (or file_tz=)")
            zone = self.file or business
            is_skipped[is_local], is_repeated[is_local] = _at_clock_changes(wall[is_local], zone)
            local = pd.DatetimeIndex(wall[is_local])
            first = np.ones(len(local), bool)
            known = local.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
            wall[is_local] = _moved(known, business)
        return wall, is_skipped, is_repeated


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _moved(times: pd.DatetimeIndex, zone: str) -> Wall:
    return times.tz_convert(zone).tz_localize(None).to_numpy("datetime64[us]")


def _at_clock_changes(wall: Wall, zone: str) -> tuple[Flags, Flags]:
    """Whether each local time does not exist, and whether it exists twice."""
    local = pd.DatetimeIndex(wall)
    every = np.ones(len(wall), bool)
    is_skipped = local.tz_localize(zone, ambiguous=every, nonexistent="NaT").isna()
    is_repeated = local.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    return np.asarray(is_skipped), np.asarray(is_repeated)
