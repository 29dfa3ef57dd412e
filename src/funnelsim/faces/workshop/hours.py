"""Hours of the team: the chance of the target when deals wait for reps, walked beside the page."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from funnelsim.engines.events.engine import Events
from funnelsim.engines.run import forecast
from funnelsim.faces.workshop.factors import Moves, Position, position
from funnelsim.faces.workshop.model import Room
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.law import Law, over_draws
from funnelsim.nouns.scenario import Scenario
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.estimate import Estimate

N_FUTURES, N_DRAWS, SEED = 200, 100, 0  # what funnelsim forecast takes: at rest both show one figure
_PAUSE_SECONDS = 1.0  # a slider that rests for so long counts as placed
_LOOK_SECONDS = 0.1
_KEPT = 256  # positions whose totals are kept: two kilobytes each

Place = tuple[str, Position]  # a scenario, and where its sliders stand


@dataclass(frozen=True)
class WithHours:
    """Chance of the target with the team's hours; None where it is not known yet.

    Parameters
    ----------
    today, now : Estimate, optional
    change : Estimate, optional
        From today to now, draw by draw; None also where sliders are at rest.
    fault : str
        Why it cannot be known, if so.
    """

    today: Estimate | None = None
    now: Estimate | None = None
    change: Estimate | None = None
    fault: str = ""


def walked(scenario: Scenario, funnel: Funnel) -> Law:
    """Totals of futures in which deals wait for the hours of the scenario's team.

    Parameters
    ----------
    scenario : Scenario
        With a team and its work.
    funnel : Funnel
        The scenario's own, or one with levers on it.
    """
    assert scenario.team is not None
    assert scenario.work is not None
    return forecast(
        funnel,
        scenario.pipeline,
        periods=scenario.periods,
        measure=scenario.measure,
        fiscal_start_month=scenario.fiscal_start_month,
        engine=Events(scenario.team, scenario.work, n_futures=N_FUTURES, n_draws=N_DRAWS),
        seed=SEED,
    ).law()


def walk_on_demand(pipe: Connection) -> None:
    """What the other process does: it walks what it is sent, until the page is gone."""
    with suppress(EOFError, OSError):
        while True:
            scenario, funnel = pipe.recv()
            try:
                pipe.send(walked(scenario, funnel))
            except FunnelsimError as error:
                pipe.send(str(error))


class Hours:
    """What is known of the team's hours, and what is being computed: only the last position asked for.

    Parameters
    ----------
    tell : callable
        Called whenever more has come to be known.

    Notes
    -----
    Reps are walked in a process of their own, so that no slider waits for them: seconds a position. Answers
    are kept by position and looked up by position, so that none is taken for that of another. Nothing is
    computed where no event loop runs, as nobody could be told.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._known: OrderedDict[Place, Law | str] = OrderedDict()
        self._wish: asyncio.Task[None] | None = None
        self._walking: Place | None = None
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def known(self, room: Room, moves: Moves) -> WithHours:
        """What is known of a position of the sliders now."""
        target, found = room.scenario.target, [self._known.get(_place(room, one)) for one in ({}, moves)]
        fault = next((one for one in found if isinstance(one, str)), "")
        today, now = (None if isinstance(one, str) else one for one in found)
        change = None
        if today is not None and now is not None and now is not today:
            gained = now.chance_by_draw(target) - today.chance_by_draw(target)
            change = over_draws(gained, now.resolution)
        return WithHours(_chance(today, target), _chance(now, target), change, fault)

    def ask(self, room: Room, moves: Moves) -> None:
        """Find out what is not known of a position, instead of whatever was asked for before."""
        if self._wish is not None:
            self._wish.cancel()
        if room.scenario.team is None or all(self._is_found(room, one) for one in ({}, moves)):
            return
        with suppress(RuntimeError):
            self._wish = asyncio.get_running_loop().create_task(self._find(room, moves))

    def _is_found(self, room: Room, moves: Moves) -> bool:
        """Whether its totals are known; what failed is tried again."""
        return not isinstance(self._known.get(_place(room, moves), ""), str)

    async def _find(self, room: Room, moves: Moves) -> None:
        """Today first: the change is held against it."""
        await asyncio.sleep(_PAUSE_SECONDS)
        for one in ({}, moves) if any(moves.values()) else ({},):
            if not self._is_found(room, one):
                self._known[_place(room, one)] = await self._answer(room, one)
                self._tell()
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    async def _answer(self, room: Room, moves: Moves) -> Law | str:
        """From the other process; one that walks another position is ended, as nobody waits for that."""
        place = _place(room, moves)
        try:
            if self._walking != place:
                pipe = self._idle()
                pipe.send((room.scenario, room.funnel(moves)))
                self._walking, self._pipe = place, pipe
            assert self._pipe is not None
            while not self._pipe.poll():
                await asyncio.sleep(_LOOK_SECONDS)
            answer: Law | str = self._pipe.recv()
        except (EOFError, OSError):
            self._end()
            return "the process that walks the reps has ended; move a slider to try again"
        self._walking = None
        return answer

    def _idle(self) -> Connection:
        """A process that waits for work: the one that is there, or a new one."""
        if self._walking is not None:
            self._end()
        if self._process is None or self._pipe is None or not self._process.is_alive():
            spawn = multiprocessing.get_context("spawn")
            self._pipe, theirs = spawn.Pipe()
            self._process = spawn.Process(target=walk_on_demand, args=(theirs,), daemon=True)
            self._process.start()
            _give_way(self._process)
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = self._pipe = self._walking = None


def _give_way(process: SpawnProcess) -> None:
    """From its first line on it runs only when the page, its server and the browser leave a core idle."""
    assert process.pid is not None
    with suppress(OSError):
        if sys.platform == "linux":
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
        elif sys.platform != "win32":
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)


def _chance(law: Law | None, target: float) -> Estimate | None:
    return None if law is None else over_draws(law.chance_by_draw(target), law.resolution)


def _place(room: Room, moves: Moves) -> Place:
    return room.scenario.name, position(moves)
