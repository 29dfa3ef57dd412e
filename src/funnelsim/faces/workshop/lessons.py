"""Lessons of the workshop: a story, a question to guess first, and where its answer comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from funnelsim.faces.workshop import answers
from funnelsim.faces.workshop.answers import LEVERS, Answer
from funnelsim.faces.workshop.exercises import LEADS, YIELD


@dataclass(frozen=True)
class Lesson:
    """One exercise.

    Parameters
    ----------
    key, title : str
    story : tuple of str
        What the room must know, in English sentences.
    question : str
    answer : callable
        Computes the answer, in the language spoken now.
    unit : str
        Of a guess that is a number: "%" or "".
    choices : tuple of str
        Of a guess that is a choice, in English.
    formula : str
        In signs that need no translation.
    sensible : tuple of (least, most)
        What a guess that is a number may be, without a hint at the answer.
    """

    key: str
    title: str
    story: tuple[str, ...]
    question: str
    answer: Callable[[], Answer]
    unit: str = ""
    choices: tuple[str, ...] = ()
    formula: str = ""
    sensible: tuple[float, float] = (0, 100)


LESSONS = (
    Lesson(
        "formula",
        "The formula, forwards",
        (
            "The course's own funnel: 100 addresses, 50 target customers, 25 relationships, 12 intents, 6 "
            "closed.",
        ),
        "100 addresses, an order is worth 8,000, nine tenths of it are collected. How much cash?",
        answers.by_hand,
        formula="100 × 50 % × 50 % × 48 % × 50 % × 8,000 × 90 %",
        sensible=(0, LEADS * YIELD),
    ),
    Lesson(
        "backwards",
        "The formula, backwards",
        ("Backwards the same rates divide.",),
        "Five people want 30 closed customers in 26 weeks. How many new addresses does each need every week?",
        answers.backwards,
        formula="30 / (50 % × 50 % × 48 % × 50 %) / 26 / 5",
        sensible=(0, 1_000),
    ),
    Lesson(
        "equal",
        "Which factor is worth most?",
        ("Raise one factor of the formula by a tenth.",),
        "Which brings the most cash?",
        answers.equal_factors,
        choices=("leads", "conversion", "win rate", "amount per win", "collection rate", "all the same"),
    ),
    Lesson(
        "time",
        "A percentage without time misleads",
        ("The same funnel, now with a calendar: an address takes its time from step to step.",),
        "Of the customers that addresses bring in the end, how many percent have closed after 30 days?",
        answers.waits,
        unit="%",
    ),
    Lesson(
        "closed",
        "Closed deals only",
        (
            "A popular short cut: win rate = won / (won + lost). Deals that are still open are left out.",
            "The funnel starts on the first of January; of 100 addresses 6 will be won in the end.",
        ),
        "The truth is 6 %. What does the short cut show after three months, in percent?",
        answers.closed_only,
        unit="%",
    ),
    Lesson(
        "coins",
        "Coins are not the whole range",
        (
            "Call every open deal a coin with a known chance: that gives a range for the quarter, too.",
            "We try it at the end of 14 past quarters of a business that never changes. Of ranges that are "
            "to hold 80 % of the time, about eleven should hold what came.",
        ),
        "How many percent of the coins' ranges held?",
        answers.coins,
        unit="%",
    ),
    Lesson(
        "luck",
        "A fast month may be luck",
        (
            "In this world nothing ever changes: same rates, same flow. A month closes six to seven on "
            "average.",
        ),
        "How many did the best of 43 months close?",
        answers.fast_month,
    ),
    Lesson(
        "lever",
        "Which lever comes first?",
        (
            "By the formula a tenth more of any factor brings the same. Within six months it does not.",
            "The target is 38 closed customers by the end of February.",
        ),
        "Which lever adds most to the chance of the target?",
        answers.first_lever,
        choices=LEVERS,
    ),
    Lesson(
        "saturation",
        "More leads, same people",
        ("A telesales team is busy most of the day. It gets 60 % more numbers to call.",),
        "How many percent more orders in six weeks?",
        answers.saturation,
        unit="%",
        sensible=(-100, 200),
    ),
)

TAKE_HOME = (
    "By the formula all factors are worth the same. With a date on it, the last step comes first.",
    "A rate from closed deals alone is too low for months: ask what became of the open ones.",
    "The best month is mostly luck: ask for the range before you praise or blame.",
    "More leads for people without hours are not more orders.",
)
