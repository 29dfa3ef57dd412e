"""What a stages file may say, checked by pydantic: every fault at once, with its key."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from funnelsim.intake.reading import Reading
from funnelsim.intake.stages_file import StagesFile
from funnelsim.nouns.value_faults import must_be, way_out
from funnelsim.vocabulary.clock import Step
from funnelsim.vocabulary.errors import english
from funnelsim.vocabulary.stages import Kind, OnReopened, OnUnusualMove, Outcome, Stage, Stages, StagesError
from funnelsim.vocabulary.words import did_you_mean, listed

Moment = dt.datetime | dt.date | str
OPEN, LOOK_IN_HISTORY, ANY_OTHER = "open", "", "*"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Read(_Table):
    step: Step | None = None
    tz: str | None = None
    file_tz: str | None = None
    unit: str | None = None
    date_format: str | None = None
    decimal: Literal[".", ","] | None = None
    as_of: Moment | None = None
    window_start: Moment | None = None
    arrivals_until: Moment | None = None


class _Columns(_Table):
    deals: dict[str, str] = {}
    history: dict[str, str] = {}


class _Moves(_Table):
    skipped: OnUnusualMove = "allow"
    backward: OnUnusualMove = "allow"
    reopened: OnReopened = "merge"


class _Stage(_Table):
    name: str = Field(min_length=1)
    aliases: list[str] = []
    nominal_win_rate: float | None = Field(None, ge=0, le=1)
    necessary_days: float | None = Field(None, ge=0)
    usual_days: float | None = Field(None, ge=0)
    gate: str = ""


class _Outcome(_Table):
    name: str = Field(min_length=1)
    kind: Kind
    aliases: list[str] = []


class _File(_Table):
    read: _Read = _Read()
    columns: _Columns = _Columns()
    outcome_values: dict[str, str] = {}
    moves: _Moves = _Moves()
    stage: list[_Stage] = Field(min_length=1)
    outcome: list[_Outcome] = Field(
        [_Outcome(name="won", kind="won"), _Outcome(name="lost", kind="lost")], min_length=1
    )


def parse_stages(raw: dict[str, Any]) -> tuple[StagesFile | None, list[str]]:
    """The stages file, or None and a line for each fault."""
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        return None, [_fault(dict(fault), raw) for fault in error.errors()]
    # A second pass: pydantic skips checks across fields once a field has failed.
    faults = _outcome_value_faults(file)
    try:
        stages = _stages(file)
    except StagesError as error:
        return None, [*faults, f"[[stage]] and [[outcome]]: {english(error)}"]
    if faults:
        return None, faults
    return StagesFile(stages, _reading(file)), []


def _reading(file: _File) -> Reading:
    return Reading(
        **file.read.model_dump(),
        deals_columns=file.columns.deals,
        history_columns=file.columns.history,
        outcome_values=file.outcome_values,
    )


def _stages(file: _File) -> Stages:
    return Stages(
        open=tuple(Stage(**(stage.model_dump() | {"aliases": tuple(stage.aliases)})) for stage in file.stage),
        outcomes=tuple(Outcome(item.name, item.kind, tuple(item.aliases)) for item in file.outcome),
        **file.moves.model_dump(),
    )


def _outcome_value_faults(file: _File) -> list[str]:
    known = [OPEN, *(outcome.name for outcome in file.outcome)]
    return [
        f"outcome_values.{value!r} = {target!r}: no such outcome{did_you_mean(target, known) or ';'} "
        f"use one of {listed(known)}, or '' to look in the history"
        for value, target in file.outcome_values.items()
        if target not in known and target != LOOK_IN_HISTORY
    ]


def _fault(fault: dict[str, Any], raw: dict[str, Any]) -> str:
    """One line: the key as a person finds it in the file, what is wrong, what was probably meant."""
    *path, last = fault["loc"]
    place = _place([*path, last], raw)
    if fault["type"] == "extra_forbidden":
        return f"{place} is not known{did_you_mean(str(last), _fields_at(path))}"
    if fault["type"] == "missing":
        return f"{place} is missing"
    return f"{place} = {fault['input']!r}: {must_be(fault)}{way_out(fault)}"


def _place(path: list[Any], raw: dict[str, Any]) -> str:
    """``[[stage]] no. 2 ('offer'), nominal_win_rate`` or ``[read] step``."""
    head, *rest = path
    if rest and isinstance(rest[0], int):
        entry = raw[head][rest[0]]
        name = entry.get("name") if isinstance(entry, dict) else None
        keys = ".".join(str(key) for key in rest[1:])
        return (
            f"[[{head}]] no. {rest[0] + 1}" + (f" ({name!r})" if name else "") + (f", {keys}" if keys else "")
        )
    return f"[{head}] {'.'.join(str(key) for key in rest)}" if rest else f"key {head!r}"


def _fields_at(path: list[Any]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "read": _Read, "columns": _Columns, "moves": _Moves, "stage": _Stage, "outcome": _Outcome,
    }  # fmt: skip
    return list((models[path[0]] if path else _File).model_fields)
