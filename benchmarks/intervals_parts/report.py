"""Coverage and ranks of all refits as Markdown tables: by quantity and stage, with standard errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from intervals_parts.truth import QUANTITIES

Floats = npt.NDArray[np.float64]

N_BINS = 20
NOMINAL = 0.8
_ROUND = 1e-9  # a truth that equals a bound but for rounding lies inside


def held(rows: pd.DataFrame, truth: str = "truth") -> pd.Series:
    """Whether each interval holds the truth; a bound that equals it counts as holding."""
    return (rows["low"] - _ROUND <= rows[truth]) & (rows[truth] <= rows["high"] + _ROUND)


def counts_of(ranks: pd.Series) -> Floats:
    """Refits whose rank falls into each of 20 equal bins."""
    return np.histogram(ranks, bins=N_BINS, range=(0.0, 1.0))[0].astype(float)


def chi_square_p(ranks: pd.Series) -> float:
    """Chance of ranks at least as uneven if the truth were one of the draws; refits are independent."""
    return float(stats.chisquare(counts_of(ranks)).pvalue)


def tables(rows: pd.DataFrame) -> str:
    """Everything that the refits show, case by case."""
    return "\n".join(_case(case, some) for case, some in rows.groupby("case", sort=False))


def _case(case: str, rows: pd.DataFrame) -> str:
    n = rows["seed"].nunique()
    exits = rows.groupby("stage", sort=False)["n_exits"].agg(["min", "mean"])
    told = ", ".join(
        f"{stage} {row['mean']:.0f} (at least {row['min']:.0f})" for stage, row in exits.iterrows()
    )
    error = 100 * np.sqrt(NOMINAL * (1 - NOMINAL) / n)
    least = min(chi_square_p(some["rank"]) for _, some in rows.groupby(["quantity", "stage"]))
    n_cells = rows.groupby(["quantity", "stage"]).ngroups
    return "\n".join(
        [
            f"### {case[0].upper()}{case[1:]}: {n:,} refits",
            "",
            f"Exits: {told}. Standard error of a coverage of 80 %: {error:.1f} points. Smallest chi-square p "
            f"of {n_cells}: {least:.2g} ({min(1.0, n_cells * least):.2g} after Bonferroni).",
            "",
            "Coverage of the 80 % intervals in per cent; in brackets with ties of whole days shared out:",
            "",
            _by_stage(rows, _coverage),
            "Bias (mean error over the standard deviation of errors), and p of the chi-square of 20 ranks:",
            "",
            _by_stage(rows, _bias_and_p),
            "Coverage of what is true of all exits, however late; the tables do not claim it:",
            "",
            _by_stage(rows, lambda some: f"{100 * held(some, 'eventual').mean():.1f}"),
        ]
    )


def _coverage(rows: pd.DataFrame) -> str:
    shared = (rows["rank"].between((1 - NOMINAL) / 2, (1 + NOMINAL) / 2)).mean()
    whole_days = "dwell" in str(rows["quantity"].iloc[0])
    return f"{100 * held(rows).mean():.1f}" + (f" ({100 * shared:.1f})" if whole_days else "")


def _bias_and_p(rows: pd.DataFrame) -> str:
    errors = rows["value"] - rows["truth"]
    return f"{errors.mean() / errors.std():+.2f}, {chi_square_p(rows['rank']):.2g}"


def _by_stage(rows: pd.DataFrame, cell: Callable[[pd.DataFrame], str]) -> str:
    """One row a quantity, one column a stage."""
    names = list(dict.fromkeys(rows["stage"]))
    lines = ["| quantity | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for quantity in QUANTITIES:
        cells = [cell(rows[(rows["quantity"] == quantity) & (rows["stage"] == name)]) for name in names]
        lines.append(f"| {quantity} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
