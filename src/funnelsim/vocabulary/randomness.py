"""Named random streams: one seed, one answer, whatever the order or the number of workers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from funnelsim.vocabulary.errors import FunnelsimError


class SeedError(FunnelsimError):
    """A seed that cannot start a random stream."""


@dataclass(frozen=True)
class Streams:
    """Independent random generators reached by name, all from one seed.

    A generator depends only on the seed, its name and its indices. So a lever that changes arrivals leaves
    the routes of open deals as they were, and comparisons are paired; and work can be cut into any parts.

    Examples
    --------
    >>> bool(Streams(1).generator("routes", 3).random() == Streams(1).generator("routes", 3).random())
    True
    """

    seed: int

    @classmethod
    def of(cls, seed: int | np.random.Generator | None) -> Streams:
        """Streams from what callers pass as ``seed``; ``None`` takes fresh entropy, kept in ``.seed``.

        Raises
        ------
        SeedError
            If `seed` is no whole number, or negative.
        """
        if isinstance(seed, np.random.Generator):
            return cls(int(seed.integers(2**63)))
        if seed is None:
            return cls(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1))
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise SeedError(f"seed {seed!r} is no whole number; use one such as 0, a Generator, or None")
        if seed < 0:
            raise SeedError(f"seed {seed} is negative; use 0 or a positive whole number")
        return cls(int(seed))

    def generator(self, name: str, *index: int) -> np.random.Generator:
        """Generator of the stream called `name`, for item `index` of it."""
        key = (zlib.crc32(name.encode()), *index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
