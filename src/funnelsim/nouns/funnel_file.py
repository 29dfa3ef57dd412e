"""The funnel as one readable JSON file, with a format version; also writable by hand."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from funnelsim.nouns.changes_file import changes_to_part
from funnelsim.nouns.classes_file import classes_to_part
from funnelsim.nouns.collections_file import collections_to_part
from funnelsim.nouns.funnel import Funnel, FunnelError
from funnelsim.nouns.funnel_parts import funnel_from_part
from funnelsim.nouns.funnel_schema import (
    FunnelPart,
    OutcomePart,
    StagePart,
    told,
)
from funnelsim.nouns.pace_file import (
    calendar_to_part,
    pace_to_part,
)
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards
from funnelsim.numerics.weighted_pipeline import ClosedRates
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.faults import PlacedError
from funnelsim.vocabulary.stages import Outcome, Stage
from funnelsim.vocabulary.whole_file import write_whole_text

FORMAT = "funnelsim-funnel/1"


class FunnelFileError(FunnelsimError):
    """A file that is no funnel of this version; the message names each key at fault."""

    names_keys_of_a_file = True


def write_funnel(funnel: Funnel, path: Path) -> None:
    """Write a funnel as JSON, whole or not at all.

    Raises
    ------
    FunnelFileError
        If it cannot be written there.
    """
    try:
        write_whole_text(path, funnel_to_json(funnel))
    except OSError as error:
        raise FunnelFileError(f"{path}: cannot be written ({error.strerror}); choose another name") from error


def read_funnel(path: Path) -> Funnel:
    """Read a funnel file.

    Raises
    ------
    FunnelFileError
        With every fault of content at once, each with its key; or the line of a fault of syntax.
    """
    try:
        return funnel_from_part(FunnelPart.model_validate(funnel_content(path)))
    except ValidationError as error:
        faults = [f"  {fault}" for fault in told(error.errors())]
        raise FunnelFileError("\n".join([f"{path} is not a funnel of format {FORMAT}:", *faults])) from error
    except FunnelFileError:
        raise
    except PlacedError as error:
        told_each = "\n".join(f"  {fault}" for fault in english(error).split("\n"))
        head = f"{path} has a fault:" if len(error.faults) == 1 else f"{path} has faults:"
        raise FunnelFileError(f"{head}\n{told_each}") from error
    except FunnelsimError as error:
        raise FunnelFileError(f"{path}: {english(error)}") from error


def funnel_content(path: Path) -> Any:
    """What a funnel file holds, as plain names and numbers, not yet checked.

    Raises
    ------
    FunnelFileError
        If it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_each_key_once)
    except OSError as error:
        raise FunnelFileError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise FunnelFileError(f"{path}: is not UTF-8 text, so not a funnel file") from error
    except json.JSONDecodeError as error:
        raise FunnelFileError(f"{path}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise FunnelFileError(f"{path}: brackets within brackets too deep for a funnel file") from error
    except FunnelError:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise FunnelFileError(f"{path}: {english(error)}; so not a funnel file") from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; Python would keep the last of two equal keys and say nothing."""
    repeated = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
    if repeated:
        raise FunnelError(f"key {repeated[0]!r} is written twice in one object; keep one")
    return dict(pairs)


def funnel_to_json(funnel: Funnel) -> str:
    """The funnel as JSON text, numbers of a list on one line."""
    names = funnel.stages.names
    content: dict[str, Any] = {
        "format": FORMAT,
        "origin": funnel.origin,
        "step": funnel.clock.step,
        "unit": funnel.unit,
        "stages": [_without_defaults(stage) for stage in funnel.stages.open],
        "outcomes": [_without_defaults(outcome) for outcome in funnel.stages.outcomes],
        "skipped": funnel.stages.skipped,
        "backward": funnel.stages.backward,
        "reopened": funnel.stages.reopened,
        "hazards": {
            stage.name: _hazards_part(h, names)
            for stage, h in zip(funnel.stages.open, funnel.hazards, strict=True)
        },
        "arrivals": _arrivals_part(funnel.arrivals, names),
        "amounts": funnel.amounts and _amounts_part(funnel.amounts),
        "closed": funnel.closed and _closed_part(funnel.closed, names),
        "revisions": {
            names[s]: _amounts_part(law) for s, law in enumerate(funnel.revisions) if law is not None
        },
        "changes": changes_to_part(funnel.changes, names, funnel.classes.labels if funnel.classes else ()),
        "pace": funnel.pace and pace_to_part(funnel.pace, names),
        "calendar": funnel.calendar and calendar_to_part(funnel.calendar),
        "classes": funnel.classes and classes_to_part(funnel.classes, names),
        "shock": funnel.shock and asdict(funnel.shock) | {"variances": list(funnel.shock.variances)},
        "collections": funnel.collections and collections_to_part(funnel.collections),
        "notes": list(funnel.notes),
    }
    return _dump(content) + "\n"


def _dump(value: Any, indent: str = "") -> str:
    """JSON with one line a key and lists of numbers kept on their line."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{inner}{json.dumps(k, ensure_ascii=False)}: {_dump(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict | str):
        return "[\n" + ",\n".join(inner + _dump(v, inner) for v in value) + "\n" + indent + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(numbers: Any) -> list[float]:
    """Numbers for JSON: whole ones without a decimal point."""
    return [int(x) if float(x).is_integer() else float(x) for x in np.asarray(numbers).tolist()]


def _without_defaults(place: Stage | Outcome) -> dict[str, Any]:
    part = StagePart if isinstance(place, Stage) else OutcomePart
    return part.model_validate(place, from_attributes=True).model_dump(exclude_defaults=True)


def _hazards_part(hazards: StageHazards, names: tuple[str, ...]) -> dict[str, Any]:
    seen = np.flatnonzero(hazards.exits.sum(axis=0))
    if hazards.is_certain:
        chance = hazards.mean_hazards()
        return {
            "first_age": _plain(hazards.first_age),
            "chance_per_step": {names[j]: _plain(chance[:, j]) for j in seen},
        }
    prior = np.flatnonzero(hazards.prior_shares)
    return {
        "first_age": _plain(hazards.first_age),
        "at_risk": _plain(hazards.at_risk),
        "exits": {names[j]: _plain(hazards.exits[:, j]) for j in seen},
        "prior_shares": {names[j]: float(hazards.prior_shares[j]) for j in prior},
    }


def _arrivals_part(arrivals: Arrivals, names: tuple[str, ...]) -> dict[str, Any]:
    certain = np.isinf(arrivals.worth_blocks)
    return {
        "block_steps": arrivals.block_steps,
        "mean_per_block": arrivals.mean_per_block,
        "worth_blocks": None if certain else arrivals.worth_blocks,
        "dispersion": arrivals.dispersion,
        "entries": {names[j]: float(n) for j, n in enumerate(arrivals.entry_counts) if n > 0},
    }


def _amounts_part(amounts: Amounts) -> dict[str, Any]:
    return {
        "points": _plain(amounts.points),
        "weights": _plain(amounts.weights),
        "is_certain": amounts.is_certain,
    }


def _closed_part(closed: ClosedRates, names: tuple[str, ...]) -> dict[str, Any]:
    pairs = zip(_plain(closed.n_won), _plain(closed.n_closed), strict=True)
    return {names[j]: {"won": won, "closed": n} for j, (won, n) in enumerate(pairs)}
