"""把内置示例公司的名称换成中文：阶段、区域、来源、产品、销售人员，金额以元计。只为示例而设，自己的数据用不着。"""

from __future__ import annotations

from dataclasses import replace

import funnelsim as fs

NAMES = {
    "Qualify": "资格确认",
    "Develop": "需求开发",
    "Solution": "方案匹配",
    "Proof": "价值证明",
    "Close": "商务成交",
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
