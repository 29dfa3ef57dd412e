"""A hostile scenario: faults of every kind in every table, all told in one round; and none in a second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import funnelsim as fs
from funnelsim.intake.scenarios import ScenarioError
from funnelsim.vocabulary.language import missed_texts

TEXT = (Path(__file__).parent / "every_table.toml").read_text(encoding="utf-8")
ROWS = (Path(__file__).parent / "every_fault.tsv").read_text(encoding="utf-8").splitlines()[1:]
# What is right, what is wrong, the key, and words of what is said.
MANY = [tuple(cell.replace("\\n", "\n") for cell in row.split("\t")) for row in ROWS]
# Pairs of which the second waited for a second round: it was found only where the first was mended.
BESIDE = (
    ("weights = [30, 40, 20, 5]", "weights = [3]\nis_certain = 'y'", ["is_certain", "weights as p"]),
    ("points = [1_000, 2_500, 4_500, 9_000]\nweights = [30, 40, 20, 5]", "points = [2, 1]\nweights = [30]",
     ["points must not decrease", "weights as points"]),
    ("odds = 1.4\n", "od = 1.4\nto = 0.5\n", ["did you mean 'odds'", "needs either odds"]),
    ('odds = 1.4\nattribute = "region"', "odds = -1.4", ["above 0", "values need the attribute"]),
    ('["South"]', '["Sout"]\noutside_top = 2', ["did you mean 'South'", "of 1 or less"]),
    ("Call = 1, Talk = 0.2", "Cal = 1, Tlak = 0.2, Ordered = 1",
     ["did you mean 'Call'", "did you mean 'Talk'", "arrive in open stages"]),
    ('name = "Ordered"\n', "", ["is missing"]),
    ('age_steps = 1\n', 'age_step = "one"\n', ["did you mean 'age_steps'", "must be a whole number"]),
)  # fmt: skip

NO_FORWARD = ("Talk = 0.35, Declined = 0.65", "Declined = 1")
BY_ODDS = 'kind = "conversion"\nstage = "Talk"\nodds = 1.4'
# Changes made together, of which one hid another: all that is said of them.
TOGETHER = (
    ([('unit = "CNY"\n', ""), ("to = 0.5\n", "to = 0.9999\n")],
     ["amounts need their currency", "the win rate of 'Offer' cannot be 100.0 %"]),
    ([("median_steps = 1.5", "median_steps = 0"), (BY_ODDS, BY_ODDS.replace("odds = 1.4", "to = 1"))],
     ["funnel.hazards.Call.median_steps", "conversion of 'Talk' cannot be 100.0 %"]),
    ([("median_steps = 1.5", "median_steps = 0"), ("to = 0.5\n", "to = 0.9999\n")],
     ["funnel.hazards.Call.median_steps"]),  # how far the win rate reaches is not known then
    ([("as_of = 2026-09-16", 'as_of = "16.9.2026"'), ("on = 2026-09-15", "on = 2026-09-25")],
     ["write 2026-09-16, without quotes", "lies after as_of, 2026-09-16"]),
    ([("as_of = 2026-09-16", "as_of = 20260916"), ("on = 2026-09-15", "on = 2026-09-25")],
     ["20260916 is no date; write 2026-09-16", "lies after as_of, 2026-09-16"]),
    ([("as_of = 2026-09-16", "as_of = 2026-09-16T10:00:00"), ("on = 2026-09-15", "on = 2026-09-25")],
     ["2026-09-16 10:00:00 is no date; write 2026-09-16", "lies after as_of, 2026-09-16"]),
    ([("as_of = 2026-09-16", 'as_of = "soon"')],
     ["'soon' is no date; write 2026-03-05, without quotes; the last win is on 2026-09-15, so write"]),
    ([("as_of = 2026-09-16\n", "")], ["as_of: is missing; the last win is on 2026-09-15, so write that day"]),
    ([("Talk = 0.35, Declined = 0.65", 'Talk = 0.7, Declined = 0.7, Offer = "x"')],
     ["Call.goes_to.Offer", "shares add to 1.4"]),
    ([NO_FORWARD, (BY_ODDS, 'kind = "conversion"\nstage = "Call"\nto = 0.528'), ("n = 3\n", "n = 0\n")],
     ["line 44: funnel.hazards.Call.goes_to: leads to no later stage and no win, so lever no. 2 cannot bring "
      "the conversion of 'Call' to 52.8 %", "team.reps no. 1, n"]),
    ([("forward_odds = { Call = 1.2 }", "forward_odds = { Cal = 1.2, Tak = 1.1, Ordered = 2 }"),
      ("Talk = { Offer = 1.1 } }", "Talk = { Ofer = 1.1, Declind = 2 } }")],
     ["forward_odds: 'Cal' is", "forward_odds: 'Tak' is", "'Ordered' is an outcome", "speed.Talk: 'Ofer' is",
      "speed.Talk: 'Declind' is"]),
    ([('from = "Call", to = "Talk"', 'from = "Cal", to = "Tak"')],
     ["no. 1, from: 'Cal' is no stage", "no. 1, to: 'Tak' is no stage"]),
    ([("values = { Mon = 1.2 }", "values = { Mond = 1.2, Tues = 2 }\nstandard_errors = { Mn = 0.1 }")],
     ["weekday.values: 'Mond' is", "weekday.values: 'Tues' is", "weekday.standard_errors: 'Mn' is"]),
    ([(BY_ODDS, 'stag = "Tlk"\nodds = -1.4')],
     ["lever no. 2: kind is missing; use one of volume,", "did you mean 'stage'", "mean 'Talk'", "odds"]),
    ([(BY_ODDS, 'knd = "conversion"\nstage = "Tlk"\nodds = -1.4')],
     ["'knd' is no such key; did you mean 'kind'?", "did you mean 'Talk'", "odds"]),
    ([(BY_ODDS, 'kind = "better"\ncatches = 2\nfactor = -1\nblah = 1')],
     ["kind = 'better' is no lever", "factor"]),
    ([("nominal_win_rate = 0.04", "nominal_win_rate = 6"), ("to = 0.5\n", "to = 52.8\n"),
      ("Talk = 0.35, Declined = 0.65", "Talk = 45, Declined = 65"), ("rate = 0.07", "rate = 101")],
     ["must be a number of 1 or less, not 6; did you mean 0.06?", "52.8; did you mean 0.528?", "mean 0.45?",
      "mean 0.65?", "shares add to 1.1", "steps no. 2, rate: must be a number of 1 or less, not 101"]),
    ([('kind = "won"', "kind = {}"), ('kind = "volume"\n', 'kind = ["volume"]\n')],
     ["outcomes no. 1, kind: must be one of 'won', 'lost', not {}", "kind = ['volume'] is no lever"]),
    ([("of_quota = true", "on_whole = true"), ("above = 1, rate = 0.07", "above = 1, rate = 0.04")],
     ["steps no. 2, rate: rates on the whole amount must not fall: 0.04 follows 0.05"]),
)  # fmt: skip

_ENGLISH = re.compile(r"\b(should|must|not|valid|input|required|than|the|cannot|no such)\b", re.IGNORECASE)


def refused(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    return str(raised.value).splitlines()[1:]


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for right, wrong in changes:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    return text


def test_without_faults_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "fine.toml").write_text(TEXT, encoding="utf-8")
    assert fs.read_scenario(tmp_path / "fine.toml").spending[0].name == "fairs"


def test_faults_of_every_table_take_one_round(tmp_path: Path) -> None:
    """Each is told by its key, once, and nothing that only follows from another."""
    told = refused(changed(*((row[0], row[1]) for row in MANY)), tmp_path)
    missed = [row for row in MANY if not any(f": {row[2]}: " in line and row[3] in line for line in told)]
    assert missed == []
    assert len(told) == len(MANY)


@pytest.mark.parametrize(("right", "wrong", "said"), BESIDE)
def test_what_waited_behind_another_fault_is_told_beside_it(
    right: str, wrong: str, said: list[str], tmp_path: Path
) -> None:
    """A fault elsewhere, of a name, shows that the rest is still checked."""
    told = refused(changed((right, wrong), ('by = "region"', 'by = "regon"')), tmp_path)
    for words in [*said, "did you mean 'region'"]:
        assert [row for row in told if words in row], (words, told)
    assert len(told) == len(said) + 1


@pytest.mark.parametrize(("changes", "said"), TOGETHER)
def test_no_fault_hides_another(changes: list[tuple[str, str]], said: list[str], tmp_path: Path) -> None:
    told = refused(changed(*changes), tmp_path)
    for words in said:
        assert [row for row in told if words in row], (words, told)
    assert len(told) == len(said), told


def test_a_part_that_is_wrong_is_not_missed_by_levers(tmp_path: Path) -> None:
    """Levers by region and on payments stand beside faults of classes and collections."""
    text = changed(("entries = { Call = 24 }", "entries = { Cal = 24 }"), ("[0.6, 30]]", "[0.5, 30]]"))
    assert len(refused(text, tmp_path)) == 2


@pytest.mark.parametrize("changes", [[row[:2]] for row in MANY] + [one[0] for one in TOGETHER])
def test_each_fault_is_told_in_chinese(changes: list[tuple[str, str]], tmp_path: Path) -> None:
    """Nothing but keys, names and words of the file stays English."""
    path = tmp_path / "mine.toml"
    path.write_text(changed(*changes), encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    with fs.use_language("zh"), missed_texts() as missed:
        told = str(raised.value).splitlines()[1:]
    for fault in told:
        said = fault.partition("：")[2]
        assert re.search("[㐀-鿿]", said), said
        assert not _ENGLISH.search(said), said
    assert [text for text in missed if len(text.split()) > 2 and ", " not in text] == []
