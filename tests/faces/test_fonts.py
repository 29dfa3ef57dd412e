"""Chinese in pictures on any machine: the font that ships, how texts find it, every picture with it."""

from __future__ import annotations

import inspect
import io
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

import funnelsim as fs
from funnelsim.faces.plots import fonts
from funnelsim.faces.plots.sheet import readable
from funnelsim.nouns.records import Records

FOLDER = Path(fonts.__file__).with_name("fonts")
FILES = sorted(FOLDER.glob("*.ttf"))
STAGES = ("资格确认", "需求开发", "方案 Solution", "概念验证", "成交签约")
REPS = ("欧阳娜娜", "司马相如", "诸葛亮", "李雷", "韩梅梅", "王小二", "赵 Alex", "钱多多", "孙晓", "周颖")
LEVERS = ("线索量 +20%", "转化率提升（试点）", "周期缩短")
RARE = "客户㙍𠮷 🎉 ❤️ 👩‍💻 ꙮ"  # of Extension A and B, emoji alone and joined, and the many-eyed O
ENGINE = fs.Exact(n_draws=3)


def gb2312(first_row: int, last_row: int) -> set[str]:
    """Characters of some rows of GB2312, as Python decodes them."""
    pairs = (
        bytes([0xA0 + row, 0xA0 + cell]) for row in range(first_row, last_row + 1) for cell in range(1, 95)
    )
    return {pair.decode("gb2312", errors="ignore") for pair in pairs} - {""}


# --- the font that ships


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_font_holds_gb2312_and_what_charts_write(path: Path) -> None:
    hanzi, all_of_it = gb2312(16, 87), gb2312(1, 87)
    assert (len(hanzi), len(all_of_it)) == (6763, 7445)  # as the standard counts them
    signs = "±×·–—…≥≤√≈−▒█→←↑↓¥€£$%‰°²³“”‘’「」【】（）％，。：；！？、万亿元αβλμσΔΣéüñー镕喆堃玥"
    ascii_signs = {chr(code) for code in range(0x20, 0x7F)}
    held = TTFont(path).getBestCmap()
    assert [c for c in sorted(all_of_it | ascii_signs | set(signs)) if ord(c) not in held] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_character_has_an_outline(path: Path) -> None:
    font = TTFont(path)
    names, outlines = font.getBestCmap(), font["glyf"]
    assert [c for c in sorted(gb2312(16, 87)) if outlines[names[ord(c)]].numberOfContours < 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_names_are_its_own_and_the_licence_goes_with_it(path: Path) -> None:
    """SIL OFL 1.1: reserved names are not used (3), copyright and licence go with every copy (2)."""
    names = TTFont(path)["name"]
    assert names.getDebugName(1) == fonts.SHIPPED == "Funnelsim Sans SC"
    for record in names.names:
        if record.nameID in (1, 3, 4, 6, 16, 18, 21, 25):
            assert "noto" not in str(record).lower()
            assert "source" not in str(record).lower()
    assert "Adobe" in names.getDebugName(0)
    assert "SIL Open Font License, Version 1.1" in names.getDebugName(13)
    licence = (FOLDER / "OFL.txt").read_text(encoding="utf-8")
    assert licence.startswith("Copyright 2014-2021 Adobe (http://www.adobe.com/), with Reserved Font Name")
    assert "SIL OPEN FONT LICENSE Version 1.1 - 26 February 2007" in licence


def test_the_fonts_are_small_and_of_two_weights() -> None:
    assert {path.stem.rsplit("-")[-1] for path in FILES} == {"Regular", "Bold"}
    assert all(path.stat().st_size < 2_500_000 for path in FILES)
    fonts.families()
    entries = [font for font in font_manager.fontManager.ttflist if font.name == fonts.SHIPPED]
    assert sorted((font.weight, Path(font.fname).name) for font in entries) == [
        (400, "FunnelsimSansSC-Regular.ttf"),
        (700, "FunnelsimSansSC-Bold.ttf"),
    ]


# --- which fonts a text takes


def test_families_leave_settings_alone_and_name_only_fonts_that_are_there(caplog) -> None:
    before = dict(mpl.rcParams)
    with caplog.at_level(logging.WARNING):
        for text in ("", "Proposal", "方案"):
            for family in fonts.families(text):
                font_manager.findfont(FontProperties(family=[family]), fallback_to_default=False)
    assert dict(mpl.rcParams) == before
    assert not caplog.records
    n_fonts = len(font_manager.fontManager.ttflist)
    fonts.families("方案")
    assert len(font_manager.fontManager.ttflist) == n_fonts  # registered once


def test_chinese_pictures_take_the_shipped_font_first_unless_a_font_was_chosen() -> None:
    assert fonts.families("Proposal")[:2] == ["sans-serif", fonts.SHIPPED]
    assert fonts.families("方案 Proposal")[:2] == [fonts.SHIPPED, "sans-serif"]
    with mpl.rc_context({"font.family": "DejaVu Serif"}):
        assert fonts.families("方案 Proposal")[:2] == ["DejaVu Serif", fonts.SHIPPED]
    first = fonts.families("方案")
    assert fonts.families("方案", own=first) == first  # a second pass, over a whole figure, changes nothing


def test_system_fonts_stand_behind_for_rarer_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_INSTALLED", ("No Such Font SC", "DejaVu Serif"))
    assert fonts.families("方案") == [fonts.SHIPPED, "sans-serif"]
    assert fonts.families("方案㙍") == [fonts.SHIPPED, "sans-serif", "DejaVu Serif"]


def test_what_no_font_holds_leaves_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_INSTALLED", ())
    assert readable("客户𠮷 A") == "客户? A"
    assert readable("🎉🎉 报价") == "? 报价"
    assert readable("报价 ≥ 5 万元") == "报价 ≥ 5 万元"


def test_a_character_that_only_bold_letters_lack_leaves_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Titles are bold: there it would be a box, with a warning."""
    monkeypatch.setattr(fonts, "_INSTALLED", ())
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    regular, bold = (set(TTFont(folder / f"DejaVuSans{end}.ttf").getBestCmap()) for end in ("", "-Bold"))
    only_regular = sorted(regular - bold - set(TTFont(FILES[0]).getBestCmap()))
    assert only_regular
    assert readable(f"A {chr(only_regular[-1])}") == "A ?"


def test_importing_the_package_registers_nothing() -> None:
    code = "import sys, funnelsim; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- every picture


@dataclass(frozen=True)
class Sample:
    history: fs.DealHistory
    funnel: fs.Funnel
    pipeline: fs.Pipeline

    @property
    def target(self) -> float:
        return 2_600_000


@cache
def sample() -> Sample:
    """A history whose stages, reps, regions and currency have Chinese names."""
    history = fs.simulate_history(3)
    stages = history.stages
    opened = tuple(replace(s, name=name) for s, name in zip(stages.open, STAGES, strict=True))
    ends = tuple(replace(o, name=name) for o, name in zip(stages.outcomes, ("赢单", "丢单"), strict=True))
    deals = history.records.deals.copy()
    reps = sorted(deals["owner"].dropna().unique())
    deals["owner"] = deals["owner"].map(
        {rep: REPS[i % len(REPS)] + "♂" * (i // 10) for i, rep in enumerate(reps)}
    )
    deals = deals.rename(columns={"owner": "销售代表", "region": "区域"})
    told = replace(
        history,
        stages=replace(stages, open=opened, outcomes=ends),
        records=Records(deals, history.records.moves),
        unit="万元",
    )
    return Sample(told, fs.fit(told, calendar=False, level_period=None), told.pipeline())


@cache
def compared() -> fs.LeverComparison:
    @dataclass(frozen=True)
    class Named:
        name: str
        lever: fs.Volume | fs.Conversion | fs.Speed

        def apply(self, funnel: fs.Funnel) -> fs.Funnel:
            return self.lever.apply(funnel)

    moves = (fs.Volume(1.2), fs.Conversion(1.2, stage=STAGES[1]), fs.Speed(0.8))
    levers = [Named(name, move) for name, move in zip(LEVERS, moves, strict=True)]
    s = sample()
    return fs.compare_levers(
        s.funnel, s.pipeline, target=s.target, levers=levers, periods="2Q", engine=ENGINE
    )


@cache
def backtest() -> fs.Backtest:
    return fs.backtest(sample().history, periods="2Q", origins=3, n_draws=10, n_futures=100)


def grid(ax: Axes) -> Axes:
    s, levers = sample(), dict(zip(LEVERS[:2], (fs.Volume, fs.Conversion), strict=True))
    found = fs.lever_grid(
        s.funnel, s.pipeline, target=s.target, levers=levers, n_settings=3, periods="2Q", engine=ENGINE
    )
    return fs.plot_lever_grid(found, ax=ax)


def frontier(ax: Axes) -> Axes:
    s = sample()
    options = [
        fs.Option("行业展会", fs.Volume, 1.3, 50_000),
        fs.Option("销售培训", fs.Conversion, 1.2, 80_000),
    ]
    plan = fs.spend(s.funnel, s.pipeline, options, target=s.target, periods="2Q", engine=ENGINE)
    return fs.plot_frontier(plan, n_budgets=2, ax=ax)


def revision(ax: Axes) -> Axes:
    window = ["2026-07-01", "2027-01-01"]
    return fs.plot_revision(fs.revision(sample().history, "2026-06-30", window=window, n_draws=10), ax=ax)


PICTURES: dict[str, Callable[[Axes], Axes]] = {
    "fan": lambda ax: fs.plot_fan(compared().base, ax=ax),
    "chance": lambda ax: fs.plot_chance(compared().base, ax=ax),
    "incidence": lambda ax: fs.plot_incidence(sample().funnel, STAGES[1], n_draws=20, ax=ax),
    "levers": lambda ax: fs.plot_levers(compared(), ax=ax),
    "shares": lambda ax: fs.plot_shares(compared(), ax=ax),
    "lever_grid": grid,
    "frontier": frontier,
    "amounts": lambda ax: fs.plot_amounts(fs.amounts(sample().history), ax=ax),
    "drift": lambda ax: fs.plot_drift(fs.drift(sample().history, n_simulations=19), ax=ax),
    "dwell": lambda ax: fs.plot_dwell(fs.dwell(sample().history, n_draws=10), STAGES[2], ax=ax),
    "segments": lambda ax: fs.plot_segments(fs.segments(sample().history, "销售代表", n_draws=50), ax=ax),
    "effects": lambda ax: fs.plot_effects(fs.effects(sample().history, "区域", n_draws=20), ax=ax),
    "backtest": lambda ax: fs.plot_backtest(backtest(), ax=ax),
    "pit": lambda ax: fs.plot_pit(backtest(), ax=ax),
    "revision": revision,
}


def files_of(figure: Figure) -> Iterator[bytes]:
    """A figure as PNG, SVG, and PDF with fonts of both kinds."""
    for settings in ({}, {"pdf.fonttype": 42, "svg.fonttype": "none"}):
        with mpl.rc_context(settings):
            for kind in ("png", "svg", "pdf"):
                kept = io.BytesIO()
                figure.savefig(kept, format=kind)
                yield kept.getvalue()


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.thorough
def test_every_picture_draws_chinese_names_without_a_warning(name: str, caplog) -> None:
    """Warnings are errors here: matplotlib warns of each character that it draws as a box."""
    ax = Figure(figsize=(6.4, 4.8), layout="constrained").add_subplot()
    with caplog.at_level(logging.WARNING):
        assert PICTURES[name](ax) is ax
        made = list(files_of(ax.figure))
    assert [file[:4] for file in made] == [b"\x89PNG", b"<?xm", b"%PDF"] * 2
    assert not [record for record in caplog.records if "font" in record.getMessage().lower()]
    written = "".join(text.get_text() for text in ax.findobj(Text))
    if max(written) >= "\u4e00":
        assert any(b"FunnelsimSansSC" in made[i] for i in (2, 5))
        assert "?" not in written


def test_every_function_that_draws_ends_by_choosing_fonts() -> None:
    drawing = [getattr(fs, name) for name in fs.__all__ if name.startswith("plot_")]
    assert [f.__name__ for f in drawing if ".finish(" not in inspect.getsource(inspect.getmodule(f))] == []


def test_panels_of_all_stages_draw_chinese_names() -> None:
    panels = fs.plot_incidence(sample().funnel, n_draws=10)
    list(files_of(panels[0].figure))
    titles = [ax.get_title(loc="left") for ax in panels]
    assert all(any(title.startswith(name) for title in titles) for name in STAGES)


@pytest.mark.parametrize("installed", [(), fonts._INSTALLED])
def test_rare_characters_are_told_once_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, installed: tuple
) -> None:
    monkeypatch.setattr(fonts, "_INSTALLED", installed)
    s = sample()
    stages = replace(
        s.funnel.stages, open=tuple(replace(o, name=o.name + RARE) for o in s.funnel.stages.open)
    )
    funnel = replace(s.funnel, stages=stages)
    ax = Figure(layout="constrained").add_subplot()
    for lang, words in (("en", "install one that does, such as Noto Sans CJK SC"), ("zh", "请安装")):
        with fs.use_language(lang), warnings.catch_warnings(record=True) as told:  # type: ignore[arg-type]
            warnings.simplefilter("always")
            fs.plot_incidence(funnel, stages.names[1], n_draws=10, ax=ax)
            said = [str(one.message) for one in told]
        assert [words in one for one in said] == [True]
        assert told[0].filename == __file__
    list(files_of(ax.figure))
    assert "客户" in "".join(text.get_text() for text in ax.findobj(Text))


def test_a_chosen_font_without_chinese_falls_back_letter_by_letter() -> None:
    with mpl.rc_context({"font.family": "DejaVu Serif"}):
        ax = Figure(layout="constrained").add_subplot()
        fs.plot_levers(compared(), ax=ax)
        made = list(files_of(ax.figure))
    assert b"DejaVuSerif" in made[5]
    assert b"FunnelsimSansSC" in made[5]
