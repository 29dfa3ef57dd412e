"""From timings to the figures and the table."""

from __future__ import annotations

import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from montecarlo_parts.agreement import Figure, figures, gaps
from montecarlo_parts.case import EXPECTED_ARRIVALS, N_OPEN_DEALS, Outcome

_RIVALS = ("numpy", "simpy", "simpy_np")
_CERTAIN = ("engine", "engine_2", *_RIVALS)
_PATHS_PER_FUTURE = N_OPEN_DEALS + EXPECTED_ARRIVALS
_N_GAPS_SHOWN = 5

Lines = dict[str, list[dict[str, Any]]]


def results(lines: Lines, extra: dict[str, Any], folder: Path, n_futures: int) -> dict[str, Any]:
    """Every figure of the benchmark, ready for JSON."""
    agreement = {name: figures(_outcome(folder, name)) for name in _CERTAIN}
    found = gaps(agreement)
    return {
        "machine": machine(),
        "n_futures": n_futures,
        "paths_per_future": _PATHS_PER_FUTURE,
        "methods": {name: _speed(rows, n_futures) for name, rows in lines.items()},
        "ratios": {
            name: {rival: _ratio(lines, name, rival) for rival in _RIVALS}
            for name in lines
            if name not in _RIVALS
        },
        "agreement": {name: {key: vars(f) for key, f in by.items()} for name, by in agreement.items()},
        "n_futures_compared": {name: len(_outcome(folder, name).wins) for name in _CERTAIN},
        "n_comparisons": len(found),
        "largest_gaps": [vars(gap) | {"is_too_large": gap.is_too_large} for gap in found[:_N_GAPS_SHOWN]],
        **extra,
    }


def machine() -> dict[str, str]:
    """What the figures were measured on, in neutral terms."""
    return {
        "cores": str(os.cpu_count()),
        "architecture": platform.machine(),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "simpy", "funnelsim")},
    }


def _outcome(folder: Path, name: str) -> Outcome:
    with np.load(folder / f"{name}.npz") as file:
        return Outcome(file["wins"], file["bookings"])


def _speed(rows: list[dict[str, Any]], n_futures: int) -> dict[str, Any]:
    first, *timed = rows
    scale = n_futures / first["n_futures"]
    seconds = [row["seconds"] * scale for row in timed]
    wall, cpu = statistics.median(seconds), statistics.median(row["cpu_seconds"] * scale for row in timed)
    return {
        "label": first["label"],
        "n_futures_run": first["n_futures"],
        "seconds": seconds,
        "seconds_median": wall,
        "cpu_seconds_median": cpu,
        "first_run_seconds": first["first_seconds"],
        "paths_per_second": n_futures * _PATHS_PER_FUTURE / (cpu if first["n_workers"] == 1 else wall),
        "n_workers": first["n_workers"],
        "peak_mb": timed[-1]["peak_mb"],
        "mb_before": first["mb_before"],
    }


def _ratio(lines: Lines, name: str, rival: str) -> dict[str, float]:
    """How many times faster than the rival: within each round, then the median and the range.

    In CPU time, which other work on the machine hardly touches; in elapsed time where a method has several
    processes.
    """
    fast, slow = lines[name], lines[rival]
    clock = "cpu_seconds" if fast[0]["n_workers"] == 1 else "seconds"
    by_round = [
        (b[clock] / slow[0]["n_futures"]) / (a[clock] / fast[0]["n_futures"])
        for a, b in zip(fast[1:], slow[1:], strict=True)
    ]
    return {"median": statistics.median(by_round), "lowest": min(by_round), "highest": max(by_round)}


def text(found: dict[str, Any]) -> str:
    """The printed report."""
    parts = [_head(found), _speeds(found), _ratios(found), _agreement(found), _splits(found), _limits(found)]
    return "\n\n".join(parts)


def _head(found: dict[str, Any]) -> str:
    on = ", ".join(f"{name} {value}" for name, value in found["machine"].items() if name != "cores")
    return (
        f"{found['n_futures']:,} futures of {N_OPEN_DEALS} open deals and {EXPECTED_ARRIVALS} expected "
        f"arrivals, four quarters of daily steps\n{found['machine']['cores']} cores, {on}"
    )


def _speeds(found: dict[str, Any]) -> str:
    columns = {"seconds": 9, "range": 18, "CPU s": 8, "paths/CPU s": 15, "futures run": 13, "peak MB": 9}
    rows = ["method".ljust(30) + "".join(f"{name:>{width}}" for name, width in columns.items())]
    for speed in found["methods"].values():
        low, high = min(speed["seconds"]), max(speed["seconds"])
        span = f"{low:.3g} to {high:.3g}"
        cpu = "-" if speed["n_workers"] > 1 else f"{speed['cpu_seconds_median']:.3g}"
        rows.append(
            f"{speed['label']:30}{speed['seconds_median']:>9.3g}{span:>18}{cpu:>8}"
            f"{speed['paths_per_second']:>15,.0f}{speed['n_futures_run']:>13,}{speed['peak_mb']:>9.0f}"
        )
    before = max(speed["mb_before"] for speed in found["methods"].values())
    rows.append("(paths a CPU second; workers=2: a second elapsed)")
    rows.append(f"(peak MB holds Python and its libraries with the case loaded: {before:.0f} MB at most)")
    return "\n".join(rows)


def _ratios(found: dict[str, Any]) -> str:
    labels = {name: speed["label"] for name, speed in found["methods"].items()}
    rows = [
        "times faster, in CPU time, than".ljust(32) + "".join(f"{labels[rival]:>28}" for rival in _RIVALS)
    ]
    for name, by_rival in found["ratios"].items():
        cells = (
            f"{_times(r['median'])} ({_times(r['lowest'])} to {_times(r['highest'])})"
            for r in by_rival.values()
        )
        rows.append(f"{labels[name]:32}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join([*rows, "(median of the rounds, lowest and highest; workers=2 in elapsed time)"])


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _agreement(found: dict[str, Any]) -> str:
    names = ("wins, mean", "wins, sd", "bookings, mean", "bookings, sd")
    rows = [f"{'agreement':30}{'futures':>9}" + "".join(f"{name:>23}" for name in names)]
    for method, by in found["agreement"].items():
        cells = "".join(f"{_cell(Figure(**by[name])):>23}" for name in names)
        label = found["methods"][method]["label"]
        rows.append(f"{label:30}{found['n_futures_compared'][method]:>9,}{cells}")
    rows.append(f"largest of {found['n_comparisons']} differences, in standard errors (4 is too much):")
    for gap in found["largest_gaps"]:
        flag = "  DISAGREE" if gap["is_too_large"] else ""
        rows.append(f"  {gap['standard_errors']:+.2f}  {gap['figure']}: {gap['one']} - {gap['other']}{flag}")
    return "\n".join(rows)


def _cell(figure: Figure) -> str:
    digits = 3 if figure.value < 1000 else 0
    return f"{figure.value:,.{digits}f} ± {figure.se:,.{digits}f}"


def _splits(found: dict[str, Any]) -> str:
    certain, fitted = found["split"]["certain"], found["split"]["fitted"]
    rows = [f"{'the engine, CPU ms by part':34}{'certain':>10}{'fitted':>10}"]
    rows += [f"{part:34}{1e3 * certain[part]:>10.1f}{1e3 * fitted[part]:>10.1f}" for part in certain]
    total = f"{1e3 * sum(certain.values()):>10.1f}{1e3 * sum(fitted.values()):>10.1f}"
    rows.append(f"{'all':34}{total}")
    missing = found["split"]["functions_not_found"]
    return "\n".join(rows + ([f"(not found, so counted elsewhere: {', '.join(missing)})"] if missing else []))


def _limits(found: dict[str, Any]) -> str:
    limit = found["limits"]
    recursion = limit["seconds_recursion_at_matmul_rate"]
    floor = limit["seconds_all_numbers"] + recursion
    by = {name: found["methods"][name]["cpu_seconds_median"] / floor for name in ("engine", "fitted")}
    numbers = ("seconds_fates", "seconds_swings", "seconds_new_wins", "seconds_new_amounts")
    drawn = " + ".join(f"{1e3 * limit[name]:.1f}" for name in numbers)
    rows = {
        "NumPy float32 numbers a second": f"{limit['float32_per_second']:.3g}",
        "float64 matrix product": f"{limit['matmul_gflops']:.3g} GFLOP/s",
        "copy of 3 million float32, bytes read and written": f"{limit['copy_gb_per_second']:.3g} GB/s, "
        f"{1e3 * limit['seconds_copy_of_fates']:.1f} ms",
        "copy beyond the caches": f"{limit['copy_large_gb_per_second']:.3g} GB/s",
        "drawing fates + swings + new wins + their amounts": f"{drawn} ms",
        f"{limit['recursion_multiply_adds']:,.0f} multiply-adds at that rate": f"{1e3 * recursion:.1f} ms",
        "numbers and multiply-adds together": f"{1e3 * floor:.1f} ms; the engine takes {by['engine']:.1f} "
        f"times as long, fitted {by['fitted']:.1f} times",
    }
    return "\n".join(["the limit, one thread", *(f"  {name:52}{value}" for name, value in rows.items())])
