"""What the workshop's command says when it cannot start, and what it needs."""

from __future__ import annotations

import socket
import webbrowser
from importlib.machinery import ModuleSpec

import nbformat
import pytest
from click.testing import CliRunner

from funnelsim.faces.cli import main
from funnelsim.faces.workshop import server
from funnelsim.faces.workshop.server import HOST, WorkshopError


def test_a_busy_port_names_the_command_with_a_free_one() -> None:
    with socket.create_server((HOST, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(WorkshopError, match=rf"port {port} is busy.*funnelsim workshop --port \d+"):
            server.check_port(port)
        assert server.next_free(port) != port
    server.check_port(port)  # free again


def test_a_free_port_after_the_last_is_any() -> None:
    server.check_port(server.next_free(65_535))


def test_a_busy_port_is_told_in_chinese_and_ends_with_1() -> None:
    with socket.create_server((HOST, 0)) as busy:
        port = str(busy.getsockname()[1])
        done = CliRunner().invoke(main, ["workshop", "--no-browser", "--lang", "zh", "--port", port])
    assert done.exit_code == 1
    assert f"端口 {port} 已被占用" in done.output
    assert "funnelsim workshop --port" in done.output


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> ModuleSpec | None:
        return None if name == "voila" else ModuleSpec(name, None)

    monkeypatch.setattr(server, "find_spec", found)
    with pytest.raises(WorkshopError, match=r"needs voila; run: pip install 'funnelsim\[workshop\]'"):
        server.check_extra()


def test_no_browser_names_the_address_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> webbrowser.BaseBrowser:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    said: list[str] = []
    server.open_browser("http://127.0.0.1:8866/", said.append)
    assert len(said) == 1
    assert "http://127.0.0.1:8866/" in said[0]
    assert "funnelsim workshop --no-browser" in said[0]


def test_a_port_that_is_none_is_refused() -> None:
    assert CliRunner().invoke(main, ["workshop", "--port", "70000"]).exit_code == 2


def test_the_notebook_shows_every_lesson_in_its_order() -> None:
    from funnelsim.faces.workshop.lessons import LESSONS

    cells = [cell.source for cell in nbformat.read(server.notebook(), as_version=4).cells]
    shown = [cell for cell in cells if "workshop.lesson(" in cell]
    assert shown == [f'workshop.lesson("{lesson.key}")' for lesson in LESSONS]


def test_a_notebook_that_is_gone_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(server, "_SHIPPED", (tmp_path,))
    with pytest.raises(WorkshopError, match="missing from this installation; run: pip install"):
        server.notebook()


def test_no_template_of_ours_names_an_outside_address() -> None:
    folder = server._TEMPLATES
    pages = [path for path in folder.rglob("*") if path.is_file()]
    assert len(pages) >= 3
    assert [path for path in pages if "//" in path.read_text(encoding="utf-8").replace("// Shown", "")] == []
