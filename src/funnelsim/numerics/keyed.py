"""Uniform numbers by key: the same key has the same number, whatever else is drawn before or beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-53


def uniforms_by_key(seed: int, *keys: npt.NDArray[np.int64] | int) -> Floats:
    """Uniform numbers in [0, 1), one for each combination of keys.

    Drawn in a row, the numbers of one item would shift when another item is added before it, and two
    forecasts that differ by a lever would share no luck. By key each item keeps its own.

    Parameters
    ----------
    seed : int
        Not negative, below 2**63.
    *keys : ndarray of int or int
        Whole numbers that tell the items apart; of one shape, or single numbers.

    Returns
    -------
    ndarray of float

    References
    ----------
    .. [1] Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, *OOPSLA*: the mixing
       function of SplitMix64, which passes BigCrush on counters.
    """
    state: Words = _mixed(np.asarray(seed, dtype=np.uint64))
    for key in keys:
        state = _mixed(state ^ _mixed(np.asarray(key, dtype=np.int64).astype(np.uint64)))
    return (state >> np.uint64(11)).astype(np.float64) * _UNIT


def _mixed(words: Words) -> Words:
    """One step of SplitMix64; products wrap around 2**64, as they are meant to."""
    with np.errstate(over="ignore"):
        z = words + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _FIRST
        z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
