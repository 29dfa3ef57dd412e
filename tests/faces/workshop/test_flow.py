"""The moving deals: enough of them at once, and each stage with as many as a look at it would find."""

from __future__ import annotations

import re

import numpy as np
import pytest

from funnelsim.faces.workshop.flow import _MIDDLE, Deal, _Path, flow
from funnelsim.faces.workshop.page import room_of
from funnelsim.intake.scenarios import shipped_scenarios


@pytest.mark.parametrize("scenario", shipped_scenarios())
def test_some_hundred_deals_are_seen_at_once(scenario: str) -> None:
    room = room_of(scenario)
    dots = re.findall(r"<i[^>]*>", flow(room, {}, room.today))
    assert 120 <= sum("opacity:0" not in dot for dot in dots) <= 300


def test_a_deal_that_takes_long_is_drawn_once_for_each_period_it_takes() -> None:
    halves = np.array([50.0, 25.0, 10.0])
    for end, n_turns in ((1.0, 1), (3.9, 1), (4.1, 2), (12.0, 3)):
        path = _Path.of(Deal(((0.0, 0.0), (end, 1.0)), False), 0.0, halves, 2)
        assert path.n_turns == n_turns
        assert path.at(end / 2) == f"translate({100 / 6:.1f}cqw,{_MIDDLE:.0f}px)"  # half way to border 1 of 3
        assert path.at(end + 0.1).endswith("opacity:0")
