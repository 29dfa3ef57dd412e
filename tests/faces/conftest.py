"""What tests of pictures share: figures are closed after each test, and one sample history."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import pytest

import funnelsim as fs


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(3)
