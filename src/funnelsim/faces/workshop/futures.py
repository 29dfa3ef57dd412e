"""A hundred futures as dots: those that reach the target are filled, with today's range beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape

import numpy as np

from funnelsim.faces.plots.style import Scale
from funnelsim.faces.workshop.model import Numbers, Room
from funnelsim.faces.workshop.wording import is_count, scale_of
from funnelsim.vocabulary.language import tr

Place = Callable[[float], float]  # from an amount to where it is drawn

_WIDTH, _FLOOR, _TOP = 530.0, 168.0, 26.0
_HEIGHT = 232.0
_BINS = 42
_MARGIN = 12.0
_ROUNDING = 1e-9


def n_reaching(room: Room, numbers: Numbers) -> int:
    """How many of the hundred futures reach the target."""
    least = room.scenario.target * (1 - _ROUNDING)
    return sum(future >= least for future in numbers.futures)


def futures(room: Room, numbers: Numbers) -> str:
    """The picture for a position of the sliders, as SVG."""
    low, high, width = _axis(room, numbers)
    scale = scale_of(room.scenario, high)
    target = room.scenario.target

    def x(amount: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * (amount - low) / (high - low)

    edge = x(_edge(room))
    return (
        f'<svg class="fs-futures" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(_alt(room, numbers))}">'
        f"{_dots(numbers, low, width, target, x)}"
        f'<line class="axis" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{_FLOOR}" y2="{_FLOOR}"/>'
        f"{_ticks(low, high, scale, x)}"
        f"{_range(numbers, 'now', _FLOOR + 31, x)}{_range(room.today, 'today', _FLOOR + 51, x)}"
        f'<line class="target" x1="{edge:.1f}" x2="{edge:.1f}" y1="{_TOP - 8}" y2="{_FLOOR + 60}"/>'
        f"{_target_words(scale.text(target), edge)}</svg>"
    )


def _axis(room: Room, numbers: Numbers) -> tuple[float, float, float]:
    """Ends of the axis and the width of a column of dots: today's with room, or more where needed."""
    today, target = room.today.futures, room.scenario.target
    span = max(today[-1] - today[0], 0.2 * max(today[-1], 1.0))
    low = min(max(today[0] - 0.5 * span, 0.0), numbers.futures[0], 0.97 * target)
    high = max(today[-1] + 0.7 * span, numbers.futures[-1], 1.05 * target)
    width = (high - low) / _BINS
    if is_count(room.scenario):
        width = float(np.ceil(width))
    # A column ends at the target, so that none is half filled.
    edge = _edge(room)
    low = edge - width * np.ceil((edge - low) / width)
    return float(low), float(low + width * np.ceil((high - low) / width)), width


def _edge(room: Room) -> float:
    """Where the target is drawn: counts stand in the middle of their step."""
    return room.scenario.target - (0.5 if is_count(room.scenario) else 0.0)


def _dots(numbers: Numbers, low: float, width: float, target: float, x: Place) -> str:
    columns = [int((future - low) / width + _ROUNDING) for future in numbers.futures]
    tallest = max(Counter(columns).values())
    across = x(low + width) - x(low)
    step = min(across, (_FLOOR - _TOP) / tallest)
    radius = min(across, max(step, 4.0)) * 0.45
    drawn, height = [], Counter[int]()
    for column, future in zip(columns, numbers.futures, strict=True):
        height[column] += 1
        kind = "hit" if future >= target * (1 - _ROUNDING) else "miss"
        y = _FLOOR - 2 - step * (height[column] - 0.5)
        drawn.append(
            f'<circle class="{kind}" cx="{x(low + (column + 0.5) * width):.1f}" '
            f'cy="{y:.1f}" r="{radius:.1f}"/>'
        )
    return "".join(drawn)


def _ticks(low: float, high: float, scale: Scale, x: Place) -> str:
    rough = (high - low) / 5
    size = 10.0 ** np.floor(np.log10(rough))
    step = next(size * nice for nice in (1, 2, 5, 10) if size * nice >= rough)
    step = max(step, 1.0) if not scale.prefix and scale.unit == "wins" else step
    at = (np.arange(np.ceil(low / step), high / step) * step + 0.0).tolist()  # no minus zero
    marks = "".join(
        f'<text class="tick" x="{x(one):.1f}" y="{_FLOOR + 17}">{escape(scale.tick(one))}</text>'
        for one in at
    )
    return f'{marks}<text class="unit" x="{_WIDTH - 2}" y="{_FLOOR - 4}">{escape(scale.name)}</text>'


def _range(numbers: Numbers, kind: str, y: float, x: Place) -> str:
    low, middle, high = x(numbers.p10), x(numbers.p50), x(numbers.p90)
    word = tr("now") if kind == "now" else tr("today")
    return (
        f'<line class="range {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="median {kind}" cx="{middle:.1f}" cy="{y}" r="5"/>'
        f'<text class="word {kind}" x="{high + 9:.1f}" y="{y + 5}">{escape(word)}</text>'
    )


def _target_words(text: str, x: float) -> str:
    anchor, dx = ("end", -6) if x > _WIDTH * 0.7 else ("start", 6)
    said = escape(tr(f"target {text}"))
    return f'<text class="goal" x="{x + dx:.1f}" y="{_TOP - 8}" text-anchor="{anchor}">{said}</text>'


def sentence(room: Room, numbers: Numbers) -> str:
    """What the picture shows, in one sentence."""
    return tr(f"{n_reaching(room, numbers)} of 100 equally likely futures reach the target.")


def _alt(room: Room, numbers: Numbers) -> str:
    """The numbers of the picture, for readers who cannot see it."""
    scale = scale_of(room.scenario, numbers.p90)
    spread = tr(f"80 of 100 end between {scale.number(numbers.p10)} and {scale.text(numbers.p90)}.")
    return f"{sentence(room, numbers)} {spread}"
