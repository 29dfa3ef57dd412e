"""What is probably wrong with a line that is not TOML, as people type it, and what to write instead."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date

from funnelsim.intake.scenario_values import bare_number, number_meant
from funnelsim.vocabulary.faults import Place
from funnelsim.vocabulary.words import word_meant

_NON_ASCII_KEY = "a key with characters beyond a-z, such as Chinese ones, needs quotes"
_FULL_WIDTH_QUOTES = re.compile("[\u201c\u201d\u2018\u2019\uff02\uff07]")
# Digits, comma, full stop, equals sign, brackets and braces.
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff0c\uff0e\uff1d\u3010\u3011\uff3b\uff3d\uff5b\uff5d]")
_DAY = re.compile(r"(?<![\d-])\d{4}-\d\d-\d\d(?!\d)", re.ASCII)
_BARE_KEY = re.compile(r"[\w.-]*[^\W\x00-\x7f][\w.-]*\s*=")  # with a letter beyond ASCII
_BARE_TEXT = re.compile(r"[=,\[]\s*([^\W\d_\x00-\x7f]\w*)(?![\w\s.-]*=)")  # a value, not a key
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
_SIGNS = str.maketrans("\u3010\u3011\u201c\u201d\u2018\u2019\u3001", "[]\"\"'',")  # that have no plain form
_KEYS = re.compile(r"(\s*\[\[?|)(.*?)(\]\]?\s*$|\s*=.*)", re.DOTALL)


def line_hint(line: str, table: Place, keys_at: Callable[[Place], Sequence[str]]) -> str:
    """What is wrong with a line, and what to write for it; nothing where that cannot be told.

    Parameters
    ----------
    line : str
    table : tuple of str
        The table which the line stands in; none for the header of one.
    keys_at : callable
        The keys that may stand in a table; none where any name may.

    Examples
    --------
    >>> line_hint("目标 ＝ 5", (), lambda table: ["target", "measure"])
    "write plain digits and signs for full-width ones; the line then reads 'target = 5'"
    """
    bare = _QUOTED.sub('""', line).partition("#")[0]  # no quotes, no remarks
    signs = _wrong_signs(bare)
    value = "" if signs else _wrong_value(bare)
    is_header = bare.lstrip().startswith("[") and "=" not in bare
    is_key = bool(_BARE_KEY.search(bare)) or (is_header and not bare.isascii())
    if value or not (signs or is_key):
        text = _BARE_TEXT.search(bare)
        return value or (f'a text needs quotes: write "{text[1]}"' if text else "")
    plain, keys = _with_keys_meant(_in_plain_signs(line), table, keys_at)
    if plain is None:
        return f"no such key; the keys are {', '.join(keys)}"
    reason = signs or ("keys are English" if keys else _NON_ASCII_KEY)
    return f"{reason}; the line then reads {plain!r}" if plain != line and _is_toml(plain) else reason


def _wrong_signs(bare: str) -> str:
    if _FULL_WIDTH_QUOTES.search(bare):
        return 'write straight quotes (") for full-width ones'
    return "write plain digits and signs for full-width ones" if _FULL_WIDTH.search(bare) else ""


def _wrong_value(bare: str) -> str:
    no_day = next((day for day in _DAY.findall(bare) if not _is_day(day)), None)
    if no_day:
        return f"{no_day} is no day in the calendar"
    number = bare_number(bare)
    return (
        f"a number holds digits and a point only: write {number_meant(number)} for {number}" if number else ""
    )


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _in_plain_signs(line: str) -> str:
    """The line without remarks, with plain brackets, digits and signs outside of its quotes."""
    kept = ""
    for i, part in enumerate(_QUOTED.split(line)):
        text, remark, _ = (part, "", "") if i % 2 else part.partition("#")
        kept += text if i % 2 else unicodedata.normalize("NFKC", text.translate(_SIGNS))
        if remark:
            break
    return kept.strip()


def _with_keys_meant(
    line: str, table: Place, keys_at: Callable[[Place], Sequence[str]]
) -> tuple[str | None, Sequence[str]]:
    """The line with the keys meant by those in other letters, where names are free in quotes; and known keys.

    No line where a key means none of those that may stand there.
    """
    own = _KEYS.fullmatch(line)
    if not own or own[2].isascii() or _QUOTED.search(own[2]):
        return line, ()
    said: list[str] = []
    keys: Sequence[str] = ()
    for name in (part.strip() for part in own[2].split(".")):
        known = keys_at((*table, *said))
        if name.isascii():
            said.append(name)
            continue
        meant = word_meant(name, known)
        if known and meant is None:
            return None, known
        keys = keys or known
        said.append(meant or f'"{name}"')
    return own[1] + ".".join(said) + own[3], keys


def _is_toml(line: str) -> bool:
    try:
        tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return False
    return True
