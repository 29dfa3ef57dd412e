"""Files of pictures: what they show is told inside, for those who cannot see it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html import escape
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pypdf import PdfReader

import funnelsim as fs
from funnelsim.faces.plots.sheet import PlotError, alt_text

SVG = "{http://www.w3.org/2000/svg}"


def drawn(lang: str = "en") -> mpl.axes.Axes:
    ax = Figure(figsize=(5, 4), layout="constrained").add_subplot()
    return fs.plot_funnel(fs.sample_funnel(), n_draws=20, ax=ax, lang=lang)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_picture_tells_its_title_and_numbers_inside(tmp_path: Path, lang: str) -> None:
    ax = drawn(lang)
    title = " ".join(ax.get_title(loc="left").split())
    svg = ElementTree.parse(fs.save_picture(ax, tmp_path / "a.svg")).getroot()
    assert svg.get("role") == "img"
    assert [child.tag for child in svg][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert svg.findtext(f"{SVG}title") == title
    assert svg.findtext(f"{SVG}desc") == alt_text(ax)
    with Image.open(fs.save_picture(ax, tmp_path / "a.png")) as image:
        assert (image.info["Title"], image.info["Description"]) == (title, alt_text(ax))
    about = PdfReader(fs.save_picture(ax, tmp_path / "a.pdf")).metadata
    assert about is not None
    assert (about.title, about.subject) == (title, alt_text(ax))


def test_words_of_users_are_no_markup(tmp_path: Path) -> None:
    ax = drawn()
    ax.set_label("<script>alert('A & B')</script>")
    text = fs.save_picture(ax, tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<script" not in text
    assert re.search(re.escape(escape(ax.get_label(), quote=False)), text)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlotError, match=r"'a\.jpeg' is no picture; end its name in \.png, \.svg, \.pdf"):
        fs.save_picture(drawn(), "a.jpeg")
    with pytest.raises(PlotError, match="cannot be written"):
        fs.save_picture(drawn(), tmp_path / "nowhere" / "a.png")
    assert not list(tmp_path.iterdir())
