import numpy as np
import pytest

from funnelsim.intake.dates import Moments, parse_dates
from funnelsim.intake.zones import ZoneError, Zones


def moments(*texts: str) -> Moments:
    return parse_dates(np.array(texts, dtype=object))


def test_times_with_an_offset_take_the_business_day():
    local = Zones("Asia/Shanghai").to_business(moments("2026-01-05T20:00:00Z", "2026-01-05T20:00:00+08:00"))
    assert [str(time) for time in local.wall.astype("datetime64[h]")] == ["2026-01-06T04", "2026-01-05T20"]


def test_times_with_an_offset_are_utc_without_a_business_zone():
    wall = Zones().to_business(moments("2026-01-05T20:00:00-05:00")).wall
    assert wall[0] == np.datetime64("2026-01-06T01:00")


def test_times_without_an_offset_are_converted_from_the_files_zone():
    wall = Zones("Asia/Shanghai", "UTC").to_business(moments("2026-01-05 20:00")).wall
    assert wall[0] == np.datetime64("2026-01-06T04:00")


@pytest.mark.parametrize("zones", [Zones("Europe/Amsterdam"), Zones(file="Europe/Amsterdam")])
def test_one_zone_stands_for_the_other(zones):
    wall = zones.to_business(moments("2026-01-05 20:00")).wall
    assert wall[0] == np.datetime64("2026-01-05T20:00")


def test_times_without_an_offset_need_a_zone():
    with pytest.raises(ZoneError, match="tz="):
        Zones().to_business(moments("2026-01-05 20:00"))


def test_dates_and_midnights_need_no_zone_and_never_move():
    texts = ("2026-01-05", "2026-01-06 00:00:00", "")
    for zones in (Zones(), Zones("America/New_York", "UTC")):
        wall = zones.to_business(moments(*texts)).wall
        assert [str(day) for day in wall.astype("datetime64[D]")] == ["2026-01-05", "2026-01-06", "NaT"]


def test_a_midnight_among_times_is_a_time():
    wall = Zones("America/New_York", "UTC").to_business(moments("2026-01-06 00:00", "2026-01-06 10:00")).wall
    assert wall[0] == np.datetime64("2026-01-05T19:00")


def test_a_skipped_local_time_takes_the_next_that_exists():
    # Amsterdam, 2026-03-29: clocks go from 02:00 to 03:00
    local = Zones("Europe/Amsterdam").to_business(moments("2026-03-29 02:30", "2026-03-29 12:00"))
    assert local.wall[0] == np.datetime64("2026-03-29T03:00")
    assert list(local.is_skipped) == [True, False]
    assert not local.is_repeated.any()


def test_a_repeated_local_time_takes_the_first():
    # Amsterdam, 2026-10-25: 02:30 comes at 00:30 UTC and again at 01:30 UTC
    zones = Zones("UTC", "Europe/Amsterdam")
    local = zones.to_business(moments("2026-10-25 02:30"))
    assert local.wall[0] == np.datetime64("2026-10-25T00:30")
    assert list(local.is_repeated) == [True]
    assert not local.is_skipped.any()


def test_an_unknown_zone_is_refused_with_a_suggestion():
    with pytest.raises(ZoneError, match=r"did you mean 'Europe/Amsterdam'"):
        Zones("Europe/Amsterdm")
