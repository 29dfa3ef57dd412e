"""Stages guessed from a log when none are given; the guess is always said."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd

from funnelsim.intake.findings import Findings
from funnelsim.intake.moments import Wall
from funnelsim.intake.tables import Table, Texts
from funnelsim.vocabulary.errors import FunnelsimWarning
from funnelsim.vocabulary.stages import Outcome, Stage, Stages
from funnelsim.vocabulary.words import key_of, kind_of, misspelling

_FEW = 5  # rows of a slip; a stage of its own has more
_TIMES_MORE = 20  # rows of the name that was meant, for each row of the slip


class InferredStagesWarning(FunnelsimWarning):
    """No stages were given: their order was guessed from the log."""


def infer_stages(deal: Texts, stage: Texts, entered_at: Wall) -> Stages:
    """Stages by the mean place of their first entry; outcomes by the words that are well known.

    Spellings that differ only in case, blanks, width, underscores or hyphens are one stage, called by the
    commonest of them, as they would be with a stages file.

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
    moves = pd.DataFrame({"deal": deal, "stage": _commonest(stage), "entered_at": entered_at})
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


def _commonest(stage: Texts) -> Texts:
    """Each name in the commonest of its spellings."""
    labels, names = pd.factorize(stage)
    keys = [key_of(name) or name for name in names]
    chosen: dict[str, str] = {}
    for position in np.argsort(-np.bincount(labels), kind="stable"):
        chosen.setdefault(keys[position], names[position])
    return np.array([chosen[key] for key in keys], dtype=object)[labels]


def note_spellings(table: Table, findings: Findings) -> None:
    """Note the spellings that were taken for one stage, and the names that may be slips of another."""
    texts = table.text("stage")
    spelt = Counter((text, name) for text, name in zip(texts, _commonest(texts), strict=True) if text)
    rows: Counter[str] = Counter()
    for (text, name), n_rows in spelt.items():
        rows[name] += n_rows
        if text != name:
            message = f"{text!r} is read as the stage {name!r}, which is spelt so more often"
            _note("spelling of a stage", message, n_rows, table, findings)
    for name, n_rows in rows.items():
        usual = [other for other in rows if rows[other] >= _TIMES_MORE * n_rows]
        near = misspelling(name, [other for other in usual if not _differ_by_number(name, other)])
        if near and n_rows <= _FEW:
            message = (
                f"{name!r} is a stage of its own in few rows; did you mean {near!r}? Correct the records, or "
                f"make it an alias of {near!r} in a stages file"
            )
            _note("rare stage", message, n_rows, table, findings)


def _note(rule: str, message: str, n_rows: int, table: Table, findings: Findings) -> None:
    findings.note(rule, message, file=table.name, column=table.title("stage"), value=n_rows)


def _differ_by_number(one: str, other: str) -> bool:
    """Whether two names differ in their digits only: "phase 1" is no slip of "phase 2"."""
    return re.sub(r"\d", "", key_of(one)) == re.sub(r"\d", "", key_of(other))
