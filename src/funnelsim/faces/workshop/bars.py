"""Bars of an answer: a label, a bar with its range, and the number in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Bar:
    """One row.

    Parameters
    ----------
    label : str
    value : float
    said : str
        The value in words.
    spread : tuple of (low, high), optional
    kind : {"main", "other"}
    """

    label: str
    value: float
    said: str
    spread: tuple[float, float] | None = None
    kind: str = "main"


def bars(rows: Sequence[Bar], *, mark: tuple[float, str] | None = None, top: float | None = None) -> str:
    """Rows of bars from zero, with a dashed line at a value that all are held against.

    Words are HTML, so that they stay readable on a telephone.
    """
    ends = [bar.spread[1] if bar.spread else bar.value for bar in rows] + ([mark[0]] if mark else [])
    most = top or 1.05 * max(*ends, 1e-12)
    line = f'<u style="left:{100 * mark[0] / most:.1f}%"></u>' if mark else ""
    drawn = []
    for bar in rows:
        spread = ""
        if bar.spread:
            low, high = (100 * end / most for end in bar.spread)
            spread = f'<s style="left:{low:.1f}%;width:{high - low:.1f}%"></s>'
        drawn.append(
            f'<div class="fs-bar {bar.kind}"><span>{escape(bar.label)}</span>'
            f'<div><b style="width:{max(100 * bar.value / most, 0.3):.1f}%"></b>{spread}{line}</div>'
            f"<em>{escape(bar.said)}</em></div>"
        )
    legend = f'<p class="fs-legend"><u></u>{escape(mark[1])}</p>' if mark else ""
    return f'<div class="fs-barset">{"".join(drawn)}{legend}</div>'
