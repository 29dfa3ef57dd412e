"""Refusals of files, options and nouns as Chinese reads them: names, keys and options stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import funnelsim as fs
from funnelsim.faces.cli.failures import as_options
from funnelsim.intake.stages_file import read_stages
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.language import tr

STAGES = '[[stage]]\nname = "lead"\nnominal_win_rate = 20\n[raed]\nstep = "day"\n'
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: fs.Rep("Ada", start="soon"), "销售人员 'Ada' 的 start 'soon' 不是日期；请写成 2026-10-01"),
    (
        lambda: fs.Team(fs.Rep.several(2), selling_share=2),
        "selling_share：应为 0 至 1 之间的数字，而不是 2；是否应为 0.02？",
    ),
    (lambda: fs.Volume(0), "新增商机须为大于 0 的倍数，不能是 0；范围 0.001 至 1000，1.1 即提升一成"),
    (lambda: fs.Stages.named([]), "漏斗至少需要一个在手阶段"),
    (
        lambda: fs.read_deals(pd.DataFrame({"deal_id": ["1"]}), tz="Asia/Shanghia"),
        "tz='Asia/Shanghia' 不是时区；是否应为 'Asia/Shanghai'？"
        "请用 'Europe/Amsterdam'、'Asia/Shanghai' 或 'UTC' 之类的名称",
    ),
]


@pytest.mark.parametrize(("refuse", "told"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_reads_as_a_chinese_sentence(refuse: Callable[[], object], told: str) -> None:
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"):
        refuse()
    assert str(caught.value) == told


def test_a_name_of_a_file_is_not_said_as_a_word(tmp_path: Path) -> None:
    """`deals` is a word of the catalogue, deals.csv the user's file."""
    path = tmp_path / "deals.csv"
    path.write_bytes(b"deal_id\0amount")
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"):
        fs.read_deals(path)
    fault = str(caught.value).split("\n")[1]
    said, way_out = (
        "第 1 行含有 NUL 字符，文本文件不应含有",
        "请删去它；或者请给出 CSV、Parquet 或 Excel 文件",
    )
    assert fault == f"  deals.csv：{said}；{way_out}"


def test_faults_of_a_stages_file_keep_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "stages.toml"
    path.write_text(STAGES)
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"):
        read_stages(path)
    assert str(caught.value).split("\n")[1:] == [
        "  [[stage]] 第 1 项（'lead'），nominal_win_rate = 20：应为不大于 1 的数字；是否应为 0.2？",
        "  key 'raed' 无法识别；是否应为 'read'？",
    ]


def test_faults_of_a_funnel_file_keep_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "funnel.json"
    fs.sample_funnel().save(path)
    text = path.read_text(encoding="utf-8").replace('"entries": {', '"entries": {"won": 1, ', 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FunnelsimError) as caught, fs.use_language("zh"):
        fs.Funnel.load(path)
    head, fault = str(caught.value).split("\n")
    assert head == f"{path} 有一处错误："
    assert fault == "  arrivals.entries：商机只能进入在手阶段，不能直接进入结局"


def test_options_of_the_command_line_are_said_as_such() -> None:
    with pytest.raises(FunnelsimError) as caught:
        fs.read_deals(pd.DataFrame({"deal_id": ["1"]}), decimal=";")  # type: ignore[arg-type]
    with fs.use_language("zh"):
        assert tr(as_options(english(caught.value))) == "--decimal ';' 无法识别；请用 '.' 或 ','"
