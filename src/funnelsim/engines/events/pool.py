"""A pool of reps and the work that waits for them: who works on what next.

One event ends each task and one, where patience is finite, ends each wait. They are plain events with a
callback: a process for every deal would cost several times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from heapq import heappop, heappush

import numpy as np
import simpy

from funnelsim.engines.events.hours import WorkClock

_Heap = list[tuple[float, int, "Task"]]


def later(env: simpy.Environment, delay: float, call: Callable[[simpy.Event], None]) -> None:
    """Let something happen after a delay; one just below 0 by rounding counts as none."""
    simpy.Timeout(env, delay if delay > 0.0 else 0.0).callbacks.append(call)


class Task:
    """Work that one rep does in one go.

    Parameters
    ----------
    hours : float
        Hours of work.
    key : float
        Its place in the queue: the lowest goes first, equal ones in the order in which they asked.
    skill : int
        Code of the skill or territory it needs.
    owner : Rep, optional
        The only rep who may do it, as long as this rep is there.
    patience : float
        Steps it waits before it is given up; infinite: for ever.
    """

    __slots__ = ("asked_at", "hours", "key", "owner", "patience", "skill", "ticket")

    def __init__(
        self,
        hours: float = 0.0,
        key: float = 0.0,
        skill: int = 0,
        owner: RepAtWork | None = None,
        patience: float = np.inf,
    ) -> None:
        self.hours, self.key, self.skill, self.owner, self.patience = hours, key, skill, owner, patience
        self.asked_at = 0.0
        self.ticket = 0  # number under which it waits; 0 when it does not


class RepAtWork:
    """A rep within one simulated future.

    Parameters
    ----------
    number : int
        Place in the team.
    clock : WorkClock
        Hours this rep can work.
    skills : tuple of int
        Codes of skills or territories; empty: all of them.
    """

    __slots__ = ("clock", "heaps", "is_present", "number", "own", "skills", "started_at", "task")

    def __init__(self, number: int, clock: WorkClock, skills: tuple[int, ...] = ()) -> None:
        self.number, self.clock, self.skills = number, clock, skills
        self.task: Task | None = None
        self.started_at = 0.0
        self.is_present = False
        self.own: _Heap = []
        self.heaps: tuple[_Heap, ...] = ()


class Pool:
    """Reps, the tasks they work on, and the tasks that wait.

    Parameters
    ----------
    env : simpy.Environment
        Its time counts steps.
    n_skills : int
        Number of skills or territories.
    on_start, on_end : callable of (task, rep)
        Told when a rep begins a task, and when it is done.
    on_give_up : callable of (task)
        Told when the patience of a waiting task has run out.
    """

    def __init__(
        self,
        env: simpy.Environment,
        n_skills: int,
        on_start: Callable[[Task, RepAtWork], None],
        on_end: Callable[[Task, RepAtWork], None],
        on_give_up: Callable[[Task], None],
    ) -> None:
        self._env, self._on_start, self._on_end, self._on_give_up = env, on_start, on_end, on_give_up
        self._shared: list[_Heap] = [[] for _ in range(n_skills)]
        self._idle: dict[RepAtWork, None] = {}  # who has been idle longest comes first
        self.present: dict[RepAtWork, None] = {}
        self._n_tickets = 0

    def join(self, reps: Iterable[RepAtWork]) -> None:
        """Let reps come to work."""
        for rep in reps:
            shared = [self._shared[skill] for skill in rep.skills] if rep.skills else self._shared
            rep.heaps, rep.is_present = (rep.own, *shared), True
            self.present[rep] = None
            self._serve_next(rep)

    def leave(self, rep: RepAtWork) -> list[Task]:
        """Let a rep go; the task in hand keeps the hours it still needs and comes first in what is returned.

        Returns
        -------
        list of Task
            What the rep was doing, and what waited for this rep alone, in order; nothing of it waits now.
        """
        left_over = [task for _, ticket, task in sorted(rep.own) if task.ticket == ticket]
        for task in left_over:
            task.ticket = 0
        if rep.task is not None:
            task, clock = rep.task, rep.clock
            task.hours -= clock.hours_by(self._env.now) - clock.hours_by(rep.started_at)
            left_over.insert(0, task)
        rep.is_present, rep.task, rep.own = False, None, []
        self._idle.pop(rep, None)
        del self.present[rep]
        return left_over

    def ask(self, task: Task) -> None:
        """Let a task be worked on: now if a rep who may do it is idle, else it waits."""
        task.asked_at = self._env.now
        owner = task.owner
        if owner is not None and not owner.is_present:
            owner = None
        rep = self._idle_rep(task, owner)
        if rep is not None:
            del self._idle[rep]
            self._start(task, rep)
            return
        self._n_tickets += 1
        task.ticket = self._n_tickets
        heap = self._shared[task.skill] if owner is None else owner.own
        heappush(heap, (task.key, task.ticket, task))
        if task.patience < np.inf:
            later(self._env, task.patience, partial(self._run_out, task, task.ticket))

    def waiting(self) -> list[Task]:
        """All tasks that wait, in no order."""
        heaps = [*self._shared, *(rep.own for rep in self.present)]
        return [task for heap in heaps for _, ticket, task in heap if task.ticket == ticket]

    def _idle_rep(self, task: Task, owner: RepAtWork | None) -> RepAtWork | None:
        if owner is not None:
            return owner if owner in self._idle else None
        skill = task.skill
        for rep in self._idle:
            if not rep.skills or skill in rep.skills:
                return rep
        return None

    def _start(self, task: Task, rep: RepAtWork) -> None:
        now = self._env.now
        task.ticket, rep.task, rep.started_at = 0, task, now
        clock = rep.clock
        end = clock.when(clock.hours_by(now) + task.hours)
        if end < np.inf:
            later(self._env, end - now, partial(self._done, rep, task))
        self._on_start(task, rep)

    def _done(self, rep: RepAtWork, task: Task, _: simpy.Event) -> None:
        if rep.task is not task:
            return  # the rep has left in the meantime
        rep.task = None
        self._on_end(task, rep)
        if rep.is_present and rep.task is None:
            self._serve_next(rep)

    def _serve_next(self, rep: RepAtWork) -> None:
        best: _Heap | None = None
        for heap in rep.heaps:
            while heap and heap[0][2].ticket != heap[0][1]:
                heappop(heap)  # given up, or taken over, while it waited
            if heap and (best is None or heap[0] < best[0]):
                best = heap
        if best is None:
            self._idle[rep] = None
        else:
            self._start(heappop(best)[2], rep)

    def _run_out(self, task: Task, ticket: int, _: simpy.Event) -> None:
        if task.ticket == ticket:
            task.ticket = 0
            self._on_give_up(task)
