"""Comparisons with known standard errors, shared by the statistical tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Check = Callable[..., None]


@pytest.fixture
def assert_mean() -> Check:
    """Compare a mean with theory at 4 standard errors; ``sd`` from theory where it is known."""

    def check(draws: npt.NDArray[np.float64], expected: float, sd: float | None = None) -> None:
        error = (draws.std(ddof=1) if sd is None else sd) / np.sqrt(draws.size)
        gap = (draws.mean() - expected) / error
        assert abs(gap) < 4, f"mean {draws.mean():.6g}, expected {expected:.6g}: {gap:+.1f} SE"

    return check


@pytest.fixture
def assert_variance() -> Check:
    """Compare a variance with theory at 4 standard errors, ``s**2 sqrt((kurtosis - 1) / n)``."""

    def check(draws: npt.NDArray[np.float64], expected: float, kurtosis: float) -> None:
        error = expected * np.sqrt((kurtosis - 1) / draws.size)
        gap = (draws.var(ddof=1) - expected) / error
        assert abs(gap) < 4, f"variance {draws.var(ddof=1):.6g}, expected {expected:.6g}: {gap:+.1f} SE"

    return check
