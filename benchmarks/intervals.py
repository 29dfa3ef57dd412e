"""Intervals over refits: how often 80 % intervals of what a funnel says of itself hold the truth.

Run ``python benchmarks/intervals.py``: 1,000 refits with a complete log and as many with one that starts
late, half an hour on one core; ``--refits 40`` for a quick look. Writes the rows, the tables and the rank
histograms to ``--out``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
from intervals_parts.cases import CASES, LEAST_EXITS
from intervals_parts.histograms import draw_histograms
from intervals_parts.refit import refit
from intervals_parts.report import tables


def main() -> int:
    asked = _arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = pd.concat([_refits(case, asked.refits, asked.seed) for case in CASES], ignore_index=True)
    rows.to_csv(asked.out / "intervals.csv", index=False)
    text = tables(rows)
    (asked.out / "intervals.md").write_text(text, encoding="utf-8")
    draw_histograms(rows, asked.out / "intervals.png")
    print(text)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refits", type=int, default=1000, help="worlds of each case")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the others follow")
    parser.add_argument("--out", type=Path, default=Path("build/intervals"))
    return parser.parse_args()


def _refits(case: str, n: int, seed: int) -> pd.DataFrame:
    """Rows of `n` refits; a world with too few exits is left out, and counted aloud."""
    start = time.perf_counter()
    parts = [refit(case, number) for number in range(seed, seed + n)]
    kept = [part for part in parts if part is not None]
    print(
        f"{case}: {len(kept)} refits, {n - len(kept)} worlds left out with fewer than {LEAST_EXITS} exits "
        f"from a stage; {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    return pd.concat(kept, ignore_index=True)


if __name__ == "__main__":
    raise SystemExit(main())
