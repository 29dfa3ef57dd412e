"""The page in a browser: no request, nothing on the console, headings in order, no sideways scrolling."""

from __future__ import annotations

import importlib.util
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="no playwright: pip install playwright"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_the_page_stands_alone_and_fits(
    browser: Any, whole_reports: dict[str, Path], lang: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    own = whole_reports[lang].as_uri()
    page.goto(own)
    assert said == []
    assert [url for url in asked if url != own] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels[:-1], levels[1:], strict=True))
    page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_first_screen_holds_all_five_answers_and_the_fan(
    browser: Any, whole_reports: dict[str, Path], lang: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(whole_reports[lang].as_uri())
    ends = page.evaluate(
        "[...document.querySelectorAll('.answer, .fan')].map(e => e.getBoundingClientRect().bottom)"
    )
    assert len(ends) == 7  # with the fan for telephones, which is not shown
    assert ends.count(0) == 1
    assert max(ends) <= 720
    named = page.evaluate("[...document.querySelectorAll('svg')].map(s => s.getAttribute('aria-label'))")
    assert named
    assert all(named)
    page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_telephone_shows_the_whole_fan(browser: Any, whole_reports: dict[str, Path], lang: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(whole_reports[lang].as_uri())
    shown = page.evaluate(
        """[...document.querySelectorAll('.fan svg')].map(s => s.getBoundingClientRect()).filter(b => b.width)
            .map(b => [b.left, b.right])"""
    )
    assert len(shown) == 1
    assert 0 <= shown[0][0] < shown[0][1] <= 390
    page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_telephone_shows_that_more_lies_to_the_side(
    browser: Any, whole_reports: dict[str, Path], lang: str
) -> None:
    """Pictures say it in words, tables by a shadow at their edge; at a desk neither is in the way."""
    for width, is_shown in ((390, True), (1280, False)):
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.goto(whole_reports[lang].as_uri())
        hints = page.evaluate(
            "[...document.querySelectorAll('.hint')].map(e => [e.offsetHeight > 0,"
            " e.parentElement.scrollWidth > e.parentElement.clientWidth])"
        )
        assert hints
        assert all(hint == [is_shown, is_shown] for hint in hints), hints
        shadow = page.evaluate("getComputedStyle(document.querySelector('.wide')).backgroundAttachment")
        assert shadow == "local, local, scroll, scroll"
        page.close()


def test_a_printed_page_breaks_no_date(browser: Any, whole_reports: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(whole_reports["en"].as_uri())
    page.emulate_media(media="print")
    lines = page.evaluate("[...document.querySelectorAll('td .one')].map(e => e.getClientRects().length)")
    assert len(lines) > 50
    assert set(lines) == {1}
    page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_letters_stand_out_from_their_ground(browser: Any, whole_reports: dict[str, Path], lang: str) -> None:
    """4.5 to 1, as WCAG 2 asks, of every element that holds text of its own."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(whole_reports[lang].as_uri())
    pairs = page.evaluate(
        """() => [...document.querySelectorAll('body *')]
            .filter(e => !e.closest('svg, script') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
            .map(e => {
                let ground = e;
                while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
                    ground = ground.parentElement;
                return [getComputedStyle(e).color, ground ? getComputedStyle(ground).backgroundColor : 'rgb(255, 255, 255)'];
            })"""  # noqa: E501
    )
    assert len(pairs) > 100
    assert min(contrast(*pair) for pair in {tuple(pair) for pair in pairs}) >= 4.5
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21.0)


def contrast(ink: str, ground: str) -> float:
    first, second = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of sRGB, WCAG 2."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_printed_page_begins_with_the_answers(browser: Any, whole_reports: dict[str, Path]) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pypdf reads what was printed: pip install pypdf")
    page = browser.new_page()
    page.goto(whole_reports["en"].as_uri())
    printed = whole_reports["en"].with_suffix(".printed.pdf")
    page.pdf(path=str(printed), prefer_css_page_size=True)
    pages = pypdf.PdfReader(printed).pages
    first = unicodedata.normalize("NFKC", pages[0].extract_text())  # ligatures taken apart
    for question in ("Chance of the target", "Range", "What has changed", "Which lever first"):
        assert question in first
    assert "Can it be believed?" in first
    assert "Ranges by period" not in first
    assert "Ranges by period" in pages[1].extract_text()  # so the fan, all outlines, stands on the first
    assert round(pages[0].mediabox.width) == 595  # A4
    page.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_last_sheet_is_not_printed_for_a_line_or_two(
    browser: Any, whole_reports: dict[str, Path], tmp_path: Path, lang: str
) -> None:
    """The last section is pushed down a sheet, 5 mm at a time, so that it ends anywhere."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf reads what was printed: pip install pypdf")
    page = browser.new_page()
    page.goto(whole_reports[lang].as_uri())
    for down in range(0, 250, 5):
        page.evaluate(f"document.querySelector('#assumed').style.paddingTop = '{down}mm'")
        page.pdf(path=str(tmp_path / "p.pdf"), prefer_css_page_size=True)
        last = pypdf.PdfReader(tmp_path / "p.pdf").pages[-1].extract_text()
        assert last.count("\n") >= 3, last
    page.close()
