"""Words of a scenario in another language: names of its stages, gates, regions and people to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from funnelsim.intake.scenario_model import ScenarioPart
from funnelsim.vocabulary.faults import Fault, Faults
from funnelsim.vocabulary.language import Language
from funnelsim.vocabulary.words import did_you_mean

_UNKNOWN = re.compile(r"(?:'(.*?)' )?is no (?:open stage|stage or outcome)")
_FIXED = {
    "format", "kind", "measure", "of", "rule", "step", "title", "unit", "working_days",
}  # fmt: skip
_BY_NAME = {
    "attributes", "chance_per_step", "entries", "exits", "goes_to", "hazards", "hours", "labels",
    "patience_days", "prior_shares", "quotas", "rates", "visits",
}  # fmt: skip


def reworded(content: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The content of a scenario with its own names in other words; the first names of stages become aliases.

    Parameters
    ----------
    content : mapping
        As read from TOML: nothing in it is changed.
    words : mapping of str to str
        Other words by what the file says.

    Notes
    -----
    What the format fixes, such as kinds of levers, stays, even where a stage has that very name.
    """
    said: dict[str, Any] = _said(content, words)
    for part in _places(content):
        if part["name"] in words:
            place = next(one for one in _places(said) if one["name"] == words[part["name"]])
            place["aliases"] = [*place.get("aliases", ()), part["name"]]
    return said


def check_words(
    content: Mapping[str, Any],
    words: Mapping[Any, Mapping[str, str]],
    faults: Faults,
    *,
    all_names_known: bool = True,
) -> None:
    """Refuse words for what the file does not say, and one word for two names.

    Unless `all_names_known`, only near misses are told: others may be words for what a key at fault holds.
    """
    names = set(_texts({key: value for key, value in content.items() if key != "words"}))
    for lang, by_name in words.items():
        taken: dict[str, str] = {}
        for name, word in by_name.items():
            place = ("words", lang, name)
            if name not in names:
                hint = did_you_mean(name, sorted(names))
                if hint or all_names_known:
                    faults.add(place, f"nothing in this file is called {name!r}{hint}")
            if word in names and word != name:
                faults.add(place, f"{word!r} is a name in this file already; give each its own")
            if taken.setdefault(word, name) != name:
                faults.add(place, f"{word!r} is the word for {taken[word]!r} already; give each its own")


def by_words_spoken(part: ScenarioPart, faults: Sequence[Fault], lang: Language) -> list[Fault]:
    """Faults with the words for the stages that they list, and the name to write for a word that was typed.

    What the file must say stays first: a word of another language is no name in it.
    """
    stages = [stage.name for stage in part.funnel.stages]
    places = [*stages, *(outcome.name for outcome in part.funnel.outcomes)]
    spoken: Mapping[str, str] = part.words.get("zh", {}) if lang == "zh" else {}
    names = {
        word: name for by_name in part.words.values() for name, word in by_name.items() if name in places
    }
    found, typed = [], set()
    for place, fault in faults:
        said = fault
        for listed in (places, stages):
            in_words = ", ".join(f"{name}（{spoken[name]}）" if name in spoken else name for name in listed)
            said = said.replace(f" are {', '.join(listed)}", f" are {in_words}")
        unknown = _UNKNOWN.match(fault)
        word = unknown[1] or str(place[-1]) if unknown else ""
        if word in names:
            typed.add(word)
            said += f"; did you mean {names[word]!r}?"
        found.append((place, said))
    return [(place, said) for place, said in found if not _is_taken(said, typed)]


def _is_taken(fault: str, typed: set[str]) -> bool:
    """Whether a word is said to be a name already, only because it was typed for the name."""
    return any(fault.startswith(f"{word!r} is a name in this file") for word in typed)


def _said(value: Any, words: Mapping[str, str], key: str = "") -> Any:
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, list):
        return [_said(one, words, key) for one in value]
    if not isinstance(value, dict):
        return value
    if key in _BY_NAME:
        return {words.get(name, name): _said(one, words, _below(key)) for name, one in value.items()}
    return {name: one if name in _FIXED else _said(one, words, name) for name, one in value.items()}


def _texts(value: Any, key: str = "") -> Iterator[str]:
    """What the file calls by names of its own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, dict):
        for name, one in value.items():
            if key in _BY_NAME:
                yield name
                yield from _texts(one, _below(key))
            elif name not in _FIXED:
                yield from _texts(one, name)


def _below(key: str) -> str:
    """What a table by name holds for each: rates of a stage are again by name, hazards have fixed keys."""
    return "goes_to" if key == "rates" else ""


def _places(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Stages and outcomes."""
    funnel = content["funnel"]
    yield from funnel["stages"]
    yield from funnel.get("outcomes", ())
