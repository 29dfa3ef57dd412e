"""Pictures, one function each: forecasts, backtests, levers, funnels, open deals, people.

Each function draws on the axes it is given, or on a new pyplot figure, and returns the axes. Programs that
draw many pictures pass axes of their own (``Figure(layout="constrained").add_subplot()``): pyplot keeps every
figure it makes until it is closed. Axes of a figure without a layout (plain ``plt.subplots()``) get a
constrained one, so that names, numbers and legends beside the axes are not cut off; a layout, margins or
axes placed by hand stay as they are. ``alt_text(ax)`` tells in one sentence the numbers that a picture
shows, and ``save_picture(ax, path)`` writes it into the file.
Colours are those of Okabe and Ito, on a light ground: dark styles of matplotlib are not provided for.
"""
