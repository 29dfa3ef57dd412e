"""Names of stages and outcomes in a large log, to codes: every text once, with the number of its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from funnelsim.fitting.log_files import LogError, LogTable
from funnelsim.fitting.log_moves import OPEN, UNSAID
from funnelsim.vocabulary.stages import Stages, name_key


def _key(text: str) -> str:
    return re.sub(r"[_\-]+", "", name_key(text))


@dataclass(frozen=True)
class LogPlaces:
    """Finds the code of a place by its name or an alias, whatever the case, blanks or underscores.

    Parameters
    ----------
    stages : Stages
    """

    stages: Stages

    def codes(self, texts: Mapping[str, int], table: LogTable) -> dict[str, int]:
        """Code of each text of the column of stages; in the deals table '' is -1.

        Raises
        ------
        LogError
            If a text names no place; it tells how many rows each such text has.
        """
        known = {text: self._code_of(text) for text in texts}
        if table.name == "deals":
            known[""] = -1
        self._refuse_unknown((text for text, code in known.items() if code is None), texts, table, "stage")
        return {text: code for text, code in known.items() if code is not None}

    def outcomes(self, texts: Mapping[str, int], table: LogTable, column: str) -> dict[str, tuple[int, bool]]:
        """Code of each text of the column of outcomes, and whether it is one of several of its kind.

        Raises
        ------
        LogError
            If a text is no outcome and no open stage.
        """
        known = {text: self._outcome_of(text) for text in texts}
        self._refuse_unknown((text for text, found in known.items() if found is None), texts, table, column)
        return {text: found for text, found in known.items() if found is not None}

    def _code_of(self, text: str) -> int | None:
        code = self.stages.codes.get(text)
        by_key = {_key(name): code for name, code in self.stages.codes.items()}
        code = by_key.get(_key(text)) if code is None else code
        alike = self._of_kind(_key(text))
        return alike[0] if code is None and len(alike) == 1 else code

    def _of_kind(self, kind: str) -> list[int]:
        kinds = {"won": self.stages.is_won, "lost": self.stages.is_lost}
        return [int(code) for code in np.flatnonzero(kinds[kind])] if kind in kinds else []

    def _outcome_of(self, text: str) -> tuple[int, bool] | None:
        if not text:
            return UNSAID, False
        code = self._code_of(text)
        if _key(text) == "open" or (code is not None and code < self.stages.n_open):
            return (code, False) if code is not None and code >= self.stages.n_open else (OPEN, False)
        alike = self._of_kind(_key(text))
        if code is None:
            return (alike[0], True) if alike else None
        return code, False

    def _refuse_unknown(
        self, unknown: Iterable[str], texts: Mapping[str, int], table: LogTable, column: str
    ) -> None:
        listed = ", ".join(f"{text!r} ({texts[text]:,} rows)" for text in sorted(unknown)[:10])
        if listed:
            raise LogError(
                f"{table.name}, column {table.titles[column]!r}: no place is called {listed}; known are "
                f"{', '.join(map(repr, self.stages.names))}. Add them to stages, as aliases or as stages"
            )
