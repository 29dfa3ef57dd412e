"""Words of a scenario in another language: names of its stages, gates, regions and people to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from funnelsim.vocabulary.faults import Faults
from funnelsim.vocabulary.words import did_you_mean

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
