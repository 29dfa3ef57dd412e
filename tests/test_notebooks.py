"""Notebooks: they run, in both languages, and the Chinese ones are the English ones but for their words."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CHINESE = sorted((FOLDER / "zh").glob("*.ipynb"))
LOANS = "FUNNELSIM_BPIC2012"  # where 06_a_real_funnel looks for its log
LOANS_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "bpic2012_loans"

CHINESE_SIGN = re.compile("[\u4e00-\u9fff]")
CODE_OR_LINK = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|doi:\S+", re.DOTALL)
ENGLISH_SENTENCE = re.compile(r"(?:[A-Za-z]+[ ,]+){4}[A-Za-z]+")
# What a Chinese notebook may say in addition: its language, and the sample under Chinese names.
LANGUAGE_LINES = ("use_language", "pictures_in_chinese")
LANGUAGES = ("en", "zh")
# Money is told in thousands or millions, or in 万: as much a matter of words as the words.
SCALES = (1e3, 1e4, 1e6)


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}" if path in CHINESE else path.stem


def executed(path: Path, *, backend: str = "agg") -> nbformat.NotebookNode:
    os.environ["MPLBACKEND"] = backend
    notebook = nbformat.read(path, as_version=4)
    beside = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=beside).execute()
    return notebook


def cells_of(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def english_of(path: Path) -> Path:
    return FOLDER / path.name


def test_every_notebook_promised_is_there() -> None:
    stems = ["01_first_forecast", "02_is_the_quota_feasible", "03_revenue_ranges_for_finance"]
    stems += ["04_funnel_maths_workshop", "05_more_leads_same_reps", "06_a_real_funnel"]
    assert [path.stem for path in NOTEBOOKS] == stems


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
@pytest.mark.thorough
def test_notebook_runs_from_top_to_bottom(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if LOANS_BESIDE.exists():  # elsewhere the notebook of the real log says why it does nothing
        monkeypatch.setenv(LOANS, str(LOANS_BESIDE))
    executed(path)


@pytest.mark.thorough
@pytest.mark.parametrize("path", CHINESE, ids=named)
def test_chinese_notebook_runs_and_shows_no_english(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if LOANS_BESIDE.exists():
        monkeypatch.setenv(LOANS, str(LOANS_BESIDE))
    drawn = executed(path, backend="module://matplotlib_inline.backend_inline")  # letters that lack are told
    outputs = [output for cell in drawn.cells for output in cell.get("outputs", [])]
    shown = [output.get("text", "") for output in outputs]
    shown += [re.sub("<[^>]+>", "\n", output.get("data", {}).get("text/html", "")) for output in outputs]
    shown += [output.get("data", {}).get("text/markdown", "") for output in outputs]
    assert any(CHINESE_SIGN.search(text) for text in shown)
    assert not [text for text in shown if ENGLISH_SENTENCE.search(CODE_OR_LINK.sub("", text))]


@pytest.mark.parametrize(("path", "word"), [(NOTEBOOKS[-1], "Skipped"), (CHINESE[-1], "已跳过")])
def test_notebook_of_a_real_log_says_why_it_does_nothing_without_it(
    path: Path, word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LOANS, str(tmp_path))
    cells = executed(path).cells
    said = [output["data"].get("text/markdown", "") for cell in cells for output in cell.get("outputs", [])]
    assert len(said) == 1
    assert all(text in said[0] for text in (word, str(tmp_path), LOANS))


@pytest.mark.parametrize("path", [*NOTEBOOKS, *CHINESE], ids=named)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def statements(source: str) -> list[ast.stmt]:
    """Statements of a cell, without what only says in which language it speaks."""
    body = ast.parse(source).body
    for call in (node for line in body for node in ast.walk(line) if isinstance(node, ast.Call)):
        call.keywords = [keyword for keyword in call.keywords if keyword.arg != "lang"]
    return [line for line in body if not any(name in ast.unparse(line) for name in LANGUAGE_LINES)]


def is_told(text: str) -> bool:
    """Whether a text is for readers: Chinese, or marks alone."""
    return bool(CHINESE_SIGN.search(text)) or not re.search("[A-Za-z0-9]", text)


def figures_told(text: ast.JoinedStr) -> list[str]:
    """Values that stand in a sentence, in no order: languages put them in different places."""
    values = [part.value for part in text.values if isinstance(part, ast.FormattedValue)]
    for node in (node for value in values for node in ast.walk(value)):
        if isinstance(node, ast.Constant) and node.value in SCALES:
            node.value = SCALES[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "" if is_told(node.value) else node.value
    return sorted(ast.dump(value) for value in values)


def pairs(english: ast.AST, chinese: ast.AST) -> Iterable[tuple[object, object]]:
    """Fields of two nodes of the same kind, side by side."""
    for (_, one), (_, other) in zip(ast.iter_fields(english), ast.iter_fields(chinese), strict=True):
        if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            yield from zip(one, other, strict=True)
        else:
            yield one, other


def holds_only_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Dict) and all(
        isinstance(one, ast.Constant) and isinstance(one.value, str) for one in [*node.keys, *node.values]
    )


def first_difference(english: object, chinese: object) -> str | None:
    """Where two pieces of code differ in more than words; None where they do not."""
    told = [ast.unparse(one) if isinstance(one, ast.AST) else repr(one) for one in (english, chinese)]
    differ = " | ".join(told)
    if type(english) is not type(chinese):
        return differ
    if not isinstance(english, ast.AST) or not isinstance(chinese, ast.AST):
        is_word = isinstance(chinese, str) and CHINESE_SIGN.search(chinese)  # a name of somebody's own
        return None if english == chinese or is_word else differ
    if isinstance(english, ast.Constant) and isinstance(chinese, ast.Constant):
        said = (english.value, chinese.value)
        is_word = isinstance(said[0], str) and isinstance(said[1], str) and is_told(said[1])
        is_like = any(said[0] in one and said[1] in one for one in (SCALES, LANGUAGES))
        return None if said[0] == said[1] or is_word or is_like else differ
    if isinstance(english, ast.JoinedStr) and isinstance(chinese, ast.JoinedStr):
        return None if figures_told(english) == figures_told(chinese) else differ
    if holds_only_words(english) and holds_only_words(chinese) and told[0].count(":") != told[1].count(":"):
        return None  # a list of words, of which one language needs more
    return next(filter(None, (first_difference(*pair) for pair in pairs(english, chinese))), None)


@pytest.mark.parametrize("path", CHINESE, ids=named)
def test_code_of_a_chinese_notebook_is_that_of_the_english_one(path: Path) -> None:
    english, chinese = (
        [statements(cell) for cell in cells_of(one, "code")] for one in (english_of(path), path)
    )
    assert [len(cell) for cell in chinese] == [len(cell) for cell in english]
    for one, other in zip(english, chinese, strict=True):
        for pair in zip(one, other, strict=True):
            assert first_difference(*pair) is None


@pytest.mark.parametrize(
    ("english", "chinese", "is_same"),
    [
        ("f(x, 'wins')", "f(x, '赢单')", True),
        ("f'{a:.0%} of {b / 1e6:.1f} million'", "f'{b / 1e4:,.0f} 万元的 {a:.0%}'", True),
        ("W = {'total': 'year'}", "W = {'total': '全年', 'won': '赢单'}", True),
        ("f(x, 'p10')", "f(x, 'p50')", False),
        ("f'{a} of {b}'", "f'{b} 的 {b}'", False),
        ("f(x, n=20)", "f(x, n=30)", False),
        ("f(x)", "g(x)", False),
    ],
)
def test_difference_in_more_than_words_is_seen(english: str, chinese: str, is_same: bool) -> None:
    assert (first_difference(ast.parse(english), ast.parse(chinese)) is None) == is_same


@pytest.mark.parametrize("path", CHINESE, ids=named)
def test_prose_of_a_chinese_notebook_is_chinese_and_as_complete(path: Path) -> None:
    kinds = [[cell.cell_type for cell in nbformat.read(one, 4).cells] for one in (english_of(path), path)]
    assert kinds[1] == kinds[0]
    for english, chinese in zip(
        cells_of(english_of(path), "markdown"), cells_of(path, "markdown"), strict=True
    ):
        assert CHINESE_SIGN.search(chinese)
        assert not ENGLISH_SENTENCE.search(CODE_OR_LINK.sub("", chinese))
        headings = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in (english, chinese)]
        assert headings[1] == headings[0]


def test_chinese_notebooks_have_english_ones() -> None:
    assert {path.name for path in CHINESE} <= {path.name for path in NOTEBOOKS}
