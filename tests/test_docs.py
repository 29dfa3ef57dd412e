"""The documentation: complete, true to its sources, in two languages, offline; and it builds (thorough)."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import funnelsim as fs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
TREE = re.compile(r"```\{toctree\}\n(.*?)```", flags=re.DOTALL)
DIRECTIVE = re.compile(r"\.\. auto(?:class|exception|function|module):: ([\w.]+)")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# What makes a browser fetch something when a page opens; an address to click on is none of it.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|link)\b[^>]*?\b(?:src|href)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|@import|url\(\s*["']?(?:https?:)?//|!\[[^\]]*\]\(\s*(?:https?:)?//""",
    flags=re.IGNORECASE,
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def children(page: Path) -> set[Path]:
    """Pages in the toctrees of a page."""
    lines = [line.strip() for tree in TREE.findall(text_of(page)) for line in tree.splitlines()]
    return {page.parent / f"{line}.md" for line in lines if line and not line.startswith(":")}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text: str) -> list[list[list[str]]]:
    """Tables of a page as rows of cells, their header first, without the row of dashes."""
    blocks = re.findall(r"(?:^[ \t]*\|.*\n?)+", text, flags=re.MULTILINE)
    return [[cells(line) for i, line in enumerate(block.strip().splitlines()) if i != 1] for block in blocks]


def test_every_page_is_reached_from_the_first() -> None:
    reached, queue = set(), [DOCS / "index.md"]
    while queue:
        page = queue.pop()
        if page not in reached:
            reached.add(page)
            queue.extend(children(page))
    assert reached == set(PAGES)


def test_reference_has_every_public_name_once() -> None:
    named = [name for page in PAGES for name in DIRECTIVE.findall(text_of(page))]
    modules = {name for name in fs.__all__ if name in {"baselines", "worlds"}}
    expected = {f"funnelsim.{name}" for name in fs.__all__ if name not in modules}
    expected |= {f"funnelsim.questions.{name}" for name in modules}
    assert sorted(named) == sorted(expected)


def test_reference_runs_every_command() -> None:
    from funnelsim.faces.cli import main

    shown = re.findall(
        r'^shown\("(\w+)"\)', text_of(DOCS / "reference" / "command_line.md"), flags=re.MULTILINE
    )
    assert sorted(shown) == sorted(main.list_commands(None))  # type: ignore[arg-type]  # needs no context


def test_glossary_has_both_languages_of_every_term() -> None:
    every = tables(text_of(DOCS / "background" / "glossary.md"))
    terms = [row for table in every for row in table[1:]]
    assert len(terms) > 50
    for english, chinese, meaning, in_chinese in terms:
        assert re.search("[A-Za-z]", english), english
        assert CHINESE.search(chinese) or chinese.startswith("P10"), english
        assert re.search("[A-Za-z]", meaning), english
        assert CHINESE.search(in_chinese), english
    names = [english for english, *_ in terms]
    assert len(names) == len(set(names))


def test_tables_of_what_was_measured_are_those_of_their_sources() -> None:
    sources = ("README.md", "benchmarks/README.md", "benchmarks/worlds_parts/results.md")
    known = [table for source in sources for table in tables(text_of(ROOT / source))]
    told = tables(text_of(DOCS / "background" / "can_it_be_believed.md"))
    assert len(told) == 4
    for head, *rows in told:
        told_of = [dict(zip(head, row, strict=True)) for row in rows]
        assert any(
            [{name: dict(zip(source[0], row, strict=True)).get(name) for name in head} for row in source[1:]]
            == told_of
            for source in known
        ), head


def test_scenarios_that_ship_are_listed() -> None:
    listed = tables(text_of(DOCS / "reference" / "file_formats.md"))[-1]
    assert listed[0][:2] == ["name", "title"]
    shipped = sorted(path.stem for path in (ROOT / "scenarios").glob("*.toml"))
    assert sorted(row[0].strip("`") for row in listed[1:]) == shipped


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_file_that_a_page_reads_is_seen_to_be_written(page: Path) -> None:
    """Who follows a page types what is shown: a hidden cell may set things, but makes no file."""
    hidden = re.findall(
        r"```\{code-cell\}\n:tags: \[(?:remove-cell|remove-input)\]\n(.*?)\n```", text_of(page), re.DOTALL
    )
    assert [cell for cell in hidden if re.search(r"to_csv|write_text|simulate ", cell)] == []


@pytest.mark.parametrize("page", [*PAGES, *sorted((DOCS / "_static").iterdir())], ids=lambda path: path.name)
def test_no_source_loads_anything_from_outside(page: Path) -> None:
    assert not LOADED.search(text_of(page))


def test_what_loads_from_outside_would_be_seen() -> None:
    assert LOADED.search('<script async src="https://cdn.example/x.js"></script>')
    assert LOADED.search("![picture](https://example.org/a.png)")
    assert LOADED.search("src: url('//fonts.example/a.woff')")
    assert not LOADED.search('<a href="https://example.org">a link to click on</a>')


@pytest.mark.thorough
@pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("myst_nb") is None,
    reason="Sphinx or MyST-NB is not installed: python -m pip install -e '.[docs]'",
)
def test_pages_build_without_a_warning_and_load_nothing_from_outside(tmp_path: Path) -> None:
    out = tmp_path / "html"
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees", DOCS, out]
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    built = [*out.rglob("*.html"), *out.rglob("*.css")]
    assert len(built) > len(PAGES)
    assert [path.name for path in built if LOADED.search(text_of(path))] == []
    assert [path.name for path in built if "Traceback (most recent call last)" in text_of(path)] == []
    spoken = [alt for path in built for alt in re.findall(r'<img alt="([^"]*)"', text_of(path))]
    assert len(spoken) > 20  # pictures drawn by the cells among them
    assert [alt for alt in spoken if not alt or alt.endswith((".png", ".svg"))] == []
