"""How pictures speak: colours safe for the colour-blind, readable amounts, names that fit and never break."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from funnelsim.faces.tables import beginning, display_width
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import known, language, tr

# Okabe, Ito (2008), "Color universal design": told apart under every common colour blindness.
BLACK, ORANGE, SKY, YELLOW = "#000000", "#E69F00", "#56B4E9", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
INK, GREY, PALE = "#333333", "#767676", "#E4E4E4"

# From 10,000 on, so that 9,500 stays as it is.
_PREFIXES = {"en": ((1e9, "bn"), (1e6, "M"), (1e4, "k")), "zh": ((1e8, "亿"), (1e4, "万"))}
_PREFIX_FACTORS = {"bn": 1e9, "M": 1e6, "k": 1e3, "亿": 1e8, "万": 1e4, "": 1.0}
_CHINESE_WINS = "单"  # counts of wins, where "wins" by itself is the measure
_LONGEST_UNIT = 12
_LEAST_POINTS = 0.05  # what reads 0.0
# Where a line of Chinese may end: after any character, but not before closing or after opening marks, nor
# between a number and what it counts.
_CLOSING = "，。；：、！？）》」』】…"
_ENDS = _CLOSING.replace("、", "") + ",;:"
_PIECES = re.compile(
    "[（《「『【]*(?:[^ \u2e80-\uffff]*[0-9] [\u2e80-\uffff]|[^ \u2e80-\uffff]+|[\u2e80-\uffff])"
    f"[{_CLOSING}]*| +"
)


def tint(colour: str, strength: float) -> str:
    """A colour mixed with white; `strength` 1 leaves it as it is, 0 gives white."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02X}" for part in parts)


def plain(text: object) -> str:
    """One line of printable characters, whatever was given."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def shorten(text: str, width: int) -> str:
    """A text cut in its middle to `width` columns: what distinguishes names often stands at the end."""
    if display_width(text) <= width:
        return text
    tail = beginning(text[::-1], width // 3)[::-1]
    return beginning(text, width - 1 - display_width(tail)).rstrip() + "…" + tail.lstrip()


def wrap(text: str, width: int, n_lines: int) -> str:
    r"""A text on at most `n_lines` lines of `width` columns, shortened to fit.

    Examples
    --------
    >>> wrap("conversion of Proof, odds +10 %", 20, 2)
    'conversion of Proof,\nodds +10 %'
    >>> wrap("change of the chance of winning, in points, with 80 % intervals", 54, 2)
    'change of the chance of winning,\nin points, with 80 % intervals'
    """
    room, unbroken = width * n_lines, text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")
    while room > 1:
        lines = _lines(shorten(unbroken, room), width)
        if len(lines) <= n_lines:
            return "\n".join(lines).replace("\u00a0", " ")
        room -= max(width // 8, 1)
    return shorten(text, width)


def _lines(text: str, width: int) -> list[str]:
    # As few lines as can be, about as long as one another, so that no word is left alone on the last; a line
    # ends at a mark where one is near, and no word of wide characters is torn apart where a space is.
    pieces = [part for piece in _PIECES.findall(text) for part in _parts(piece, width)]
    best = [(0.0, 0)]  # least cost of lines that end before each piece, and where the last of them begins
    for end in range(1, len(pieces) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            line = "".join(pieces[start:end]).strip()
            if display_width(line) > width:
                break
            is_marked = end == len(pieces) or line[-1:] in _ENDS
            torn = 0.0 if is_marked else 0.2 if " " in pieces[end - 1 : end + 1] else 1.0
            cost = 100.0 + torn + (1 - display_width(line) / width) ** 2
            options.append((best[start][0] + cost, start))
        best.append(min(options))
    return _backwards(pieces, [start for _, start in best])


def _parts(piece: str, width: int) -> list[str]:
    """A piece as it is, or cut where it is wider than a line."""
    parts = []
    while display_width(piece) > width:
        parts.append(beginning(piece, width) or piece[0])
        piece = piece[len(parts[-1]) :]
    return [*parts, " " if piece.isspace() else piece]


def _backwards(pieces: list[str], starts: list[int]) -> list[str]:
    """Lines from where each of them begins, told from the end."""
    lines: list[str] = []
    end = len(pieces)
    while end > 0:
        lines.insert(0, "".join(pieces[starts[end] : end]).strip())
        end = starts[end]
    return lines or [""]


def short_names(names: Sequence[str], width: int, n_lines: int = 1) -> list[str]:
    """Names shortened to fit and still told apart: those that became equal are numbered."""
    fitted = [wrap(plain(name), width, n_lines) for name in names]
    for i, name in enumerate(fitted):
        if fitted.count(name) > 1 or not name:
            fitted[i] = wrap(f"{i + 1}: {plain(names[i])}", width, n_lines)
    return fitted


def escape(text: str) -> str:
    r"""A text in which no ``$`` begins a formula.

    Examples
    --------
    >>> print(escape("US$ and A$"))
    US\$ and A\$
    """
    return text.replace("$", r"\$")


@dataclass(frozen=True)
class Scale:
    """Readable units for amounts of one size.

    Parameters
    ----------
    prefix : {"", "k", "M", "bn", "万", "亿"}
    unit : str
        Such as "EUR" or "wins".
    """

    prefix: str
    unit: str

    @classmethod
    def of(cls, amounts: npt.ArrayLike, unit: str, *, is_count: bool = False) -> Scale:
        """Units fit for the largest of some amounts; counts are written out."""
        largest = float(np.max(np.abs(np.asarray(amounts, dtype=float)), initial=0.0))
        prefixes = () if is_count else _PREFIXES[language()]
        prefix = next((name for least, name in prefixes if largest >= least), "")
        return cls(prefix, shorten(plain(unit), _LONGEST_UNIT))

    @property
    def factor(self) -> float:
        """What one of these units is worth."""
        return _PREFIX_FACTORS[self.prefix]

    @property
    def name(self) -> str:
        """Prefix and unit, such as "M EUR"; empty when there is neither."""
        unit = _CHINESE_WINS if self.unit == "wins" and language() == "zh" else known(self.unit)
        is_joint = self.prefix in ("万", "亿") and display_width(unit[:1]) != 1  # as in 万元
        return f"{self.prefix}{unit}" if is_joint else f"{self.prefix} {unit}".strip()

    def axis(self, what: str) -> str:
        """Label of an axis: what is shown, and its unit unless `what` is the unit itself."""
        has_unit = self.name and self.name not in what
        if language() == "zh":
            return f"{tr(what)}（{self.name}）" if has_unit else tr(what)
        return f"{what} ({self.name})" if has_unit else what

    def number(self, amount: float) -> str:
        """An amount in these units, with three figures or so."""
        scaled = amount / self.factor
        size = abs(scaled)
        if size >= 1e7 or size < 0.1:
            return f"{scaled:.{3 if size >= 1e7 else 2}g}"
        is_whole = self.prefix == "" and scaled == round(scaled)
        return f"{scaled:,.{0 if is_whole or size >= 100 else 1 if size >= 10 else 2}f}"

    def text(self, amount: float) -> str:
        """An amount with its unit.

        Examples
        --------
        >>> Scale("M", "EUR").text(5_194_575)
        '5.19 M EUR'
        """
        return f"{self.number(amount)} {self.name}".strip()

    def with_error(self, amount: float, error: float) -> str:
        """An amount and its standard error to as many decimals, enough for a figure of the error; no unit.

        Examples
        --------
        >>> Scale("k", "EUR").with_error(37_300, 1_950)
        '37.3 ± 1.9'
        """
        said, scaled = self.number(max(abs(amount), error)), error / self.factor
        if "e" in said:
            return f"{self.number(amount)} ± {self.number(error)}"
        least = -int(np.floor(np.log10(scaled))) if scaled > 0 else 0
        decimals = max(len(said.partition(".")[2]), min(least, 6))
        return f"{amount / self.factor:,.{decimals}f} ± {scaled:,.{decimals}f}"

    def range(self, low: float, high: float) -> str:
        """A range without its unit."""
        return f"{self.number(low)} {tr('to')} {self.number(high)}"

    def span(self, low: float, high: float) -> str:
        """A range with its unit."""
        return f"{self.number(low)} {tr('to')} {self.text(high)}"

    def tick(self, amount: float, _position: float | None = None) -> str:
        """An amount at a tick of an axis whose label names the unit."""
        scaled = amount / self.factor
        return f"{scaled:.3g}" if abs(scaled) >= 1e7 else f"{scaled:,.10g}"


def chance_words(chance: Estimate, n_futures: int | None, *, lead: str = "") -> str:
    """A chance with its standard error; a count, or a bound, where chance and error would read 0.

    Examples
    --------
    >>> chance_words(Estimate(0.314, 0.019), 10_000, lead="chance ")
    'chance 31.4 % ± 1.9 points (SE)'
    >>> chance_words(Estimate(0.0, 0.0), 10_000)
    'reached in none of 10,000 futures'
    >>> chance_words(Estimate(1e-7, 1e-8), None)
    'chance below 0.05 %'
    """
    if n_futures is None and min(chance.value, 1 - chance.value) < 5e-4:
        return tr("chance below 0.05 %" if chance.value < 0.5 else "chance above 99.95 %")
    if n_futures is not None and chance.value == 0.0:
        return tr(f"reached in none of {n_futures:,} futures")
    if n_futures is not None and chance.value == 1.0:
        return tr(f"reached in all {n_futures:,} futures")
    is_known = not np.isnan(chance.standard_error)
    error = f" ± {100 * chance.standard_error:.1f} points (SE)" if is_known else ""
    return tr(f"{lead}{100 * chance.value:.1f} %{error}")


def in_points(change: float, error: float) -> tuple[float, float]:
    """Change of a chance and its standard error in points; 0 for what would read 0.0, such as rounding."""
    value, spread = (0.0 if abs(100 * number) < _LEAST_POINTS else 100 * number for number in (change, error))
    return value, spread


def change_words(points: float, error: float) -> str:
    """A change in points with its standard error.

    Examples
    --------
    >>> change_words(*in_points(0.012, 0.004)), change_words(*in_points(-1e-12, 1e-13))
    ('+1.2 ± 0.4', 'no change')
    """
    if points == error == 0:
        return tr("no change")
    if np.isnan(error):
        return f"{points:+.1f}"
    return f"{points:+.1f} ± {error:.1f}" if points else f"0.0 ± {error:.1f}"


_MARKS = {",": "，", ";": "；", ":": "："}


def joined(mark: str, words: Iterable[str]) -> str:
    """Words in a row with one of ``, ; :`` between them, as it is written in the language spoken."""
    return (f"{mark} " if language() == "en" else _MARKS[mark]).join(words)


def enumerated(words: Iterable[str]) -> str:
    """Items of one kind side by side."""
    return (", " if language() == "en" else "、").join(words)


def aside(text: str) -> str:
    """Words in brackets after others."""
    return f" ({text})" if language() == "en" else f"（{text}）"


def sentence(text: str) -> str:
    """Words with a full stop."""
    return text + ("." if language() == "en" else "。")


def sentences(texts: Iterable[str]) -> str:
    """Sentences one after the other."""
    return (" " if language() == "en" else "").join(texts)
