"""Help pages in the language that is spoken, in lines as wide as their characters take on a terminal."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

import click

from funnelsim.faces.tables import display_width, wrapped
from funnelsim.vocabulary.language import Language, language, language_named, tr

_AS_IT_STANDS = "\b"  # click's mark of a paragraph whose lines are kept
_DETAILS = re.compile(r"  \[([^\]]*)\]")  # behind an option's text: its default, its range
_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")


class SpokenHelp(click.HelpFormatter):
    """A help page: every text goes through the catalogue where it is written."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line of use: the program and what it takes."""
        first = f"{tr('Usage: ')}{prog} "
        self._lines(wrapped(_placeholders_said(args), self.width - display_width(first)), first)

    def write_heading(self, heading: str) -> None:
        """A line above what belongs to it."""
        self.write(f"{tr(f'{heading}:')}\n")

    def write_text(self, text: str) -> None:
        """Paragraphs; those that stand as they are hold commands to type below a line of words."""
        for i, part in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
            if i:
                self.write("\n")
            stands = part.startswith(_AS_IT_STANDS)
            for line in part.split("\n")[1:] if stands else [" ".join(part.split())]:
                is_typed = line.startswith(" ")
                self._lines([line] if is_typed else wrapped(tr(line), self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, and beside each what it does."""
        said = [(_placeholders_said(term), _option_said(text)) for term, text in rows]
        column = min(max(display_width(term) for term, _ in said), col_max) + col_spacing
        indent = " " * (self.current_indent + column)
        for term, text in said:
            first = f"{' ' * self.current_indent}{term}{' ' * (column - display_width(term))}"
            if display_width(term) > column - col_spacing:
                self.write(f"{first}\n")
                first = indent
            self.write(first + f"\n{indent}".join(wrapped(text, self.width - len(indent))) + "\n")

    def _lines(self, lines: Sequence[str], first: str = "") -> None:
        """Lines under one another: the later ones begin below what follows `first`."""
        indent = " " * (self.current_indent + display_width(first))
        self.write(" " * self.current_indent + first + f"\n{indent}".join(lines) + "\n")


class SpokenContext(click.Context):
    """The context of a command whose help is spoken."""

    formatter_class = SpokenHelp


class LanguageName(click.ParamType):  # type: ignore[type-arg]  # it has a parameter only since click 8.3
    """A language by any of its names, such as zh, zh_CN or cn."""

    name = "language"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Language:
        """The language; refused where it is none that is spoken."""
        found = language_named(value)
        if found is None:
            self.fail(f"{value!r} is not spoken; use en or zh", param, ctx)
        return found


def language_asked(arguments: Sequence[str], otherwise: str) -> Language:
    """The language asked for among arguments, wherever it stands; help and refusals are told in it too.

    What is none that is spoken is refused where the option is read, in English.

    Examples
    --------
    >>> language_asked(["forecast", "--help", "--lang", "zh"], ""), language_asked(["--lang=zh_CN"], "")
    ('zh', 'zh')
    """
    asked = otherwise
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        option, has_value, value = argument.partition("=")
        if option == "--lang":
            asked = value if has_value else following
    return language_named(asked) or "en"


def _placeholders_said(text: str) -> str:
    """Options and arguments with words such as FILE in the language that is spoken."""
    return _PLACEHOLDER.sub(lambda found: _placeholder_said(found[0]), text)


def _placeholder_said(word: str) -> str:
    # In angle brackets, for a word such as DATE may be a user's name of something, and stays as it is.
    return tr(f"<{word}>").strip("<>")


def _option_said(text: str) -> str:
    """What an option does, then its default and its range: ``Days.  [default: 30; x>=0]``."""
    details = [detail for found in _DETAILS.findall(text) for detail in found.split("; ")]
    said = tr(_DETAILS.sub("", text))
    between = "；" if language() == "zh" else "; "
    return f"{said}  [{between.join(map(_detail_said, details))}]" if details else said


def _detail_said(detail: str) -> str:
    """A default or a range; a default of one word is what one would type, and stays."""
    _, mark, value = detail.partition("default: ")
    if not mark:
        return tr(detail)
    return tr(mark) + (tr(value) if " " in value else value)
