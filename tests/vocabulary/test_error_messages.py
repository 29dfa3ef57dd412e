"""Every message of an error or a warning, as the source has it, can be said in Chinese."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest

import funnelsim as fs
from funnelsim.faces.cli.failures import as_options
from funnelsim.vocabulary.language import catalogue, missed_texts
from funnelsim.vocabulary.told import lines_told

SOURCES = Path(fs.__file__).parent
FOLDERS = ("engines", "faces", "fitting", "intake", "nouns", "numerics", "questions", "vocabulary")
_HOLE = "\ufffc"
_NAME = "Proof"
_DEEPEST, _MOST = 4, 48
_BUILTIN = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type)}
# Raised from another's message, or without any: said where that one is.
_NO_MESSAGES = {"Exit", "Abort", "SystemExit"}
# Messages that are not asked of the catalogue, by their beginning, and why.
STAY_ENGLISH = {
    f"{_HOLE} is {_HOLE}; give": "its options are few, and said one by one",
    f"{_HOLE} is a {_HOLE}; give": "its options are few, and said one by one",
}
# English that is left where a sentence was said by halves; quotes, code and options are taken out first.
_CODE = re.compile(
    r"'[^']*'|\"[^\"]*\"|\{[^{}]*\}|[\w.]+\([^()]*\)|--[\w-]+|\w+=\S*|\w+ = \S+|\w+(\.\w+)+|\w*_\w+|a-z"
)
_ENGLISH = re.compile(
    r"\b(a|an|and|are|as|at|be|but|by|can|cannot|do|for|from|give|has|have|in|is|it|its|many|must|no|not|of|on|or"
    r"|than|that|the|there|they|this|to|use|was|were|which|with|write)\b"
)


@dataclass
class Sources:
    """What the package's code gives names: functions and texts, wherever they stand."""

    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=dict)
    texts: dict[str, ast.expr] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Sources:
        """All of them; a name that two functions share says nothing."""
        found = cls()
        for path in sorted(SOURCES.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    found.functions.setdefault(node.name, []).append(node)
            own = [each for each in tree.body if not isinstance(each, ast.FunctionDef | ast.ClassDef)]
            for name, value in assigned(own):  # a variable within a function is nobody else's
                found.texts[name] = value
        return found


def assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is assigned to them, in statements and what stands below them."""
    for node in (node for statement in body for node in ast.walk(statement)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name):
                yield target.id, value
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                names = (each.id if isinstance(each, ast.Name) else "" for each in target.elts)
                yield from zip(names, value.elts, strict=False)


@dataclass
class Texts:
    """Texts that an expression may have, with a mark for what is not known before the program runs."""

    known: Sources
    local: dict[str, list[ast.expr]]

    def of(self, node: ast.expr | None, depth: int = 0) -> list[str]:
        """At most some dozens of texts."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [_HOLE]
        if isinstance(node, ast.IfExp):
            return self._each([node.body, node.orelse], depth)
        if isinstance(node, ast.JoinedStr):
            return self._joined(node.values, depth)
        if isinstance(node, ast.FormattedValue):
            texts = self.of(node.value, depth)
            return [f"'{_HOLE}'" if node.conversion == ord("r") and text == _HOLE else text for text in texts]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right], depth)
        if isinstance(node, ast.BoolOp):
            *others, last = node.values
            before = [] if isinstance(node.op, ast.And) else self._each(others, depth)
            return [*filter(None, before), *self.of(last, depth)]
        if depth < _DEEPEST and isinstance(node, ast.Name):
            values = self.local.get(node.id) or [self.known.texts.get(node.id)]
            others = {name: each for name, each in self.local.items() if name != node.id}  # not of itself
            inner = Texts(self.known, {**others, node.id: [ast.Constant(value=None)]})
            return inner._each([value for value in values if value is not None], depth + 1)
        if depth < _DEEPEST and isinstance(node, ast.Call):
            return self._called(node, depth + 1)
        return [_HOLE]

    def _each(self, nodes: list[ast.expr], depth: int) -> list[str]:
        return list(dict.fromkeys(text for node in nodes for text in self.of(node, depth))) or [_HOLE]

    def _joined(self, nodes: list[ast.expr], depth: int) -> list[str]:
        ways = product(*(self.of(node, depth) for node in nodes))
        return ["".join(parts) for parts, _ in zip(ways, range(_MOST), strict=False)]

    def _called(self, node: ast.Call, depth: int) -> list[str]:
        """What a function of the package returns; the text whose blanks are stripped."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "strip":
            return [text.strip() for text in self.of(node.func.value, depth)]
        functions = self.known.functions.get(node.func.id, []) if isinstance(node.func, ast.Name) else []
        if len(functions) != 1:
            return [_HOLE]
        inner = Texts(self.known, locals_of(functions[0]))
        returned = [
            each.value for each in ast.walk(functions[0]) if isinstance(each, ast.Return) and each.value
        ]
        return inner._each(returned, depth)


def locals_of(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What names are assigned within a function; its parameters are not known."""
    found: dict[str, list[ast.expr]] = {}
    for name, value in assigned(getattr(function, "body", [])):
        found.setdefault(name, []).append(value)
    arguments = function.args if isinstance(function, ast.FunctionDef) else None
    for argument in [] if arguments is None else [*arguments.args, *arguments.kwonlyargs]:
        found.setdefault(argument.arg, []).append(ast.Constant(value=None))
    return found


def called(node: ast.AST) -> str:
    """The name of what a call calls."""
    function = getattr(node, "func", None)
    return str(getattr(function, "id", getattr(function, "attr", "")))


def told_in(node: ast.AST) -> list[ast.expr]:
    """Expressions of the messages that a call or a ``raise`` tells."""
    if isinstance(node, ast.Raise):
        call = node.exc
        if not isinstance(call, ast.Call) or not call.args:
            return []
        name = called(call)
        is_own = name not in _BUILTIN and name not in _NO_MESSAGES and name != "PlacedError"
        return [call.args[0]] if is_own else []
    if not isinstance(node, ast.Call):
        return []
    name = called(node)
    if name == "PlacedError":
        return [fault.elts[1] for fault in node.args if isinstance(fault, ast.Tuple) and len(fault.elts) == 2]
    if name == "add" and len(node.args) == 2:  # of Faults; sets take one
        return [node.args[1]]
    return node.args[:1] if name == "warn" else []


def messages(folders: tuple[str, ...] = FOLDERS) -> dict[str, tuple[str, bool]]:
    """All texts of messages, each with where it is told, and whether it is of a fault of a file."""
    known, found = Sources.read(), {}
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(SOURCES)
        if place.parts[0] not in folders:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function, node in walked(tree, tree):
            is_of_file = called(node) in ("PlacedError", "add")
            for message in told_in(node):
                for text in Texts(known, locals_of(function)).of(message):
                    if not re.search(r"^[:;]|: (;|$)|^$", text):  # a part that is never left empty
                        found.setdefault(text, (f"{place}:{message.lineno}", is_of_file))
    return found


def walked(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node with the function around it."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        yield from walked(child, child if isinstance(child, ast.FunctionDef) else function)


def unsaid(text: str, is_of_file: bool) -> list[str]:
    """What of a text is not said in Chinese, in the words of Python or, but for files, the command line."""
    left: list[str] = []
    for filler in (_NAME, "7"):
        filled = text.replace(_HOLE, filler)
        for wording in {filled, filled if is_of_file else as_options(filled)}:
            with fs.use_language("zh"), missed_texts() as missed:
                said = lines_told(wording, names_keys=False)
            left += [words for words in missed if re.search(r"[A-Za-z]{2,}", prose(words))]
            left += _ENGLISH.findall(prose(said))
    return left


def prose(text: str) -> str:
    """A text without names, code and options."""
    while (bare := _CODE.sub("", text)) != text:
        text = bare
    return text.replace(_NAME, "")


MESSAGES = messages()


def test_messages_are_found_however_they_are_put_together() -> None:
    """Variables, alternatives, functions and constants of other modules."""
    assert len(MESSAGES) > 600
    hole = f"'{_HOLE}'"
    for part in (
        "deals move from stage to stage within one step",  # a constant of a neighbour
        f"no rival is called {hole}; did you mean {hole}?; use one of",  # a hint that a function makes
        f"no rival is called {hole}; use one of",
        "the funnel has places",  # of an error class that was given
        f"all {_HOLE} deals have one value of {hole}",  # a warning
    ):
        assert any(message.startswith(part) for message in MESSAGES), part


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_message_can_be_said(folder: str) -> None:
    unknown = {
        f"{where}: {text.replace(_HOLE, '{}')}": left
        for text, (where, is_of_file) in MESSAGES.items()
        if where.startswith(folder)
        and not text.startswith(tuple(STAY_ENGLISH))
        and (left := unsaid(text, is_of_file))
    }
    assert unknown == {}


def test_what_stays_english_is_still_told() -> None:
    assert [begins for begins in STAY_ENGLISH if not any(text.startswith(begins) for text in MESSAGES)] == []


# A mark of English where Chinese has its own: after a Chinese character, and not within code or a number.
_FORMULA = re.compile(r"[A-Z]+\(.*?\)|\{[^{}]*: [^{}]*\}")
_HALF_WIDTH = re.compile("(?<=[㐀-鿿])[,;:?!.](?=\\s|$|[㐀-鿿])|[,;:?!](?=[㐀-鿿])")


def test_chinese_has_its_own_marks() -> None:
    """In the catalogue, and in every message as it is put together of several sentences."""
    texts = dict.fromkeys(catalogue("zh").values())
    with fs.use_language("zh"):
        said = [lines_told(text.replace(_HOLE, _NAME), names_keys=False) for text in MESSAGES]
    wrong = [text for text in (*texts, *said) if _HALF_WIDTH.search(_FORMULA.sub("", text))]
    assert wrong == []
