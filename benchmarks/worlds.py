"""Methods on synthetic worlds whose truth is known: error, score, coverage and bias by family.

Run ``python benchmarks/worlds.py``: 700 stable worlds and 100 of each other family, an hour and a half on one
core with all rivals. A run that was stopped goes on with the families that are missing. The next quarter
is forecast unless ``--periods`` says more; the error is the sum of the distances of medians from actuals over
the sum of actuals. ``worlds_parts/results.md`` holds a run.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import pandas as pd
from worlds_parts.markdown import by_family, by_method
from worlds_parts.store import Store
from worlds_parts.variants import SLOW_VARIANTS, VARIANTS

from funnelsim.questions.baselines import all_rivals
from funnelsim.questions.worlds import FAMILIES, Oracle, families_named, run_trials, table_of

_STEADY = ("well_specified", "stable")


def main() -> int:
    asked = _arguments()
    variants = [*VARIANTS, *(SLOW_VARIANTS if asked.slow_variants else ())]
    methods = [*variants, Oracle()]
    methods += [] if asked.no_rivals else list(all_rivals())
    families = [family.name for family in families_named(asked.families or None)]
    settings = {
        name: getattr(asked, name) for name in ("n", "n_stable", "periods", "measure", "samples", "seed")
    }
    store = Store(asked.out, settings | {"methods": [method.name for method in methods]})
    parts = []
    for family in families:
        cells, start = store.cells(family), time.perf_counter()
        if cells is None:
            cells = run_trials(
                [family],
                asked.n_stable if family in _STEADY else asked.n,
                methods,
                seed=asked.seed,
                workers=asked.workers,
                n_periods=asked.periods,
                measure=asked.measure,
                n_samples=asked.samples,
            )
            cells = store.keep(family, cells)
        print(f"{family}: {cells['world'].nunique()} worlds, {time.perf_counter() - start:.0f} s", flush=True)
        parts.append(cells)
    _write(asked.out, pd.concat(parts, ignore_index=True), [v.name for v in variants], settings)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100, help="worlds of each family")
    parser.add_argument("--n-stable", type=int, default=700, help=f"worlds of {' and '.join(_STEADY)}")
    parser.add_argument("--families", nargs="*", metavar="NAME", help=f"any of {', '.join(FAMILIES)}")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--periods", type=int, default=1, help="quarters after the cutoff, 1 to 4")
    parser.add_argument("--measure", choices=("bookings", "wins"), default="bookings")
    parser.add_argument("--samples", type=int, default=1000, help="futures of each method")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-rivals", action="store_true", help="ours and the oracle only")
    parser.add_argument(
        "--slow-variants", action="store_true", help="also calibrated, and by the engine with capacity"
    )
    parser.add_argument("--out", type=Path, default=Path("build/worlds"))
    return parser.parse_args()


def _write(folder: Path, cells: pd.DataFrame, variants: list[str], settings: dict[str, object]) -> None:
    """Two tables as CSV (all that is won; open deals only), and both as Markdown, ours first."""
    total, of_open = table_of(cells), table_of(cells, "open")
    total.to_csv(folder / "worlds.csv")
    of_open.to_csv(folder / "worlds_open_deals.csv")
    made_with = ", ".join(f"{name} {value}" for name, value in settings.items())
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    ours = "\n".join(f"## {name}\n\n{by_family(total, name)}" for name in variants)
    text = (
        f"Settings: {made_with}; {machine}. In per cent but for nCRPS; intervals are 95 %.\n\n{ours}\n"
        f"## Every method\n\n{by_method(total)}\n"
        f"## Open deals only: every method that tells them apart\n\n{by_method(of_open)}"
    )
    (folder / "worlds.md").write_text(text, encoding="utf-8")
    print(by_family(total))


if __name__ == "__main__":
    raise SystemExit(main())
