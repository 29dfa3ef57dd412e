"""Cash from unpaid invoices at past origins: have 80 % ranges held?

    python benchmarks/cash.py FOLDER

FOLDER holds ``ibm_receivables/invoices.csv.gz``: 2,466 generated invoices, all of them paid in the end. At
each month's end what was known then is fitted, and what the unpaid invoices pay in the next two months is
forecast and held against what they did pay.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import funnelsim as fs
from funnelsim.numerics.arrivals import Arrivals

COLUMNS = {
    "invoiced_at": "invoice_date",
    "due_at": "due_date",
    "paid_at": "settled_date",
    "customer": "customer_id",
}
WINDOWS = {"first month": [0], "second month": [1], "both": [0, 1]}


def quiet_funnel() -> fs.Funnel:
    """A funnel in which nothing is won any more: cash comes from invoices alone."""
    base = fs.sample_funnel()
    return replace(base, arrivals=Arrivals(7, 0.0, np.inf, 0.0, base.arrivals.entry_counts), pace=None)


def position(seen: fs.Invoices) -> fs.Pipeline:
    """No deals, and the invoices that are unpaid."""
    clock, ids = fs.Clock("day"), np.array([], dtype=object)
    numbers = [np.zeros(0, np.int64) for _ in range(3)]
    amounts = [np.zeros(0) for _ in range(2)]
    cutoff = int(clock.step_of(seen.cutoff))
    empty = fs.Pipeline(clock, cutoff, ids, numbers[0], numbers[1], amounts[0], numbers[2], amounts[1])
    return empty.with_invoices(seen)


def rows(invoices: fs.Invoices, kind: str) -> list[dict[str, object]]:
    """One row for each origin and window."""
    found, funnel = [], quiet_funnel()
    for origin in pd.date_range("2012-06-30", "2013-10-31", freq="ME"):
        seen = invoices.as_of(str(origin.date()))
        made = funnel.with_collections(fs.fit_collections(seen))
        outlook = fs.forecast(made, position(seen), periods="2M", measure="cash")
        table = invoices.table[invoices.table["invoiced_at"] <= seen.cutoff]
        month = (table["paid_at"].dt.to_period("M") - pd.Period(origin, "M")).map(lambda gap: gap.n)
        for window, columns in WINDOWS.items():
            actual = table.loc[(month - 1).isin(columns), "amount"].sum()
            low, high = outlook.quantile([0.1, 0.9], [outlook.periods.labels[c] for c in columns])
            mean = outlook.mean([outlook.periods.labels[c] for c in columns]).value
            found.append(
                {
                    "disputes": kind,
                    "window": window,
                    "held": low <= actual <= high,
                    "error": abs(mean / actual - 1),
                    "bias": mean / actual - 1,
                    "width": (high - low) / mean,
                }
            )
    return found


def main(folder: Path) -> None:
    """Print the table."""
    invoices = fs.read_invoices(folder / "ibm_receivables" / "invoices.csv.gz", columns=COLUMNS)
    unknown = replace(invoices, table=invoices.table.assign(is_disputed=False))
    start = time.perf_counter()
    table = pd.DataFrame([*rows(unknown, "not known"), *rows(invoices, "as recorded in the end")])
    grouped = table.groupby(["disputes", "window"])
    figures = grouped[["error", "bias", "width"]].mean().round(3)
    figures.insert(0, "held", grouped["held"].sum().astype(str) + " of " + grouped.size().astype(str))
    print(figures.to_string())
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
