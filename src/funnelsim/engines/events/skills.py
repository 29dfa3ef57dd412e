"""Skills, territories and owners of deals, as a team knows them and a pipeline records them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.engines.protocol import EngineError
from funnelsim.nouns.team import Team
from funnelsim.vocabulary.pipeline import Pipeline

Ints = npt.NDArray[np.int64]

UNKNOWN = ""  # skill of deals whose attribute is missing: every rep may take them


def needed_skills(team: Team, pipeline: Pipeline) -> tuple[tuple[str, ...], tuple[float, ...], Ints]:
    """Values of the skill attribute, how often new deals have each, and the code of every open deal.

    Raises
    ------
    EngineError
        If the pipeline does not record the attribute, nobody takes deals of some value, or it is not known
        how often new deals have each.
    """
    if team.skill_attribute is None:
        return (), (1.0,), np.zeros(pipeline.n_deals, np.int64)
    of_deal = _column(pipeline, team.skill_attribute)
    stated = {value for rep in team.reps for value in rep.skills} | set(team.skill_shares)
    values = tuple(sorted({*of_deal, *stated}))
    code = np.array([values.index(value) for value in of_deal], dtype=np.int64)
    weights = np.array([team.skill_shares.get(value, 0.0) for value in values])
    if not team.skill_shares:
        weights = np.bincount(code, minlength=len(values)).astype(float)
    if not weights.sum() > 0:
        raise EngineError(
            f"no open deal tells how often new deals have each {team.skill_attribute}: give skill_shares"
        )
    taken = {value for rep in team.reps for value in rep.skills or values} | {UNKNOWN}
    orphans = [value for value in values if value not in taken]
    if orphans and team.reps:
        raise EngineError(
            f"nobody takes deals with {team.skill_attribute} {orphans[0]!r}: give a rep this skill, or one "
            "without skills, who takes all"
        )
    return values, tuple((weights / weights.sum()).tolist()), code


def owners(team: Team, pipeline: Pipeline) -> Ints:
    """Number of the rep each open deal belongs to; -1 where it belongs to nobody of the team."""
    column = pipeline.attributes.get(team.owner_attribute)
    if column is None or not team.keeps_deals:
        return np.full(pipeline.n_deals, -1, np.int64)
    number = {rep.name: i for i, rep in enumerate(team.reps)}
    return np.array([number.get(str(name), -1) for name in column], dtype=np.int64)


def _column(pipeline: Pipeline, attribute: str) -> list[str]:
    if not pipeline.n_deals:
        return []
    if attribute not in pipeline.attributes:
        known = ", ".join(pipeline.attributes) or "none"
        raise EngineError(f"open deals have no attribute {attribute!r}; their attributes are {known}")
    column = pipeline.attributes[attribute]
    return [
        UNKNOWN if missing else str(value) for value, missing in zip(column, pd.isna(column), strict=True)
    ]
