"""Words as people type them: one key for spellings that mean the same, and suggestions for near misses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from funnelsim.vocabulary.faults import Faults, Place
from funnelsim.vocabulary.language import catalogue
from funnelsim.vocabulary.stages import Stages, name_key

_KINDS = {
    **dict.fromkeys(("won", "win", "closedwon", "dealwon", "赢单", "已赢单", "成交", "已成交"), "won"),
    **dict.fromkeys(("lost", "lose", "loss", "closedlost", "deallost"), "lost"),
    **dict.fromkeys(("输单", "已输单", "丢单", "已丢单", "失单"), "lost"),
    **dict.fromkeys(("open", "inprogress", "active", "pending", "在手", "进行中", "跟进中"), "open"),
}
_IGNORED = re.compile(r"[_\-]+")
_LONGEST = 200
_NEAR = 0.84  # above this, two short names differ by a letter or two


def key_of(text: object) -> str:
    """The text without case, blanks, width, underscores and hyphens: equal keys mean the same name."""
    return _IGNORED.sub("", name_key(str(text)))


def closest(text: str, names: Iterable[str], *, at_least: float = 0.6) -> str | None:
    """The name spelled most like the text, or None when none comes near."""
    if len(text) > _LONGEST:
        return None  # no name that somebody meant to type, and slow to compare
    by_key = {key_of(name): name for name in names if len(name) <= _LONGEST}
    found = get_close_matches(key_of(text), by_key, n=1, cutoff=at_least)
    return by_key[found[0]] if found else None


def word_meant(text: str, words: Iterable[str]) -> str | None:
    """The word of a format that a text misspells, or says in Chinese; None where that cannot be told.

    Examples
    --------
    >>> word_meant("targt", ("target", "measure")), word_meant("目标", ("target", "measure"))
    ('target', 'target')
    """
    known = list(words)
    in_chinese = {catalogue("zh").get(word.replace("_", " "), word): word for word in known}
    near = closest(text, known) or closest(text, in_chinese)
    return in_chinese.get(near, near) if near else None


def misspelling(text: str, names: Iterable[str]) -> str | None:
    """The name that the text probably misspells; None when it is likely to be a word of its own."""
    return closest(text, names, at_least=_NEAR)


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """``"; did you mean 'offer'?"``, or nothing when no name comes near."""
    name = closest(text, names)
    return f"; did you mean {name!r}?" if name else ""


def codes_named(names: Iterable[str], stages: Stages, where: Place, faults: Faults) -> dict[str, int]:
    """Codes of the places named that there are, of one under two names that of the first; else a fault."""
    known: dict[str, int] = {}
    every = list(names)
    for name in every:
        if name not in stages.codes:
            hint = did_you_mean(name, stages.names)
            faults.add(where, f"{name!r} is no stage or outcome; they are {', '.join(stages.names)}{hint}")
        elif stages.codes[name] not in known.values():
            known[name] = stages.codes[name]
        else:
            faults.add(where, f"one place stands there under two names; keep one of {', '.join(every)}")
    return known


def listed(names: Iterable[object]) -> str:
    """Names in quotes, as a list in a sentence."""
    return ", ".join(repr(str(name)) for name in names)


def shortened(text: str) -> str:
    """The text in quotes; of a very long one its beginning, and how long it is."""
    if len(text) <= _LONGEST:
        return repr(text)
    return f"{text[:_LONGEST]!r}... ({len(text):,} characters)"


def well_known_kind(text: str) -> str:
    """``"won"``, ``"lost"`` or ``"open"`` for a word that means just that, such as "赢单"; else ``""``."""
    return _KINDS.get(key_of(text), "")


def kind_of(text: str) -> str:
    """The kind of a well-known word, or of a text that begins with "won" or "lost"; else ``""``.

    Examples
    --------
    >>> [kind_of(word) for word in ("Closed Won", "lost_expired", "赢单", "In progress", "Lostwithiel")]
    ['won', 'lost', 'won', 'open', '']
    """
    first = re.split(r"[\s_\-:(（]", text.strip().casefold(), maxsplit=1)[0]
    return well_known_kind(text) or (first if first in ("won", "lost") else "")
