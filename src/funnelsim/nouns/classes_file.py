"""The classes of a funnel as a part of its file, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from funnelsim.nouns.classes import ClassError, Classes
from funnelsim.nouns.funnel_schema import ClassesPart
from funnelsim.vocabulary.stages import Stages

Floats = npt.NDArray[np.float64]

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


def classes_from_part(part: ClassesPart, stages: Stages, n_bins: Sequence[int]) -> Classes:
    """The classes a file tells of.

    Raises
    ------
    ClassError
        If a place is unknown, a class has no name of its own, or a base has not one factor for each bin.
    """
    n_places, n_open, n_classes = len(stages.names), stages.n_open, len(part.labels)
    mean, shape = np.ones((n_classes, n_open, n_places)), np.full((n_classes, n_open, n_places), _CERTAIN)
    entries = np.zeros((n_classes, n_open))
    base: list[Floats] = [np.ones((n, n_places)) for n in n_bins]
    for c, (label, own) in enumerate(part.labels.items()):
        for name, n in own.entries.items():
            entries[c, _open_code(name, stages, f"classes.labels.{label}.entries")] = n
        for start, goes in own.rates.items():
            for end, rate in goes.items():
                where = f"classes.labels.{label}.rates"
                at = (c, _open_code(start, stages, where), _code(end, stages, where))
                mean[at], shape[at] = rate.mean, rate.shape
    for start, columns in part.base.items():
        s = _open_code(start, stages, "classes.base")
        for end, factors in columns.items():
            if len(factors) != n_bins[s]:
                raise ClassError(
                    f"classes.base: {start!r} to {end!r} needs {n_bins[s]} factors, one for each bin of age, "
                    f"not {len(factors)}"
                )
            base[s][:, _code(end, stages, "classes.base")] = factors
    return Classes(tuple(part.attributes), tuple(part.labels), mean, shape, tuple(base), entries)


def _code(name: str, stages: Stages, where: str) -> int:
    if name not in stages.codes:
        raise ClassError(f"{where}: {name!r} is no stage or outcome; they are {', '.join(stages.names)}")
    return stages.codes[name]


def _open_code(name: str, stages: Stages, where: str) -> int:
    code = _code(name, stages, where)
    if code >= stages.n_open:
        raise ClassError(f"{where}: {name!r} is an outcome, and nobody leaves or enters there")
    return code
