"""Faults of a scenario: all of them in one round, each at its own line, and none that only follows."""

from __future__ import annotations

from pathlib import Path

import pytest

import funnelsim as fs
from funnelsim.intake.scenarios import ScenarioError

TEXT = (Path(__file__).parents[2] / "scenarios" / "telesales.toml").read_text(encoding="utf-8")
# What is mended to what is wrong, the key, and words of what is said: several in a table, and inside lists.
MANY = (
    ('periods = "4W"', 'periods = "4Y5"', "periods", "are not understood"),
    ("target = 38_000", 'target = "much"', "target", "must be a number"),
    ("nominal_win_rate = 0.04", "nominal_win_rate = 1.04", "nominal_win_rate", "of 1 or less"),
    ('"Talked to" = 0.35, Declined = 0.65', '"Talkd to" = 0.35, Declined = "0.65"', "Declined", "number"),
    ('"Talkd to" = 0.35', '"Talkd to" = 0.35', "goes_to", "'Talkd to' is no stage or outcome"),
    ("median_steps = 2\nweight_in_deals = 200", "weight_in_deals = 200", "median_steps", "is missing"),
    ("Interested = 0.34, Declined = 0.66", "Interested = 0.34, Declined = 0.56", "goes_to", "add to 0.9"),
    ("block_steps = 7", "blok_steps = 7", "blok_steps", "did you mean 'block_steps'"),
    ('entries = { "Number to call" = 1 }', 'entries = { "Number to cal" = 1 }', "entries", "'Number to cal'"),
    ("weights = [30, 40, 20, 5]", "weights = [30, 40, 20]", "funnel.amounts", "as many weights as points"),
    ('stage = "Talked to"\ndeals = 12', 'stage = "Talkt to"\ndeals = "12"', "stage", "'Talkt to'"),
    ('deals = "12"', 'deals = "12"', "deals", "must be a whole number"),
    ("on = 2026-09-15", "on = 2026-09-25", "on", "lies after as_of"),
    ("selling_share = 0.28", "selling_share = true", "team.selling_share", "must be a number"),
    ("hours_per_day = 8", "hours_per_day = 30", "team.hours_per_day", "between 0 and 24"),
    ('"Fri", "Sat"]', '"Friday", 6]', "working_days", "'Friday'"),
    ('"Friday", 6]', '"Friday", 6]', "working_days", "text in quotes"),
    ('"2026-10-03"]', '"2026-10-33"]', "holidays", "'2026-10-33' is no day"),
    ("n = 3\n", "n = 0\n", "n", "of 1 or more"),
    ("Interested = 0.6,", "Interestd = 0.6,", "work.hours.Interestd", "did you mean 'Interested'"),
    ("{ Interested = 8 }", "{ Interested = -8 }", "Interested", "of 0 or more"),
    ('rule = "strongest intent"', 'rule = "strongest"', "work.rule", "use one of first come"),
    ("factor = 1.2", "factor = -1.2", "factor", "above 0"),
    ('start = "2026-09-17"\nramp_days = 10', 'start = "2026-09-41"\nramp_days = "10"', "ramp_days", "number"),
    ('start = "2026-09-41"', 'start = "2026-09-41"', "start", "'2026-09-41' is no day"),
)  # fmt: skip


def refused(text: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    return str(raised.value)


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for right, wrong in changes:
        assert right in text, right
        text = text.replace(right, wrong, 1)
    return text


def line_of(text: str, words: str) -> int:
    """Line on which some words first stand, counted apart from the code under test."""
    return text[: text.index(words)].count("\n") + 1


def test_two_dozen_faults_of_all_kinds_take_one_round(tmp_path: Path) -> None:
    told = refused(changed(*((right, wrong) for right, wrong, _, _ in MANY)), tmp_path)
    assert f"has {len(MANY)} faults" in told
    for _, _, key, said in MANY:
        assert [row for row in told.splitlines() if said in row and key in row], (key, said, told)


def test_keys_of_people_and_rules_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    text = changed(
        ("selling_share = 0.28", "selling_share = 28"),
        ('"Sat"]', '"Saturday"]'),
        ('rule = "strongest intent"', 'rule = "strongest"'),
    )
    told = refused(text, tmp_path)
    assert "has 3 faults" in told
    for words in ("selling_share = 28", '"Saturday"]', 'rule = "strongest"'):
        assert f"line {line_of(text, words)}: " in told


def test_a_name_given_twice_is_told_where_it_stands_again(tmp_path: Path) -> None:
    """The stage that lost its name is not missed elsewhere: that follows."""
    text = changed(
        ('name = "Interested" ', 'name = "Talked to" '), ('rule = "strongest intent"', 'rule = "strongest"')
    )
    told = refused(text, tmp_path)
    again = line_of(text, 'name = "Talked to" ') + text[text.index('name = "Talked to" ') + 1 :].split(
        'name = "Talked to" '
    )[0].count("\n")
    assert "has 2 faults" in told
    assert f"line {again}: " in told
    assert "repeated: Talked to" in told


def test_a_funnel_without_a_win_is_told_where_its_outcomes_stand(tmp_path: Path) -> None:
    text = changed(('kind = "won"', 'kind = "lost"'), ('periods = "4W"', 'periods = "soon"'))
    told = refused(text, tmp_path)
    assert "has 2 faults" in told
    assert (
        f"line {line_of(text, '[[funnel.outcomes]]')}: funnel.outcomes: no outcome is of kind 'won'" in told
    )


def test_a_stage_without_its_name_hides_no_other_fault(tmp_path: Path) -> None:
    told = refused(
        changed(('name = "Interested" ', 'nam = "Interested" '), ('periods = "4W"', 'periods = "soon"')),
        tmp_path,
    )
    assert "has 2 faults" in told
    assert "did you mean 'name'" in told


def test_more_deals_than_can_be_drawn_are_refused_when_read(tmp_path: Path) -> None:
    told = refused(changed(("mean_per_block = 60", "mean_per_block = 6e12")), tmp_path)
    assert "arrivals.mean_per_block: 857,142,857,143 new deals a step are more than 1,000,000" in told
    path = tmp_path / "many.toml"
    path.write_text(changed(("mean_per_block = 60", "mean_per_block = 6e6")), encoding="utf-8")
    assert fs.read_scenario(path).funnel.arrivals.mean_per_block == 6e6


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("target = 38_000", 'target = "3.8万"', "not '3.8万'; write 38000"),
        ("target = 38_000", 'target = "1,000"', "not '1,000'; write 1000"),
        ("target = 38_000", "target = 3.8万", "write 38000 for 3.8万"),
        ("selling_share = 0.28", 'selling_share = "28%"', "not '28%'; write 0.28"),
        ("deals = 24", 'deals = "24"', "not '24'; write 24"),
        ("as_of = 2026-09-16 ", 'as_of = "2026年9月16日" ', "'2026年9月16日' is no date; write 2026-09-16"),
        ("as_of = 2026-09-16 ", 'as_of = "soon" ', "'soon' is no date; write 2026-03-05, without quotes"),
        ('name = "Number to call"', "name = 待拨名单", 'a text needs quotes: write "待拨名单" (at line 22'),
        ("as_of = 2026-09-16 ", "as_of = 2026-13-16 ", "TOML: 2026-13-16 is no day in the calendar (at"),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_said(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert said in refused(changed((right, wrong)), tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[[pipeline]]", "【【pipeline】】", "for full-width ones; the line then reads '[[pipeline]]' (at"),
        ("target = 38_000", "target ＝ ３8_000", "full-width ones; the line then reads 'target = 38_000'"),
        ("target = 38_000", "目标 = 38_000", "keys are English; the line then reads 'target = 38_000' (at"),
        ("target = 38_000", "目标 ＝ 38_000", "full-width ones; the line then reads 'target = 38_000'"),
        ("target = 38_000", "甲 = 38_000", "no such key; the keys are format, title, words, as_of,"),
        ("target = 38_000", '"目标" = 38_000', "no such key; did you mean 'target'?"),
        ("[work]", "[工作量]", "keys are English; the line then reads '[work]' (at"),
        ("[funnel.hazards.Interested]", "[漏斗.hazards.有意向]", "reads '[funnel.hazards.\"有意向\"]'"),
        ("deals = 24", "商机数 = 24", "keys are English; the line then reads 'deals = 24' (at"),
        ('name = "Interested" ', '阶段名 = "Interested" ', "no such key; the keys are name, aliases,"),
        ('periods = "4W"', "periods = “4W”", """; the line then reads 'periods = "4W"' (at"""),
    ],
)  # fmt: skip
def test_what_a_chinese_keyboard_writes_is_told_as_the_line_should_be(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    assert said in refused(changed((right, wrong)), tmp_path)


def test_stages_are_listed_with_the_words_of_the_reader(tmp_path: Path) -> None:
    """Beside the names that the file must say: a word typed for one is told by its name."""
    text = changed(('stage = "Talked to"\ndeals', 'stage = "有意向"\ndeals'), ("n = 3\n", "n = 0\n"))
    english = refused(text, tmp_path)
    assert "they are Number to call, Talked to, Interested, Offer sent; did you mean 'Interested'?" in english
    assert "has 2 faults" in english  # that the word is a name elsewhere only follows
    with fs.use_language("zh"):
        told = refused(text, tmp_path)
    assert "在手阶段为 Number to call（" in told
    assert "Interested（有意向）" in told
    assert "是否应为 'Interested'？" in told


def test_a_stage_without_any_name_hides_no_other_fault(tmp_path: Path) -> None:
    text = changed(('name = "Interested" ', "# "), ('periods = "4W"', 'periods = "soon"'))
    told = refused(text, tmp_path)
    assert "has 2 faults" in told
    assert "name: is missing" in told


def test_words_for_what_a_faulty_key_held_are_not_missed(tmp_path: Path) -> None:
    text = changed(('notes = ["written by hand: days', 'notes = 5 # ["written by hand: days'))
    assert "has 1 fault:" in refused(text, tmp_path)
    near = text.replace('Interested = "有意向"', 'Interestd = "有意向"')
    assert "did you mean 'Interested'" in refused(near, tmp_path)


def test_what_was_typed_is_read_in_chinese_as_it_was_typed(tmp_path: Path) -> None:
    """`deals` and `known until ...` are words of the catalogue, too."""
    with fs.use_language("zh"):
        told = refused(changed(("on = 2026-09-15\ndeals", "on = 2026-09-15\nblah = 1\ndeals")), tmp_path)
        assert "没有这个键；可用的键为 on, amount, attributes, deals" in told
        told = refused(changed(("as_of = 2026-09-16", "as_of = 2026-13-16")), tmp_path)
    assert "第 6 行第 13 列，2026-13-16 不是日历上的日期：'as_of = 2026-13-16 " in told
    assert "# assumed; known until the end of this day · " in told


def test_the_currency_of_a_chinese_reader_is_shown(tmp_path: Path) -> None:
    with fs.use_language("zh"):
        assert '金额需注明币种：unit = "CNY"' in refused(changed(('unit = "CNY"\n', "")), tmp_path)
