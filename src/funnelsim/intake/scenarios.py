"""read_scenario: from a TOML file, or the name of a shipped one, to a scenario; faults with their lines."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from funnelsim.intake.scenario_build import built
from funnelsim.intake.scenario_faults import Sound, keys_at
from funnelsim.intake.scenario_model import ScenarioPart
from funnelsim.intake.scenario_words import by_words_spoken, check_words, reworded
from funnelsim.intake.toml_hints import line_hint
from funnelsim.intake.toml_lines import lines_of, nearest_line, table_at_end
from funnelsim.nouns.funnel_file import FORMAT, FunnelFileError, funnel_content
from funnelsim.nouns.scenario import Scenario
from funnelsim.vocabulary.errors import FunnelsimError, english
from funnelsim.vocabulary.faults import Fault, Faults, Place, key_of_place
from funnelsim.vocabulary.language import Language, checked_language, language
from funnelsim.vocabulary.words import did_you_mean

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (_PACKAGE / "scenarios", _PACKAGE.parent.parent / "scenarios")  # in a wheel, and in a checkout
_WHERE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)
_A_DEAL: dict[Language, str] = {"en": "deal", "zh": "商机"}  # what deals are called that have no name


class ScenarioError(FunnelsimError):
    """A scenario that cannot be used; the message lists every fault with its line and key."""

    names_keys_of_a_file = True


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with the package, by name: files to read, or to copy and edit.

    Examples
    --------
    >>> import funnelsim as fs
    >>> len(fs.shipped_scenarios())
    9
    """
    folder = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_scenario(source: str | Path, *, lang: Language | None = None) -> Scenario:
    """Read a scenario: a funnel, a position and a question in one TOML file.

    Parameters
    ----------
    source : str or path
        A file, or the name of a scenario that ships with the package, such as ``"account_selling"``.
    lang : {"en", "zh"}, optional
        Which names its stages, gates, regions and people have, where the file has words for them
        (``[words.zh]``); those it was written in go on working as aliases of stages. By default the language
        spoken now.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        If there is none of that name, the file is not TOML (with the line), or its content has faults: all
        of them are listed, each with its line, its key and what to write instead.

    Examples
    --------
    >>> import funnelsim as fs
    >>> fs.read_scenario("account_selling").funnel.stages.names[:2]
    ('Discover', 'Qualify')
    >>> fs.read_scenario("account_selling", lang="zh").funnel.stages.names[:2]
    ('发现商机', '资格确认')
    """
    lang = language() if lang is None else checked_language(lang)
    path = scenario_file(source)
    text = _text(path)
    raw = _content(path, text)
    if isinstance(raw.get("funnel"), str):
        try:
            raw["funnel"] = funnel_content(path.parent / raw["funnel"])
        except FunnelFileError as error:
            raise _refused(path, lines_of(text), [(("funnel",), english(error))]) from error
    if isinstance(raw.get("funnel"), dict):
        raw["funnel"].setdefault("format", FORMAT)
    return _checked(path, text, raw, lang)


def scenario_file(source: str | Path) -> Path:
    """The file of a scenario: one that ships, by its name, or any other.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    shipped = shipped_scenarios()
    path = shipped.get(str(source), Path(source))
    if not path.exists():
        known = ", ".join(shipped) or "none"
        hint = did_you_mean(str(source), list(shipped))
        raise ScenarioError(f"{source}: no such file, and no scenario of that name; there are {known}{hint}")
    return path


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _content(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _WHERE.fullmatch(str(error))
        above = text.split("\n")[: int(found[2])] if found else [""]
        line = above.pop().strip()
        if not found or not line:
            raise ScenarioError(f"{path}: not TOML: {error}") from error
        table = () if line[0] in "[\u3010\uff3b" else table_at_end(above)  # a header stands on its own
        reason = line_hint(line, table, keys_at) or found[1]  # where the reader stopped need not be why
        raise ScenarioError(
            f"{path}: not TOML: {reason} (at line {found[2]}, column {found[3]}): {line[:80]!r}"
        ) from error


def _refused(path: Path, lines: dict[Place, int], faults: Iterable[Fault]) -> ScenarioError:
    shown = []
    for place, fault in faults:
        line, key = nearest_line(lines, place), key_of_place(place)
        shown.append((line or 0, f"  line {line}: {key}: {fault}" if line else f"  {key}: {fault}"))
    shown.sort(key=lambda pair: pair[0])
    n = len(shown)
    head = f"{path} has {n} fault{'s' if n > 1 else ''}:"
    return ScenarioError("\n".join([head, *(text for _, text in shown)]))


def _checked(path: Path, text: str, raw: dict[str, Any], lang: Language) -> Scenario:
    """The scenario, or one error with all that is wrong: of single keys, and of keys that do not fit."""
    told, further = Faults(), Faults()
    sound = Sound(copy.deepcopy(raw))
    part = sound.part(told)
    scenario = None if part is None else built(part, path.stem, further, replaced=sound.dropped)
    if part is not None:
        check_words(raw, part.words, further, all_names_known=not sound.lost_names())
    for place, fault in by_words_spoken(part, further.found, lang) if part else ():
        in_file = sound.in_file(place)
        if not sound.follows(in_file, fault):
            told.add(in_file, fault)
    if told.found or scenario is None:
        raise _refused(path, lines_of(text), told.found)
    words = part.words.get(lang) if part is not None and lang == "zh" else None
    if words is None:
        return scenario
    in_words = built(ScenarioPart.model_validate(reworded(raw, words)), path.stem, told, a_deal=_A_DEAL[lang])
    if in_words is None:  # names that look alike once in other words
        raise _refused(path, lines_of(text), [(("words",), fault) for _, fault in told.found])
    return in_words
