"""On which line of a TOML text each key stands: the standard reader tells values, but not places."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_PAIR = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w\-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w\-]+))*)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w\-]+)""")

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    r"""Line, from 1, of every table, and of every key that begins a line.

    Parameters
    ----------
    text : str
        TOML that can be read.

    Returns
    -------
    dict of tuple to int
        Paths as pydantic writes them: names of tables and keys, and numbers of entries of ``[[tables]]``.

    Examples
    --------
    >>> lines_of('a = 1\n[[b]]\nc = 2\n[[b]]\n')[("b", 1)]
    4
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(_without_long_strings(text).split("\n"), start=1):
        head, pair = _TABLE.match(line), _PAIR.match(line)
        if pair:
            path = table
            for part in _parts(pair[1]):
                path = (*path, part)
                found.setdefault(path, number)
        elif head:
            table = _numbered(_parts(head[2]), counts, is_entry=head[1] == "[[")
            found.setdefault(table, number)
            for end in range(1, len(table)):
                found.setdefault(table[:end], number)
    return found


def nearest_line(lines: dict[Path, int], path: Sequence[str | int]) -> int | None:
    """Line of a path, or of the closest table or key above it that is known."""
    at = tuple(path)
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at) if at else None


def table_at_end(lines: Sequence[str]) -> tuple[str, ...]:
    """The table that a line below some others belongs to; none before the first."""
    head = next((found for line in reversed(lines) if (found := _TABLE.match(line))), None)
    return _parts(head[2]) if head else ()


def _parts(key: str) -> tuple[str, ...]:
    return tuple(next(part for part in match if part) for match in _PART.findall(key) if any(match))


def _numbered(names: tuple[str, ...], counts: dict[Path, int], *, is_entry: bool) -> Path:
    """A table's path with the number of the latest entry behind every name that has entries."""
    path: Path = ()
    for i, name in enumerate(names):
        path = (*path, name)
        if is_entry and i == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _without_long_strings(text: str) -> str:
    """The text with strings of several lines emptied, so that nothing in them looks like a key."""
    return re.sub(
        r'"""(.*?)"""|' + r"'''(.*?)'''", lambda match: '""' + "\n" * match[0].count("\n"), text, flags=re.S
    )
