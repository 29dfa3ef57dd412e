"""Pictures, one function each: forecasts, backtests, levers, funnels, open deals, people.

Each function draws on the axes it is given, or on a new pyplot figure, and returns the axes. Programs that
draw many pictures pass axes of their own (``Figure(layout="constrained").add_subplot()``): pyplot keeps every
figure it makes until it is closed. Axes of a figure without a layout (plain ``plt.subplots()``) get a
constrained one, so that names, numbers and legends beside the axes are not cut off; a layout, margins or
axes placed by hand stay as they are. ``alt_text(ax)`` tells in one sentence the numbers that a picture
shows, and ``save_picture(ax, path)`` writes it into the file.
Colours are those of Okabe and Ito, on a light ground: dark styles of matplotlib are not provided for.
"""

from funnelsim.faces.plots.amounts import plot_amounts
from funnelsim.faces.plots.backtest import plot_backtest, plot_pit
from funnelsim.faces.plots.capacity import plot_capacity
from funnelsim.faces.plots.chance import plot_chance
from funnelsim.faces.plots.coverage import plot_coverage
from funnelsim.faces.plots.drift import plot_drift
from funnelsim.faces.plots.dwell import plot_dwell
from funnelsim.faces.plots.effects import plot_effects
from funnelsim.faces.plots.fan import plot_fan
from funnelsim.faces.plots.funnel import plot_funnel
from funnelsim.faces.plots.incidence import plot_incidence
from funnelsim.faces.plots.joint import plot_frontier, plot_lever_grid, plot_shares
from funnelsim.faces.plots.levers import plot_levers
from funnelsim.faces.plots.open_deals import plot_open_deals
from funnelsim.faces.plots.quotas import plot_quotas
from funnelsim.faces.plots.receivables import plot_receivables
from funnelsim.faces.plots.revision import plot_revision
from funnelsim.faces.plots.saving import save_picture
from funnelsim.faces.plots.segments import plot_segments
from funnelsim.faces.plots.sheet import PlotError, UnreadableWarning, alt_text

__all__ = [
    "plot_fan",
    "plot_chance",
    "plot_incidence",
    "plot_levers",
    "plot_amounts",
    "plot_drift",
    "plot_dwell",
    "plot_segments",
    "plot_effects",
    "plot_backtest",
    "plot_pit",
    "plot_revision",
    "plot_shares",
    "plot_lever_grid",
    "plot_frontier",
    "plot_quotas",
    "plot_receivables",
    "plot_funnel",
    "plot_coverage",
    "plot_open_deals",
    "plot_capacity",
    "save_picture",
    "alt_text",
    "PlotError",
    "UnreadableWarning",
]
