"""把示例换成中文：示例公司的各种名称，以及自己用 matplotlib 画的图的字体。自己的数据用不着换名称。"""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt

import funnelsim as fs
from funnelsim.faces.plots import fonts

NAMES = {
    "Qualify": "资格确认",
    "Develop": "需求开发",
    "Solution": "方案匹配",
    "Proof": "证明价值",
    "Close": "成交推进",
    "won": "赢单",
    "lost": "输单",
    "East": "东区",
    "North": "北区",
    "South": "南区",
    "referral": "转介绍",
    "web": "官网",
    "outbound": "主动外呼",
    "Core": "标准版",
    "Plus": "高级版",
}


def pictures_in_chinese() -> None:
    """让不是由 funnelsim 画的图也能显示汉字：用随包提供的字体。"""
    plt.rcParams["font.family"] = fonts.families("汉字")
    plt.rcParams["axes.unicode_minus"] = False


def in_chinese(history: fs.DealHistory) -> fs.DealHistory:
    """同一段商机历史，名称为中文，数字不变。"""
    opened = tuple(replace(stage, name=NAMES[stage.name]) for stage in history.stages.open)
    outcomes = tuple(replace(outcome, name=NAMES[outcome.name]) for outcome in history.stages.outcomes)
    deals = history.records.deals.replace(NAMES).replace({"owner": {r"^rep (\d+)$": r"销售 \1"}}, regex=True)
    return replace(
        history,
        stages=replace(history.stages, open=opened, outcomes=outcomes),
        records=replace(history.records, deals=deals),
        unit="CNY",
    )
