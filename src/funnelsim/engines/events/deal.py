"""A deal of one future: where it is, where it will go, and what it asks of reps."""

from __future__ import annotations

from funnelsim.engines.events.pool import Task
from funnelsim.engines.events.routes import NEVER
from funnelsim.nouns.classes import UNKNOWN


class Deal(Task):
    """A deal on its way: a task for reps now and then.

    Parameters
    ----------
    row : int
        Number that its luck hangs on.
    is_old : bool
        Whether it was open at the cutoff.
    began_at : float
        Moment at which it entered the funnel (of open deals: their stage), in steps from the cutoff.
    amount, won_amount : float
        Listed now, and booked if it is won.
    skill, klass : int
        Codes of the skill it needs, and of the class of deals whose rates it moves at.
    """

    __slots__ = ("amount", "began_at", "hop", "is_dropped", "is_gone", "is_old", "klass", "own_delay",
                 "place", "row", "stage", "stay", "won_amount")  # fmt: skip

    def __init__(
        self,
        row: int,
        is_old: bool,
        began_at: float,
        amount: float,
        won_amount: float,
        skill: int,
        klass: int = UNKNOWN,
    ) -> None:
        super().__init__(skill=skill)
        self.row, self.is_old, self.began_at, self.klass = row, is_old, began_at, klass
        self.amount, self.won_amount = amount, won_amount
        self.stage, self.stay, self.place, self.hop, self.own_delay = 0, 0, NEVER, 0, 0.0
        self.is_dropped = self.is_gone = False
