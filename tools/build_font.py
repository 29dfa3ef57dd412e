"""Builds the font of pictures, Funnelsim Sans SC: the GB2312 characters of Noto Sans CJK SC as TrueType.

Run by hand, and only to renew the font; it needs fontTools, which comes with matplotlib::

    python tools/build_font.py NotoSansCJK-Regular.ttc NotoSansCJK-Bold.ttc

The sources are the collections of Debian's package ``fonts-noto-cjk``, or of the releases of
https://github.com/notofonts/noto-cjk. The same sources and the same fontTools give the same bytes.

Why not ship the source as it is: a collection holds 65,000 glyphs in 19 MB, and PDF readers complain of its
cubic outlines (CFF) where ``pdf.fonttype`` is 42. Quadratic outlines are right in PNG, SVG and both kinds of
PDF. The licence (SIL OFL 1.1) reserves names, so the subset has a name of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, newTable

SOURCE_FAMILY = "Noto Sans CJK SC"
FAMILY = "Funnelsim Sans SC"
TARGET = Path(__file__).resolve().parents[1] / "src" / "funnelsim" / "faces" / "plots" / "fonts"
MOST_BYTES = 2_500_000
# Beside GB2312, which has kana, Cyrillic, Greek, arrows and circled figures of its own:
LATIN = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
SIGNS = "·–—‘’“”†‡•…‰′″※€₩™−√∞≈≠≤≥≦≧∑∏∆∂∫←↑→↓↔↕↗↘⇒⇔░▒▓▀▄█▌▐■□▲△▶▷▼▽◀◁◆◇○◎●★☆✓ー"
SPACES = "\u2002\u2003\u3000"
# Frequent in names of people and firms, and later than GB2312.
NAMES = (
    "啰喆囧垚堃旻昇昉晞暐暲曈曌杬枔橦沄洺浛淏湉湜溦澔濛炘烜煐燊燚燨爔犇玏玓玕玘玙玚玥玦玧珅珘珣珮珺琀琇琎琤琲琸瑀瑄瑔瑢"
    "瑱璘璟璠璿瓅甡畑畯皛皞盺瞭矞祎祐禑禔禛禤秾稑竑綝翀翙翚翛翾芃莀蒨虓袆褀訚訢詝谞赟赪邠郃锜镕闿隺霂颎飏餗骕髙鹍龑龢"
)
# Signs that the source draws a full em wide; among figures they look like "2 ± 1" typed with many spaces.
NARROWED = "±×÷·√≤≥≈≠"
BEARING = 70  # units of 1,000 left on either side of a narrowed sign
SPACE = (
    300  # units; with the source's 224 words run together where pixels are few: "all together" read as one
)
TOLERANCE = 1.5  # units by which a quadratic outline may leave its cubic one: 0.02 mm in letters of 36 points
KEPT_NAMES = (0, 7, 9, 10, 11, 12, 13, 14)  # copyright, trademark, authors, addresses, licence
DROPPED_TABLES = ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]


def gb2312() -> set[str]:
    """All characters of GB2312-80: 6,763 hanzi and 682 others."""
    rows, cells = range(0xA1, 0xF8), range(0xA1, 0xFF)
    pairs = (bytes([row, cell]) for row in rows for cell in cells)
    return {pair.decode("gb2312", errors="ignore") for pair in pairs} - {""}


def face_of(collection: Path) -> TTFont:
    """The Simplified Chinese face of a collection, with the dates that it was made with."""
    for number, face in enumerate(TTCollection(collection, lazy=True).fonts):
        if face["name"].getDebugName(1) == SOURCE_FAMILY:
            return TTFont(collection, fontNumber=number, recalcTimestamp=False)
    raise SystemExit(f"{collection} holds no face called {SOURCE_FAMILY!r}; take NotoSansCJK-Regular.ttc")


def reduce_to(font: TTFont, characters: set[str]) -> None:
    """Keep only some characters; those that the source lacks are told."""
    held = font.getBestCmap()
    missing = sorted(c for c in characters if ord(c) not in held)
    if set(missing) & gb2312():
        raise SystemExit(f"the source lacks characters of GB2312: {''.join(missing)}")
    if missing:
        print("not in the source:", " ".join(f"{c!r} U+{ord(c):04X}" for c in missing), file=sys.stderr)
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.name_IDs = ["*"]  # by default authors and licence would go
    options.notdef_outline = True
    options.drop_tables += DROPPED_TABLES
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters])
    subsetter.subset(font)


def make_quadratic(font: TTFont) -> None:
    """Put TrueType outlines in the place of CFF."""
    order, drawn, glyphs = font.getGlyphOrder(), font.getGlyphSet(), {}
    for name in order:
        pen = TTGlyphPen(None)
        drawn[name].draw(Cu2QuPen(pen, TOLERANCE, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, glyphs
    del font["CFF "]
    most = font["maxp"]  # the rest of it is counted when the font is saved
    most.tableVersion, most.maxZones = 0x00010000, 1
    for field in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
        setattr(most, f"max{field}", 0)
    most.maxSizeOfInstructions = most.maxComponentElements = 0
    font["post"].formatType = 3.0
    font.sfntVersion = "\0\1\0\0"


def space_out(font: TTFont) -> None:
    """Widths for screens: words apart, signs close to their figures; and bearings that fit the outlines."""
    names, glyphs, widths = font.getBestCmap(), font["glyf"], font["hmtx"]
    for name in glyphs.keys():  # noqa: SIM118 (a table, not a dict)
        glyphs[name].recalcBounds(glyphs)
        widths[name] = (widths[name][0], getattr(glyphs[name], "xMin", 0))
    for name in {names[ord(sign)] for sign in NARROWED}:
        glyph = glyphs[name]
        glyph.coordinates.translate((BEARING - glyph.xMin, 0))
        glyph.recalcBounds(glyphs)
        widths[name] = (glyph.xMax + BEARING, BEARING)
    for name in {names[ord(space)] for space in " \u00a0"}:
        widths[name] = (SPACE, 0)


def rename(font: TTFont) -> str:
    """Give the font its own names, and keep those of its authors, copyright and licence; its style."""
    table = font["name"]
    style, release = table.getDebugName(2), table.getDebugName(5).split(";")[0]
    kept = [(number, table.getDebugName(number)) for number in KEPT_NAMES]
    postscript = f"{FAMILY.replace(' ', '')}-{style}"
    own = [
        (1, FAMILY),
        (2, style),
        (3, f"{release}; {postscript}"),
        (4, f"{FAMILY} {style}"),
        (5, f"{release}; GB2312 subset with TrueType outlines"),
        (6, postscript),
    ]
    table.names = []
    for number, text in sorted(own + [(number, text) for number, text in kept if text]):
        table.setName(text, number, 3, 1, 0x409)
    font["OS/2"].achVendID = "NONE"
    return style


def build(collection: Path, folder: Path) -> Path:
    """Make the subset of one weight; gives its path."""
    font = face_of(collection)
    reduce_to(font, gb2312() | set(LATIN + SIGNS + SPACES + NAMES))
    make_quadratic(font)
    space_out(font)
    path = folder / f"{FAMILY.replace(' ', '')}-{rename(font)}.ttf"
    font.save(path)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes; a package should not carry so much")
    return path


def main() -> None:
    """Build one font for each source named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collections", nargs="+", type=Path, help="NotoSansCJK-Regular.ttc, -Bold.ttc")
    parser.add_argument("--folder", type=Path, default=TARGET, help="where the fonts are written")
    chosen = parser.parse_args()
    for collection in chosen.collections:
        path = build(collection, chosen.folder)
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
