"""What is wrong with a value of a file that pydantic refuses: what was expected, what found, the way out."""

from __future__ import annotations

import re
from typing import Any

from funnelsim.vocabulary.words import did_you_mean

_EXPECTED = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list in brackets",
    "tuple_type": "a list in brackets",
    "dict_type": "a table of names and values",
}
_YES, _NO = ("yes", "true", "on", "是"), ("no", "false", "off", "否")


def value_fault(fault: Any) -> str:
    """What must stand there, what was found, and what was probably meant.

    Examples
    --------
    >>> value_fault({"type": "less_than_equal", "input": 52.8, "ctx": {"le": 1.0}})
    'must be a number of 1 or less, not 52.8; did you mean 0.528?'
    """
    kind, given, bounds = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "too_short":
        return f"must hold {bounds['min_length']} or more entries, not {bounds['actual_length']}"
    if kind == "too_long":
        return f"must hold {bounds['max_length']} entries or fewer, not {bounds['actual_length']}"
    return f"{must_be(fault)}, not {_shown(given)}{way_out(fault)}"


def must_be(fault: Any) -> str:
    """What must stand where something else does."""
    kind, bounds = fault["type"], fault.get("ctx", {})
    if kind == "literal_error":
        expected = f"one of {', '.join(map(repr, expected_words(fault)))}"
    elif kind == "greater_than":
        expected = f"a number above {bounds['gt']:,.10g}"
    elif kind == "greater_than_equal":
        expected = f"a number of {bounds['ge']:,.10g} or more"
    elif kind == "less_than_equal":
        expected = f"a number of {bounds['le']:,.10g} or less"
    elif kind.startswith("date"):
        expected = "a day, such as 2026-03-05"
    else:
        expected = _EXPECTED.get(kind, str(fault["msg"]))
    return f"must be {expected}"


def value_meant(fault: Any) -> float | bool | None:
    """What a share in per cent, or a word for yes or no, was probably meant to be; None where unclear."""
    kind, given = fault["type"], fault["input"]
    if kind == "less_than_equal" and fault["ctx"]["le"] == 1:
        return share_meant(given)
    if kind in ("bool_type", "bool_parsing"):
        word = str(given).casefold().strip()
        return True if word in _YES else False if word in _NO else None
    return None


def share_meant(value: object) -> float | None:
    """The share that a number seems to say in per cent; None where it is none of 2 to 100."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(f"{value / 100:.10g}") if is_number and 2 <= value <= 100 else None  # type: ignore[operator]


def expected_words(fault: Any) -> list[str]:
    """The words that may stand where another stands; none where any text may."""
    return re.findall(r"'(.*?)'", fault["ctx"]["expected"]) if fault["type"] == "literal_error" else []


def way_out(fault: Any) -> str:
    """What to write instead, or what was probably meant; nothing where that is not clear."""
    kind, given, meant = fault["type"], fault["input"], value_meant(fault)
    if isinstance(meant, bool):
        return f"; write {_shown(meant)}"
    if meant is not None:
        return f"; did you mean {meant:.10g}?"
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        return f'; write "{given}"'
    if kind == "list_type" and isinstance(given, str | int | float):
        inner = f'"{given:.60}"' if isinstance(given, str) else _shown(given)
        return f"; write [{inner}]"
    return did_you_mean(given, expected_words(fault)) if isinstance(given, str) else ""


def _shown(value: Any) -> str:
    """A value as files write it."""
    return str(value).lower() if isinstance(value, bool) else f"{value!r:.60}"
