"""Changes by levers as a part of the file of a funnel, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from funnelsim.nouns.changes import Changes
from funnelsim.nouns.funnel_schema import ChangesPart
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Stages


class ChangesError(FunnelsimError):
    """Changes that do not fit the stages or classes of their funnel."""


def changes_to_part(changes: Changes, names: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, Any]:
    """Changes as plain names and numbers; what is neutral is left out.

    Parameters
    ----------
    changes : Changes
    names : tuple of str
        Of all places, by code.
    labels : tuple of str
        Of the classes, by code.
    """
    odds = {names[s]: float(np.exp(x)) for s, x in enumerate(changes.forward_log_odds) if x != 0.0}
    speed = {
        names[s]: {names[j]: float(row[j]) for j in np.flatnonzero(row != 1.0)}
        for s, row in enumerate(changes.speed)
        if (row != 1.0).any()
    }
    part: dict[str, Any] = {"volume": changes.volume, "forward_odds": odds, "speed": speed}
    for name in ("new_amount", "open_amount"):
        part |= {name: getattr(changes, name)} if getattr(changes, name) != 1.0 else {}
    part |= {"narrowing": changes.narrowing} if changes.narrowing else {}
    of_classes = {labels[k]: changes_to_part(own, names, ()) for k, own in changes.classes.items()}
    return part | ({"classes": of_classes} if of_classes else {})


def changes_from_part(part: ChangesPart, stages: Stages, labels: tuple[str, ...]) -> Changes:
    """The changes a file tells of.

    Raises
    ------
    ChangesError
        If a stage, outcome or class is unknown.
    """
    none = Changes.none(stages)
    for stage, odds in zip(
        _open(part.forward_odds, stages, "forward_odds"), part.forward_odds.values(), strict=True
    ):
        none.forward_log_odds[stage] = np.log(odds)
    for stage, by_place in zip(_open(part.speed, stages, "speed"), part.speed.values(), strict=True):
        for place, factor in zip(_places(by_place, stages, "speed"), by_place.values(), strict=True):
            none.speed[stage, place] = factor
    unknown = [label for label in part.classes if label not in labels]
    if unknown:
        known = ", ".join(map(repr, labels)) or "none, as the funnel has no classes"
        raise ChangesError(f"changes.classes: {unknown[0]!r} is no class; they are {known}")
    return Changes(
        part.volume,
        none.forward_log_odds,
        none.speed,
        part.new_amount,
        part.open_amount,
        part.narrowing,
        {labels.index(label): changes_from_part(own, stages, ()) for label, own in part.classes.items()},
    )


def _places(names: Iterable[str], stages: Stages, key: str) -> list[int]:
    """Codes of stages and outcomes, each named once."""
    unknown = [name for name in names if name not in stages.codes]
    if unknown:
        raise ChangesError(
            f"changes.{key}: {unknown[0]!r} is no stage or outcome; they are {', '.join(stages.names)}"
        )
    codes = [stages.codes[name] for name in names]
    if len(set(codes)) < len(codes):
        raise ChangesError(f"changes.{key}: one place stands there under two names; keep one")
    return codes


def _open(names: Iterable[str], stages: Stages, key: str) -> list[int]:
    codes = _places(names, stages, key)
    if any(code >= stages.n_open for code in codes):
        raise ChangesError(f"changes.{key}: only open stages can be changed, not outcomes")
    return codes
