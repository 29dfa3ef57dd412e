"""A deal history as the files of a CRM export: deals, stage history, stages, and the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from funnelsim.faces.cli.writing import csv_bytes, iso

if TYPE_CHECKING:
    import pandas as pd

    from funnelsim.nouns.funnel import Funnel
    from funnelsim.nouns.history import DealHistory


def crm_files(history: DealHistory, truth: Funnel) -> dict[str, bytes]:
    """Contents of the files by name.

    Parameters
    ----------
    history : DealHistory
    truth : Funnel
        The funnel the history was made with.

    Returns
    -------
    dict of str to bytes
        ``deals.csv``, ``stage_history.csv``, ``stages.toml``, ``funnel.json``.
    """
    from funnelsim.nouns.funnel_file import funnel_to_json

    return {
        "deals.csv": csv_bytes(_deals(history)),
        "stage_history.csv": csv_bytes(_moves(history)),
        "stages.toml": _stages_toml(history).encode(),
        "funnel.json": funnel_to_json(truth).encode(),
    }


def _deals(history: DealHistory) -> pd.DataFrame:
    return history.deals.drop(columns=["place", "entered_at"])


def _moves(history: DealHistory) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    moves = history.records.moves
    return pd.DataFrame(
        {
            "deal_id": history.records.deals["deal_id"].to_numpy()[moves["deal"]],
            "stage": np.array(history.stages.names, dtype=object)[moves["stage"]],
            "entered_at": moves["entered_at"],
        }
    )


def _stages_toml(history: DealHistory) -> str:
    stages = history.stages
    read = {"step": history.clock.step, "unit": history.unit, "as_of": iso(history.cutoff)}
    if history.window_start is not None:
        read["window_start"] = iso(history.window_start)
    rules = {"skipped": stages.skipped, "backward": stages.backward, "reopened": stages.reopened}
    tables = [_toml_table("[read]", read), _toml_table("[moves]", rules)]
    tables += [_toml_table("[[stage]]", asdict(stage)) for stage in stages.open]
    tables += [_toml_table("[[outcome]]", asdict(outcome)) for outcome in stages.outcomes]
    return "\n".join(tables)


def _toml_table(head: str, values: Mapping[str, Any]) -> str:
    """One TOML table; JSON text, lists and numbers are TOML too."""
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in values.items()
        if value not in (None, "", ())
    ]
    return "\n".join([head, *lines, ""])
