"""Rules about unusual moves: each by hand, then all together against a plain reading of the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funnelsim.nouns.paths import Paths, clean_paths
from funnelsim.nouns.records import ISSUE_COLUMNS, Records
from funnelsim.vocabulary.stages import Stages

DAY = np.timedelta64(1, "D")
START = np.datetime64("2026-01-01", "us")


def at(day: int) -> str:
    return str(START + day * DAY)


def walk(path: str, deal: str = "d") -> list[tuple]:
    """Moves of one deal, a day apart: A to D are stages, L lost, W won, P won by partner."""
    names = {"L": "lost", "W": "won", "P": "partner"}
    return [(deal, names.get(place, place), at(day)) for day, place in enumerate(path)]


def told(paths: Paths, stages: Stages, deal: int = 0) -> str:
    """A deal's cleaned path as letters with the day of entry, such as 'A0 B3 W4'."""
    short = {"lost": "L", "won": "W", "partner": "P"}
    mine = paths.deal == deal
    days = (paths.entered_at[mine] - START.astype("datetime64[ns]")) // DAY
    return " ".join(
        f"{short.get(stages.names[place], stages.names[place])}{day}"
        for place, day in zip(paths.place[mine], days, strict=True)
    )


def rules_used(issues: pd.DataFrame) -> dict[tuple[str, str], int]:
    return issues.groupby(["level", "rule"]).size().to_dict() if len(issues) else {}


SKIP, BACK, OPEN_AGAIN = "skipped stage", "backward move", "re-opened move"


@pytest.mark.parametrize(
    ("path", "rules", "cleaned", "used"),
    [
        # usual paths: nothing to repair
        ("ABCDW", {}, "A0 B1 C2 D3 W4", {}),
        ("ABL", {}, "A0 B1 L2", {}),
        ("CDP", {}, "C0 D1 P2", {}),  # entering in the middle is no skip
        ("W", {}, "W0", {}),  # first seen at its end
        ("A", {}, "A0", {}),
        # repeated entries revise the deal, they do not move it
        ("AABBBW", {}, "A0 B2 W5", {("note", SKIP): 1, ("note", "repeated entry"): 3}),
        (
            "ABWWW",
            {},
            "A0 B1 W2",
            {("repaired", OPEN_AGAIN): 0, ("note", SKIP): 1, ("note", "repeated entry"): 2},
        ),
        # skipped
        ("AD", {"skipped": "allow"}, "A0 D1", {("note", SKIP): 1}),
        ("AD", {"skipped": "merge"}, "A0 B1 C1 D1", {("repaired", SKIP): 1}),
        ("AD", {"skipped": "reject"}, "", {("left out", "skipped move"): 1}),
        ("ABW", {"skipped": "allow"}, "A0 B1 W2", {("note", SKIP): 1}),
        ("ABP", {"skipped": "merge"}, "A0 B1 C2 D2 P2", {("repaired", SKIP): 1}),
        ("ABW", {"skipped": "reject"}, "", {("left out", "skipped move"): 1}),
        ("ACBW", {"skipped": "merge"}, "A0 B1 C1 B2 C3 D3 W3", {("repaired", SKIP): 2, ("note", BACK): 1}),
        ("DW", {"skipped": "reject"}, "D0 W1", {}),
        ("AL", {"skipped": "reject"}, "A0 L1", {}),  # a loss skips nothing
        # backward
        ("ABAB", {"backward": "allow"}, "A0 B1 A2 B3", {("note", BACK): 1}),
        ("ABABC", {"backward": "merge"}, "A0 B1 C4", {("repaired", BACK): 1}),
        ("ABAL", {"backward": "merge"}, "A0 B1 L3", {("repaired", BACK): 1}),
        ("ABCABD", {"backward": "merge"}, "A0 B1 C2 D5", {("repaired", BACK): 2}),
        ("ABCABD", {"backward": "allow"}, "A0 B1 C2 A3 B4 D5", {("note", BACK): 1, ("note", SKIP): 1}),
        ("ABA", {"backward": "reject"}, "", {("left out", "backward move"): 1}),
        ("ABL", {"backward": "reject"}, "A0 B1 L2", {}),
        # re-opened
        ("ABLB", {"reopened": "merge"}, "A0 B1", {("repaired", OPEN_AGAIN): 1}),
        ("ABLC", {"reopened": "merge"}, "A0 B1 C3", {("repaired", OPEN_AGAIN): 1}),
        ("ABLCL", {"reopened": "merge"}, "A0 B1 C3 L4", {("repaired", OPEN_AGAIN): 2}),
        (
            "ABLP",
            {"skipped": "merge"},
            "A0 B1 C3 D3 P3",
            {("repaired", OPEN_AGAIN): 1, ("repaired", SKIP): 1},
        ),
        ("LAB", {"reopened": "merge"}, "A1 B2", {("repaired", OPEN_AGAIN): 2}),
        ("ABLC", {"reopened": "cut"}, "A0 B1 L2", {("left out", OPEN_AGAIN): 1}),
        ("ABLCW", {"reopened": "cut"}, "A0 B1 L2", {("left out", OPEN_AGAIN): 2}),
        ("ABLW", {"reopened": "cut"}, "A0 B1 L2", {("left out", OPEN_AGAIN): 1}),
        ("ABLC", {"reopened": "reject"}, "", {("left out", "reopened move"): 1}),
        ("ABL", {"reopened": "reject"}, "A0 B1 L2", {}),
        # together: the ending is undone first, then what is backward, then what is skipped
        (
            "ACLAD",
            {"backward": "merge", "skipped": "merge"},
            "A0 B1 C1 D4",
            {("repaired", OPEN_AGAIN): 2, ("repaired", BACK): 1, ("repaired", SKIP): 1},
        ),
    ],
)
def test_each_rule_by_hand(
    path: str,
    rules: dict[str, str],
    cleaned: str,
    used: dict[tuple[str, str], int],
    make_stages: Callable[..., Stages],
    make_records: Callable[..., Records],
) -> None:
    stages = make_stages(**rules)
    paths, issues = clean_paths(make_records(walk(path), stages), stages)
    assert told(paths, stages) == cleaned
    assert rules_used(issues) == {rule: n for rule, n in used.items() if n}


def test_issues_name_the_deal_the_row_and_the_place(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages(skipped="merge")
    paths, issues = clean_paths(
        make_records([*walk("AB", "one"), *walk("ABD", "two"), *walk("BA", "three")], stages), stages
    )
    assert list(issues.columns) == list(ISSUE_COLUMNS)
    found = {(i.rule, i.deal_id, i.row, i.value) for i in issues.itertuples()}
    assert found == {(SKIP, "two", 6, "D"), (BACK, "three", 8, "A")}
    merged = paths.row[paths.deal == 1]
    assert merged.tolist() == [4, 5, 6, 6]  # a stage filled in comes from the row of the jump
    assert issues.groupby("rule")["message"].nunique().eq(1).all()


def test_no_issue_keeps_the_columns(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages()
    _, issues = clean_paths(make_records(walk("ABCDW"), stages), stages)
    assert len(issues) == 0
    assert list(issues.columns) == list(ISSUE_COLUMNS)


def test_a_deal_left_out_leaves_the_others(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages(backward="reject")
    moves = [*walk("AB", "one"), *walk("BA", "two"), *walk("ABC", "three")]
    paths, _ = clean_paths(make_records(moves, stages), stages)
    assert [told(paths, stages, deal) for deal in range(3)] == ["A0 B1", "", "A0 B1 C2"]


# --- order of rows and dates


def test_rows_are_sorted_by_date_and_ties_keep_file_order(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages()
    moves = [("d", "C", at(5)), ("d", "A", at(0)), ("d", "B", at(5)), ("d", "won", at(9))]
    paths, issues = clean_paths(make_records(moves, stages), stages)
    assert told(paths, stages) == "A0 C5 B5 W9"  # C and B in the same moment, C first in the file
    swapped = [moves[2], moves[1], moves[0], moves[3]]
    assert told(clean_paths(make_records(swapped, stages), stages)[0], stages) == "A0 B5 C5 W9"
    assert issues["rule"].tolist() == [BACK, SKIP, SKIP]  # A to C, back to B, then B to won


def test_known_file_order_wins_over_dates_and_repairs_them(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages()
    moves = [
        ("d", "A", at(3)),
        ("d", "B", at(1)),
        ("e", "A", at(2)),
        ("d", "C", at(2)),
        ("d", "D", at(7)),
        ("e", "B", at(2)),
    ]
    paths, issues = clean_paths(make_records(moves, stages, keeps_file_order=True), stages)
    assert told(paths, stages, 0) == "A3 B3 C3 D7"  # a date before the one that precedes it takes that one
    assert told(paths, stages, 1) == "A2 B2"  # and another deal's dates do not matter
    repaired = issues[issues["rule"] == "date out of order"]
    assert repaired["level"].tolist() == ["repaired"] * 2
    assert repaired["row"].tolist() == [3, 5]
    assert [value[:10] for value in repaired["value"]] == ["2026-01-02", "2026-01-03"]
    plain, no_issues = clean_paths(make_records(moves, stages), stages)
    assert told(plain, stages, 0) == "B1 C2 A3 D7"
    assert "date out of order" not in set(no_issues["rule"])


def test_file_order_of_each_deal_counts_even_where_deals_alternate(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    stages = make_stages()
    one, two = walk("ABCW", "one"), walk("ACDL", "two")
    mixed = [move for pair in zip(one, two, strict=True) for move in pair]
    for keeps_file_order in (False, True):
        paths, _ = clean_paths(make_records(mixed, stages, keeps_file_order=keeps_file_order), stages)
        assert told(paths, stages, 0) == "A0 B1 C2 W3"
        assert told(paths, stages, 1) == "A0 C1 D2 L3"


# --- everything together, against a plain reading of the rules

Moves = list[tuple[str, int]]
ORDER = "ABCD"


def without_repeats(moves: Moves) -> Moves:
    return [move for i, move in enumerate(moves) if i == 0 or move[0] != moves[i - 1][0]]


def plainly_reopened(moves: Moves, rule: str, used: list[str]) -> Moves | None:
    ends = [i for i, (place, _) in enumerate(moves) if place not in ORDER]
    after = len(moves) - 1 - ends[0] if ends else 0
    used += [OPEN_AGAIN] * after
    if not after:
        return moves
    if rule == "reject":
        return None
    if rule == "cut":
        return moves[: ends[0] + 1]
    last = len(moves) - 1
    return without_repeats([move for i, move in enumerate(moves) if move[0] in ORDER or i == last])


def plainly_backward(moves: Moves, rule: str, used: list[str]) -> Moves | None:
    kept: Moves = []
    furthest = -1
    for place, day in moves:
        rank = ORDER.find(place)
        if 0 <= rank < furthest:
            if rule == "reject":
                return None
            if rule == "merge":
                used.append(BACK)
                continue
            if rank < ORDER.find(kept[-1][0]):
                used.append(BACK)
        furthest = max(furthest, rank)
        kept.append((place, day))
    return without_repeats(kept)


def plainly_skipped(moves: Moves, rule: str, used: list[str]) -> Moves | None:
    filled: Moves = []
    for i, (place, day) in enumerate(moves):
        goal = len(ORDER) if place in "WP" else ORDER.find(place)
        came_from = ORDER.find(moves[i - 1][0]) if i else goal
        if goal - came_from > 1:
            used.append(SKIP)
            if rule == "reject":
                return None
            if rule == "merge":
                filled += [(ORDER[rank], day) for rank in range(came_from + 1, goal)]
        filled.append((place, day))
    return filled


def plainly(path: str, rules: dict[str, str]) -> tuple[str, list[str]]:
    """One deal by the words of the rules: (cleaned path, uses of the rules); empty when left out."""
    used: list[str] = []
    moves: Moves | None = without_repeats([(place, day) for day, place in enumerate(path)])
    for name, step in [
        ("reopened", plainly_reopened),
        ("backward", plainly_backward),
        ("skipped", plainly_skipped),
    ]:
        moves = step(moves, rules[name], used) if moves else None
    return " ".join(f"{place}{day}" for place, day in moves or []), used


RULES = [
    {"skipped": skipped, "backward": backward, "reopened": reopened}
    for skipped in ("allow", "merge", "reject")
    for backward in ("allow", "merge", "reject")
    for reopened in ("merge", "cut", "reject")
]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(rules.values()))
def test_all_rules_agree_with_a_plain_reading(
    rules: dict[str, str], make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    rng = np.random.default_rng(11)
    lengths = rng.integers(1, 9, 250)
    deals = ["".join(rng.choice(list("AABBCCDDLWP"), n)) for n in lengths]
    moves = [move for i, path in enumerate(deals) for move in walk(path, f"deal {i}")]
    stages = make_stages(**rules)
    paths, issues = clean_paths(make_records(moves, stages), stages)
    assert (np.diff(paths.deal) >= 0).all()
    repeats = sum(a == b for path in deals for a, b in zip(path[:-1], path[1:], strict=True))
    assert (issues["rule"] == "repeated entry").sum() == repeats
    issues = issues[issues["rule"] != "repeated entry"]
    found = issues.groupby("deal_id")["rule"].agg(list).to_dict()
    for i, path in enumerate(deals):
        cleaned, used = plainly(path, rules)
        mine = sorted(found.get(f"deal {i}", []))
        assert told(paths, stages, i) == cleaned, path
        if cleaned:
            assert mine == sorted(used), path
        else:
            assert any(rule.endswith(" move") for rule in mine), path


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    deals=st.lists(st.text("ABCDLWP", min_size=1, max_size=6), min_size=1, max_size=4),
    rules=st.sampled_from(RULES),
    random=st.randoms(use_true_random=False),
)
def test_order_of_rows_is_irrelevant(
    deals: list[str],
    rules: dict[str, str],
    random: Any,
    make_stages: Callable[..., Stages],
    make_records: Callable[..., Records],
) -> None:
    stages = make_stages(**rules)
    moves = [move for i, path in enumerate(deals) for move in walk(path, f"deal {i}")]
    names = dict.fromkeys((f"deal {i}" for i in range(len(deals))), 1.0)
    one, other = (
        clean_paths(make_records(rows, stages, amounts=names), stages)
        for rows in (moves, random.sample(moves, len(moves)))
    )
    for i in range(len(deals)):
        assert told(one[0], stages, i) == told(other[0], stages, i)
    assert rules_used(one[1]) == rules_used(other[1])


def test_no_moves_give_empty_paths(
    make_stages: Callable[..., Stages], make_records: Callable[..., Records]
) -> None:
    for rules in RULES:
        stages = make_stages(**rules)
        for keeps_file_order in (False, True):
            records = make_records([], stages, amounts={"d": 1.0}, keeps_file_order=keeps_file_order)
            paths, issues = clean_paths(records, stages)
            assert len(paths.deal) == len(issues) == 0
            assert len(paths.is_first) == len(paths.is_last) == 0
