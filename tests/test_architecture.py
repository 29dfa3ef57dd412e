"""The house keeps its plan: layers, heavy libraries, names, sizes and the list of modules."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import funnelsim

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "funnelsim"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = {
    "vocabulary": 0,
    "numerics": 1,
    "nouns": 2,
    "intake": 3,
    "fitting": 3,
    "engines": 4,
    "questions": 5,
    "faces": 6,
}
TOP = 6  # the package itself loads names from every layer, so only faces may lean on it
MOST_MODULE_LINES = 400
MOST_FUNCTION_LINES = 40


def name_of(path: Path) -> str:
    """Path within the package, such as ``nouns/funnel.py``."""
    return path.relative_to(PACKAGE).as_posix()


def part_of(module: str) -> str:
    """First part below the package of a dotted name, such as ``nouns``; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imported(text: str, here: list[str]) -> Iterator[str]:
    """Dotted names of all modules that a source imports, anywhere in it, relative ones resolved."""
    tree = ast.parse(text)
    for node in set(ast.walk(tree)) - set(doors_to_pictures(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            start = ".".join(part for part in (base, node.module or "") if part)
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)


def doors_to_pictures(tree: ast.AST) -> Iterator[ast.Import]:
    """The one way up that is allowed: ``import funnelsim`` inside a method called ``plot``."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == "plot":
            for node in ast.walk(function):
                if isinstance(node, ast.Import) and [alias.name for alias in node.names] == ["funnelsim"]:
                    yield node


@cache  # each module is asked for a dozen libraries
def imported_by(path: Path) -> tuple[str, ...]:
    here = ["funnelsim", *path.relative_to(PACKAGE).with_suffix("").parts]
    return tuple(imported(path.read_text(encoding="utf-8"), here))


def imports_of(path: Path, library: str) -> list[str]:
    return [name for name in imported_by(path) if name == library or name.startswith(f"{library}.")]


inner = pytest.mark.parametrize(
    "path", [path for path in MODULES if len(path.relative_to(PACKAGE).parts) > 1], ids=name_of
)
every = pytest.mark.parametrize("path", MODULES, ids=name_of)


# --- layers


@inner
def test_a_module_imports_from_its_own_layer_or_lower_ones(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    assert own in LAYERS, f"{own} is no layer of the plan"
    for name in imports_of(path, "funnelsim"):
        part = part_of(name)
        layer = LAYERS.get(part, TOP)
        assert layer <= LAYERS[own], f"{name_of(path)} ({own}) imports {name}"


@inner
def test_layers_side_by_side_do_not_lean_on_each_other(path: Path) -> None:
    """Intake and fitting stand on one floor: either can be replaced without the other."""
    own = path.relative_to(PACKAGE).parts[0]
    if own in ("intake", "fitting"):
        other = {"intake": "fitting", "fitting": "intake"}[own]
        assert not imports_of(path, f"funnelsim.{other}")


@inner
def test_engines_never_import_data_or_fitting(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] == "engines":
        for forbidden in ("intake", "fitting", "nouns.history", "nouns.records", "nouns.paths"):
            assert not imports_of(path, f"funnelsim.{forbidden}")


@inner
def test_numerical_parts_know_no_tables(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in ("vocabulary", "numerics"):
        assert not imports_of(path, "pandas")


@pytest.mark.parametrize(
    ("library", "home"),
    [("matplotlib", "faces/plots/"), ("simpy", "engines/events/"), ("ipywidgets", "faces/workshop")],
)
def test_heavy_libraries_are_imported_in_one_place(library: str, home: str) -> None:
    users = [name_of(path) for path in MODULES if imports_of(path, library)]
    assert [name for name in users if not name.startswith(home)] == []


def test_imports_are_found_wherever_they_stand() -> None:
    """The parser behind these tests sees lazy, guarded, relative and renamed imports."""
    source = (
        "import numpy as np\nfrom funnelsim import faces as f\nfrom ..engines import run\n"
        "def lazy():\n    from funnelsim.faces.plots import fan\n    import matplotlib.pyplot as plt\n"
    )
    found = set(imported(source, ["funnelsim", "nouns", "probe"]))
    assert {"numpy", "funnelsim.faces", "funnelsim.engines", "funnelsim.engines.run"} <= found
    assert {"funnelsim.faces.plots", "funnelsim.faces.plots.fan", "matplotlib.pyplot"} <= found


@pytest.mark.parametrize(
    ("function", "line", "is_seen"),
    [
        ("plot", "import funnelsim", False),
        ("table", "import funnelsim", True),
        ("plot", "from funnelsim import plot_fan", True),
        ("plot", "import funnelsim.faces", True),
    ],
)
def test_the_door_to_the_pictures_lets_nothing_else_through(function: str, line: str, is_seen: bool) -> None:
    found = list(imported(f"def {function}():\n    {line}\n", ["funnelsim", "nouns", "probe"]))
    assert bool(found) == is_seen


# --- quick to load


HEAVY = ("pandas", "scipy.stats", "matplotlib", "simpy", "joblib", "pydantic")


def loaded_after(code: str) -> set[str]:
    """Heavy libraries in memory after some code has run in a process of its own."""
    script = f"import sys\n{code}\nprint('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.rsplit("loaded:", 1)[1].split())


def test_importing_the_package_loads_no_heavy_library() -> None:
    assert loaded_after("import funnelsim") == set()
    assert loaded_after("import funnelsim; dir(funnelsim); funnelsim.Stages") == set()
    assert "pandas" in loaded_after("import funnelsim; funnelsim.DealHistory")  # the check itself can fail


def test_help_loads_no_heavy_library() -> None:
    help_text = "from funnelsim.faces.cli import main\nmain(['--help'], standalone_mode=False)"
    assert loaded_after(help_text) == set()


@pytest.mark.parametrize("command", ["demo", "check", "fit", "forecast", "levers", "simulate"])
def test_help_of_a_command_loads_no_heavy_library(command: str) -> None:
    code = (
        "from funnelsim.faces.cli import main\n"
        f"try: main(['{command}', '--help'])\nexcept SystemExit as end: assert not end.code"
    )
    assert loaded_after(code) <= {"joblib"}


# --- public names


@pytest.mark.parametrize("name", funnelsim.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    thing = getattr(funnelsim, name)
    documented = inspect.getdoc(thing) or ""
    assert documented.strip(), f"{name} has no docstring"
    assert not documented.startswith(f"{name}("), f"{name}: the docstring is the one dataclasses make"
    assert name in dir(funnelsim)
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            function = getattr(value, "fget", None) or getattr(value, "__func__", None) or value
            if not member.startswith("_") and (inspect.isfunction(function) or isinstance(value, property)):
                assert inspect.getdoc(function), f"{name}.{member} has no docstring"


def test_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = funnelsim.no_such_name


def test_type_checkers_see_the_names_that_are_loaded_lazily() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (alias.name, node.module)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    modules = {(name, f"funnelsim.{home.rpartition('.')[0]}") for name, home in funnelsim._MODULES.items()}
    assert seen == {(name, f"funnelsim.{home}") for name, home in funnelsim._HOME.items()} | modules


# --- size


def docstring_lines(node: ast.AST) -> int:
    """Lines of the docstrings of a node and all within it."""
    total = 0
    for inside in ast.walk(node):
        body = getattr(inside, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                total += (value.end_lineno or 0) - value.lineno + 1
    return total


@every
def test_module_is_short(path: Path) -> None:
    """Docstrings are not counted: a long one is fine, a second concept hiding inside is not."""
    text = path.read_text(encoding="utf-8")
    n_lines = len(text.splitlines()) - docstring_lines(ast.parse(text))
    assert n_lines <= MOST_MODULE_LINES, f"{n_lines} lines"


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of a function's body that hold code: no signature, docstring, comment or blank line."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    inside = [line.strip() for line in lines[body[0].lineno - 1 : function.end_lineno]]
    return sum(bool(line) and not line.startswith("#") for line in inside)


@every
def test_functions_are_short(path: Path) -> None:
    """A signature may be long: options are declared one a line."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = code_lines(node, text.splitlines())
            assert n_lines <= MOST_FUNCTION_LINES, f"{node.name}: {n_lines} lines of code"


# --- the list of modules


def is_only_a_title(path: Path) -> bool:
    """Whether an ``__init__.py`` holds a docstring and nothing else."""
    return path.name == "__init__.py" and len(ast.parse(path.read_text(encoding="utf-8")).body) <= 1


@inner
def test_module_is_named_in_the_architecture_page(path: Path) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert is_only_a_title(path) or f"`{name_of(path)}`" in page, "add one sentence to ARCHITECTURE.md"


def test_architecture_page_names_no_module_that_is_gone() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = "|".join(LAYERS)
    named = set(re.findall(rf"`((?:{folders})/[\w/]+\.py)`", page))
    assert named - {name_of(path) for path in MODULES} == set()


@every
def test_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert docstring.split("\n")[0].strip(), "a module begins with one sentence"
