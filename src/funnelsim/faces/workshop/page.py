"""Workshop: the live page as widgets, in a notebook or behind the workshop's server."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import ipywidgets as widgets

from funnelsim.faces.workshop import boards
from funnelsim.faces.workshop.card import Card
from funnelsim.faces.workshop.factors import KEYS, Factor
from funnelsim.faces.workshop.flow import flow
from funnelsim.faces.workshop.futures import futures, sentence
from funnelsim.faces.workshop.hours import Hours
from funnelsim.faces.workshop.lessons import LESSONS, TAKE_HOME
from funnelsim.faces.workshop.model import Room
from funnelsim.faces.workshop.server import LANGUAGE
from funnelsim.faces.workshop.wording import heading, name_of, safe
from funnelsim.intake.scenarios import read_scenario, shipped_scenarios
from funnelsim.nouns.scenario import Scenario
from funnelsim.vocabulary.language import Language, checked_language, language, tr, use_language

FIRST = "activity_funnel"
_TONGUES = (("EN", "en"), ("中文", "zh"))


@cache
def scenario_of(name: str) -> Scenario:
    """A shipped scenario with the names it was written in, read once."""
    return read_scenario(name, lang="en")


@cache
def room_of(scenario: str) -> Room:
    """A shipped scenario in front of the room, today's numbers computed once."""
    return Room(scenario_of(scenario))


def html(text: str = "", *classes: str) -> widgets.HTML:
    """Markup with classes of the page's style."""
    found = widgets.HTML(text)
    for name in classes:
        found.add_class(name)
    return found


class Workshop:
    """The page of the workshop: sliders over a scenario, and lessons with exercises.

    Parameters
    ----------
    lang : {"en", "zh"}, optional
        What it speaks at first: by default what the server was asked for, or the language spoken now.

    Notes
    -----
    `board` holds the sliders and pictures, ``lesson(key)`` an exercise, `take_home` the end. All of them
    change their language together.
    """

    def __init__(self, lang: Language | None = None) -> None:
        self.lang: Language = checked_language(lang or os.environ.get(LANGUAGE) or language())
        self._is_setting = False
        self._listeners: list[Callable[[], None]] = []
        self.sliders = {key: _slider() for key in KEYS}
        self._names = {key: html("", "fs-name") for key in KEYS}
        self._readings = {key: html("", "fs-reading") for key in KEYS}
        self._moves = {key: html("", "fs-move") for key in KEYS}
        self._rows: dict[str, widgets.Box] = {}
        self._controls()
        self._title, self._keys, self._team = html("", "fs-title"), html(), html()
        self._hours = Hours(self._tell_hours)
        self._flow, self._formula, self._futures = html(), html(), html("", "fs-picture")
        self._foot = html("", "fs-foot")
        self.room = room_of(FIRST)
        self.board = self._laid_out()
        self._set_up()

    def _controls(self) -> None:
        with use_language(self.lang):
            self.chooser = widgets.Dropdown(options=self._titles(), value=FIRST)
            self.reset = widgets.Button(description=tr("Reset"))
        self.tongue = widgets.ToggleButtons(options=_TONGUES, value=self.lang)
        for widget, name in (
            (self.chooser, "fs-chooser"),
            (self.reset, "fs-reset"),
            (self.tongue, "fs-tongue"),
        ):
            widget.add_class(name)
        self.chooser.observe(lambda change: self._choose(change["new"]), "value")
        self.reset.on_click(lambda _: self._at_rest())
        self.tongue.observe(lambda change: self._speak(change["new"]), "value")
        for slider in self.sliders.values():
            slider.observe(lambda _: None if self._is_setting else self._draw(), "value")

    def _titles(self) -> list[tuple[str, str]]:
        return [(scenario_of(name).title(self.lang), name) for name in shipped_scenarios()]

    def _laid_out(self) -> widgets.Box:
        head = widgets.Box([self._title, self.chooser, self.reset, self.tongue])
        for key in KEYS:
            self._rows[key] = widgets.Box(
                [self._names[key], self._readings[key], self.sliders[key], self._moves[key]]
            )
            self._rows[key].add_class("fs-slider")
        side = widgets.Box([self._formula, self._futures])
        left, right = widgets.Box(list(self._rows.values())), widgets.Box([self._flow, side])
        body = widgets.Box([left, right])
        page = widgets.Box(
            [html(f"<style>{style()}</style>", "fs-none"), head, self._keys, self._team, body, self._foot]
        )
        for widget, name in (
            (page, "fs-page"), (head, "fs-head"), (left, "fs-left"), (right, "fs-right"), (body, "fs-body"),
            (side, "fs-side"),
        ):  # fmt: skip
            widget.add_class(name)
        return page

    # --- what happens

    def _choose(self, scenario: str) -> None:
        if not self._is_setting:
            self.room = room_of(scenario)
            self._set_up()

    def _at_rest(self) -> None:
        self._is_setting = True
        for slider in self.sliders.values():
            slider.value = 0
        self._is_setting = False
        self._draw()

    def _speak(self, lang: Language) -> None:
        self.lang = lang
        self._is_setting = True
        chosen = self.chooser.value
        self.chooser.options = self._titles()
        self.chooser.value = chosen
        self._is_setting = False
        with use_language(self.lang):
            self.reset.description = tr("Reset")
        self._say()
        self._draw()
        for listener in self._listeners:
            listener()

    def _set_up(self) -> None:
        """Sliders and names for a scenario, all at today."""
        self._is_setting = True
        for factor in self.room.factors:
            _bound(self.sliders[factor.key], factor)
        self._is_setting = False
        self._say()
        self._draw()

    def _say(self) -> None:
        """Words that do not move with the sliders."""
        with use_language(self.lang):
            self._title.value = f"<h1>{safe(tr('Funnel workshop'))}</h1>"
            self.chooser.tooltip = tr("Scenario")
            self._foot.value = f'<p class="fs-note">{safe(boards.footnote(self.room))}</p>'
            for key in KEYS:
                where = boards.where(self.room, key)
                self._names[key].value = f"<b>{safe(heading(name_of(key)))}</b> <small>{safe(where)}</small>"
                self.sliders[key].tooltip = name_of(key)
                row = self._rows[key]
                mark = row.add_class if boards.is_idle(self.room, key) else row.remove_class
                mark("fs-idle")

    def _draw(self) -> None:
        """Everything that moves with the sliders."""
        moves = self._moved()
        numbers = self.room.numbers(moves)
        with use_language(self.lang):
            self._keys.value = boards.keys(self.room, numbers)
            self._formula.value = boards.formula(self.room, numbers)
            self._futures.value = f"<p>{safe(sentence(self.room, numbers))}</p>{futures(self.room, numbers)}"
            for key in KEYS:
                self._readings[key].value = boards.reading(self.room, numbers, key)
                self._moves[key].value = f"{moves[key]:+d} %" if moves[key] else "0 %"
            self._flow.value = flow(self.room, moves, numbers)
        self._hours.ask(self.room, moves)
        self._tell_hours()

    def _moved(self) -> dict[str, int]:
        """Where the sliders stand, in percent."""
        return {key: slider.value for key, slider in self.sliders.items()}

    def _tell_hours(self) -> None:
        """What is known of the team's hours where the sliders stand now; more comes later."""
        with use_language(self.lang):
            self._team.value = boards.hours(self.room, self._hours.known(self.room, self._moved()))

    # --- lessons

    def lesson(self, key: str) -> widgets.Box:
        """One exercise: the story, a place for a guess, a button that reveals the answer.

        Parameters
        ----------
        key : str
            One of `lessons`.
        """
        which = self.lessons.index(key)
        card = Card(LESSONS[which], which + 1, lambda: self.lang)
        self._listeners.append(card.say)
        return card.box

    @property
    def lessons(self) -> tuple[str, ...]:
        """Keys of the exercises, in the order of the story."""
        return tuple(lesson.key for lesson in LESSONS)

    @property
    def take_home(self) -> widgets.HTML:
        """What the room should remember; closed at first, as it tells answers."""
        found = html("", "fs-card")

        def say() -> None:
            with use_language(self.lang):
                said = "".join(f"<li>{safe(tr(text))}</li>" for text in TAKE_HOME)
                found.value = (
                    f"<details><summary>{safe(tr('To take home'))}</summary><ul>{said}</ul></details>"
                )

        say()
        self._listeners.append(say)
        return found


def _slider() -> widgets.IntSlider:
    """A slider without a readout of its own, which would be one more stop of the tab key."""
    return widgets.IntSlider(value=0, min=-50, max=50, readout=False, continuous_update=True)


def _bound(slider: Any, factor: Factor) -> None:
    slider.min, slider.max = -100, 100  # wide first: bounds must not cross on the way
    slider.value, slider.step = 0, factor.step
    slider.min, slider.max = factor.least, factor.most


def style() -> str:
    """The style of the page."""
    return (resources.files("funnelsim.faces.workshop") / "page.css").read_text(encoding="utf-8")
