"""Card: one exercise as widgets; guess first, then reveal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from math import inf, isfinite

import ipywidgets as widgets

from funnelsim.faces.workshop.answers import Answer, lever_words
from funnelsim.faces.workshop.lessons import Lesson
from funnelsim.faces.workshop.wording import safe
from funnelsim.vocabulary.language import Language, tr, use_language

_SHOWN = 20  # characters of a guess that is no number
_THOUSANDS = re.compile(r"(?<=\d)[,_\s](?=\d{3}(?:\D|$))")
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_LETTER = r"[^\W\d_]"
_GUESS = re.compile(rf"{_NUMBER}\s*([千万亿]|[kKM](?!{_LETTER})|)\s*(?:%|{_LETTER}{{1,12}})?")
_FACTORS = {"": 1, "千": 1e3, "k": 1e3, "K": 1e3, "万": 1e4, "M": 1e6, "亿": 1e8}


class Card:
    """An exercise with a place for the guess and a button that reveals the answer.

    Parameters
    ----------
    lesson : Lesson
    number : int
        Its place in the story.
    lang : callable
        The language that the page speaks now.
    """

    def __init__(self, lesson: Lesson, number: int, lang: Callable[[], Language]) -> None:
        self.lesson, self._number, self._lang = lesson, number, lang
        self._is_revealed = self._is_refused = False
        self._story, self._answer = widgets.HTML(), widgets.HTML()
        self.guess = widgets.RadioButtons() if lesson.choices else widgets.Text()
        self.reveal = widgets.Button()
        self.reveal.on_click(lambda _: self._on_reveal())
        asked = widgets.Box([self.guess, self.reveal])
        self.box = widgets.Box([self._story, asked, self._answer])
        for widget, name in (
            (self.box, "fs-card"), (asked, "fs-asked"), (self.reveal, "fs-reveal"), (self.guess, "fs-guess"),
        ):  # fmt: skip
            widget.add_class(name)
        self.box.add_class(f"fs-{lesson.key}")
        self.say()

    def say(self) -> None:
        """Say everything in the language of the page."""
        lesson = self.lesson
        with use_language(self._lang()):
            told = "".join(f"<p>{safe(tr(text))}</p>" for text in lesson.story)
            formula = f"<p class='fs-signs'>{safe(lesson.formula)}</p>" if lesson.formula else ""
            self._story.value = (
                f"<h2>{self._number} · {safe(tr(lesson.title))}</h2>{told}"
                f"<p class='fs-question'><b>{safe(tr('Guess first:'))}</b> {safe(tr(lesson.question))}</p>"
                + (formula if self._is_revealed else "")
            )
            self.reveal.description = tr("Reveal")
            if lesson.choices:
                self._offer([lever_words(choice) for choice in lesson.choices])
            else:
                self.guess.placeholder = tr("your guess")
                self.guess.description = lesson.unit
            fault = safe(self._fault()) if self._is_refused or self._is_revealed else ""
            refusal = f"<p class='fs-refused' role='alert'>{fault}</p>" if fault else ""
            self._answer.value = refusal + (self._revealed(lesson.answer()) if self._is_revealed else "")

    def _offer(self, words: list[str]) -> None:
        """The choices in words, what was chosen kept."""
        kept = self.guess.index
        self.guess.options = words
        self.guess.index = kept

    def _on_reveal(self) -> None:
        with use_language(self._lang()):
            self._is_refused = bool(self._fault())
            if not self._is_refused:
                self._answer.value = f"<p>{safe(tr('computing ...'))}</p>"
                self._is_revealed = True
        self.say()

    def _fault(self) -> str:
        """What is wrong with the guess, if anything; none at all is a room that only wants to see."""
        typed = "" if self.lesson.choices else self.guess.value.strip()
        if not typed:
            return ""
        given, (least, most) = number_in(typed), self.lesson.sensible
        if given is None:
            short = typed if len(typed) <= _SHOWN else f"{typed[:_SHOWN]}..."
            return tr(f"Your guess {short} is no number; digits such as 12.5 are read.")
        if not least <= given <= most:
            return tr(f"A guess from {least:,} to {most:,} makes sense here; change yours, then reveal.")
        return ""

    def _revealed(self, answer: Answer) -> str:
        why = "".join(f"<p>{safe(text)}</p>" for text in answer.why)
        return (
            f'<div class="fs-answer"><p class="fs-said">{safe(tr("Answer:"))} '
            f'<b data-answer="{self.lesson.key}">{safe(answer.said)}</b> '
            f'<small data-sure="{self.lesson.key}">{safe(answer.sure)}</small> {self._verdict(answer)}</p>'
            f"{answer.picture}{why}</div>"
        )

    def _verdict(self, answer: Answer) -> str:
        """The guess beside the answer."""
        if self.lesson.choices:
            if self.guess.index is None:
                return ""
            words = (
                tr("You had it.")
                if self.guess.index == answer.value
                else tr(f"Your guess: {self.guess.value}.")
            )
            return f"<span>{safe(words)}</span>"
        given = number_in(self.guess.value)
        if given is None or self._fault():
            return ""
        return f"<span>{safe(tr(f'Your guess: {given:,.10g}.'))} {safe(beside(given, answer))}</span>"


def beside(given: float, answer: Answer) -> str:
    """Where a guess lies: within the range of the answer, or on which side of it."""
    if answer.spread is None:
        if given == number_in(answer.said):
            return tr("You had it.")
        more = given > answer.value
        return tr("It is more than the answer.") if more else tr("It is less than the answer.")
    low, high = answer.spread
    if low <= given <= high:
        return tr("It lies within the answer's range.")
    return (
        tr("It lies above the answer's range.") if given > high else tr("It lies below the answer's range.")
    )


def number_in(text: str) -> float | None:
    """A number as somebody types it, its unit behind it if need be; None where there is none."""
    plain = unicodedata.normalize("NFKC", text)  # digits and signs as Chinese keyboards write them
    found = _GUESS.fullmatch(_THOUSANDS.sub("", plain).strip())
    number = float(found[1]) * _FACTORS[found[2]] if found else inf
    return number if isfinite(number) else None
