"""The funnel's definition: open stages in order, outcomes, and what to do with unusual moves."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from funnelsim.vocabulary.display import Rows, Shown
from funnelsim.vocabulary.errors import FunnelsimError

OnUnusualMove = Literal["allow", "merge", "reject"]
OnReopened = Literal["merge", "cut", "reject"]
Kind = Literal["won", "lost"]


def name_key(name: str) -> str:
    """The name without case, blanks and full-width forms: names with equal keys look the same to a reader.

    Examples
    --------
    >>> name_key(" Closed  Won") == name_key("ｃlosed won")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


class StagesError(FunnelsimError):
    """A definition of stages that contradicts itself."""


def _filled(value: object) -> object:
    """A value; None for an empty text."""
    return None if value == "" else value


@dataclass(frozen=True)
class Stage(Shown):
    """One open step of the funnel.

    Parameters
    ----------
    name : str
    aliases : tuple of str
        Other names the data uses for this stage.
    nominal_win_rate : float, optional
        The percentage the organisation assigns to the stage (0..1); compared with history, never trusted.
    necessary_days, usual_days : float, optional
        Dwell the organisation considers necessary and usual.
    gate : str
        Promotion standard: the evidence with which a deal is promoted to this stage.
    """

    name: str
    aliases: tuple[str, ...] = ()
    nominal_win_rate: float | None = None
    necessary_days: float | None = None
    usual_days: float | None = None
    gate: str = ""

    def _shown_sentence(self) -> str:
        rate = self.nominal_win_rate
        stated = "not given" if rate is None else f"{100 * rate:.3g} %"
        necessary, usual = (
            "not given" if days is None else f"{days:g} days"
            for days in (self.necessary_days, self.usual_days)
        )
        return (
            f"Stage({self.name}; nominal win rate: {stated}; necessary dwell: {necessary}; "
            f"usual dwell: {usual}; gate: {self.gate or 'not given'})"
        )


@dataclass(frozen=True)
class Outcome(Shown):
    """One way a deal ends, e.g. ``Outcome("lost_expired", "lost")``; losses may have several causes."""

    name: str
    kind: Kind
    aliases: tuple[str, ...] = ()

    def _shown_sentence(self) -> str:
        return f"Outcome({self.name}; counts as {self.kind})"


@dataclass(frozen=True)
class Stages(Shown):
    """The funnel's open stages in order, its outcomes, and the rules for unusual moves.

    Parameters
    ----------
    open : tuple of Stage
        Open stages, first to last.
    outcomes : tuple of Outcome
        Ways to end; at least one must be of kind "won".
    skipped : {"allow", "merge", "reject"}
        A move forward past a stage. *allow* keeps it as a move of its own, *merge* lets the deal pass the
        skipped stages in the same moment, *reject* leaves the deal out.
    backward : {"allow", "merge", "reject"}
        A move to an earlier stage. *allow* keeps it (its dwell starts anew), *merge* ignores it: the deal
        counts as staying in the furthest stage it reached, *reject* leaves the deal out.
    reopened : {"merge", "cut", "reject"}
        A move after the deal had ended. *merge* undoes the ending: the deal stays in its last stage until it
        moves again, *cut* keeps the first ending and ignores what follows, *reject* leaves the deal out.

    Raises
    ------
    StagesError
        If names repeat or differ only by case, blanks or width, a rule is unknown, no outcome is won, or a
        nominal rate is outside 0..1.

    Notes
    -----
    A *code* numbers the places a deal can be: open stages first, then outcomes. Every use of a rule is
    counted in ``DealHistory.issues``.

    Examples
    --------
    >>> stages = Stages.named(["lead", "offer"])
    >>> stages.names
    ('lead', 'offer', 'won', 'lost')
    """

    open: tuple[Stage, ...]
    outcomes: tuple[Outcome, ...] = (Outcome("won", "won"), Outcome("lost", "lost"))
    skipped: OnUnusualMove = "allow"
    backward: OnUnusualMove = "allow"
    reopened: OnReopened = "merge"

    def __post_init__(self) -> None:
        if not self.open:
            raise StagesError("a funnel needs at least one open stage")
        odd = [outcome for outcome in self.outcomes if outcome.kind not in get_args(Kind)]
        if odd:
            raise StagesError(f"outcome {odd[0].name!r}: kind {odd[0].kind!r} is unknown; use won or lost")
        if not any(outcome.kind == "won" for outcome in self.outcomes):
            raise StagesError("no outcome is of kind 'won'; name the outcome that counts as a win")
        every = [name for place in self.places for name in (place.name, *place.aliases)]
        repeated = [name for name, n in Counter(every).items() if n > 1]
        if repeated:
            raise StagesError(f"stage names and aliases must be unique; repeated: {', '.join(repeated)}")
        self._check_spellings()
        rules = (("skipped", OnUnusualMove), ("backward", OnUnusualMove), ("reopened", OnReopened))
        for rule, choices in rules:
            value, allowed = getattr(self, rule), get_args(choices)
            if value not in allowed:
                raise StagesError(f"rule {rule} = {value!r} is unknown; use one of {', '.join(allowed)}")
        for stage in self.open:
            if stage.nominal_win_rate is not None and not 0 <= stage.nominal_win_rate <= 1:
                raise StagesError(
                    f"stage {stage.name!r}: nominal_win_rate {stage.nominal_win_rate} is outside 0..1; "
                    "write 20 % as 0.2"
                )

    def _check_spellings(self) -> None:
        """Refuse names of two places that a reader would take for one, and that files mix up."""
        first: dict[str, tuple[int, str]] = {}
        for name, code in self.codes.items():
            other_code, other = first.setdefault(name_key(name), (code, name))
            if other_code != code:
                raise StagesError(
                    f"{other!r} and {name!r} differ only by case, blanks or width; make them one stage, or "
                    "give them names that differ"
                )

    @classmethod
    def named(cls, open_names: list[str]) -> Stages:
        """Stages with these open names and the outcomes ``won`` and ``lost``."""
        return cls(tuple(Stage(name) for name in open_names))

    @property
    def places(self) -> tuple[Stage | Outcome, ...]:
        """Everything a deal can be in, by code: open stages, then outcomes."""
        return (*self.open, *self.outcomes)

    @property
    def nominal_conversions(self) -> tuple[float | None, ...]:
        """Share of deals that each stage's nominal win rates imply to move on to the next stage, or to a win.

        Where the rates rise from 0.2 to 0.4, half of the deals must move on. None where a rate is not given,
        is 0, or does not rise.
        """
        rates = [*(stage.nominal_win_rate for stage in self.open), 1.0]
        return tuple(a / b if a and b and a <= b else None for a, b in pairwise(rates))

    @property
    def n_open(self) -> int:
        """Number of open stages."""
        return len(self.open)

    @property
    def names(self) -> tuple[str, ...]:
        """Names by code: open stages, then outcomes."""
        return tuple(place.name for place in self.places)

    @property
    def codes(self) -> dict[str, int]:
        """Code of every name and alias."""
        return {name: code for code, place in enumerate(self.places) for name in (place.name, *place.aliases)}

    @property
    def is_won(self) -> npt.NDArray[np.bool_]:
        """Whether each code is an outcome of kind "won"; shape (n_places,)."""
        return np.array([False] * self.n_open + [outcome.kind == "won" for outcome in self.outcomes])

    @property
    def is_lost(self) -> npt.NDArray[np.bool_]:
        """Whether each code is an outcome of kind "lost"; shape (n_places,)."""
        return np.array([False] * self.n_open + [outcome.kind == "lost" for outcome in self.outcomes])

    def _shown_sentence(self) -> str:
        open_names, ends = (" > ".join(stage.name for stage in self.open), self.names[self.n_open :])
        return f"Stages({open_names}; outcomes {', '.join(ends)})"

    def _shown_rows(self) -> Rows:
        """Open stages with what is set for them; columns that nobody filled in are left out."""
        names = ("nominal_win_rate", "necessary_days", "usual_days", "gate")
        columns = [(name, [_filled(getattr(stage, name)) for stage in self.open]) for name in names]
        filled = [(name, values) for name, values in columns if any(value is not None for value in values)]
        return Rows(("stage",), [(stage.name,) for stage in self.open], filled)

    def _shown_notes(self) -> tuple[str, ...]:
        rules = (("skipped", self.skipped), ("backward", self.backward), ("reopened", self.reopened))
        return tuple(f"rule for unusual moves: {name} = {rule}" for name, rule in rules)

    def is_forward(self, stage_code: int) -> npt.NDArray[np.bool_]:
        """Whether each code lies ahead of a stage: a later open stage, or won; shape (n_places,)."""
        return (np.arange(len(self.names)) > stage_code) & ~self.is_lost
