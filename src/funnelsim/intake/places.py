"""Names of stages and outcomes, as a file spells them, to codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from funnelsim.intake.findings import Findings
from funnelsim.intake.tables import Flags, Table
from funnelsim.vocabulary.stages import Stages
from funnelsim.vocabulary.words import closest, did_you_mean, key_of, kind_of, listed, well_known_kind

Codes = npt.NDArray[np.int64]

UNSAID, OPEN = -1, -2  # what the outcome column says besides an outcome: nothing, or that the deal is open


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What the outcome column says of each deal.

    Parameters
    ----------
    code : ndarray of int
        Code of an outcome, `OPEN` or `UNSAID`.
    is_guess : ndarray of bool
        Whether the file says won or lost without saying which of several such outcomes.
    """

    code: Codes
    is_guess: Flags


class Places:
    """Finds the code of a stage or outcome by any of its names, whatever the case, blanks or underscores."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self._by_key = {key_of(name): code for name, code in stages.codes.items()}

    def code_of(self, text: str) -> int | None:
        """Code of a place, or None when no place has such a name.

        A word such as "Closed Won" needs no alias where there is one outcome it can mean.
        """
        code = self.stages.codes.get(text)
        if code is None:
            code = self._by_key.get(key_of(text))
        meant = self.of_kind(well_known_kind(text))
        return int(meant[0]) if code is None and len(meant) == 1 else code

    def of_kind(self, kind: str) -> Codes:
        """Codes of the outcomes of a kind, "won" or "lost"; none for any other word."""
        kinds = {"won": self.stages.is_won, "lost": self.stages.is_lost}
        return np.flatnonzero(kinds[kind]) if kind in kinds else np.zeros(0, dtype=np.int64)

    def suggestion(self, text: str) -> str:
        """``"did you mean 'offer'?"`` and the names there are."""
        return _near(text, self.stages.codes, self.stages.names)

    def suggestion_of_outcome(self, text: str) -> str:
        """The same where only an outcome, or "open", can be meant."""
        names = ["open", *(outcome.name for outcome in self.stages.outcomes)]
        aliases = [alias for outcome in self.stages.outcomes for alias in outcome.aliases]
        return _near(text, [*names, *aliases], names)


def _near(text: str, names: Iterable[str], shown: Iterable[str]) -> str:
    near, known = closest(text, names), f"known are {listed(shown)}"
    return f"did you mean {near!r}? K{known[1:]}" if near else known


def stage_codes(table: Table, column: str, places: Places, findings: Findings) -> Codes:
    """Code of the place each cell names; -1 where empty or unknown (which is a fault)."""
    texts = table.text(column)
    labels, names = pd.factorize(texts)
    codes = np.full(len(names), -1, dtype=np.int64)
    for position, name in enumerate(names):
        code = places.code_of(name)
        if code is not None:
            codes[position] = code
        elif name:
            message = (
                f"no such stage; {places.suggestion(name)}. Correct it, or add it as an alias of a stage"
            )
            findings.fault("unknown stage", message, table, labels == position, column)
    return codes[labels]


def read_outcomes(
    table: Table, places: Places, outcome_values: Mapping[str, str], findings: Findings
) -> Outcomes:
    """What the outcome column says; without one, what the stage column says."""
    column = "outcome" if "outcome" in table else "stage"
    if column not in table:
        return Outcomes(np.full(len(table), UNSAID, dtype=np.int64), np.zeros(len(table), bool))
    labels, names = pd.factorize(table.text(column))
    _check_meanings(outcome_values, places, names, table, column, findings)
    codes = np.full(len(names), UNSAID, dtype=np.int64)
    is_guess = np.zeros(len(names), bool)
    for position, name in enumerate(names):
        code = _outcome_code(name, places, outcome_values)
        if code is None:
            known = places.suggestion_of_outcome(name)
            message = f"no such outcome; {known}. Say what it means with outcome_values="
            findings.fault("unknown outcome", message, table, labels == position, column)
        else:
            codes[position], is_guess[position] = code
    return _by_reason(Outcomes(codes[labels], is_guess[labels]), table, places)


def _check_meanings(
    outcome_values: Mapping[str, str],
    places: Places,
    names: Iterable[str],
    table: Table,
    column: str,
    findings: Findings,
) -> None:
    """Refuse meanings that are no outcome: each would turn up as a fault of rows that are right."""
    known = ["open", *(outcome.name for outcome in places.stages.outcomes)]
    for value, meaning in outcome_values.items():
        if meaning == "" or _outcome_code(meaning, places, {}) is not None:
            continue
        is_swapped = key_of(meaning) in map(key_of, names) and _outcome_code(value, places, {}) is not None
        hint = f"; did you mean {{{meaning!r}: {value!r}}}?" if is_swapped else did_you_mean(meaning, known)
        findings.refuse(
            "unknown outcome",
            f"outcome_values={{{value!r}: {meaning!r}}}: on the left stands the file's value, on the right "
            f"what it means; {meaning!r} is no outcome{hint or ';'} use one of {listed(known)}, or '' to "
            "look in the history",
            file=table.name,
            column=table.title(column),
        )
    findings.stop_if_refused()


def _outcome_code(text: str, places: Places, outcome_values: Mapping[str, str]) -> tuple[int, bool] | None:
    """Code of an outcome text and whether it is a guess; None when it is not understood."""
    by_key = {key_of(value): target for value, target in outcome_values.items()}
    meant = by_key.get(key_of(text), text)
    code = places.code_of(meant)
    if meant == "":
        return UNSAID, False
    if code is not None:
        return (code, False) if code >= places.stages.n_open else (OPEN, False)
    kind = kind_of(meant)
    if kind == "open":
        return OPEN, False
    codes = places.of_kind(kind)
    if len(codes):
        return int(codes[0]), len(codes) > 1
    default = outcome_values.get("*")
    return None if default is None or text == "*" else _outcome_code(default, places, {})


def _by_reason(outcomes: Outcomes, table: Table, places: Places) -> Outcomes:
    """Among several outcomes of a kind, the one that the reason of the loss names."""
    if "lost_reason" not in table or not outcomes.is_guess.any():
        return outcomes
    labels, reasons = pd.factorize(table.text("lost_reason"))
    named = [places.code_of(reason) for reason in reasons]
    code = np.array([-1 if found is None else found for found in named], dtype=np.int64)[labels]
    is_won, is_lost = places.stages.is_won, places.stages.is_lost
    is_same_kind = (is_won[code] & is_won[outcomes.code]) | (is_lost[code] & is_lost[outcomes.code])
    is_named = outcomes.is_guess & (code >= 0) & is_same_kind
    return Outcomes(np.where(is_named, code, outcomes.code), outcomes.is_guess & ~is_named)
