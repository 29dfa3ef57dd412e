"""Random numbers by deal and occasion: the same deal meets the same luck, whatever else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.randomness import Streams

Floats = npt.NDArray[np.float64]

Sample = Callable[[np.random.Generator, tuple[int, int]], Floats]

_ROWS, _COLUMNS = 256, 8


class Luck:
    """Random numbers in a plane without end: one row for each deal, one column for each occasion.

    They are drawn in blocks as they are needed, each block from a stream of its own. So the numbers of a
    deal do not depend on the order of events, and two settings are compared in the same luck.

    Parameters
    ----------
    streams : Streams
    name : str
    draw, future : int
    sample : callable of (Generator, shape)
        What is drawn; numbers between 0 and 1 by default.
    """

    __slots__ = ("_blocks", "_index", "_name", "_sample", "_streams")

    def __init__(
        self,
        streams: Streams,
        name: str,
        draw: int,
        future: int,
        sample: Sample = np.random.Generator.random,
    ) -> None:
        self._streams, self._name, self._index, self._sample = streams, name, (draw, future), sample
        self._blocks: dict[tuple[int, int], list[list[float]]] = {}

    def at(self, row: int, column: int) -> float:
        """Number of a deal at an occasion."""
        key = (row // _ROWS, column // _COLUMNS)
        block = self._blocks.get(key)
        if block is None:
            rng = self._streams.generator(self._name, *self._index, *key)
            block = self._blocks[key] = self._sample(rng, (_ROWS, _COLUMNS)).tolist()
        return block[row % _ROWS][column % _COLUMNS]
