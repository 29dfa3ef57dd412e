"""Language: what people read, in English or Simplified Chinese, from one catalogue."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, get_args

from funnelsim.vocabulary.errors import FunnelsimError

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_NAMES: dict[Language, tuple[str, ...]] = {
    "en": ("en", "eng", "english", "英文", "英语"),
    "zh": ("zh", "cn", "chi", "zho", "chinese", "中文", "简体中文", "汉语"),
}

_HOLE = "{}"
_SENTENCES = re.compile(r"(?<=[.;:!?])\s+")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_ONE_WORD = re.compile(r"[A-Za-z]+\\ \(\.\+\?\)|\(\.\+\?\)\\ [A-Za-z]+")
_CHINESE = re.compile("[㐀-鿿]")
_DEEPEST = 4  # holes within holes
_FULL_STOPS = {".": "。", ";": "；", ":": "：", "!": "！", "?": "？"}


class LanguageError(FunnelsimError):
    """A language that funnelsim does not speak."""


@dataclass
class _Spoken:
    """What is spoken now, and what could not be said in it."""

    language: Language = "en"
    missed: dict[str, None] | None = None


_NOW = _Spoken()


class use_language:  # noqa: N801  # reads as a verb, and works as a block too
    """Speak a language in screens, charts, displays and errors from now on, or within a ``with`` block.

    Parameters
    ----------
    lang : {"en", "zh"}

    Raises
    ------
    LanguageError
        If it is another.

    Notes
    -----
    Columns of tables, CSV files and JSON keep their English names: programs read them. Notebooks show
    tables in the language spoken (:class:`funnelsim.Table`, :func:`funnelsim.show`).
    An error that leaves a ``with`` block is told in the language of the block.

    Examples
    --------
    >>> with use_language("zh"):
    ...     print(tr("total"))
    合计
    """

    def __init__(self, lang: Language) -> None:
        self._before = _NOW.language
        _NOW.language = checked_language(lang)

    def __repr__(self) -> str:
        return f"use_language({_NOW.language!r})"

    def __enter__(self) -> None:
        """Begin a block."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Speak again what was spoken before; a refusal that leaves the block is told in its language."""
        if isinstance(error, FunnelsimError) and error.raised_in is None:
            error.raised_in = _NOW.language
        _NOW.language = self._before


def checked_language(lang: object) -> Language:
    """A language that is spoken.

    Raises
    ------
    LanguageError
    """
    if lang not in LANGUAGES:
        raise LanguageError(f"lang={lang!r} is not spoken; use 'en' or 'zh'")
    return lang


def language_named(text: str) -> Language | None:
    """The language that people or their systems call so; None where it is none that is spoken.

    Examples
    --------
    >>> language_named("zh_CN.UTF-8"), language_named("CN"), language_named("中文"), language_named("fr")
    ('zh', 'zh', 'zh', None)
    """
    first = re.split(r"[-_.@ ]", text.strip().casefold())[0]
    return next((lang for lang, names in _NAMES.items() if first in names), None)


def language() -> Language:
    """The language that is spoken now."""
    return _NOW.language


def tr(text: str) -> str:
    """A text in the language that is spoken now; as it is where the catalogue does not know it.

    Parameters
    ----------
    text : str
        In English, with its numbers and names in place: the catalogue holds sentences with holes.
    """
    if _NOW.language == "en" or not _WORDS.search(text):
        return text
    said = _said(text, _NOW.language, 0)
    if said is None and _NOW.missed is not None:
        _NOW.missed[text] = None
    return text if said is None else said


def known(text: str) -> str:
    """A text in the language that is spoken now where the catalogue knows it: for what may be a name."""
    if _NOW.language == "en" or not _WORDS.search(text):
        return text
    return _said(text, _NOW.language, 0) or text


class missed_texts:  # noqa: N801
    """Texts that could not be said in the language within a ``with`` block: for tests of the catalogue."""

    def __enter__(self) -> dict[str, None]:
        """Begin to listen."""
        _said.cache_clear()
        _NOW.missed = {}
        return _NOW.missed

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        _NOW.missed = None


@cache
def catalogue(lang: str) -> dict[str, str]:
    """All sentences of a language by their English, from the files of the catalogue."""
    files = resources.files("funnelsim.vocabulary") / "catalogue" / lang
    texts: dict[str, str] = {}
    for file in sorted(files.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            for of_section in tomllib.loads(file.read_text(encoding="utf-8")).values():
                texts |= of_section
    return texts


@cache
def _exact(lang: str) -> dict[str, str]:
    return {key: value for key, value in catalogue(lang).items() if _HOLE not in key}


@cache
def _patterns(lang: str) -> list[tuple[str, re.Pattern[str], str]]:
    """For sentences with holes: a piece to look for first, the pattern and the sentence; longest first."""
    found = []
    for key, value in catalogue(lang).items():
        if _HOLE in key:
            pieces = key.split(_HOLE)
            pattern = re.compile("(.+?)".join(re.escape(piece) for piece in pieces), re.DOTALL)
            found.append((max(pieces, key=len), pattern, _numbered(value), len("".join(pieces))))
    return [row[:3] for row in sorted(found, key=lambda row: -row[3])]


def _numbered(value: str) -> str:
    """Holes with numbers: ``{}`` are filled in order."""
    parts = value.split(_HOLE)
    return "".join(part + (f"{{{i}}}" if i < len(parts) - 1 else "") for i, part in enumerate(parts))


@lru_cache(maxsize=4096)
def _said(text: str, lang: str, depth: int) -> str | None:
    """A text in a language; None where neither it nor all of its sentences are known."""
    exact = _exact(lang).get(text)
    if exact is not None:
        return exact
    for piece, pattern, sentence in _patterns(lang) if depth < _DEEPEST else ():
        match = pattern.fullmatch(text) if piece in text else None
        if match and _is_meant(pattern, match, lang, depth):
            fillings = [_filled(hole, lang, depth) for hole in match.groups()]
            return _closed_up(sentence, fillings).format(*fillings)
    return _by_sentence(text, lang, depth)


def _is_meant(pattern: re.Pattern[str], match: re.Match[str], lang: str, depth: int) -> bool:
    """Whether a sentence of one word, such as "{} deals", says a number, and is no list of names."""
    if pattern.groups > 1 or not _ONE_WORD.fullmatch(pattern.pattern):
        return True
    hole = match[1]
    if any(letter.isdigit() for letter in hole) or _said(hole, lang, depth + 1) is not None:
        return True
    return not pattern.pattern.startswith("(") and not re.search(r"\s", hole)


def _closed_up(sentence: str, fillings: list[str]) -> str:
    """The sentence without the blanks that set names in other letters apart, where Chinese meets Chinese."""
    for i, filling in enumerate(fillings):
        if _CHINESE.match(filling[:1]):
            sentence = re.sub(rf"(?<={_CHINESE.pattern}) (?=\{{{i}\}})", "", sentence)
        if _CHINESE.match(filling[-1:]):
            sentence = re.sub(rf"(?<=\{{{i}\}}) (?={_CHINESE.pattern})", "", sentence)
    return sentence


def _filled(hole: str, lang: str, depth: int) -> str:
    """What fills a hole: known words in the language, names and numbers as they are."""
    if not _WORDS.search(hole) or _QUOTED.fullmatch(hole):  # what was typed, such as a line of a file
        return hole
    said = _said(hole, lang, depth + 1)
    if said is None and _NOW.missed is not None and len(_WORDS.findall(hole)) > 2:
        _NOW.missed[hole] = None
    return hole if said is None else said


def _by_sentence(text: str, lang: str, depth: int) -> str | None:
    parts = _SENTENCES.split(text)
    if len(parts) < 2 or depth >= _DEEPEST:
        return None
    said = ""
    for part in parts:
        one = part if not _WORDS.search(part) else _said(part, lang, depth + 1)
        if one is None and part[-1:] in _FULL_STOPS:
            body = _said(part[:-1], lang, depth + 1)
            one = None if body is None else body + _FULL_STOPS[part[-1]]
        if one is None:
            return None
        said += one
    return said
