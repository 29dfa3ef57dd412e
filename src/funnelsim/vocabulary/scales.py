"""Scales of money in titles and units, such as 万元 or "k EUR"."""

from __future__ import annotations

import re
import unicodedata

_MONEY = r"(?:eur|usd|gbp|cny|rmb|jpy|chf|inr|hkd|cad|aud|sgd|sek|nok|euros?|dollars?|pounds?|yuan|[€£$¥₹])"
_YUAN = rf"(?:元|圆|圓|人民币|美元|美金|欧元|英镑|日元|港元|港币|台币|{_MONEY})"
_END = r"(?:[)\]】]|$)"


def _short(letters: str) -> str:
    """A letter that means a scale only beside money: "k EUR", "€k", "in k", but not "vitamin K"."""
    return rf"\b{letters}\s?{_MONEY}|{_MONEY}\s?{letters}\b|\bin\s{letters}\b"


# Longer words first: 百万元 holds 万元.
_SCALES = tuple(
    (re.compile(pattern), factor)
    for pattern, factor in (
        (rf"千万\s*(?:{_YUAN}|{_END})", 1e7),
        (rf"百万\s*(?:{_YUAN}|{_END})", 1e6),
        (rf"十万\s*(?:{_YUAN}|{_END})", 1e5),
        (rf"万\s*\(?(?:{_YUAN}|{_END})", 1e4),
        (rf"亿\s*\(?(?:{_YUAN}|{_END})", 1e8),
        (rf"千\s*{_YUAN}|[(\[【]\s*千\s*{_END}", 1e3),
        (rf"百\s*{_YUAN}", 1e2),
        (rf"(?:[(\[【]|单位:)\s*分\s*{_END}|\bcents\b", 1e-2),
        (rf"\bthousands?\b|\btsd\b|\bteur\b|\bt€|(?<![\d.,])000s?\b|[x×]\s?1[.,]?000\b|{_short('k')}", 1e3),
        (r"[(\[]\s*k\s*[)\]]|\sk$|^k$", 1e3),
        (rf"\bmillions?\b|\bmio\b|\bmn\b|\bmln\b|{_short('mm?')}", 1e6),
        (rf"\bbillions?\b|\bbn\b|\bmrd\b|{_short('b')}", 1e9),
        (r"\blakhs?\b", 1e5),
        (r"\bcrores?\b", 1e7),
    )
)


def scale_of(text: str) -> float:
    """What amounts under this title, or in this unit, count in; 1 where it says nothing.

    Examples
    --------
    >>> [scale_of(title) for title in ("商机金额（万元）", "k EUR", "Value in millions", "Market value")]
    [10000.0, 1000.0, 1000000.0, 1.0]
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("萬", "万").replace("億", "亿")
    plain = plain.replace("_", " ").strip()
    return next((factor for pattern, factor in _SCALES if pattern.search(plain)), 1.0)
