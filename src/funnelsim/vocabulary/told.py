"""Messages of errors in the language that is spoken, line by line; keys of files stay as they are typed."""

from __future__ import annotations

import re

from funnelsim.vocabulary.errors import Told, english
from funnelsim.vocabulary.faults import PlacedError, key_of_place
from funnelsim.vocabulary.language import language, tr, use_language

# A fault of a file: where, its key, what is wrong; the key is held back while the rest is said.
_PLACED = re.compile(r"""  (line \d+: |)((?:"(?:[^"\\]|\\.)*"|[^":\s]|:(?! )| (?! ))+?): (.+)""")
_QUOTED_OR_NUMBER = re.compile(r"""("(?:[^"\\]|\\.)*")| no\. (\d+)(, |)""")
_KEY = "\u2317"


def message_told(told: Told) -> str:
    """What an error says: in the language of the block in which it was raised, else in the one spoken now."""
    with use_language(told.raised_in or language()):
        if isinstance(told, PlacedError):
            return "\n".join(_fault_told("", key_of_place(place), text) for place, text in told.faults)
        return lines_told(english(told), names_keys=told.names_keys_of_a_file)


def lines_told(message: str, *, names_keys: bool) -> str:
    """A message in the language that is spoken; faults of a file keep their keys.

    Parameters
    ----------
    message : str
        In English.
    names_keys : bool
        Whether indented lines are faults of a file, such as ``  line 3: target: must be above 0``.
    """
    lines = []
    for line in message.split("\n"):
        fault = _PLACED.fullmatch(line) if names_keys else None
        lines.append(_line_told(line) if fault is None else "  " + _fault_told(*fault.groups()))
    return "\n".join(lines)


def _line_told(line: str) -> str:
    """A line in the language that is spoken, indented as it is."""
    text = line.lstrip()
    return line[: len(line) - len(text)] + tr(text)


def _fault_told(where: str, key: str, fault: str) -> str:
    """A fault of a file in the language that is spoken: its key stands as in the file."""
    said = tr(fault)
    place = tr(f"{where}{_KEY}").replace(_KEY, _key_told(key))
    return f"{place}{': ' if said == fault else '：'}{said}"


def _key_told(key: str) -> str:
    """A key with the numbers of entries in the language that is spoken."""
    if language() == "en":
        return key
    return _QUOTED_OR_NUMBER.sub(
        lambda found: found[1] or f" 第 {found[2]} 项{'，' if found[3] else ''}", key
    )
