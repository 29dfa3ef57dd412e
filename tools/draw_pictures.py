"""Draws the pictures of the README into docs/pictures, from the embedded sample; run by hand."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

import funnelsim as fs

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
TARGET = 5_500_000


def main() -> None:
    """Draw them all."""
    history = fs.simulate_history(seed=0)
    funnel, pipeline = fs.fit(history), history.pipeline()
    outlook = fs.forecast(funnel, pipeline, periods="4Q", target=TARGET)
    comparison = fs.compare_levers(funnel, pipeline, periods="4Q", target=TARGET)
    test = fs.backtest(history, periods="1Q", origins=8)
    with fs.use_language("zh"):
        telesales = fs.read_scenario("telesales")
    _keep(fs.plot_fan(outlook), "fan.png")
    _keep(fs.plot_levers(comparison), "levers.png")
    _keep(fs.plot_backtest(test), "backtest.png")
    _keep(fs.plot_funnel(telesales.funnel, lang="zh"), "funnel_zh.png")


def _keep(ax: Axes, name: str) -> None:
    # Without the writer's version and date in it, so that equal pictures are equal files.
    ax.figure.savefig(FOLDER / name, dpi=80, metadata={"Software": None})
    plt.close(ax.figure)


if __name__ == "__main__":
    main()
