"""The language that is spoken: sentences with holes, words in holes, what the catalogue does not know."""

from __future__ import annotations

import ast
import errno
import inspect
import os
import re
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest
from pydantic_core._pydantic_core import list_all_errors

import funnelsim as fs
from funnelsim.intake.scenarios import shipped_scenarios
from funnelsim.vocabulary.language import LanguageError, catalogue, known, language, missed_texts, tr

SOURCES = Path(fs.__file__).parent
# What stands in no source as it is read: what the command line's parser says, and what is put together.
ELSEWHERE = [
    "at line {}, column {}",
    "must be a table with the keys {}, not {}",
    "stated necessary days, stated usual days, necessary verdict, usual verdict",
    "more since about, fewer since about, faster since about, slower since about",
    "more rep from {}",
    "赢单 or more in {}",  # the unit is said before the sentence is
    "to won {} times",
    "is not a valid integer range. is not a valid float range.",  # types of click by their names
    "No such option: {}",  # until click 8.3
]


def test_a_block_speaks_and_falls_silent() -> None:
    assert language() == "en"
    with fs.use_language("zh"):
        assert language() == "zh"
        assert tr("total") == "合计"
    assert tr("total") == "total"


def test_other_languages_are_refused() -> None:
    with pytest.raises(LanguageError, match="'fr' is not spoken; use 'en' or 'zh'"):
        fs.use_language("fr")  # type: ignore[arg-type]
    assert language() == "en"


def test_numbers_and_names_are_left_alone() -> None:
    with fs.use_language("zh"), missed_texts() as missed:
        assert tr("1,234 ± 5") == "1,234 ± 5"
        assert known("a stage of somebody's own") == "a stage of somebody's own"
        assert not missed
        assert tr("words nobody has put there") == "words nobody has put there"
        assert list(missed) == ["words nobody has put there"]


def test_blanks_set_other_letters_apart_and_stand_in_no_chinese() -> None:
    with fs.use_language("zh"):
        assert tr("to Proof 2 times as fast as usual (1 to 3)") == "转至 Proof 2 倍速（1 至 3）"
        assert tr("to 证明价值 2 times as fast as usual (1 to 3)") == "转至证明价值 2 倍速（1 至 3）"
        assert tr("24 plays") == "24 plays"


def written() -> str:
    """All text in the package's code, with a hole for each value; one piece a line."""
    texts = []
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    shipped = shipped_scenarios().values()  # their notes are said too
    # What pydantic and Python find wrong with a file is said too; pydantic names its holes.
    texts += [inspect.getsource(tomllib._parser), *ELSEWHERE]
    # So is what click finds wrong with what was typed, and the system with a file.
    of_click = (click.core, click.decorators, click.exceptions, click.parser, click.types)
    texts += [re.sub(r"\{\w+(!r)?\}", "{}", inspect.getsource(module)) for module in of_click]
    texts += [os.strerror(code) for code in errno.errorcode]
    texts += [re.sub(r"\{\w+\}", "{}", error["message_template_python"]) for error in list_all_errors()]
    texts = [" ".join(text.split()) for text in texts]  # paragraphs of help stand in lines
    return "\n".join([*texts, *(path.read_text(encoding="utf-8") for path in shipped)])


def is_written(key: str, code: str) -> bool:
    """Whether the words of a key stand in the code: between holes and marks, or as a column's name."""
    pieces = [piece.strip(" <>") for piece in re.split(r"\{\}|[();:,.]", key) if piece.strip()]
    columns = [re.sub(r" (low|high|se)$", "", piece).replace(" ", "_") for piece in pieces]
    return all(piece in code or column in code for piece, column in zip(pieces, columns, strict=True))


def test_every_sentence_of_the_catalogue_is_in_use() -> None:
    """An unused key is a sentence nobody reads, or one whose English was changed without it."""
    code = written()
    assert [key for key in catalogue("zh") if not is_written(key, code)] == []


def test_holes_of_a_sentence_are_those_of_its_english() -> None:
    for key, value in catalogue("zh").items():
        n = key.count("{}")
        holes = value.count("{}") or len({i for i in range(n) if f"{{{i}}}" in value})
        assert holes == n, key


def test_no_sentence_stands_in_two_files() -> None:
    """The later file would win, and its neighbour's author would not know."""
    folder = SOURCES / "vocabulary" / "catalogue" / "zh"
    keys = [
        key
        for file in sorted(folder.glob("*.toml"))
        for section in tomllib.loads(file.read_text(encoding="utf-8")).values()
        for key in section
    ]
    assert [key for key, n in Counter(keys).items() if n > 1] == []


def test_sentences_of_one_word_say_numbers_and_not_lists_of_names() -> None:
    with fs.use_language("zh"):
        assert tr("12 deals") == "12 个商机"
        assert tr("on, amount, deals") == "on, amount, deals"
        assert tr("until 2026-10-01") == "截至 2026-10-01"
        assert tr("until further notice is given") == "until further notice is given"
