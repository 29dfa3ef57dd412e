"""The table of a benchmark on worlds as Markdown: ours beside the oracle and the best rival."""

from __future__ import annotations

import numpy as np
import pandas as pd

from funnelsim.questions.worlds.methods import ORACLE, OURS

_HEAD = (
    "family",
    "worlds",
    "error",
    "oracle",
    "over the oracle",
    "best rival",
    "less the best rival",
    "50 %",
    "80 %",
    "95 %",
    "oracle's 80 %",
    "bias",
    "nCRPS",
)


def by_family(table: pd.DataFrame, method: str = OURS) -> str:
    """One row a family: a method's error, what the oracle and the best rival make of it, and its ranges.

    Families in which the method had no forecast at all are left out.
    """
    told = {family: some.droplevel("family") for family, some in _families(table)}
    rows = [_row(family, some, method) for family, some in told.items() if some["error"].notna()[method]]
    return _markdown(_HEAD, rows)


def by_method(table: pd.DataFrame) -> str:
    """One row a family and method."""
    head = ("family", "method", "worlds", "failed", "error", "nCRPS", "50 %", "80 %", "95 %", "bias", "width")
    rows = []
    for (family, method), row in table.iterrows():
        numbers = [row["error"], row["ncrps"], row["cover50"], row["cover80"], row["cover95"]]
        rest = [row["bias"], row["width80"]]
        texts = [_percent(x) for x in (*numbers, *rest)]
        rows.append([family, method, f"{row['n_worlds']}", f"{row['n_failed']}", *texts])
    return _markdown(head, rows)


def _families(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return list(table.groupby(level="family", sort=False))


def _row(family: str, some: pd.DataFrame, method: str) -> list[str]:
    mine, oracle = some.loc[method], some.loc[ORACLE]
    best = str(mine["best_rival"])
    rival = f"{best} {_percent(some.loc[best, 'error'])}" if best else "none"
    return [
        family.replace("_", " "),
        f"{mine['n_worlds']}",
        _percent(mine["error"]),
        _percent(oracle["error"]),
        _interval(mine, "over_oracle"),
        rival,
        _interval(mine, "difference"),
        *(_percent(mine[f"cover{level}"]) for level in (50,)),
        f"{_percent(mine['cover80'])} ± {_percent(mine['cover80_se'])}",
        _percent(mine["cover95"]),
        _percent(oracle["cover80"]),
        f"{_percent(mine['bias'], sign=True)} ± {_percent(mine['bias_se'])}",
        f"{mine['ncrps']:.3f}",
    ]


def _interval(row: pd.Series, label: str) -> str:
    bounds = f"{_percent(row[f'{label}_low'], sign=True)} to {_percent(row[f'{label}_high'], sign=True)}"
    return f"{_percent(row[label], sign=True)} ({bounds})"


def _percent(value: float, *, sign: bool = False) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{100 * value:{'+' if sign else ''}.1f}"


def _markdown(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"
