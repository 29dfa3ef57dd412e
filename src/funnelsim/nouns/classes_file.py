"""The classes of a funnel as a part of its file, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.classes import Classes
from funnelsim.nouns.funnel_schema import ClassesPart
from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import did_you_mean

Floats = npt.NDArray[np.float64]
T = TypeVar("T")

_CERTAIN = 1e9


def classes_to_part(classes: Classes, names: tuple[str, ...]) -> dict[str, Any]:
    """Classes as plain names and numbers; rates that are not multiplied are left out."""
    moved = np.argwhere((classes.mean != 1.0).any(axis=0))
    return {
        "attributes": list(classes.attributes),
        "labels": {
            label: {
                "entries": {names[s]: float(n) for s, n in enumerate(classes.entries[c]) if n > 0},
                "rates": _by_pair(
                    (names[s], names[j], {"mean": classes.mean[c, s, j], "shape": classes.shape[c, s, j]})
                    for s, j in moved.tolist()
                ),
            }
            for c, label in enumerate(classes.labels)
        },
        "base": _by_pair((names[s], names[j], classes.base[s][:, j].tolist()) for s, j in moved.tolist()),
    }


def _by_pair(rows: Iterable[tuple[str, str, Any]]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for start, end, value in rows:
        nested.setdefault(start, {})[end] = value
    return nested


def classes_from_part(part: ClassesPart, stages: Stages, n_bins: Sequence[int | None]) -> Classes:
    """The classes a file tells of.

    Parameters
    ----------
    part : ClassesPart
    stages : Stages
    n_bins : sequence of int or None
        Bins of age by open stage; None where that is not known, as its hazards are at fault.

    Raises
    ------
    PlacedError
        If a place is unknown, or a base has not one factor for each bin: all of them, each with its key.
    """
    faults = Faults()
    n_places, n_open, n_classes = len(stages.names), stages.n_open, len(part.labels)
    mean, shape = np.ones((n_classes, n_open, n_places)), np.full((n_classes, n_open, n_places), _CERTAIN)
    entries = np.zeros((n_classes, n_open))
    base: list[Floats] = [np.ones((n or 1, n_places)) for n in n_bins]
    for c, (label, own) in enumerate(part.labels.items()):
        here: Place = ("labels", label, "entries")
        for name, n in own.entries.items():
            if _is_open(name, stages, here, faults):
                entries[c, stages.codes[name]] = n
        here = ("labels", label, "rates")
        for start, end, rate in _pairs(own.rates, stages, here, faults):
            mean[c, start, end], shape[c, start, end] = rate.mean, rate.shape
    for s, j, factors in _pairs(part.base, stages, ("base",), faults):
        if n_bins[s] == len(factors):
            base[s][:, j] = factors
        elif n_bins[s] is not None:
            faults.add(
                ("base",),
                f"{stages.names[s]!r} to {stages.names[j]!r} needs {n_bins[s]} factors, one for each bin of "
                f"age, not {len(factors)}",
            )
    faults.refuse()
    return Classes(tuple(part.attributes), tuple(part.labels), mean, shape, tuple(base), entries)


def _pairs(
    table: dict[str, dict[str, T]], stages: Stages, where: Place, faults: Faults
) -> Iterator[tuple[int, int, T]]:
    """What a table says by start and end, with their codes; unknown ones are told."""
    for start, columns in table.items():
        is_open = _is_open(start, stages, where, faults)
        for end, value in columns.items():
            if _is_known(end, stages, (*where, start), faults) and is_open:
                yield stages.codes[start], stages.codes[end], value


def _is_known(name: str, stages: Stages, where: Place, faults: Faults) -> bool:
    if name not in stages.codes:
        hint = did_you_mean(name, stages.names)
        faults.add(where, f"{name!r} is no stage or outcome; they are {', '.join(stages.names)}{hint}")
    return name in stages.codes


def _is_open(name: str, stages: Stages, where: Place, faults: Faults) -> bool:
    if not _is_known(name, stages, where, faults):
        return False
    if stages.codes[name] < stages.n_open:
        return True
    faults.add(where, f"{name!r} is an outcome, and nobody leaves or enters there")
    return False
