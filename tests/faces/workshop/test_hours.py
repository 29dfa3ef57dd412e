"""The team's hours on the page: the command's own figure, and never that of another position."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import funnelsim as fs
from funnelsim.faces.cli import main
from funnelsim.faces.workshop import boards, hours
from funnelsim.faces.workshop.factors import Moves
from funnelsim.faces.workshop.hours import Hours
from funnelsim.faces.workshop.model import Room
from funnelsim.faces.workshop.page import Workshop, room_of
from funnelsim.nouns.law import DrawnLaw, Law
from funnelsim.vocabulary.language import missed_texts


class Told(Hours):
    """Hours whose answers come when a test says so: 50 futures of 100 reach the target, and one a percent."""

    begun: list[int]
    ready: asyncio.Event

    async def _answer(self, room: Room, moves: Moves) -> Law | str:
        percent = moves.get("leads", 0)
        self.begun.append(percent)
        await self.ready.wait()
        reach = np.arange(100) < 50 + percent
        return DrawnLaw(np.where(reach, room.scenario.target, 0.0).reshape(2, 50).T)


def told(page: Workshop) -> Told:
    """Put a stand-in for the other process into a page, within a running loop."""
    found = Told(page._tell_hours)
    found.begun, found.ready = [], asyncio.Event()
    page._hours = found
    return found


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def found_by(beside: Hours, room: Room, moves: Moves) -> hours.WithHours:
    """What the other process finds of a position, however long it takes."""
    beside.ask(room, moves)
    assert beside._wish is not None
    await beside._wish
    return beside.known(room, moves)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setattr(hours, "_PAUSE_SECONDS", 0.0)
    return Workshop("en")


@pytest.mark.thorough
def test_at_rest_it_is_the_figure_of_the_command() -> None:
    found = asyncio.run(found_by(Hours(lambda: None), room_of("telesales"), {}))
    command = CliRunner().invoke(main, ["forecast", "--scenario", "telesales", "--format", "json"])
    said = json.loads(command.stdout)["chance"]
    assert found.now is not None
    assert found.now == pytest.approx((said["value"], said["standard_error"]), abs=1e-9)
    assert (found.today, found.change) == (found.now, None)


@pytest.mark.thorough
def test_a_moved_slider_is_what_the_engine_of_people_says_of_that_funnel() -> None:
    """The same engine under another seed; a fifth more visits bring far less than without hours."""
    room, moves = room_of("field_sales"), {"win rate": 30}
    found = asyncio.run(found_by(Hours(lambda: None), room, moves))
    case = room.scenario
    assert case.team is not None
    assert case.work is not None
    again = fs.forecast(
        room.funnel(moves),
        case.pipeline,
        periods=case.periods,
        target=case.target,
        engine=fs.Events(case.team, case.work, n_futures=200, n_draws=100),
        seed=1,
    ).chance()
    assert found.now is not None
    assert found.today is not None
    assert found.change is not None
    error = np.hypot(found.now.standard_error, again.standard_error)
    assert abs(found.now.value - again.value) < 4 * error
    assert abs(found.today.value - again.value) > 4 * error  # the check itself can fail
    assert found.change.value == pytest.approx(found.now.value - found.today.value)


def test_an_older_position_is_dropped_and_never_shown_for_the_present_one(page: Workshop) -> None:
    async def moved() -> None:
        beside = told(page)
        page.chooser.value = "telesales"
        beside.ready.set()
        await settled()
        assert "50.0 %" in page._team.value
        beside.ready.clear()
        page.sliders["leads"].value = 20
        assert "being computed" in page._team.value
        await settled()
        page.sliders["leads"].value = 30  # before the answer for 20 is there
        await settled()
        assert 'data-number="hours"' not in page._team.value
        beside.ready.set()
        await settled()
        assert 'data-value="0.8"' in page._team.value
        assert "+30.0" in page._team.value
        assert beside.begun == [0, 20, 30]
        assert beside.known(page.room, {"leads": 20}).now is None
        page.sliders["leads"].value = 0  # known already: shown at once
        assert 'data-value="0.5"' in page._team.value

    asyncio.run(moved())


def test_only_a_slider_that_rests_is_computed(page: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dragged() -> None:
        beside = told(page)
        beside.ready.set()
        page.chooser.value = "telesales"
        await settled()
        monkeypatch.setattr(hours, "_PAUSE_SECONDS", 0.05)
        for percent in (5, 10, 15):
            page.sliders["leads"].value = percent
        assert beside._wish is not None
        await beside._wish
        assert beside.begun == [0, 15]

    asyncio.run(dragged())


def test_a_process_that_is_gone_is_said_and_the_next_move_tries_again() -> None:
    room, beside = room_of("telesales"), Hours(lambda: None)

    async def killed() -> hours.WithHours:
        beside.ask(room, {})
        while beside._walking is None:
            await asyncio.sleep(0.01)
        assert beside._process is not None
        if sys.platform == "linux":  # it takes nothing from the page and the browser
            assert os.sched_getscheduler(beside._process.pid) == os.SCHED_IDLE
        beside._process.kill()
        assert beside._wish is not None
        await beside._wish
        return beside.known(room, {})

    found = asyncio.run(killed())
    assert "has ended; move a slider" in boards.hours(room, found)
    assert not beside._is_found(room, {})


def test_it_says_what_is_compared_with_what_in_both_languages(page: Workshop) -> None:
    page.chooser.value = "field_sales"
    assert "4 reps with hours of their own" in page._team.value
    assert "All other figures let a deal wait as long as in the past" in page._team.value
    with missed_texts() as missed:
        page.tongue.value = "zh"
        for found in (hours.WithHours(), hours.WithHours(fault="the process that walks the reps has ended; "
                      "move a slider to try again")):  # fmt: skip
            boards.hours(page.room, found)
        assert list(missed) == []
    assert "计算中" in page._team.value
    page.chooser.value = "activity_funnel"
    assert page._team.value == ""  # nobody's hours are known there


def test_the_foot_tells_draws_and_seed_and_why_the_command_may_differ(page: Workshop) -> None:
    page.chooser.value = "account_selling"
    assert "50 draws of the rates, seed 0; funnelsim forecast takes 100" in page._foot.value
    page.chooser.value = "telesales"
    assert "100 draws of the rates, seed 0" in page._foot.value
    assert "200 simulated futures in 100 draws, seed 0, as funnelsim forecast" in page._foot.value
