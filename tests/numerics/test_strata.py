"""Draws in strata: each tenth of every variable's range once, and each draw the same in any company."""

from __future__ import annotations

import numpy as np

from funnelsim.numerics.strata import DRAWS_PER_GROUP, strata, stratum
from funnelsim.vocabulary.randomness import Streams

SHAPES = ((3, 2), (), (4,))
NUMBERS = (13, 2, 10, 7)


def _asked(source) -> list[np.ndarray]:
    return [source.uniform(shape) for shape in SHAPES]


def test_each_variable_falls_once_into_every_tenth() -> None:
    drawn = np.stack([one.uniform((5, 3)) for one in strata(Streams(4), "any", range(DRAWS_PER_GROUP))])
    tenths = np.sort(np.floor(drawn * DRAWS_PER_GROUP), axis=0)
    assert (tenths == np.arange(DRAWS_PER_GROUP)[:, None, None]).all()


def test_a_draw_does_not_depend_on_the_others_or_on_their_order() -> None:
    together = dict(zip(NUMBERS, strata(Streams(4), "any", NUMBERS, 5), strict=True))
    for number in sorted(NUMBERS):  # asked in another order than they were made
        for found, alone in zip(
            _asked(together[number]), _asked(stratum(Streams(4), "any", number, 5)), strict=True
        ):
            np.testing.assert_array_equal(found, alone)


def test_variables_asked_for_one_after_the_other_differ() -> None:
    one = stratum(Streams(4), "any", 0)
    assert one.random() != one.random()
