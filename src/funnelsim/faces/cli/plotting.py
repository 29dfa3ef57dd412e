"""Pictures beside a result, drawn by :mod:`funnelsim.faces.plots` and written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from funnelsim.faces.cli.writing import write_whole

if TYPE_CHECKING:
    from funnelsim.faces.cli.output import Output
    from funnelsim.nouns.forecast import Forecast
    from funnelsim.questions.backtest.result import Backtest
    from funnelsim.questions.compare import LeverComparison


def write_fan(outlook: Forecast, path: Path, output: Output) -> None:
    """Write the ranges by period as a fan."""
    from funnelsim.faces.plots.fan import plot_fan

    _write(plot_fan(outlook), path, output)


def write_bars(comparison: LeverComparison, path: Path, output: Output) -> None:
    """Write the effects of levers as bars."""
    from funnelsim.faces.plots.levers import plot_levers

    _write(plot_levers(comparison), path, output)


def write_backtest(test: Backtest, path: Path, output: Output) -> None:
    """Write forecasts of a backtest against what came."""
    from funnelsim.faces.plots.backtest import plot_backtest

    _write(plot_backtest(test), path, output)


def _write(axes: Any, path: Path, output: Output) -> None:
    from funnelsim.faces.plots.saving import picture_bytes

    content = picture_bytes(axes, path.suffix.lower().lstrip("."))
    write_whole(path, lambda file: file.write_bytes(content), force=output.force)
    output.say(f"wrote {path}")
