"""The embedded sample in another language: names of its stages, regions, sources, products and reps."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from funnelsim.nouns.history import DealHistory
from funnelsim.vocabulary.language import Language
from funnelsim.vocabulary.stages import Stages

# Names, not sentences: in the catalogue they would rename the stages of users who call theirs alike.
_WORDS: dict[Language, dict[str, str]] = {
    "en": {},
    "zh": {
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
        "EUR": "CNY",
        "rep": "销售",
    },
}


def unit_in(lang: Language, unit: str) -> str:
    """The unit of the sample's amounts, which are made up: one that is usual where the language is spoken."""
    return _WORDS[lang].get(unit, unit)


def stages_in(lang: Language, stages: Stages) -> Stages:
    """The stages with the sample's names in a language; other names stay."""
    words = _WORDS[lang]
    return replace(
        stages,
        open=tuple(replace(stage, name=words.get(stage.name, stage.name)) for stage in stages.open),
        outcomes=tuple(replace(one, name=words.get(one.name, one.name)) for one in stages.outcomes),
    )


def history_in(lang: Language, history: DealHistory) -> DealHistory:
    """The same deals, stages and days under the sample's names in a language; other names stay."""
    return replace(
        history,
        stages=stages_in(lang, history.stages),
        records=replace(history.records, deals=_deals_in(lang, history.records.deals)),
        unit=unit_in(lang, history.unit),
    )


def _deals_in(lang: Language, deals: pd.DataFrame) -> pd.DataFrame:
    words = _WORDS[lang]
    said = deals.replace(words)
    if "owner" in said and "rep" in words:
        said["owner"] = said["owner"].str.replace("rep ", f"{words['rep']} ", regex=False)
    return said
