"""Backtests on real deal histories, all rivals on the same cells; on the embedded sample without any.

Run ``python benchmarks/backtests.py DATA`` with a folder that holds the sets named below (``--sets`` picks
some, ``--sample`` takes the embedded sample instead); see ``benchmarks/README.md`` for what is measured.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import funnelsim as fs
from funnelsim.nouns.law import Measure
from funnelsim.questions.baselines.rivals import all_rivals

CASES = Path(__file__).parent.parent / "tests" / "cases"


@dataclass(frozen=True)
class Set:
    """One history, and the cells it is scored on."""

    history: fs.DealHistory
    periods: str
    origins: Sequence[str]
    burn_in: int
    measures: tuple[Measure, ...]


def _weeks(first: str, n: int) -> list[str]:
    return [str(np.datetime64(first) + 7 * i) for i in range(n)]


def _quarter_ends(first: str, last: str) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in pd.date_range(first, last, freq="QE")]


def bpic2012(data: Path) -> Set:
    folder = data / "bpic2012_loans"
    history = fs.read_deals(
        folder / "deals.parquet", folder / "stage_history.parquet", stages=CASES / "bpic2012.toml"
    )
    return Set(_arrivals_until(history, "2012-02-29"), "4W", _weeks("2011-11-20", 15), 2, ("bookings",))


def maven(data: Path) -> Set:
    deals = pd.read_csv(data / "maven_crm" / "sales_pipeline.csv.gz")
    prices = pd.read_csv(data / "maven_crm" / "products.csv").set_index("product")["sales_price"]
    listed = deals["product"].replace("GTXPro", "GTX Pro").map(prices)
    deals["amount"] = deals["close_value"].where(deals["deal_stage"] == "Won", listed)
    history = fs.read_deals(deals, stages=CASES / "maven.toml")
    return Set(history, "8W", _weeks("2017-05-07", 34), 4, ("bookings",))


def olist(data: Path) -> Set:
    folder = data / "olist_funnel"
    leads = pd.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv.gz")
    closed = pd.read_csv(folder / "olist_closed_deals_dataset.csv.gz")
    history = fs.read_deals(
        leads.merge(closed[["mql_id", "won_date"]], how="left"), stages=CASES / "olist.toml"
    )
    return Set(_arrivals_until(history, "2018-05-31"), "8W", _weeks("2018-01-28", 33), 4, ("wins",))


def repd(data: Path) -> Set:
    return _energy_projects(data, CASES / "repd.toml")


def repd_grant(data: Path) -> Set:
    return _energy_projects(data, CASES / "repd_grant.toml")


def _energy_projects(data: Path, stages: Path) -> Set:
    """Projects of 1 MW and more that begin with an application; a case says which stage counts as won."""
    folder = data / "uk_repd_2021"
    projects = pd.read_parquet(folder / "projects.parquet")
    moves = pd.read_parquet(folder / "stage_history.parquet")
    projects["capacity_mw"] = _capacity_mw(projects)
    first = moves.sort_values(["ref_id", "seq"]).drop_duplicates("ref_id")
    applied = (first["stage"] == "application_submitted") & (first["entered_at"] >= "1991-01-01")
    kept = projects["ref_id"].isin(first["ref_id"][applied]) & (projects["capacity_mw"] >= 1.0)
    projects = projects[kept]
    history = fs.read_deals(projects, moves[moves["ref_id"].isin(projects["ref_id"])], stages=stages)
    origins = _quarter_ends("2009-12-31", "2021-03-31")
    return Set(_arrivals_until(history, "2021-06-30"), "8Q", origins, 8, ("wins", "bookings"))


def _capacity_mw(projects: pd.DataFrame) -> pd.Series:
    """Capacities; where none is recorded, the median of the technology's class from 1 MW up."""
    own_class = {
        "Solar Photovoltaics": "solar",
        "Wind Onshore": "onshore wind",
        "Battery": "battery",
        "Wind Offshore": "offshore wind",
    }
    of_class = projects["technology"].astype(str).map(own_class).fillna("other")
    recorded = projects["capacity_mw"]
    medians = recorded[recorded >= 1.0].groupby(of_class).median()
    return recorded.fillna(of_class.map(medians))


def _arrivals_until(history: fs.DealHistory, day: str) -> fs.DealHistory:
    """Totals are scored until then only; later arrivals are not recorded completely."""
    until = np.datetime64(f"{day}T23:59:59.999999")
    return replace(history, arrivals_until=min(until, history.arrivals_until or history.cutoff))


SETS = {"bpic2012": bpic2012, "maven": maven, "olist": olist, "repd": repd, "repd_grant": repd_grant}


def scored(name: str, some: Set, measure: Measure, rivals: bool) -> str:
    """Verdict, scores and seconds of one measure of a set."""
    start = time.perf_counter()
    test = fs.backtest(
        some.history,
        periods=some.periods,
        origins=some.origins,
        burn_in=some.burn_in,
        measure=measure,
        rivals=all_rivals() if rivals else (),
        n_futures=1_000,
    )
    seconds = time.perf_counter() - start
    scores = test.scores().query(f"measure == {measure!r} and window == 'period'")
    columns = [
        "part",
        "method",
        "n_cells",
        "ncrps",
        "our_ncrps",
        "bias",
        "coverage_50",
        "coverage_80",
        "coverage_95",
    ]
    deals = test.deal_scores_by_method().round(3).to_string()
    rows = scores[columns].round(3).to_string(index=False)
    title = f"{name} ({measure}, {seconds:.0f} s)"
    return f"{title}\n{test.verdict()}\n{rows}\nsingle deals, won within all periods\n{deals}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of the real sets")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--sample", action="store_true", help="the embedded sample, quarters")
    parser.add_argument("--no-rivals", action="store_true")
    given = parser.parse_args()
    if not given.sample and given.data is None:
        parser.error("name the folder of the real sets, or ask for --sample")
    warnings.simplefilter("ignore")  # of the rivals' libraries, on short series
    if given.sample:
        history = fs.simulate_history()
        ends = [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-12-31", "2026-05-31", freq="QE")]
        sample = Set(history, "1Q", ends, 0, ("bookings",))
        print(scored("sample", sample, "bookings", not given.no_rivals))
        return 0
    for name in given.sets:
        some = SETS[name](given.data)
        for measure in some.measures:
            print(scored(name, some, measure, not given.no_rivals), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
