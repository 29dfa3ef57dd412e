"""read_scenario: from a TOML file, or the name of a shipped one, to a scenario; faults with their lines."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from funnelsim.intake.scenario_model import DealsPart, ScenarioPart, TeamPart, WonPart, WorkPart, keys_at
from funnelsim.intake.toml_lines import lines_of, nearest_line
from funnelsim.nouns.funnel import Funnel
from funnelsim.nouns.funnel_file import FORMAT, funnel_from_part
from funnelsim.nouns.funnel_schema import told
from funnelsim.nouns.levers.protocol import Lever
from funnelsim.nouns.levers.rates import three_levers
from funnelsim.nouns.scenario import Scenario
from funnelsim.nouns.team import LeadsFromWins, Parking, Qualification, Rep, Team, Work
from funnelsim.vocabulary.clock import Clock
from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.pipeline import Pipeline
from funnelsim.vocabulary.words import did_you_mean

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (_PACKAGE / "scenarios", _PACKAGE.parent.parent / "scenarios")  # in a wheel, and in a checkout
_NON_ASCII_KEY = "a key with characters beyond a-z, such as Chinese ones, needs quotes"

Place = tuple[Any, ...]
Ints = npt.NDArray[np.int64]


class ScenarioError(FunnelsimError):
    """A scenario that cannot be used; the message lists every fault with its line and key."""


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with the package, by name."""
    folder = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_scenario(source: str | Path) -> Scenario:
    """Read a scenario: a funnel, a position and a question in one TOML file.

    Parameters
    ----------
    source : str or path
        A file, or the name of a scenario that ships with the package, such as ``"account_selling"``.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        If there is none of that name, the file is not TOML (with the line), or its content has faults: all
        of them are listed, each with its line, its key and what to write instead.

    Examples
    --------
    >>> import funnelsim as fs
    >>> fs.read_scenario("account_selling").funnel.stages.names[:2]
    ('Discover', 'Qualify')
    """
    shipped = shipped_scenarios()
    path = shipped.get(str(source), Path(source))
    if not path.exists():
        known = ", ".join(shipped) or "none"
        hint = did_you_mean(str(source), list(shipped))
        raise ScenarioError(f"{source}: no such file, and no scenario of that name; there are {known}{hint}")
    text = _text(path)
    raw = _content(path, text)
    if isinstance(raw.get("funnel"), dict):
        raw["funnel"].setdefault("format", FORMAT)
    lines = lines_of(text)
    try:
        part = ScenarioPart.model_validate(raw)
    except ValidationError as error:
        raise _refused(path, lines, _faults(error.errors())) from error
    return _Built(path, lines, part).scenario()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _content(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        number = getattr(error, "lineno", None) or _line_in(str(error))
        line = text.split("\n")[number - 1] if number and number <= text.count("\n") + 1 else ""
        key = line.split("=")[0]
        hint = f"; {_NON_ASCII_KEY}" if key and not key.isascii() and '"' not in key else ""
        shown = f": {line.strip()[:80]!r}" if line.strip() else ""
        raise ScenarioError(f"{path}: not TOML: {error}{shown}{hint}") from error


def _line_in(message: str) -> int | None:
    """The line that older versions of Python name in words only."""
    words = message.replace(",", " ").split()
    return int(words[words.index("line") + 1]) if "line" in words else None


def _faults(found: Iterable[Any]) -> list[tuple[Place, str]]:
    """Where each fault lies, and what is wrong; misspelt keys are not told a second time as missing."""
    faults: list[tuple[Place, str]] = []
    every = [fault | {"loc": _without_tags(fault["loc"])} for fault in found]
    meant = {
        (*fault["loc"][:-1], _near(fault["loc"])) for fault in every if fault["type"] == "extra_forbidden"
    }
    for fault in every:
        place = fault["loc"]
        if fault["type"] == "missing" and place in meant:
            continue
        if place[:1] == ("funnel",) and len(place) > 1:
            (line,) = told([fault | {"loc": place[1:]}]) or [""]
            faults.append((place, line.partition(": ")[2]))
        else:
            faults.append((place, _fault(fault)))
    return faults


def _without_tags(place: Place) -> Place:
    """A place without the kind of lever that pydantic writes behind its number."""
    if place[:1] == ("lever",) and len(place) > 2:
        return (*place[:2], *place[3:])
    return place


def _near(place: Place) -> str:
    keys = keys_at(place[:-1])
    hint = did_you_mean(str(place[-1]), keys)
    return hint.partition("'")[2].partition("'")[0]


def _fault(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        near, keys = _near(fault["loc"]), keys_at(fault["loc"][:-1])
        known = f"; the keys are {', '.join(keys)}" if keys else ""
        return f"no such key; did you mean {near!r}?" if near else f"no such key{known}"
    if fault["type"] == "union_tag_not_found" or fault["type"] == "union_tag_invalid":
        from funnelsim.nouns.levers.file import KINDS

        given = fault["input"].get("kind") if isinstance(fault["input"], dict) else None
        return f"kind = {given!r} is no lever; use one of {', '.join(KINDS)}{did_you_mean(str(given), KINDS)}"
    if fault["type"] == "missing":
        return "is missing"
    value = fault["input"]
    return f"{fault['msg']}, not {value!r:.60}" if isinstance(value, str | float | int) else fault["msg"]


def _refused(path: Path, lines: dict[Place, int], faults: Iterable[tuple[Place, str]]) -> ScenarioError:
    shown = []
    for place, fault in faults:
        line, key = nearest_line(lines, place), ".".join(str(part) for part in place) or "the file"
        shown.append((line or 0, f"  line {line}: {key}: {fault}" if line else f"  {key}: {fault}"))
    shown.sort(key=lambda pair: pair[0])
    n = len(shown)
    head = f"{path} has {n} fault{'s' if n > 1 else ''}:"
    return ScenarioError("\n".join([head, *(text for _, text in shown)]))


class _Built:
    """The parts of a scenario, built one after the other; what cannot be is collected, and told together."""

    def __init__(self, path: Path, lines: dict[Place, int], part: ScenarioPart) -> None:
        self.path, self.lines, self.part = path, lines, part
        self.faults: list[tuple[Place, str]] = []

    def scenario(self) -> Scenario:
        """The scenario, or one error with all that is wrong."""
        part = self.part
        try:
            funnel = funnel_from_part(part.funnel)
        except FunnelsimError as error:
            raise _refused(self.path, self.lines, [(("funnel",), str(error))]) from error
        if not funnel.unit and part.measure != "wins":
            self.faults.append((("funnel", "unit"), 'amounts need their currency: unit = "EUR"'))
        self._check_endless(funnel)
        pipeline = self._pipeline(funnel)
        levers = [lever for i in range(len(part.lever)) if (lever := self._lever(i, funnel)) is not None]
        team, work = self._team(part.team), self._work(part.work, funnel)
        if (part.team is None) != (part.work is None):
            self.faults.append((("team",), "a team needs work, and work a team: give both, or neither"))
        if self.faults:
            raise _refused(self.path, self.lines, self.faults)
        return Scenario(
            name=self.path.stem,
            titles={str(lang): title for lang, title in part.title.items()},
            funnel=funnel,
            pipeline=pipeline,
            periods=part.periods,
            target=part.target,
            measure=part.measure,
            fiscal_start_month=part.fiscal_start_month,
            levers=tuple(levers) or three_levers(),
            team=team,
            work=work,
        )

    def _check_endless(self, funnel: Funnel) -> None:
        """Stages from which no outcome can be reached: deals would go round for ever."""
        n_open, reaches = funnel.stages.n_open, ~funnel.stages.is_won & ~funnel.stages.is_lost
        ends = ~reaches
        goes = [(funnel.mean_hazards(s) > 0).any(axis=0) for s in range(n_open)]
        for _ in range(n_open):
            for stage, to in enumerate(goes):
                ends[stage] |= bool((to & ends).any())
        for stage in np.flatnonzero(~ends[:n_open]).tolist():
            name = funnel.stages.names[stage]
            self.faults.append(
                (("funnel", "hazards", name), "no way from here leads to an outcome: deals would never end")
            )

    def _lever(self, i: int, funnel: Funnel) -> Lever | None:
        try:
            lever = self.part.lever[i].lever(funnel)
            lever.apply(funnel)
        except FunnelsimError as error:
            self.faults.append((("lever", i), str(error)))
            return None
        return lever

    def _pipeline(self, funnel: Funnel) -> Pipeline:
        names = [stage.name for stage in funnel.stages.open]
        rows: list[DealsPart] = []
        for i, some in enumerate(self.part.pipeline):
            if funnel.stages.codes.get(some.stage, len(names)) >= len(names):
                hint = did_you_mean(some.stage, names)
                known = f"{some.stage!r} is no open stage; they are {', '.join(names)}{hint}"
                self.faults.append((("pipeline", i, "stage"), known))
            else:
                rows += [some] * some.deals
        attributes = sorted({key for row in rows for key in row.attributes})
        cutoff = _cutoff_step(funnel.clock, self.part.as_of)
        won = [win for win in self.part.won for _ in range(win.deals)]
        return Pipeline(
            clock=funnel.clock,
            cutoff_step=cutoff,
            deal_ids=np.array([row.name or f"deal {i + 1}" for i, row in enumerate(rows)], dtype=object),
            stage=np.array([funnel.stages.codes[row.stage] for row in rows], dtype=np.int64),
            age_steps=np.array([row.age_steps for row in rows], dtype=np.int64),
            amount=np.array([np.nan if row.amount is None else row.amount for row in rows], dtype=float),
            won_step=self._won_steps(funnel.clock, won, cutoff),
            won_amount=np.array([np.nan if win.amount is None else win.amount for win in won], dtype=float),
            attributes={
                key: np.array([row.attributes.get(key) for row in rows], dtype=object) for key in attributes
            },
        )

    def _won_steps(self, clock: Clock, won: list[WonPart], cutoff: int) -> Ints:
        steps = np.array([_cutoff_step(clock, win.on) for win in won], dtype=np.int64)
        if (steps > cutoff).any():
            late = won[int(steps.argmax())].on
            self.faults.append((("won",), f"a win on {late} lies after as_of, {self.part.as_of}"))
        return np.minimum(steps, cutoff)

    def _team(self, part: TeamPart | None) -> Team | None:
        if part is None:
            return None
        try:
            reps = [
                rep
                for some in part.reps
                for rep in Rep.several(some.n, name=some.name, start=some.start, ramp_days=some.ramp_days)
            ]
            given = part.model_dump(exclude={"reps"}, exclude_none=True)
            return Team(tuple(reps), **given)
        except FunnelsimError as error:
            self.faults.append((("team",), str(error)))
            return None

    def _work(self, part: WorkPart | None, funnel: Funnel) -> Work | None:
        if part is None:
            return None
        try:
            leads, parking, check = part.leads_from_wins, part.parking, part.qualification
            work = Work(
                hours=part.hours,
                spread=part.spread,
                rule=part.rule,  # type: ignore[arg-type]  # Work refuses an unknown one
                patience_days=part.patience_days,
                parking=None if parking is None else Parking(**parking.model_dump()),
                qualification=None if check is None else Qualification(**check.model_dump()),
                leads_from_wins=None if leads is None else LeadsFromWins(**leads.model_dump()),
            )
            work.check(funnel.stages)
        except FunnelsimError as error:
            self.faults.append((("work",), str(error)))
            return None
        return work


def _cutoff_step(clock: Clock, day: dt.date) -> int:
    """The step that ends with a day."""
    return int(clock.step_of(np.datetime64(day) + np.timedelta64(1, "D"))) - 1
