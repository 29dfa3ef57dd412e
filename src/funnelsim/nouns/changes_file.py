"""Changes by levers as a part of the file of a funnel, and back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from funnelsim.nouns.changes import Changes
from funnelsim.nouns.funnel_schema import ChangesPart
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import codes_named, did_you_mean


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
    PlacedError
        With every stage, outcome or class that is unknown.
    """
    none, faults = Changes.none(stages), Faults()
    for name, stage in _open(part.forward_odds, stages, ("forward_odds",), faults).items():
        none.forward_log_odds[stage] = np.log(part.forward_odds[name])
    for name, stage in _open(part.speed, stages, ("speed",), faults).items():
        for place, code in codes_named(part.speed[name], stages, ("speed", name), faults).items():
            none.speed[stage, code] = part.speed[name][place]
    classes: dict[str, Changes | None] = {}
    for label, own in part.classes.items():
        if label not in labels:
            known = ", ".join(map(repr, labels)) or "none, as the funnel has no classes"
            faults.add(("classes",), f"{label!r} is no class; they are {known}{did_you_mean(label, labels)}")
        classes[label] = faults.attempt(("classes", label), partial(changes_from_part, own, stages, ()))
    faults.refuse()
    return Changes(
        part.volume,
        none.forward_log_odds,
        none.speed,
        part.new_amount,
        part.open_amount,
        part.narrowing,
        {labels.index(label): own for label, own in classes.items() if own is not None},
    )


def _open(names: Iterable[str], stages: Stages, where: Place, faults: Faults) -> dict[str, int]:
    """Codes of the open stages named that there are."""
    codes = codes_named(names, stages, where, faults)
    for name, code in codes.items():
        if code >= stages.n_open:
            faults.add(where, f"{name!r} is an outcome; only open stages can be changed")
    return {name: code for name, code in codes.items() if code < stages.n_open}
