"""Stages guessed from a log when none are given; the guess is always said."""

from __future__ import annotations

import pandas as pd

from funnelsim.intake.moments import Wall
from funnelsim.intake.tables import Texts
from funnelsim.intake.words import kind_of
from funnelsim.vocabulary.stages import Outcome, Stage, Stages


class InferredStagesWarning(UserWarning):
    """No stages were given: their order was guessed from the log."""


def infer_stages(deal: Texts, stage: Texts, entered_at: Wall) -> Stages:
    """Stages by the mean place of their first entry; outcomes by the words that are well known.

    Parameters
    ----------
    deal, stage : ndarray of str, shape (n_moves,)
        Deal and stage of each move.
    entered_at : ndarray of datetime64, shape (n_moves,)

    Examples
    --------
    >>> import numpy as np
    >>> moments = np.array(["2026-01-01", "2026-01-02", "2026-01-03"], dtype="datetime64[D]")
    >>> infer_stages(np.array(["a", "a", "a"]), np.array(["lead", "offer", "Closed Won"]), moments).names
    ('lead', 'offer', 'Closed Won', 'lost')
    """
    moves = pd.DataFrame({"deal": deal, "stage": stage, "entered_at": entered_at})
    moves = moves[(moves["stage"] != "") & moves["entered_at"].notna()].sort_values(
        "entered_at", kind="stable"
    )
    first = moves.drop_duplicates(["deal", "stage"])
    place = first.groupby("deal").cumcount().groupby(first["stage"], sort=False).mean()
    names = [str(name) for name in place.sort_values(kind="stable").index]
    kinds = {name: kind_of(name) for name in names}
    outcomes = [Outcome(name, kind) for kind in ("won", "lost") for name in names if kinds[name] == kind]
    for kind in ("won", "lost"):
        if kind not in {outcome.kind for outcome in outcomes}:
            outcomes.append(Outcome(kind, kind))
    open_stages = tuple(Stage(name) for name in names if kinds[name] not in ("won", "lost"))
    return Stages(open_stages or (Stage("open"),), tuple(outcomes))
