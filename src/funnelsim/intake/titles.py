"""Usual Chinese titles of the columns, suggested where a file has them and nobody has named them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from funnelsim.vocabulary.words import key_of

# The best fit first: a log that tells of 原阶段 and 新阶段 may call another column 阶段.
_USUAL = {
    "deal_id": ("商机编号", "商机ID", "商机号", "商机编码", "机会编号", "编号"),
    "created_at": ("创建日期", "创建时间", "商机创建日期", "商机创建时间"),
    "amount": ("商机金额", "金额", "预计金额", "预计销售金额", "合同金额"),
    "outcome": ("结果", "商机结果", "结局", "商机状态", "状态"),
    "closed_at": ("结束日期", "结束时间", "关闭日期", "关闭时间", "成交日期", "实际成交日期", "结单日期"),
    "currency": ("币种", "货币"),
    "stage": ("新阶段", "变更后阶段", "销售阶段", "商机阶段", "当前阶段", "阶段"),
    "entered_at": ("进入日期", "进入时间", "变更时间", "变更日期", "阶段变更时间", "阶段进入时间"),
}
_IN_BRACKETS = re.compile(r"[(（\[【].*")


def usual_title(name: str, titles: Iterable[str]) -> str | None:
    """The title that usually stands over a canonical column; a unit in brackets behind it does not matter.

    Examples
    --------
    >>> usual_title("amount", ["客户", "商机金额（万元）"])
    '商机金额（万元）'
    """
    by_key = {key_of(_IN_BRACKETS.sub("", title)): title for title in titles}
    return next((by_key[key_of(usual)] for usual in _USUAL.get(name, ()) if key_of(usual) in by_key), None)
