"""The funnel as one readable JSON file, with a format version; also writable by hand."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from funnelsim.nouns.changes_file import changes_from_part, changes_to_part
from funnelsim.nouns.classes import Classes
from funnelsim.nouns.classes_file import classes_from_part, classes_to_part
from funnelsim.nouns.collections_file import collections_from_part, collections_to_part
from funnelsim.nouns.funnel import Funnel, FunnelError
from funnelsim.nouns.funnel_schema import (
    AmountsPart,
    ArrivalsPart,
    ChancesPart,
    ClosedPart,
    CountedPart,
    FunnelPart,
    OutcomePart,
    RoutesPart,
    ShockPart,
    StagePart,
    told,
)
from funnelsim.nouns.pace_file import (
    calendar_from_part,
    calendar_to_part,
    pace_from_part,
    pace_to_part,
)
from funnelsim.nouns.shock import Shock
from funnelsim.numerics.amounts import Amounts
from funnelsim.numerics.arrivals import Arrivals
from funnelsim.numerics.hazards import StageHazards, extend_until_gone, hazards_by_hand
from funnelsim.numerics.weighted_pipeline import ClosedRates
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.stages import Outcome, Stage, Stages

FORMAT = "funnelsim-funnel/1"
MOST_STEPS = 100_000  # that a hand-written stage may take: tables by age would fill the memory beyond


class FunnelFileError(FunnelsimError):
    """A file that is no funnel of this version; the message names each key at fault."""


def write_funnel(funnel: Funnel, path: Path) -> None:
    """Write a funnel as JSON, whole or not at all.

    Raises
    ------
    FunnelFileError
        If it cannot be written there.
    """
    text = funnel_to_json(funnel)
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise FunnelFileError(f"{path}: cannot be written ({error.strerror}); choose another name") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_funnel(path: Path) -> Funnel:
    """Read a funnel file.

    Raises
    ------
    FunnelFileError
        With every fault of content at once, each with its key; or the line of a fault of syntax.
    """
    try:
        part = FunnelPart.model_validate(_content(path))
        return funnel_from_part(part)
    except ValidationError as error:
        faults = [f"  {fault}" for fault in told(error.errors())]
        raise FunnelFileError("\n".join([f"{path} is not a funnel of format {FORMAT}:", *faults])) from error
    except FunnelFileError:
        raise
    except FunnelsimError as error:
        raise FunnelFileError(f"{path}: {error}") from error


def _content(path: Path) -> Any:
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
        raise FunnelFileError(f"{path}: {error}; so not a funnel file") from error


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


def funnel_from_part(part: FunnelPart) -> Funnel:
    """The funnel a file tells of."""
    stages = Stages(
        open=tuple(Stage(**stage.model_dump()) for stage in part.stages),
        outcomes=tuple(Outcome(**outcome.model_dump()) for outcome in part.outcomes),
        skipped=part.skipped,
        backward=part.backward,
        reopened=part.reopened,
    )
    open_names = [stage.name for stage in stages.open]
    absent = [name for name in open_names if name not in part.hazards]
    extra = [name for name in part.hazards if name not in open_names]
    if absent or extra:
        raise FunnelError(f"hazards must name the open stages; missing {absent}, not a stage {extra}")
    hazards = tuple(_stage_hazards(name, part.hazards[name], stages) for name in open_names)
    classes = _classes(part, hazards, stages)
    return Funnel(
        stages=stages,
        clock=Clock(part.step),
        hazards=hazards,
        arrivals=_arrivals(part.arrivals, stages),
        amounts=_amounts(part.amounts) if part.amounts else None,
        closed=_closed(part.closed, open_names) if part.closed else None,
        revisions=_revisions(part.revisions, stages),
        unit=part.unit,
        origin=part.origin,
        notes=tuple(part.notes),
        changes=changes_from_part(part.changes, stages, classes.labels if classes else ()),
        pace=pace_from_part(part.pace, stages) if part.pace else None,
        calendar=calendar_from_part(part.calendar) if part.calendar else None,
        classes=classes,
        shock=_shock(part.shock) if part.shock else None,
        collections=collections_from_part(part.collections, Clock(part.step)) if part.collections else None,
    )


def _shock(part: ShockPart) -> Shock:
    return Shock(tuple(part.variances), part.correlation, part.period_steps, part.n_origins)


def _classes(part: FunnelPart, hazards: Sequence[StageHazards], stages: Stages) -> Classes | None:
    if part.classes is None:
        return None
    return classes_from_part(part.classes, stages, [len(of_stage.first_age) for of_stage in hazards])


def _columns(by_place: dict[str, Any], stages: Stages, where: str) -> list[int]:
    unknown = [name for name in by_place if name not in stages.codes]
    if unknown:
        raise FunnelError(
            f"{where}: {unknown[0]!r} is no stage or outcome; they are {', '.join(stages.names)}"
        )
    codes = [stages.codes[name] for name in by_place]
    if len(set(codes)) < len(codes):
        raise FunnelError(
            f"{where}: one place stands there under two names; keep one of {', '.join(by_place)}"
        )
    return codes


def _spread(
    by_place: dict[str, list[float]], stages: Stages, n_bins: int, where: str
) -> np.ndarray[Any, Any]:
    table = np.zeros((n_bins, len(stages.names)))
    for code, (name, values) in zip(_columns(by_place, stages, where), by_place.items(), strict=True):
        if len(values) != n_bins:
            raise FunnelError(f"{where}.{name}: {len(values)} numbers for {n_bins} bins of age")
        table[:, code] = values
    return table


def _stage_hazards(name: str, part: CountedPart | ChancesPart | RoutesPart, stages: Stages) -> StageHazards:
    where = f"hazards.{name}"
    if isinstance(part, RoutesPart):
        if abs(sum(part.goes_to.values()) - 1.0) > 1e-9:
            raise FunnelError(
                f"{where}.goes_to: shares add to {sum(part.goes_to.values()):.6g}; they must add to 1"
            )
        pace = 1.0 - 0.5 ** (1.0 / part.median_steps)
        chance = {place: [0.0, share * pace] for place, share in part.goes_to.items()}
        part = ChancesPart(first_age=[0, 1], chance_per_step=chance, weight_in_deals=part.weight_in_deals)
    first_age = np.array(part.first_age, dtype=np.int64)
    if len(first_age) < 2 or first_age[0] != 0 or first_age[1] != 1 or (np.diff(first_age) <= 0).any():
        raise FunnelError(f"{where}.first_age: must increase and begin 0, 1 (age 0 is a bin of its own)")
    if isinstance(part, ChancesPart):
        table = _spread(part.chance_per_step, stages, len(first_age), f"{where}.chance_per_step")
        hazards = _by_hand(where, first_age, table, part.weight_in_deals)
    else:
        hazards = _counted(where, first_age, part, stages)
    own = stages.codes[name]
    if hazards.exits[:, own].any() or hazards.prior_shares[own]:
        raise FunnelError(
            f"{where}: deals cannot go from {name!r} to {name!r}; leave it out: they stay there"
        )
    return hazards


def _by_hand(
    where: str, first_age: np.ndarray[Any, Any], table: np.ndarray[Any, Any], weight_in_deals: float | None
) -> StageHazards:
    if (table.sum(axis=1) > 1).any():
        raise FunnelError(f"{where}.chance_per_step: the chances of one bin add to more than 1")
    ages, chances = extend_until_gone(first_age, table)
    if ages[-1] > MOST_STEPS:
        raise FunnelError(
            f"{where}: deals leave so slowly that one in a thousand is left after {ages[-1]:,} steps, more "
            f"than {MOST_STEPS:,}; use a longer step, or a chance of 0 for what never happens"
        )
    return hazards_by_hand(ages, chances, weight_in_deals)


def _counted(where: str, first_age: np.ndarray[Any, Any], part: CountedPart, stages: Stages) -> StageHazards:
    exits = _spread(part.exits, stages, len(first_age), f"{where}.exits")
    if len(part.at_risk) != len(first_age) or (exits.sum(axis=1) > part.at_risk).any():
        raise FunnelError(f"{where}.at_risk: one number per bin of age, none below the exits of its bin")
    shares = exits.sum(axis=0) / max(exits.sum(), 1.0)
    if part.prior_shares is not None:
        prior = {place: [share] for place, share in part.prior_shares.items()}
        shares = _spread(prior, stages, 1, f"{where}.prior_shares")[0]
    return StageHazards(first_age, exits, np.array(part.at_risk), shares)


def _arrivals(part: ArrivalsPart, stages: Stages) -> Arrivals:
    entries = _spread({k: [v] for k, v in part.entries.items()}, stages, 1, "arrivals.entries")[0]
    if entries[stages.n_open :].any():
        raise FunnelError("arrivals.entries: deals arrive in open stages, not in outcomes")
    # A fit that saw nobody arrive writes the half deal of its prior, and no stage to enter.
    is_prior_only = part.worth_blocks is not None and part.mean_per_block * part.worth_blocks < 0.5 + 1e-9
    if part.mean_per_block > 0 and not entries.any() and not is_prior_only:
        raise FunnelError(
            f"arrivals.entries: {part.mean_per_block:g} deals arrive in a block, but enter no stage; say "
            f'where, such as {{"{stages.names[0]}": 1}}'
        )
    worth = np.inf if part.worth_blocks is None else part.worth_blocks
    return Arrivals(part.block_steps, part.mean_per_block, worth, part.dispersion, entries[: stages.n_open])


def _amounts(part: AmountsPart) -> Amounts:
    if len(part.points) != len(part.weights) or not part.points or (np.diff(part.points) < 0).any():
        raise FunnelError("amounts: as many weights as points, and points must not decrease")
    return Amounts(np.array(part.points, dtype=float), np.array(part.weights, dtype=float), part.is_certain)


def _revisions(part: dict[str, AmountsPart], stages: Stages) -> tuple[Amounts | None, ...]:
    codes = _columns(part, stages, "revisions")
    if any(code >= stages.n_open for code in codes):
        raise FunnelError("revisions: ratios belong to open stages; amounts of ended deals stand")
    laws = dict(zip(codes, part.values(), strict=True))
    by_stage = [_amounts(laws[s]) if s in laws else None for s in range(stages.n_open)]
    return tuple(by_stage) if laws else ()


def _closed(part: dict[str, ClosedPart], open_names: list[str]) -> ClosedRates:
    if set(part) != set(open_names):
        raise FunnelError("closed: must name every open stage and nothing else")
    rows = [part[name] for name in open_names]
    return ClosedRates(np.array([row.won for row in rows]), np.array([row.closed for row in rows]))
