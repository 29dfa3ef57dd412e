"""The command ``targets``: the figures of the Python functions, in every format."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import funnelsim as fs
from funnelsim.faces.cli import main

QUICK = ["--draws", "4", "--engine", "exact"]


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["targets", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def split() -> fs.TargetSplit:
    history = fs.simulate_history()
    return fs.split_target(fs.fit(history), history.pipeline(), 5.5e6, by="region", n_draws=4)


def test_the_table_is_that_of_the_function(split: fs.TargetSplit) -> None:
    text = run(*QUICK, "--by", "region", "--format", "csv").stdout
    table = pd.read_csv(io.StringIO(text), keep_default_na=False)
    assert set(table["by"]) == {"region"}
    assert table["part"].tolist() == split.table().index.tolist()
    assert table["chance"].tolist() == pytest.approx(split.table()["chance"].tolist())
    assert round(table["quota"].iloc[:-1].sum() * 100) == 550_000_000


def test_json_has_attainable_targets_and_each_split(split: fs.TargetSplit) -> None:
    told = json.loads(
        run(*QUICK, "--by", "month", "--by", "region", "--chance", 0.7, "--format", "json").stdout
    )
    assert [row["chance"] for row in told["attainable"]] == [0.7]
    assert [one["by"] for one in told["splits"]] == ["month", "region"]
    assert told["splits"][1]["chance_of_all"]["value"] == pytest.approx(split.chance_of_all().value)
    assert told["splits"][1]["parts"][0]["quota"] == split.quotas[told["splits"][1]["parts"][0]["part"]]


def test_fairest_quotas_have_one_chance() -> None:
    table = pd.read_csv(io.StringIO(run(*QUICK, "--by", "region", "--fairest", "--format", "csv").stdout))
    chance = table["chance"].iloc[:-1]
    assert chance.max() - chance.min() < 1e-3


def test_without_a_target_only_attainable_ones_are_shown() -> None:
    screen = run(*QUICK, "--measure", "wins").stdout
    assert "Attainable targets" in screen
    assert "shared out" not in screen


@pytest.mark.parametrize(("shown", "part"), [("季度", "quarter"), ("月", "month"), ("区域", "region")])
def test_parts_go_by_the_names_that_chinese_screens_show(shown: str, part: str) -> None:
    told = run("--lang", "zh", *QUICK, "--by", shown, "--format", "json").stdout
    assert [one["by"] for one in json.loads(told)["splits"]] == [part]


def test_an_unknown_part_is_refused_by_its_option_with_those_that_there_are() -> None:
    told = run(*QUICK, "--by", "regoin", code=1).stderr
    assert "--by 'regoin' is no part; parts are by week, month, quarter, " in told
    assert "did you mean 'region'?" in told
    assert "by=" not in told
    said = run("--lang", "zh", *QUICK, "--by", "大区", code=1).stderr
    assert "可按周, 月份, 季度, 负责人, 区域, 来源, 产品分解" in said  # each once, in the language spoken
