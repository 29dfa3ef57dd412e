"""Scenarios: what ships runs; what is wrong is told with line, key and the way out, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.intake.scenarios import ScenarioError, shipped_scenarios
from funnelsim.intake.toml_lines import lines_of
from funnelsim.nouns.levers.protocol import LeverError

FOLDER = Path(__file__).parents[2] / "scenarios"
TEXT = (FOLDER / "account_selling.toml").read_text(encoding="utf-8").split("\n# What money buys")[0] + "\n"


def faults(text: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    return str(raised.value)


def line_of(text: str, words: str) -> int:
    """Line on which some words first stand, counted apart from the code under test."""
    return text[: text.index(words)].count("\n") + 1


def test_names_of_shipped_scenarios_are_those_of_the_folder() -> None:
    assert list(shipped_scenarios()) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    with pytest.raises(ScenarioError, match="did you mean 'account_selling'"):
        fs.read_scenario("account_seling")


def test_the_position_is_as_written() -> None:
    pipeline = fs.read_scenario("account_selling").pipeline
    assert pipeline.n_deals == 80
    assert np.nansum(pipeline.amount) == 9 * 45_000 + 6 * 60_000 + 3 * 80_000
    assert (pipeline.stage == 5).sum() == 3
    assert pipeline.won_amount.tolist() == [310_000]


def test_win_rates_come_near_the_nominal_ones_they_were_written_for() -> None:
    table = fs.read_scenario("account_selling").funnel.table()
    assert (table["win_rate"] - table["nominal"]).abs().max() < 0.06


def test_all_faults_of_content_are_told_at_once_by_line(tmp_path: Path) -> None:
    text = TEXT
    for right, wrong in (
        ('step = "day"', 'stepp = "day"'),
        ("nominal_win_rate = 0.6", "nominal_win_rate = 1.6"),
        ('kind = "volume"', 'kind = "volum"'),
        ("target = 1_900_000", 'target = "much"'),
        ("mean_per_block = 12", "mean_per_block = -12"),
    ):
        text = text.replace(right, wrong)
    told = faults(text, tmp_path)
    assert "has 5 faults" in told
    for key, words, said in (
        ("target", 'target = "much"', "must be a number"),
        ("funnel.stepp", "stepp", "did you mean 'step'"),
        ("funnel.stages no. 5, nominal_win_rate", "= 1.6", "of 1 or less"),
        ("funnel.arrivals.mean_per_block", "= -12", "of 0 or more"),
        ("lever no. 1", 'kind = "volum"', "did you mean 'volume'"),
    ):
        (line,) = [row for row in told.splitlines() if f": {key}: " in row]
        assert said in line
        at = line_of(text, words)
        assert line.strip().startswith((f"line {at}:", f"line {at - 1}:"))  # a [[lever]] stands a line above


def test_names_that_do_not_fit_together_are_told_at_once(tmp_path: Path) -> None:
    text = TEXT.replace('stage = "Proof"\ndeals', 'stage = "Prof"\ndeals').replace('unit = "EUR"', "")
    text = text.replace('kind = "conversion"\nstage = "Qualify"', 'kind = "conversion"\nstage = "Qualfy"')
    told = faults(text.replace("on = 2026-08-20", "on = 2026-11-20"), tmp_path)
    for said in (
        "has 4 faults",
        "amounts need their currency",
        "'Prof' is no open stage",
        "did you mean 'Proof'?",
        "'Qualfy'",
        "2026-11-20 lies after as_of",
    ):
        assert said in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[title]", "目标 = 5\n[title]"), "keys are English; the line then reads 'target = 5'"),
        (("periods = ", "periods "), "line 5"),
        (("won = 0.8, lost = 0.2", "Proof = 1.0"), "deals would never end"),
        (("to = 0.65", "to = 0.65\nodds = 1.1"), "either odds"),
        (("to = 0.65", "to = 1.0"), "cannot be 100"),
        (("as_of = 2026-08-31", "as_of = 5"), "as_of"),
    ],
    ids=["chinese key", "syntax", "endless", "odds and to", "impossible", "no date"],
)
def test_a_fault_says_the_way_out(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    text = TEXT.replace(*change)
    if change[1] == "Proof = 1.0":
        text = text.replace("Close = 0.75, lost = 0.25", "Close = 1.0")
    told = faults(text, tmp_path)
    assert said in told
    assert "line" in told


def test_people_need_work_and_work_people(tmp_path: Path) -> None:
    team = (
        "\n[team]\nselling_share = 0.3\n[[team.reps]]\nn = 12\n[work]\nhours = { Qualify = 3, Proof = 8 }\n"
    )
    path = tmp_path / "people.toml"
    path.write_text(TEXT + team, encoding="utf-8")
    scenario = fs.read_scenario(path)
    assert scenario.team is not None
    assert len(scenario.team.reps) == 12
    assert scenario.work is not None
    assert scenario.work.hours == {"Qualify": 3.0, "Proof": 8.0}
    assert "a team needs work" in faults(TEXT + team.split("[work]")[0], tmp_path)
    assert "no open stage" in faults(TEXT + team.replace("Proof", "Prof"), tmp_path)


def test_levers_are_written_as_they_are_read() -> None:
    funnel = fs.read_scenario("account_selling").funnel
    for lever in (
        fs.Volume(1.2),
        fs.Conversion(1.1, "Proof"),
        fs.Speed(1.3, "Proof", ("lost",)),
        fs.Yield(1.1, of="new"),
        fs.WinRate(1.2, "Develop"),
        fs.Standardise(0.5),
        fs.Hire(2, "2026-11-01", 90),
        fs.Ramp(0.5),
        fs.SellingTime(0.3),
        fs.Qualify("Qualify", 0.4, 0.1),
        fs.MoreReferrals(0.3, 60),
        fs.Collection(faster=1.25, terms_days=14),
        fs.Subset(fs.Volume(1.1), "source", ("web",)),
        fs.OutsideTop(fs.Conversion(1.3)),
        fs.Together((fs.Volume(1.1), fs.Subset(fs.Speed(1.1), "owner", ("Ada",)))),
    ):
        row = json.loads(json.dumps(fs.lever_to_dict(lever)))
        assert fs.lever_from_dict(row, funnel) == lever
    with pytest.raises(LeverError, match="of your own"):
        fs.lever_to_dict(fs.Custom("mine", lambda funnel: funnel))
    for row in ({"kind": "volum", "factor": 1.1}, {"kind": "volume"}, {"kind": "volume", "factor": True}, 5):
        with pytest.raises(LeverError, match="no lever can be made of"):
            fs.lever_from_dict(row, funnel)  # type: ignore[arg-type]


def test_a_row_that_is_no_lever_is_told_by_its_key_in_both_languages() -> None:
    with pytest.raises(
        LeverError, match=r"to: must be a number of 1 or less, not 45; did you mean 0.45\?"
    ) as told:
        fs.lever_from_dict({"kind": "conversion", "stage": "Proof", "to": 45}, fs.sample_funnel())
    with fs.use_language("zh"):
        assert str(told.value) == (
            "无法由此建立举措：\n  to：应为不大于 1 的数字，而不是 45；是否应为 0.45？"
        )


def test_lines_are_those_of_keys_and_not_of_words_in_strings() -> None:
    text = 'a = """\nb = 1\n[c]\n"""\n[d]\n"x y".z = 1 # [e]\n[[f.g]]\nh = [\n  1,\n]\n[[f.g]]\nh = 2\n'
    lines = lines_of(text)
    assert lines[("a",)] == 1
    assert ("b",) not in lines
    assert lines[("d", "x y", "z")] == 6
    assert lines[("f", "g", 0, "h")] == 8
    assert lines[("f", "g", 1, "h")] == 12


def test_faults_of_keys_and_faults_of_names_come_in_one_round(tmp_path: Path) -> None:
    text = TEXT
    for right, wrong in (
        ("Qualify = 0.45, lost = 0.55", "Qualfy = 0.45, lost = 0.55"),  # a name, seen only beside the stages
        ("won = 0.8, lost = 0.2", "won = 1.8, lost = 0.2"),  # a number, seen alone
        ("Develop = 0.55, lost = 0.45", "Develop = 0.55, lost = 0.55"),
        ("mean_per_block = 12", "mean_per_block = -1"),
        ('stage = "Proof"\ndeals', 'stage = "Prof"\ndeals'),
        ('kind = "conversion"\nstage', 'kind = "conversion"\nstge'),
        ("on = 2026-08-20", "on = 2027-08-20"),
    ):
        assert right in text
        text = text.replace(right, wrong)
    told = faults(text, tmp_path)
    assert "has 7 faults" in told
    for words, key, said in (
        ("Qualfy", "funnel.hazards.Discover.goes_to", "did you mean 'Qualify'"),
        ("won = 1.8", "funnel.hazards.Close.goes_to.won", "of 1 or less"),
        ("lost = 0.55 }\nmedian_steps = 15", "funnel.hazards.Qualify.goes_to", "add to 1.1"),
        ("= -1", "funnel.arrivals.mean_per_block", "of 0 or more"),
        ('"Prof"', "pipeline no. 5, stage", "did you mean 'Proof'"),
        ("stge", "lever no. 2, stge", "did you mean 'stage'"),
        ("on = 2027-08-20", "won no. 1, on", "lies after as_of"),
    ):
        assert f"line {line_of(text, words)}: {key}: " in told
        assert said in told


def test_what_only_follows_from_a_fault_is_not_told(tmp_path: Path) -> None:
    late = TEXT.replace("as_of = 2026-08-31", "as_off = 2026-08-31")
    assert "has 1 fault:" in faults(late, tmp_path)  # not that every win lies after a day unknown
    slow = TEXT.replace("median_steps = 20", "median_stps = 20")
    assert "has 1 fault:" in faults(slow, tmp_path)  # not that shares of a stage left out add to 0


def test_numbers_in_places_are_those_of_the_file_even_beside_entries_at_fault(tmp_path: Path) -> None:
    """An entry left out of the check of the others moves none of their numbers."""
    text = TEXT.replace('stage = "Qualify"\ndeals = 18', "stage = 7\ndeals = 18")
    told = faults(text.replace('stage = "Proof"\ndeals', 'stage = "Prof"\ndeals'), tmp_path)
    assert f"line {line_of(text, 'stage = 7')}: pipeline no. 2, stage" in told
    assert "pipeline no. 5, stage: 'Prof'" in told


def test_spending_quotas_pay_and_activity_are_read(tmp_path: Path) -> None:
    tables = """
[[spend]]
name = "fairs"
cost = 80_000
growth = 2
lever = { kind = "volume", factor = 1.4 }

[[quotas]]
by = "month"

[commission]
steps = [{ above = 0, rate = 0.05 }, { above = 100_000, rate = 0.07 }]

[activity]
weeks = 52
people = 6
visits = { Qualify = 2, Proof = 3 }
"""
    path = tmp_path / "mine.toml"
    path.write_text(TEXT + tables, encoding="utf-8")
    scenario = fs.read_scenario(path)
    (fairs,) = scenario.spending
    assert (fairs.lever, fairs.cost, fairs.growth) == (fs.Volume(1.4), 80_000, 2)
    assert scenario.quotas[0].by == "month"
    assert scenario.pay is not None
    assert scenario.pay.steps == ((0, 0.05), (100_000, 0.07))
    assert scenario.activity is not None
    assert scenario.activity.visits == {"Qualify": 2, "Proof": 3}
    wrong = tables.replace("factor = 1.4", "factor = 0.8").replace("Proof = 3", "Prof = 3")
    told = faults(TEXT + wrong, tmp_path)
    assert "spend no. 1, lever: new deals -20 %: what money buys must move upwards" in told
    assert "activity.visits.Prof: 'Prof' is no open stage" in told
    assert "rate: must be a number of 1 or less" in faults(TEXT + tables.replace("0.07", "7"), tmp_path)


def test_a_scenario_may_use_a_saved_funnel(tmp_path: Path) -> None:
    fs.read_scenario("account_selling").funnel.save(tmp_path / "fitted.json")
    head, _, rest = TEXT.partition("[funnel]")
    tail = rest[rest.index("# What is open now") :]
    text = head.replace("target =", 'funnel = "fitted.json"\ntarget =') + tail
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    scenario = fs.read_scenario(path)
    assert scenario.funnel.stages.names == fs.read_scenario("account_selling").funnel.stages.names
    told = faults(text.replace("fitted.json", "nowhere.json"), tmp_path)
    assert f"line {line_of(text, 'funnel = ')}: funnel: " in told
    assert "cannot be read" in told


def test_yes_is_no_number_and_neither_is_a_text(tmp_path: Path) -> None:
    text = TEXT
    for right, wrong in (
        ("target = 1_900_000", "target = true"),
        ("deals = 30", "deals = true"),
        ("median_steps = 20", "median_steps = true"),
        ("factor = 1.1", "factor = true"),
        ("mean_per_block = 12", 'mean_per_block = "12"'),
    ):
        assert right in text
        text = text.replace(right, wrong, 1)
    told = faults(text, tmp_path)
    assert "has 5 faults" in told
    assert told.count("not true") == 4
    assert "not '12'" in told


def test_people_and_parts_that_are_not_there_are_told_with_the_rest(tmp_path: Path) -> None:
    more = '\n[[lever]]\nkind = "hire"\nn = 1\n\n[[quotas]]\nby = "regon"\n\n[[quotas]]\nby = "region"\n'
    more += "quotas = { Nord = 5 }\n"
    text = TEXT.replace('stage = "Proof"\ndeals', 'attributes = { region = "North" }\nstage = "Prof"\ndeals')
    told = faults(text + more, tmp_path)
    assert "has 4 faults" in told
    assert "nobody is there to be moved; add the tables team and work" in told
    assert (
        "quotas no. 1, by: 'regon' is no part; parts are by week, month, quarter, region; did you mean "
        "'region'?" in told
    )
    assert "no deal is of region 'Nord'; there are North; did you mean 'North'?" in told


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("as_of = 2026-13-31", "2026-13-31 is no day in the calendar"),
        ("as_of = 2026-02-30  # the last of the month", "2026-02-30 is no day in the calendar"),
        ("as_of = “2026-08-31”", 'write straight quotes (") for full-width ones'),
        ("as_of = ２０２６-08-31", "write plain digits and signs for full-width ones"),
        ("goes_to = { 资格确认 = 0.45 }", "such as Chinese ones, needs quotes"),
        ('goes_to = { "谈判" = 0.45, 资格确认 = 0.55 }', "such as Chinese ones, needs quotes"),
        ("[funnel.hazards.资格确认]", "such as Chinese ones, needs quotes"),
    ],
)
def test_what_chinese_keyboards_write_is_told_with_the_way_out(line: str, hint: str, tmp_path: Path) -> None:
    assert hint in faults(f"{line}\n", tmp_path)


def test_remarks_and_quoted_text_in_chinese_bring_no_hint(tmp_path: Path) -> None:
    told = faults('as_of = "“今天”，资格确认 = 1" 5  # 截止日 = “今天”\n', tmp_path)
    assert told.endswith("'")  # the line, and nothing after it


def test_a_cycle_that_hardly_ends_is_told(tmp_path: Path) -> None:
    """From Proof to Close and back; one round in a hundred thousand ends: two hundred thousand moves."""
    round_trip = TEXT.replace("Close = 0.75, lost = 0.25", "Close = 1.0")
    assert round_trip != TEXT
    path = tmp_path / "mine.toml"
    text = round_trip.replace("won = 0.8, lost = 0.2", "Proof = 0.99999, won = 0.00001")
    path.write_text(text, encoding="utf-8")
    told = "a deal moves 200,000 times on average before it ends, round Proof, Close; check"
    notes = fs.read_scenario(path).funnel.notes
    assert [note[: len(told)] for note in notes if note.startswith("a deal moves")] == [told]
    path.write_text(round_trip.replace("won = 0.8, lost = 0.2", "Proof = 0.1, won = 0.9"), encoding="utf-8")
    assert not [note for note in fs.read_scenario(path).funnel.notes if note.startswith("a deal moves")]
