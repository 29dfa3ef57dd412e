"""What a question is given: whether a funnel may stand for the past of a history."""

from __future__ import annotations

from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.errors import FunnelsimError


def fitting(funnel: Funnel, history: DealHistory, error: type[FunnelsimError]) -> Funnel:
    """The funnel, if its stages and clock are those of the history and no lever on speed is on.

    Raises
    ------
    FunnelsimError
        Of the kind `error`, saying what does not fit.
    """
    if funnel.stages.names != history.stages.names or funnel.clock.step != history.clock.step:
        raise error(
            f"the funnel has places {', '.join(funnel.stages.names)} on a clock of {funnel.clock.step}s, the "
            f"history {', '.join(history.stages.names)} on {history.clock.step}s; give one of such data"
        )
    every = (funnel.changes, *funnel.changes.classes.values())
    if any((changes.speed != 1.0).any() for changes in every):
        raise error("a lever on speed acts from the cutoff on, and the past has none; leave it out")
    return funnel
