"""Moments as written, to naive moments of the business's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from funnelsim.intake.moments import Moments, Wall
from funnelsim.intake.tables import Flags
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.words import did_you_mean


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
            if name is not None and not (isinstance(name, str) and _is_zone(name)):
                near = did_you_mean(str(name), available_timezones())
                raise ZoneError(
                    f"{option}={name!r} is no time zone{near or ';'} "
                    "use a name such as 'Europe/Amsterdam', 'Asia/Shanghai' or 'UTC'"
                )

    def to_business(self, moments: Moments) -> Local:
        """Naive moments in the business's zone.

        Times with an offset are converted, to UTC where no zone is given. Dates without a time stay the
        dates they are. So do midnights where no other time occurs in the column.

        Raises
        ------
        ZoneError
            If times of day are written without an offset and no zone is given.
        """
        business = self.business or self.file
        local = Local.of(moments.wall)
        is_aware, is_local = moments.is_aware, moments.needs_zone
        if is_aware.any():
            utc = moments.wall[is_aware] - moments.offset_minutes[is_aware].astype("m8[m]")
            local.wall[is_aware] = _moved(pd.DatetimeIndex(utc).tz_localize("UTC"), business or "UTC")
        if is_local.any():
            if business is None:
                raise ZoneError("times without an offset need a time zone; give tz= (or file_tz=)")
            local.convert(is_local, self.file or business, business)
        return local


@dataclass(frozen=True, eq=False)
class Local:
    """Naive moments in the business's zone, and those that a change of the clocks made doubtful.

    Parameters
    ----------
    wall : ndarray of datetime64[us]
    is_skipped : ndarray of bool
        Written as a local time that does not exist (clocks go forward); the next moment that does is taken.
    is_repeated : ndarray of bool
        Written as a local time that exists twice (clocks go back); the first is taken.
    """

    wall: Wall
    is_skipped: Flags
    is_repeated: Flags

    @classmethod
    def of(cls, wall: Wall) -> Local:
        """Moments as written."""
        return cls(wall.copy(), np.zeros(len(wall), bool), np.zeros(len(wall), bool))

    def convert(self, which: Flags, file: str, business: str) -> None:
        """Move some moments from the file's zone to the business's."""
        written = pd.DatetimeIndex(self.wall[which])
        first = np.ones(len(written), bool)
        known = written.tz_localize(file, ambiguous=first, nonexistent="shift_forward")
        self.is_skipped[which] = written.tz_localize(file, ambiguous=first, nonexistent="NaT").isna()
        self.is_repeated[which] = written.tz_localize(
            file, ambiguous="NaT", nonexistent="shift_forward"
        ).isna()
        self.wall[which] = _moved(known, business)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _moved(times: pd.DatetimeIndex, zone: str) -> Wall:
    return times.tz_convert(zone).tz_localize(None).to_numpy("datetime64[us]")
