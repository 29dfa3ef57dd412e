"""A log counted in parts on disk gives what read_deals and fit give, to the last unit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import funnelsim as fs
from funnelsim.fitting.fit import Setting, fit_counts
from funnelsim.fitting.large import Edges, LogError, LogRequest, Work, counted_log, fit_log
from funnelsim.fitting.tally import Tally, count_by_step
from funnelsim.nouns.funnel import FunnelError
from funnelsim.nouns.funnel_file import funnel_to_json

pytest.importorskip("duckdb")
AS_OF = "2026-08-31"
# What read_deals repairs or leaves out by a guess, and fit_log refuses.
GUESSES = {"lost without a date", "no date", "unknown deal", "which outcome"}


def exported(history: fs.DealHistory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two tables of a CRM's export."""
    moves = history.records.moves
    log = pd.DataFrame(
        {
            "deal_id": history.records.deals["deal_id"].to_numpy()[moves["deal"]],
            "stage": np.array(history.stages.names, dtype=object)[moves["stage"]],
            "entered_at": moves["entered_at"],
        }
    )
    return history.deals.drop(columns=["place", "entered_at"]), log


def written(folder: Path, deals: pd.DataFrame, log: pd.DataFrame, kind: str = "csv") -> tuple[Path, Path]:
    paths = folder / f"deals.{kind}", folder / f"moves.{kind}"
    for frame, path in zip((deals, log), paths, strict=True):
        if kind == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path)
    return paths


def assert_same_tally(ours: Tally, theirs: Tally) -> None:
    for mine, other in zip(ours.ages, theirs.ages, strict=True):
        np.testing.assert_array_equal(mine.exits, other.exits)
        np.testing.assert_array_equal(mine.at_risk, other.at_risk)
    for name in ("arrivals", "won_at", "won_amount"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    np.testing.assert_array_equal(ours.closed.n_won, theirs.closed.n_won)
    np.testing.assert_array_equal(ours.closed.n_closed, theirs.closed.n_closed)
    for name in ("first_step", "n_deals", "n_won", "n_lost", "n_first_seen_ended"):
        assert getattr(ours, name) == getattr(theirs, name), name


def assert_same(
    paths: tuple[Path, Path], history: fs.DealHistory, parts: int = 3, workers: int = 1, **more: Any
) -> None:
    """The tally, and every byte of the saved funnel, are those of the history."""
    edges = Edges.of(history.clock, history.cutoff, history.window_start, history.arrivals_until)
    request = LogRequest(paths, (None, None), history.stages, edges, history.unit)
    with counted_log(request, Work.of(workers, "1GB", parts, progress=False)) as log:
        assert_same_tally(log.tally, Tally.of(history))
        funnel = fit_counts(log.tally, log.count_by_step, log.setting)
    assert funnel_to_json(funnel) == funnel_to_json(fs.fit(history))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("window_start", [None, "2024-07-01"])
@pytest.mark.parametrize("parts", [1, 3, 7])
@pytest.mark.thorough
def test_export_of_a_simulated_crm(tmp_path: Path, kind: str, window_start: str | None, parts: int) -> None:
    source = fs.simulate_history(parts, window_start=window_start)
    paths = written(tmp_path, *exported(source), kind)
    history = fs.read_deals(
        *paths, stages=source.stages, as_of=AS_OF, window_start=window_start, unit="EUR", tz="UTC"
    )
    assert_same(paths, history, parts)


@pytest.mark.thorough
def test_two_workers_and_files_in_pieces(tmp_path: Path) -> None:
    source = fs.simulate_history(5)
    deals, log = exported(source)
    paths = written(tmp_path, deals, log)
    options = {"stages": source.stages, "as_of": AS_OF, "window_start": "2024-07-01", "unit": "EUR"}
    expected = funnel_to_json(fs.fit(fs.read_deals(*paths, tz="UTC", **options)))
    pieces = tmp_path / "pieces"
    pieces.mkdir()
    for number, piece in enumerate(np.array_split(np.arange(len(log)), 4)):
        log.iloc[piece].to_parquet(pieces / f"{number}.parquet")
    files = [paths[0]], pieces / "*.parquet"
    for workers in (1, 2):
        funnel = fit_log(*files, parts=3, workers=workers, progress=False, **options)
        assert funnel_to_json(funnel) == expected


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.thorough
def test_moves_of_one_moment_stand_in_the_order_of_the_file(tmp_path: Path, kind: str) -> None:
    """Every deal makes its four moves on one day, rows far apart, read by two threads."""
    n = 100_000
    ids = np.char.mod("OPP-%010d", np.random.default_rng(0).permutation(n))
    deals = pd.DataFrame({"deal_id": ids})
    log = pd.concat(
        [
            pd.DataFrame({"deal_id": np.roll(ids, 7 * k), "stage": stage, "entered_at": "2026-01-05"})
            for k, stage in enumerate(("offer", "lead", "deal", "won"))
        ]
    )
    paths = tmp_path / f"deals.{kind}", tmp_path / f"moves.{kind}"
    if kind == "csv":
        written(tmp_path, deals, log)
    else:
        deals.to_parquet(paths[0])
        log.to_parquet(paths[1], row_group_size=20_000)
    stages = fs.Stages(tuple(map(fs.Stage, STAGES)))
    edges = {"window_start": "2025-12-25", "as_of": "2026-01-05"}
    funnel = fit_log(*paths, stages=stages, **edges, workers=2, parts=2, progress=False)
    exits = np.array([hazards.exits.sum(axis=0) for hazards in funnel.hazards])
    np.testing.assert_array_equal(exits, [[0, 0, n, 0, 0], [n, 0, 0, 0, 0], [0, 0, 0, n, 0]])


def test_levels_calendar_and_holidays_are_those_of_fit(tmp_path: Path) -> None:
    source = fs.simulate_history(7)
    paths = written(tmp_path, *exported(source))
    read = {"stages": source.stages, "as_of": AS_OF, "window_start": "2024-07-01", "unit": "EUR"}
    history = fs.read_deals(*paths, tz="UTC", **read)
    for options in (
        {"level_period": "quarter", "holidays": ["2026-05-01", "2025-12-25"]},
        {"level_period": None, "calendar": False},
    ):
        funnel = fit_log(*paths, progress=False, **read, **options)
        assert funnel_to_json(funnel) == funnel_to_json(fs.fit(history, **options))


def test_other_names_clocks_and_edges(tmp_path: Path) -> None:
    source = fs.simulate_history(6, start="2023-01-01")
    deals, log = exported(source)
    names = {"deal_id": "Opportunity", "entered_at": "When"}
    paths = written(tmp_path, deals.rename(columns={"created_at": "Created At"}), log.rename(columns=names))
    for step in ("week", "month"):
        options = {
            "stages": source.stages,
            "as_of": "2026-07-15 12:00",
            "window_start": "2024-07-01",
            "arrivals_until": "2026-06-10",
            "history_columns": names,
            "step": step,
            "unit": "EUR",
        }
        history = fs.read_deals(*paths, tz="UTC", **options)
        assert funnel_to_json(fit_log(*paths, progress=False, parts=2, **options)) == funnel_to_json(
            fs.fit(history)
        )


# --- small logs with everything that can happen -------------------------------------------------------------

STAGES = ("lead", "offer", "deal")
PLACES = (*STAGES, "won", "lost")
TIMES = st.integers(0, 40).map(lambda n: pd.Timestamp("2026-01-05") + pd.Timedelta(hours=8 * n))
MOVES = st.tuples(st.sampled_from(PLACES), TIMES, st.one_of(st.none(), TIMES))
RULES = st.fixed_dictionaries(
    {
        "skipped": st.sampled_from(["allow", "merge", "reject"]),
        "backward": st.sampled_from(["allow", "merge", "reject"]),
        "reopened": st.sampled_from(["merge", "cut", "reject"]),
    }
)


@st.composite
def logs(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Deals and moves in any order, times that tie, rows twice; endings in either table, in both or none."""
    deals, moves = [], []
    for number in range(draw(st.integers(1, 8))):
        own = draw(st.lists(MOVES, max_size=5))
        own += own[: draw(st.integers(0, 2))]
        moves += [(f"D{number}", *move) for move in own]
        ends = sorted((at, place) for place, at, _ in own if place in ("won", "lost"))
        agreeing = ends[-1][1] if ends else draw(st.sampled_from(["won", "lost", "open", None]))
        outcome = draw(st.sampled_from([agreeing] * 6 + [None]))
        has_date = outcome in ("won", "lost") and (not ends or draw(st.booleans()))
        deals.append(
            {
                "deal_id": f"D{number}",
                "created_at": draw(TIMES) if not own or draw(st.booleans()) else None,
                "amount": draw(st.sampled_from([None, 0.0, 10.5, 3e6])),
                "outcome": outcome,
                "closed_at": draw(TIMES) if has_date and draw(st.integers(0, 9)) else None,
                "stage": draw(st.sampled_from([None, *STAGES])),
            }
        )
    frame = pd.DataFrame(
        draw(st.permutations(moves)), columns=["deal_id", "stage", "entered_at", "recorded_at"]
    )
    return pd.DataFrame(deals), frame


SEARCH = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
    "phases": [Phase.generate],
}
any_small_log = given(
    tables=logs(),
    rules=RULES,
    as_of=st.sampled_from(["2026-01-15", "2026-01-25"]),
    window_start=st.sampled_from([None, "2026-01-08"]),
    kind=st.sampled_from(["csv", "parquet"]),
    parts=st.sampled_from([1, 3, 7]),
)


@settings(max_examples=12, **SEARCH)
@any_small_log
def test_any_small_log(tmp_path_factory: pytest.TempPathFactory, **log: Any) -> None:
    assert_counted_or_refused(tmp_path_factory, **log)


@pytest.mark.slow
@settings(max_examples=300, **SEARCH)
@any_small_log
def test_any_of_many_small_logs(tmp_path_factory: pytest.TempPathFactory, **log: Any) -> None:
    assert_counted_or_refused(tmp_path_factory, **log)


def assert_counted_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    tables: tuple[pd.DataFrame, pd.DataFrame],
    rules: dict[str, Any],
    as_of: str,
    window_start: str | None,
    kind: str,
    parts: int,
) -> None:
    """Whatever read_deals takes gives the same counts; what it refuses, or guesses, is refused."""
    deals, log = tables
    if not len(log):
        return
    paths = written(tmp_path_factory.mktemp("log"), deals, log, kind)
    stages = fs.Stages(tuple(map(fs.Stage, STAGES)), **rules)
    options = {"stages": stages, "as_of": as_of, "window_start": window_start, "arrivals_until": as_of}
    try:
        history = fs.read_deals(*paths, tz="UTC", **options)
    except fs.FunnelsimError:
        with pytest.raises(fs.FunnelsimError):
            fit_log(*paths, parts=parts, progress=False, **options)
        return
    if history.window_start is not None and window_start is None:
        options["window_start"] = str(history.window_start)
    if GUESSES & set(history.issues["rule"]):
        with pytest.raises(LogError):
            fit_log(*paths, parts=parts, progress=False, **options)
        return
    try:
        fs.fit(history)
    except FunnelError as refused:
        with pytest.raises(FunnelError, match=re.escape(str(refused))):
            fit_log(*paths, parts=parts, progress=False, **options)
        return
    assert_same(paths, history, parts)


def test_an_ending_that_was_undone_is_one_recorded(tmp_path: Path) -> None:
    """Twelve deals arrive 40 days before ten quick ones end: 12 endings are missing, unless one is there."""
    early = [(f"E{i}", "2026-01-01", "lost", "2026-02-10") for i in range(12)]
    quick = [(f"Q{i}", "2026-02-10", "lost", "2026-02-11") for i in range(10)]
    deals = pd.DataFrame(early + quick, columns=["deal_id", "created_at", "outcome", "closed_at"])
    moves = [(deal, "lead", day) for deal, day, _, _ in early + quick]
    undone = [("E0", "lost", "2026-01-02"), ("E0", "lead", "2026-01-03")]
    options = {"stages": fs.Stages.named(["lead"]), "as_of": "2026-03-01", "parts": 2, "progress": False}
    for log, is_late in ((moves, True), (moves + undone, False)):
        frame = pd.DataFrame(log, columns=["deal_id", "stage", "entered_at"])
        paths = written(tmp_path, deals, frame.sort_values("entered_at", kind="stable"))
        if is_late:
            with pytest.raises(LogError, match="about 12 of those that arrived earlier"):
                fit_log(*paths, **options)
        else:
            fit_log(*paths, **options)


def test_rules_of_stages_on_an_untidy_export(tmp_path: Path) -> None:
    """Backward moves, skipped stages, entries twice and re-opened deals of a larger log, by every rule."""
    source = fs.simulate_history(8, start="2025-06-01", window_start=None)
    deals, log = exported(source)
    rng = np.random.default_rng(8)
    again = log.sample(frac=0.1, random_state=8)
    stages = np.array(source.stages.names[: source.stages.n_open], dtype=object)
    untidy = again.assign(stage=rng.choice(stages, len(again)))
    log = pd.concat([log, again, untidy]).sort_values("entered_at", kind="stable")
    paths = written(tmp_path, deals[["deal_id", "amount"]], log)
    for skipped, backward, reopened in (
        ("allow", "allow", "merge"),
        ("merge", "merge", "cut"),
        ("reject", "allow", "merge"),
        ("allow", "reject", "reject"),
    ):
        rules = fs.Stages(source.stages.open, skipped=skipped, backward=backward, reopened=reopened)
        options = {"stages": rules, "as_of": AS_OF, "window_start": "2025-06-02", "arrivals_until": AS_OF}
        assert_same(paths, fs.read_deals(*paths, tz="UTC", **options), parts=4)


# --- sums ---------------------------------------------------------------------------------------------------


def part_of(history: fs.DealHistory, deals: np.ndarray) -> fs.DealHistory:
    from dataclasses import replace

    moves = history.records.moves
    chosen = moves[np.isin(moves["deal"], deals)]
    return replace(history, records=replace(history.records, moves=chosen))


def test_the_order_of_parts_does_not_matter() -> None:
    """Wins of one day stand in the order of the deals table, whichever part they come from."""
    history = fs.simulate_history(9)
    order = np.random.default_rng(9).permutation(len(history.records.deals))
    parts = [part_of(history, some) for some in np.array_split(order, 5)]
    tallies = [Tally.of(part) for part in parts]
    whole = Tally.of(history)
    for shown in (tallies, tallies[::-1], [tallies[i] for i in (2, 0, 4, 1, 3)]):
        assert_same_tally(Tally.total(shown), whole)
    added = tallies[3] + tallies[1] + tallies[0] + tallies[4] + tallies[2]
    assert_same_tally(added, whole)
    np.testing.assert_array_equal(added.won_row, whole.won_row)
    funnel, setting = fs.fit(history), Setting.of(history)

    def by_step(hazards: Any, first: int) -> Any:
        counted = [count_by_step(part, hazards, first) for part in parts]
        return [a + b + c + d + e for a, b, c, d, e in zip(*counted, strict=True)]

    assert funnel_to_json(fit_counts(added, by_step, setting)) == funnel_to_json(funnel)


def test_a_tally_without_arrivals_or_wins_adds_nothing() -> None:
    history = fs.simulate_history(10)
    no_win = np.setdiff1d(history.paths.deal, history.paths.deal[history.stages.is_won[history.paths.place]])
    some, rest = no_win[:3], np.setdiff1d(history.paths.deal, no_win[:3])
    total = Tally.of(part_of(history, some)) + Tally.of(part_of(history, rest))
    assert_same_tally(total, Tally.of(history))
