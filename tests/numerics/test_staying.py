"""Stays by bin of age against the same laid out age by age."""

from __future__ import annotations

import numpy as np
import pytest

from funnelsim.numerics.incidence import dwell_quantile, incidence_by_age
from funnelsim.numerics.staying import age_of_share, chance_ahead, routes_by_bin

FIRST_AGE = np.array([0, 1, 4, 9, 30])


@pytest.fixture
def hazards() -> np.ndarray:
    """Three draws of five bins to three places; one bin of one draw has no exits."""
    drawn = np.random.default_rng(0).dirichlet([1, 1, 1, 20], size=(3, 5))[..., :3]
    drawn[0, 2] = 0.0
    return drawn


def test_routes_sum_to_those_by_age(hazards):
    found = routes_by_bin(FIRST_AGE, hazards)
    by_age = incidence_by_age(FIRST_AGE, hazards, 30)
    np.testing.assert_allclose(found.sum(axis=-2), by_age.sum(axis=-2), rtol=1e-12)
    assert (found[0, 2] == 0).all()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.77, 0.9, 1.0])
def test_age_of_a_share_is_the_one_counted_by_age(hazards, share):
    """A quantile one step off is seen."""
    for places in ([True, False, False], [True, True, True]):
        by_age = incidence_by_age(FIRST_AGE, hazards, 30) * places
        found = age_of_share(FIRST_AGE, hazards, np.array(places), share)
        assert found.tolist() == dwell_quantile(by_age, share).tolist()


def test_a_place_never_reached_has_an_infinite_age(hazards):
    hazards[..., 1] = 0.0
    assert np.isinf(age_of_share(FIRST_AGE, hazards, np.array([False, True, False]), 0.5)).all()


def test_a_certain_exit_is_at_its_age():
    """A hazard of 1 has no logarithm; the answer holds all the same."""
    certain = np.array([[0.0], [0.0], [1.0], [0.0]])
    first_age = np.array([0, 1, 4, 5])
    assert age_of_share(first_age, certain, np.array([True]), 0.5) == 4
    ahead = chance_ahead(first_age, certain, np.ones(1), np.array([0, 4, 5]))
    np.testing.assert_allclose(ahead, [1.0, 1.0, 0.0], rtol=1e-14)


def test_what_lies_ahead_is_the_sum_of_what_follows_over_who_is_left(hazards):
    worth, ages = np.random.default_rng(1).random((3, 3)), np.arange(31)
    by_age = incidence_by_age(FIRST_AGE, hazards, 30)
    there = np.concatenate([np.ones((3, 1)), 1 - by_age.sum(axis=-1).cumsum(axis=-1)], axis=-1)
    value = (by_age * worth[:, None]).sum(axis=-1)
    expected = [value[:, age:].sum(axis=-1) / there[:, age] for age in ages]
    found = chance_ahead(FIRST_AGE, hazards, worth, ages)
    np.testing.assert_allclose(found, np.stack(expected, axis=-1), rtol=1e-10, atol=1e-14)
    assert (found[:, 30] == 0).all()  # nothing is known beyond the ages seen
