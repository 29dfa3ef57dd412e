"""The moving deals: enough of them at once, and each stage with as many as a look at it would find."""

from __future__ import annotations

import re

import numpy as np
import pytest

from funnelsim.faces.workshop.flow import _MIDDLE, Deal, _Path, flow
from funnelsim.faces.workshop.page import FIRST, room_of
from funnelsim.intake.scenarios import shipped_scenarios


@pytest.mark.parametrize("scenario", shipped_scenarios())
def test_some_hundred_deals_are_seen_at_once(scenario: str) -> None:
    room = room_of(scenario)
    dots = re.findall(r"<i[^>]*>", flow(room, {}, room.today))
    places = [re.search(r"translate\(([\d.]+)cqw,(-?\d+)px", dot).groups() for dot in dots]
    assert (
        120 <= sum(float(x) < 100 and float(y) < 128 for x, y in places) <= 300
    )  # the tube is 128 pixels high


def test_a_deal_that_has_ended_is_beyond_the_edge() -> None:
    """It falls, or leaves at the end; a fade would have a browser do twice as much at every frame."""
    room = room_of(FIRST)
    assert "opacity" not in flow(room, {}, room.today)


def test_a_deal_that_takes_long_is_drawn_once_for_each_period_it_takes() -> None:
    halves = np.array([50.0, 25.0, 10.0])
    for end, n_turns in ((1.0, 1), (2.9, 1), (3.1, 2), (10.0, 3)):
        path = _Path.of(Deal(((0.0, 0.0), (end, 1.0)), False), 0.0, halves, 2)
        assert path.n_turns == n_turns
        assert path.at(end / 2) == f"translate({100 / 6:.1f}cqw,{_MIDDLE:.0f}px)"  # half way to border 1 of 3
        assert path.at(end + 1.0) == f"translate({110 / 3:.1f}cqw,134px)"  # below the edge, at 128
