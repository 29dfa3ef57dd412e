"""What tests of pictures share: figures are closed after each test, and one sample history."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import funnelsim as fs


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def history() -> fs.DealHistory:
    return fs.simulate_history(3)


SIZES = {"notebook": (6.4, 4.0), "slide": (13.3, 7.5), "print": (3.4, 2.6)}  # inches


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest) -> Axes:
    """Axes of a plain figure of each size that people use."""
    figure = Figure(figsize=SIZES[request.param])
    FigureCanvasAgg(figure)
    return figure.add_subplot()


@pytest.fixture
def clashes() -> Callable[[Axes], list[str]]:
    """What is cut off at the edge of a picture, or written over something else, or over the data."""
    return _clashes


def _clashes(ax: Axes) -> list[str]:
    ax.figure.canvas.draw()
    whole, hidden = ax.figure.bbox.padded(1), _labels_not_drawn(ax)
    texts = [t for t in ax.figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t not in hidden]
    found = []
    for i, (text, box) in enumerate(boxes):
        if box.x0 < whole.x0 or box.x1 > whole.x1 or box.y0 < whole.y0 or box.y1 > whole.y1:
            found.append(f"{text!r} is cut off")
        # Boxes are those of the highest letters: rows may share a pixel or two without touching.
        found += [f"{text!r} over {o!r}" for o, b in boxes[:i] if b.padded(-2).overlaps(box.padded(-2))]
    legend = ax.get_legend()
    if legend is not None and legend.get_window_extent().padded(-1).overlaps(ax.get_window_extent()):
        found.append("the legend is over the data")
    return found


def _labels_not_drawn(ax: Axes) -> set[object]:
    """Labels of ticks beyond the limits."""
    labels: set[object] = set()
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        for tick in axis.get_major_ticks():
            if not low - slack <= tick.get_loc() <= high + slack:
                labels |= {tick.label1, tick.label2}
    return labels
