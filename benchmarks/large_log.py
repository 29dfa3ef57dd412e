"""Reading and counting a log of millions of moves: funnelsim's parts against pandas, in the same run.

Run ``python benchmarks/large_log.py``; see ``benchmarks/README.md`` for what is measured. Exits with an error
if the two count differently: the speed of a wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

STAGES = ("lead", "qualified", "offer", "negotiation", "contract")
PLACES = (*STAGES, "won", "lost")
FIRST_DAY, CUTOFF_DAY = np.datetime64("2023-01-01"), np.datetime64("2026-08-31")
_DEALS_AT_ONCE = 250_000
_MEAN_DAYS = (12.0, 20.0, 25.0, 18.0, 10.0)
# Chance of each place after a stage; rows of open stages.
_NEXT = np.array(
    [
        [0.00, 0.66, 0.04, 0.00, 0.00, 0.00, 0.30],
        [0.00, 0.00, 0.70, 0.03, 0.00, 0.00, 0.27],
        [0.00, 0.04, 0.00, 0.70, 0.00, 0.00, 0.26],
        [0.00, 0.00, 0.05, 0.00, 0.72, 0.00, 0.23],
        [0.00, 0.00, 0.00, 0.00, 0.00, 0.78, 0.22],
    ]
)


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps(METHODS[options.child](Path(options.folder), options)))
        return 0
    with tempfile.TemporaryDirectory(prefix="large-log-") as name:
        folder = Path(name)
        n_moves, megabytes = generate(folder, options.deals)
        print(
            f"{options.deals:,} deals, {n_moves:,} moves, {megabytes:,.0f} MB of Parquet, ids such as "
            f"{_ids(7, 8)[0]}\n"
        )
        print(f"{'method':34}{'seconds':>10}{'moves/s':>14}{'peak MB':>10}")
        seconds = {}
        for method in ("funnelsim", *(() if options.no_rival else ("pandas",)), "fit"):
            result = _run(method, folder, options)
            seconds[method] = result["seconds"]
            speed = n_moves / result["seconds"]
            print(f"{LABELS[method]:34}{result['seconds']:>10.1f}{speed:>14,.0f}{result['peak_mb']:>10,.0f}")
        if options.no_rival:
            return 0
        print(f"\nread and counted {seconds['pandas'] / seconds['funnelsim']:.1f} times as fast as pandas")
        return _compare(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--deals", type=int, default=5_000_000, help="deals, of about 4 moves (default 5000000)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes of funnelsim (default 1)")
    parser.add_argument("--memory", default="2GB", help="memory given to fit_log (default 2GB)")
    parser.add_argument("--no-rival", action="store_true", help="leave pandas out, where memory is short")
    parser.add_argument("--child", choices=list(METHODS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(method: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One method in a process of its own."""
    command = [sys.executable, __file__, "--child", method, "--folder", str(folder)]
    command += ["--workers", str(options.workers), "--memory", options.memory]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _peak_mb() -> float:
    """Most memory this process has held, and most that one of its workers has held."""
    own, of_worker = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + of_worker) / 1024


# --- the log


def generate(folder: Path, n_deals: int, seed: int = 0) -> tuple[int, float]:
    """Write deals.parquet and moves.parquet block by block; moves stand in order of time within a block."""
    import pyarrow as pa
    from pyarrow import parquet

    rng, writers, n_moves = np.random.default_rng(seed), {}, 0
    for begin in range(0, n_deals, _DEALS_AT_ONCE):
        tables = _block(rng, begin, min(begin + _DEALS_AT_ONCE, n_deals))
        n_moves += len(tables["moves"]["deal_id"])
        for name, columns in tables.items():
            table = pa.table(columns)
            if name not in writers:
                writers[name] = parquet.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writers[name].write_table(table)
    for writer in writers.values():
        writer.close()
    return n_moves, sum(file.stat().st_size for file in folder.glob("*.parquet")) / 1e6


def _ids(begin: int, end: int) -> np.ndarray:
    return np.char.mod("OPP-%010d", np.arange(begin, end))


def _block(rng: np.random.Generator, begin: int, end: int) -> dict[str, dict[str, Any]]:
    """Deals and moves of one block: hop after hop, until they end or the cutoff comes."""
    n, last = end - begin, np.datetime64(CUTOFF_DAY + 1, "s")
    span = int((last - np.datetime64(FIRST_DAY, "s")) / np.timedelta64(1, "s"))
    at = np.datetime64(FIRST_DAY, "s") + rng.integers(0, span, n).astype("m8[s]")
    deal, place, created = np.arange(n), np.zeros(n, dtype=np.int64), at.copy()
    moves, edges = [(deal, place, at)], np.cumsum(_NEXT, axis=1)
    while len(deal):
        days = rng.gamma(1.5, np.array(_MEAN_DAYS)[place] / 1.5)
        at = at + (days * 86_400).astype("m8[s]")
        place = (rng.random(len(deal))[:, None] >= edges[place]).sum(axis=1).clip(max=len(PLACES) - 1)
        seen = at < last
        deal, place, at = deal[seen], place[seen], at[seen]
        moves.append((deal, place, at))
        goes_on = place < len(STAGES)
        deal, place, at = deal[goes_on], place[goes_on], at[goes_on]
    deal, place, at = (np.concatenate(column) for column in zip(*moves, strict=True))
    ids, order = _ids(begin, end), np.argsort(at, kind="stable")
    ends = place >= len(STAGES)
    outcome, closed = np.full(n, "open", dtype=object), np.full(n, np.datetime64("NaT"), "datetime64[s]")
    outcome[deal[ends]], closed[deal[ends]] = np.array(PLACES, object)[place[ends]], at[ends]
    amount = np.round(rng.lognormal(9, 1, n), 2)
    return {
        "deals": {
            "deal_id": ids,
            "created_at": created,
            "amount": amount,
            "outcome": outcome,
            "closed_at": closed,
        },
        "moves": {
            "deal_id": ids[deal[order]],
            "stage": np.array(PLACES, object)[place[order]],
            "entered_at": at[order],
        },
    }


# --- the methods


def _funnelsim(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What fit_log reads and counts before it fits anything."""
    import duckdb  # noqa: F401 - loading libraries is not timed, for neither method

    import funnelsim as fs
    from funnelsim.fitting.large import Edges, LogRequest, Work, counted_log

    begin = time.perf_counter()
    edges = Edges.of(fs.Clock("day"), str(CUTOFF_DAY), None, None)
    sources = (folder / "deals.parquet", folder / "moves.parquet")
    request = LogRequest(sources, (None, None), fs.Stages.named(list(STAGES)), edges, "EUR")
    with counted_log(request, Work.of(options.workers, options.memory, None, progress=True)) as log:
        seconds = time.perf_counter() - begin
    counts = {f"exits {s}": ages.exits for s, ages in enumerate(log.tally.ages)}
    counts |= {f"at_risk {s}": ages.at_risk for s, ages in enumerate(log.tally.ages)}
    np.savez(folder / "funnelsim.npz", **counts)
    return {"seconds": seconds, "peak_mb": _peak_mb()}


def _pandas(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Exits by stage, age and destination, and exposure by stage and age: the same, but nothing else."""
    import pandas as pd

    begin = time.perf_counter()
    moves = pd.read_parquet(folder / "moves.parquet").sort_values(["deal_id", "entered_at"], kind="stable")
    moves["stage"] = moves["stage"].map({name: code for code, name in enumerate(PLACES)})
    moves["day"] = moves["entered_at"].dt.floor("D")
    by_deal = moves.groupby("deal_id", sort=False)
    moves["next_stage"] = by_deal["stage"].shift(-1)
    moves["next_day"] = by_deal["day"].shift(-1)
    stays = moves[moves["stage"] < len(STAGES)]
    age = (stays["next_day"].fillna(pd.Timestamp(CUTOFF_DAY)) - stays["day"]).dt.days
    exits = stays.assign(age=age).dropna(subset="next_stage").value_counts(["stage", "age", "next_stage"])
    lasted = stays.assign(age=age).value_counts(["stage", "age"])
    counts = {}
    for stage in range(len(STAGES)):
        n_ages = int(lasted[stage].index.max()) + 1
        until = lasted[stage].reindex(range(n_ages), fill_value=0)
        counts[f"at_risk {stage}"] = until[::-1].cumsum()[::-1].to_numpy(float)
        of_stage = exits[stage].unstack(fill_value=0)
        counts[f"exits {stage}"] = of_stage.reindex(
            index=range(n_ages), columns=range(len(PLACES)), fill_value=0
        ).to_numpy(float)
    seconds = time.perf_counter() - begin
    np.savez(folder / "pandas.npz", **counts)
    return {"seconds": seconds, "peak_mb": _peak_mb()}


def _fit(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The whole of fit_log, levels included."""
    import funnelsim as fs

    begin = time.perf_counter()
    fs.fit_log(
        folder / "deals.parquet",
        folder / "moves.parquet",
        stages=fs.Stages.named(list(STAGES)),
        as_of=str(CUTOFF_DAY),
        workers=options.workers,
        memory=options.memory,
        progress=False,
    )
    return {"seconds": time.perf_counter() - begin, "peak_mb": _peak_mb()}


METHODS = {"funnelsim": _funnelsim, "pandas": _pandas, "fit": _fit}
LABELS = {
    "funnelsim": "funnelsim: read and count",
    "pandas": "pandas: read and count",
    "fit": "funnelsim: the whole of fit_log",
}


def _compare(folder: Path) -> int:
    """Hold the counts of both against each other; 1 if they differ anywhere."""
    ours, theirs = np.load(folder / "funnelsim.npz"), np.load(folder / "pandas.npz")
    differ = [name for name in ours.files if not np.array_equal(ours[name], theirs[name])]
    print(f"different counts: {', '.join(differ)}" if differ else "both counted the same, to the last unit")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
