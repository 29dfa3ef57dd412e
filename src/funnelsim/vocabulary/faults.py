"""Faults of a file: each with the keys that lead to it, collected so that all are told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeVar

from funnelsim.vocabulary.errors import FunnelsimError, english

Place = tuple[str | int, ...]
Fault = tuple[Place, str]
T = TypeVar("T")
_BARE = re.compile(r"[\w-]+")  # of any letters: Chinese names are read well without quotes


class PlacedError(FunnelsimError):
    """Faults of a file.

    Parameters
    ----------
    *faults : (keys that lead there, what is wrong)

    Examples
    --------
    >>> print(PlacedError((("arrivals", "entries"), "deals arrive in open stages, not in outcomes")))
    arrivals.entries: deals arrive in open stages, not in outcomes
    """

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("\n".join(f"{key_of_place(place)}: {text}" for place, text in faults))


class Faults:
    """Faults found so far, while the parts of a file are built one after the other."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, place: Place, text: str) -> None:
        """Note a fault."""
        self.found.append((place, text))

    def attempt(self, place: Place, build: Callable[[], T]) -> T | None:
        """What `build` gives; None, with its faults noted below `place`, where it refuses."""
        try:
            return build()
        except PlacedError as error:
            self.found += [((*place, *inner), text) for inner, text in error.faults]
        except FunnelsimError as error:
            self.add(*_without_key(place, english(error)))
        return None

    def refuse(self) -> None:
        """Raise what was found.

        Raises
        ------
        PlacedError
            If there is any.
        """
        if self.found:
            raise PlacedError(*self.found)


def key_of_place(place: Place) -> str:
    """Keys as they are written in a message: entries count from 1, names that are not bare are quoted.

    Examples
    --------
    >>> key_of_place(("lever", 2, "to"))
    'lever no. 3, to'
    >>> key_of_place(("work", "hours", "Talked to"))
    'work.hours."Talked to"'
    """
    said = ""
    for i, part in enumerate(place):
        if isinstance(part, int):
            said += f" no. {part + 1}"
            continue
        mark = ", " if i and isinstance(place[i - 1], int) else "." if i else ""
        said += mark + (part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False))
    return said or "the file"


def _without_key(place: Place, text: str) -> Fault:
    """A fault whose text begins with its key, such as ``changes.speed: ...``: the key joins the place."""
    head, mark, rest = text.partition(": ")
    own = str(place[-1]) if place else ""
    if not mark or not own or head.split(".")[0] != own:
        return place, text
    return (*place, *head.split(".")[1:]), rest
