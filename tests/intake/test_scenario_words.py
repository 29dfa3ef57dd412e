"""Words of a scenario in Chinese: each name has one, nothing else changes, and first names still work."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import funnelsim as fs
from funnelsim.intake.scenarios import ScenarioError

FOLDER = Path(__file__).parents[2] / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TEXT = (FOLDER / "account_selling.toml").read_text(encoding="utf-8")


def refused(text: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as raised:
        fs.read_scenario(path)
    return str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_all_that_a_reader_meets_has_a_chinese_name(name: str) -> None:
    scenario = fs.read_scenario(name, lang="zh")
    stages = scenario.funnel.stages
    said = [*stages.names, *(stage.gate for stage in stages.open if stage.gate)]
    said += [one.name for one in scenario.spending] + scenario.pipeline.deal_ids.tolist()
    said += [] if scenario.team is None else [rep.name for rep in scenario.team.reps]
    classes = scenario.funnel.classes
    said += [] if classes is None else [*classes.attributes, *classes.labels]
    assert [text for text in said if not CHINESE.search(text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_only_names_differ(name: str) -> None:
    """Rates, positions, amounts and the law of the total are those of the file in its first words."""
    english, chinese = fs.read_scenario(name, lang="en"), fs.read_scenario(name, lang="zh")
    assert np.array_equal(english.pipeline.stage, chinese.pipeline.stage)
    assert np.array_equal(english.pipeline.age_steps, chinese.pipeline.age_steps)
    for one, other in zip(english.funnel.hazards, chinese.funnel.hazards, strict=True):
        assert np.array_equal(one.exits, other.exits)
        assert np.array_equal(one.at_risk, other.at_risk)
    assert [stage.aliases[-1] for stage in chinese.funnel.stages.open] == [
        stage["name"]
        for stage in tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))["funnel"]["stages"]
    ]
    drawn = [
        fs.forecast(
            one.funnel, one.pipeline, periods=one.periods, engine=fs.Exact(n_draws=10), measure="wins"
        )
        for one in (english, chinese)
    ]
    assert np.array_equal(drawn[0].quantile([0.1, 0.5, 0.9]), drawn[1].quantile([0.1, 0.5, 0.9]))


def test_the_language_spoken_decides_unless_one_is_named() -> None:
    with fs.use_language("zh"):
        assert fs.read_scenario("telesales").funnel.stages.names[0] == "待拨名单"
        assert fs.read_scenario("telesales", lang="en").funnel.stages.names[0] == "Number to call"


def test_levers_find_stages_by_their_first_names() -> None:
    funnel = fs.read_scenario("telesales", lang="zh").funnel
    by_first = fs.Conversion(1.5, "Talked to").apply(funnel)
    by_word = fs.Conversion(1.5, "已通话").apply(funnel)
    assert by_first.table()["win_rate"].equals(by_word.table()["win_rate"])
    assert not by_first.table()["win_rate"].equals(funnel.table()["win_rate"])


def test_words_of_the_format_stay_where_a_stage_has_the_same_name(tmp_path: Path) -> None:
    """A stage called volume has a word of its own; the kind of a lever has none."""
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace("Discover", "volume"), encoding="utf-8")
    scenario = fs.read_scenario(path, lang="zh")
    assert scenario.funnel.stages.names[0] == "发现商机"
    assert isinstance(scenario.levers[0], fs.Volume)


def test_words_for_what_is_not_there_are_told_with_their_line(tmp_path: Path) -> None:
    text = TEXT.replace('Proof = "证明价值"', 'Prof = "证明价值"')
    line = text[: text.index("Prof =")].count("\n") + 1
    said = refused(text, tmp_path)
    assert f"line {line}: words.zh.Prof: nothing in this file is called 'Prof'; did you mean 'Proof'?" in said


def test_one_word_for_two_names_is_refused(tmp_path: Path) -> None:
    said = refused(TEXT.replace('Proof = "证明价值"', 'Proof = "方案匹配"'), tmp_path)
    assert "words.zh.Proof: '方案匹配' is the word for 'Solution fit' already" in said


def test_a_word_may_not_be_the_name_of_another_stage(tmp_path: Path) -> None:
    said = refused(
        TEXT.replace('Proof = "证明价值"', 'Proof = "Close"\n').replace('Close = "成交推进"', ""), tmp_path
    )
    assert "words.zh.Proof: 'Close' is a name in this file already" in said


def test_words_are_text(tmp_path: Path) -> None:
    said = refused(TEXT.replace('Proof = "证明价值"', "Proof = 3"), tmp_path)
    assert "words.zh.Proof" in said
