"""The page as widgets, without a browser."""

from __future__ import annotations

import re
from html import unescape

import pytest

import funnelsim as fs
from funnelsim.faces.plots.style import Scale
from funnelsim.faces.workshop import boards
from funnelsim.faces.workshop.answers import Answer
from funnelsim.faces.workshop.bars import Bar, bars
from funnelsim.faces.workshop.card import Card, beside, number_in
from funnelsim.faces.workshop.factors import KEYS
from funnelsim.faces.workshop.lessons import LESSONS
from funnelsim.faces.workshop.model import Room
from funnelsim.faces.workshop.page import Workshop, style
from funnelsim.faces.workshop.wording import adding_up, percent, share
from funnelsim.vocabulary.estimate import Estimate
from funnelsim.vocabulary.language import LanguageError, language, missed_texts, use_language

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop("en")


def texts(widget: object) -> str:
    """All markup of a widget and of those within it."""
    inside = "".join(texts(child) for child in getattr(widget, "children", ()))
    return f"{getattr(widget, 'value', '')}{inside}"


@pytest.mark.thorough
def test_everything_on_the_board_is_said_in_chinese(workshop: Workshop) -> None:
    with missed_texts() as missed:
        workshop.tongue.value = "zh"
        for scenario in fs.shipped_scenarios():
            workshop.chooser.value = scenario
            for slider in workshop.sliders.values():
                slider.value = slider.min
        assert list(missed) == []
    assert "最长停留" in texts(workshop.board)
    workshop.tongue.value = "en"
    workshop.chooser.value = "activity_funnel"
    shown = re.sub(r"<style>.*?</style>", "", texts(workshop.board), flags=re.S)
    assert not CHINESE.search(shown)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
@pytest.mark.thorough
def test_every_lesson_is_told_and_answered_in_both_languages(lesson: object) -> None:
    tongue = ["zh"]
    card = Card(lesson, 1, lambda: tongue[0])  # type: ignore[arg-type, return-value]
    with missed_texts() as missed:
        card._on_reveal()
        assert list(missed) == []
    assert CHINESE.search(texts(card.box))
    tongue[0] = "en"
    card.say()
    assert not CHINESE.search(texts(card.box))
    assert f'data-answer="{card.lesson.key}"' in texts(card.box)


def test_the_answer_waits_for_its_button(workshop: Workshop) -> None:
    assert "fs-answer" not in texts(workshop.lesson("formula"))


def test_reset_and_another_scenario_bring_all_sliders_to_rest(workshop: Workshop) -> None:
    workshop.sliders["leads"].value = 20
    assert "<s>" in texts(workshop.board)
    workshop.reset.click()
    assert {slider.value for slider in workshop.sliders.values()} == {0}
    workshop.sliders["cycle"].value = -20
    workshop.chooser.value = "lead_to_cash"
    assert {slider.value for slider in workshop.sliders.values()} == {0}
    assert "exact law" in texts(workshop.board)
    workshop.chooser.value = "activity_funnel"


def test_the_page_leaves_the_language_of_the_notebook_alone(workshop: Workshop) -> None:
    workshop.tongue.value = "zh"
    assert language() == "en"
    workshop.tongue.value = "en"


def test_a_language_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(LanguageError, match="'fr' is not"):
        Workshop("fr")  # type: ignore[arg-type]


def test_every_number_on_the_board_has_a_range_or_says_why_not(workshop: Workshop) -> None:
    workshop.chooser.value = "account_selling"
    shown = texts(workshop.board)
    assert "±" in shown
    assert "without a range" in shown
    assert shown.count("(") >= 4  # leads, conversion, win rate, amount
    workshop.chooser.value = "activity_funnel"


@pytest.mark.parametrize("typed", ["-5", "101", "1e9", "six", "inf"])
def test_a_silly_guess_is_kept_and_reveals_nothing(typed: str) -> None:
    tongue = ["en"]
    card = Card(LESSONS[3], 4, lambda: tongue[0])  # type: ignore[arg-type, return-value]
    card.guess.value = typed
    card.reveal.click()
    said = "is no number" if number_in(typed) is None else "A guess from 0 to 100 makes sense here"
    assert said in texts(card.box)
    assert "fs-answer" not in texts(card.box)
    assert card.guess.value == typed
    tongue[0] = "zh"
    with missed_texts() as missed:
        card.say()
        assert not missed
    assert CHINESE.search(card._answer.value)
    card.guess.value = "15"
    card.reveal.click()
    assert "fs-refused" not in texts(card.box)
    assert "fs-answer" in texts(card.box)


def test_a_room_may_see_the_answer_without_a_guess() -> None:
    card = Card(LESSONS[0], 1, lambda: "en")
    card.reveal.click()
    assert "43,200" in texts(card.box)


def test_a_slider_that_leaves_the_chance_alone_is_grey_and_says_why(workshop: Workshop) -> None:
    def idle() -> list[str]:
        return [key for key, row in workshop._rows.items() if "fs-idle" in row._dom_classes]

    assert idle() == ["yield", "collection"]  # its target counts wins
    assert "only the formula moves" in texts(workshop._rows["collection"])
    workshop.chooser.value = "account_selling"
    assert idle() == ["collection"]
    workshop.chooser.value = "lead_to_cash"
    assert idle() == []
    workshop.chooser.value = "activity_funnel"


def test_idle_sliders_leave_the_chance_alone() -> None:
    for name in ("activity_funnel", "account_selling", "lead_to_cash"):
        room = Room(fs.read_scenario(name, lang="en"))
        for key in KEYS:
            moved = room.numbers({key: -10})
            assert (moved.chance == room.today.chance) == boards.is_idle(room, key), (name, key)


def test_at_rest_the_tile_does_not_say_change_twice(workshop: Workshop) -> None:
    workshop.reset.click()
    assert "the same as today" in texts(workshop.board)
    workshop.sliders["leads"].value = 10
    assert re.search(r"\+\d+\.\d ± <0\.1 points against today", html_text(workshop))
    assert "± <0.1 points</i>" in html_text(workshop)  # the chance itself
    workshop.reset.click()


def html_text(workshop: Workshop) -> str:
    return unescape(texts(workshop.board))


def test_digits_of_an_error_fit_the_number_before_it() -> None:
    assert share(Estimate(0.983, 0.0021)) == "98.3 % ± 0.2 points"
    assert share(Estimate(0.36, 0.19)) == "36 % ± 19 points"
    assert share(Estimate(0.5, 1e-12)) == "50.0 % ± <0.1 points"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("6", 6.0),
        ("43,200", 43_200.0),
        (" 3.5 % ", 3.5),
        ("３．５％", 3.5),
        ("", None),
        ("six", None),
        ("43 200", 43_200.0),
        ("1,234,567", 1_234_567.0),
        ("1.234,5", None),
        ("4万", 40_000.0),
        ("４万元", 40_000.0),
        ("2,500 yuan", 2_500.0),
        ("3k", 3_000.0),
        ("3 k EUR", 3_000.0),
        ("7 Kunden", 7.0),
        ("12 天", 12.0),
        ("3 of 5", None),
        ("12,5", None),
        ("nan", None),
    ],
)
def test_a_guess_is_read_as_it_is_typed(typed: str, number: float | None) -> None:
    assert number_in(typed) == number


@pytest.mark.parametrize(("lang", "said"), [("en", "is no number"), ("zh", "不是数字")])
def test_a_guess_that_is_no_number_is_not_passed_over_in_silence(lang: str, said: str) -> None:
    card = Card(LESSONS[0], 1, lambda: lang)  # type: ignore[arg-type, return-value]
    card._on_reveal()
    assert said not in texts(card.box)  # nothing was guessed
    card.guess.value = "五十<b>"
    with missed_texts() as missed:
        card.say()
        assert list(missed) == []
    assert said in texts(card.box)
    assert "五十&lt;b&gt;" in texts(card.box)


@pytest.mark.parametrize(
    ("given", "spread", "said"),
    [
        (14.0, (14.0, 20.0), "It lies within the answer's range."),
        (13.9, (14.0, 20.0), "It lies below the answer's range."),
        (20.1, (14.0, 20.0), "It lies above the answer's range."),
        (3.8, None, "You had it."),  # as many digits as are shown
        (4.0, None, "It is more than the answer."),
        (3.0, None, "It is less than the answer."),
    ],
)
def test_a_guess_is_held_against_the_range_of_the_answer(
    given: float, spread: tuple[float, float] | None, said: str
) -> None:
    answer = Answer(3.846 if spread is None else 17.0, "3.8", "", (), spread=spread)
    assert beside(given, answer) == said
    with missed_texts() as missed, use_language("zh"):
        assert beside(given, answer) != said
        assert list(missed) == []


def test_an_answer_tells_on_which_side_of_it_a_guess_was() -> None:
    card = Card(LESSONS[0], 1, lambda: "en")
    card.guess.value = "50000"
    card.reveal.click()
    assert "Your guess: 50,000. It is more than the answer." in texts(card.box)


def test_bars_escape_what_they_show() -> None:
    shown = bars([Bar("<b>", 1.0, "<i>", (0.5, 1.5))], mark=(1.0, "<u>"))
    assert "&lt;b&gt;" in shown
    assert "<i>" not in shown


def test_the_style_asks_for_nothing_outside() -> None:
    assert "url(" not in style()
    assert "@import" not in style()


def test_a_percentage_half_way_between_two_is_shown_with_its_half() -> None:
    """50 % and 15 % more are 57.5 %, by anybody's arithmetic."""
    assert [percent(0.5 * 1.15), percent(0.574), percent(0.0575, 1), percent(0.65)] == [
        "57.5 %",
        "57 %",
        "5.75 %",
        "65 %",
    ]


def test_parts_of_a_mean_add_up_as_they_are_read(workshop: Workshop) -> None:
    """3 + 12.43 + 20.44 are 35.87: beside 35.9, rounding each by itself would make 35.8."""
    assert adding_up([3.0, 12.43, 20.44], Scale("", "wins"), 1) == ["3.0", "12.4", "20.5"]
    assert adding_up([1_000_000.0, 2_240_000.0], Scale("M", "EUR"), 1) == ["1.0", "2.2"]
    for scenario in fs.shipped_scenarios():
        workshop.chooser.value = scenario
        mean, parts = re.search(
            r'data-number="mean"[^>]*>([^<]*)<.*?<em>([^<]*)<', workshop._keys.value
        ).groups()
        of_parts = [float(part.replace(",", "")) for part in re.findall(r"[\d,.]+", parts)]
        assert sum(of_parts) == pytest.approx(float(mean.replace(",", "")))
