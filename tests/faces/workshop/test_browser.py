"""The workshop page in a browser: one server and one page for all of these tests, in their order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import funnelsim as fs
from funnelsim.faces.workshop.server import HOST, next_free

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

CHROMIUM = shutil.which("chromium")
PATIENCE = 120_000  # milliseconds: a busy machine is no fault of the page
WIDTHS = [(1280, 720), (390, 844)]


@dataclass
class Visit:
    """A page, with all it has asked for and complained about."""

    page: Any
    server: subprocess.Popen[str]
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def chance(self) -> float:
        return float(self.page.locator("[data-number=chance]").get_attribute("data-value"))


def stranger(folder: Path) -> None:
    """An extension of JupyterLab beside those of widgets, as a whole installation of Jupyter brings some."""
    place = folder / "labextensions" / "@stranger" / "extension"
    (place / "static").mkdir(parents=True)
    build = {"load": "static/remoteEntry.js", "extension": "./extension"}
    about = {"name": "@stranger/extension", "version": "1.0.0", "jupyterlab": {"_build": build}}
    (place / "package.json").write_text(json.dumps(about), encoding="utf-8")
    (place / "static" / "remoteEntry.js").write_text("throw Error('let in')", encoding="utf-8")


def started(port: int, jupyter: Path) -> subprocess.Popen[str]:
    """A server that listens; Ctrl-C reaches it, however the tests were started."""
    server = subprocess.Popen(
        [sys.executable, "-m", "funnelsim", "workshop", "--no-browser", "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env=os.environ | {"PYTHONWARNINGS": "ignore", "JUPYTER_PATH": str(jupyter)},
    )
    while server.poll() is None:
        try:
            socket.create_connection((HOST, port)).close()
            break
        except OSError:
            time.sleep(0.2)
    return server


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    port, folder = next_free(8866), tmp_path_factory.mktemp("jupyter")
    stranger(folder)
    server = started(port, folder)
    try:
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(PATIENCE)
            playwright.expect.set_options(timeout=PATIENCE)
            found = Visit(page, server)
            page.on("request", lambda request: found.asked.append(request.url))
            page.on("websocket", lambda opened: found.asked.append(opened.url))
            page.on("pageerror", lambda error: found.errors.append(str(error)))
            page.on("console", lambda said: found.errors.append(said.text) if said.type == "error" else None)
            page.goto(f"http://{HOST}:{port}/")
            page.locator(".fs-flow").wait_for()
            yield found
            browser.close()
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait()


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expected

    return expected(locator)


def test_today_is_what_the_engine_says(visit: Visit) -> None:
    course = fs.read_scenario("activity_funnel")
    outlook = fs.forecast(
        course.funnel,
        course.pipeline,
        periods=course.periods,
        measure="wins",
        target=course.target,
        engine=fs.Exact(n_draws=50),
    )
    assert visit.chance == pytest.approx(outlook.chance().value, abs=1e-9)


def test_a_slider_moves_the_number_to_what_the_engine_says(visit: Visit) -> None:
    course = fs.read_scenario("activity_funnel")
    handle = visit.page.locator(".fs-slider .noUi-handle").nth(0)
    handle.focus()
    visit.page.keyboard.press("ArrowRight")  # new leads +5 %
    expect(visit.page.locator("[data-formula=leads]")).to_have_text("581")  # 100 in 30 days, 166 days, +5 %
    outlook = fs.forecast(
        fs.Volume(1.05).apply(course.funnel),
        course.pipeline,
        periods=course.periods,
        measure="wins",
        target=course.target,
        engine=fs.Exact(n_draws=50),
    )
    expect(visit.page.locator("[data-number=chance]")).to_have_text(f"{100 * outlook.chance().value:.0f} %")
    assert visit.chance == pytest.approx(outlook.chance().value, abs=1e-9)


def test_the_tab_names_the_workshop_in_its_language(visit: Visit) -> None:
    assert visit.page.title() == "Funnel workshop · funnelsim"
    assert visit.page.evaluate("document.documentElement.lang") == "en"


def test_the_tab_key_stops_once_at_each_slider(visit: Visit) -> None:
    stops = "[...document.querySelectorAll('.fs-slider *')].filter(one => one.tabIndex >= 0).length"
    assert visit.page.evaluate(stops) == visit.page.locator(".fs-slider .noUi-handle").count() == 7


def test_reset_goes_back_to_today(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Reset").click()
    expect(visit.page.locator("[data-number=change]")).to_have_text("the same as today")
    expect(visit.page.locator("[data-formula=leads]")).to_have_text("553")


def test_another_scenario_is_another_target(visit: Visit) -> None:
    chooser = visit.page.locator(".fs-chooser select")
    chooser.select_option(label="Seven-step account selling")
    expect(visit.page.locator(".fs-keys")).to_contain_text("The chance of 1.90 M EUR or more")
    chooser.select_option(label="Five-step activity funnel 100-50-25-12-6")
    expect(visit.page.locator(".fs-keys")).to_contain_text("The chance of 38 wins or more")


def test_the_teams_hours_come_after_the_picture_and_are_those_of_the_engine(visit: Visit) -> None:
    page, place = visit.page, visit.page.locator("[data-number=hours]")
    page.locator(".fs-chooser select").select_option(label="Telesales")
    expect(page.locator(".fs-hours")).to_contain_text("being computed")
    calls = fs.read_scenario("telesales")
    assert calls.team is not None
    assert calls.work is not None
    outlook = fs.forecast(
        calls.funnel,
        calls.pipeline,
        periods=calls.periods,
        target=calls.target,
        engine=fs.Events(calls.team, calls.work, n_futures=200, n_draws=100),
    )
    expect(place).to_have_attribute("data-value", f"{outlook.chance().value:.12g}")
    page.locator(".fs-slider .noUi-handle").nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".fs-hours")).to_contain_text("being computed")
    expect(place).to_have_count(0)  # that of the old position is gone
    expect(place).to_have_count(1)
    expect(page.locator(".fs-hours")).to_contain_text("points against today")
    page.locator(".fs-chooser select").select_option(label="Five-step activity funnel 100-50-25-12-6")
    expect(page.locator(".fs-hours")).to_have_count(0)


def test_an_exercise_is_guessed_and_then_revealed(visit: Visit) -> None:
    card = visit.page.locator(".fs-formula.fs-card")
    expect(card.locator("[data-answer]")).to_have_count(0)
    card.locator("input").fill("1e9")
    card.locator("input").press("Tab")
    card.locator("button").click()
    expect(card).to_contain_text("A guess from 0 to 800,000 makes sense here")
    expect(card.locator("[data-answer]")).to_have_count(0)
    card.locator("input").fill("50000")
    card.locator("input").press("Tab")
    card.locator("button").click()
    expect(card.locator("[data-answer=formula]")).to_have_text("43,200")
    expect(card).to_contain_text("Your guess: 50,000.")
    expect(card).not_to_contain_text("makes sense here")


def test_a_choice_is_told_right_from_wrong(visit: Visit) -> None:
    card = visit.page.locator(".fs-equal.fs-card")
    card.get_by_text("all the same").click()
    card.locator("button").click()
    expect(card).to_contain_text("You had it.")


def test_enter_reveals_and_a_guess_that_is_no_number_is_told_so(visit: Visit) -> None:
    card = visit.page.locator(".fs-backwards.fs-card")
    card.locator("input").fill("abc")
    card.locator("input").press("Enter")
    expect(card).to_contain_text("abc is no number")
    expect(card.locator("[data-answer]")).to_have_count(0)
    card.locator("input").fill("4")
    card.locator("input").press("Enter")
    expect(card.locator("[data-answer=backwards]")).to_have_text("3.8")
    expect(card).not_to_contain_text("no number")


def test_a_screen_reader_hears_a_name_for_every_control_in_the_language_of_the_page(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_role("slider")).to_have_count(7)
    expect(page.get_by_role("slider", name="win rate")).to_have_attribute("aria-valuetext", "0 %")
    expect(page.get_by_role("textbox", name="How many new addresses does each need")).to_have_count(1)
    expect(page.get_by_role("combobox", name="Scenario")).to_have_count(1)
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("slider", name="成交周期")).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("button", name="EN").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_whole_page_changes_its_language_and_keeps_what_was_revealed(visit: Visit) -> None:
    visit.page.get_by_role("button", name="中文").click()
    expect(visit.page.locator("h1")).to_have_text("销售漏斗课堂")
    expect(visit.page.locator(".fs-keys")).to_contain_text("达到 38 单的概率")
    expect(visit.page.locator(".fs-stages").first).to_contain_text("目标客户")
    expect(visit.page.locator(".fs-formula.fs-card")).to_contain_text("你猜的是：50,000。")
    visit.page.get_by_role("button", name="EN").click()
    expect(visit.page.locator("h1")).to_have_text("Funnel workshop")
    expect(visit.page.locator(".fs-formula.fs-card")).to_contain_text("Your guess: 50,000.")


@pytest.mark.parametrize("size", WIDTHS, ids=lambda size: f"{size[0]} pixels")
def test_nothing_reaches_beyond_the_window(visit: Visit, size: tuple[int, int]) -> None:
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    wide = visit.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size[0]


def test_the_pictures_stand_above_the_fold_of_a_projector(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 720})
    for what in (".fs-keys", ".fs-flow", ".fs-futures"):
        box = visit.page.locator(what).bounding_box()
        assert box["y"] + box["height"] <= 720, what


def test_words_stay_dark_under_a_dark_theme(visit: Visit) -> None:
    """What JupyterLab's dark theme sets, set here: the page is light all the same."""
    names = [f"--jp-{name}" for name in ("widgets-color", "ui-font-color1", "content-font-color1")]
    visit.page.evaluate(
        "names => names.forEach(name => document.body.style.setProperty(name, 'white'))", names
    )
    for what in (".fs-key:not(.main) b", ".fs-slider .fs-name b", ".fs-card .fs-question", ".made th"):
        colour = visit.page.locator(what).first.evaluate("one => getComputedStyle(one).color")
        assert colour == "rgb(27, 42, 56)", what
    visit.page.evaluate("document.body.removeAttribute('style')")


def test_deals_stand_still_for_those_who_ask_for_less_motion(visit: Visit) -> None:
    dot = visit.page.locator(".fs-tube i").first
    name = "getComputedStyle(document.querySelector('.fs-tube i')).animationName"
    assert dot.count() == 1
    assert visit.page.evaluate(name) == "d0"
    visit.page.emulate_media(reduced_motion="reduce")
    assert visit.page.evaluate(name) == "none"


def test_nothing_was_asked_beyond_this_machine_and_nothing_complained(visit: Visit) -> None:
    places = (f"http://{HOST}:", f"ws://{HOST}:", "data:", "blob:")
    assert [url for url in visit.asked if not url.startswith(places)] == []
    assert any(url.startswith(f"ws://{HOST}:") for url in visit.asked)  # the list is of this page
    assert visit.errors == []


def test_no_extension_is_loaded_but_those_of_widgets(visit: Visit) -> None:
    """Others ask for parts of JupyterLab that Voilà does not have, and complain in the console."""
    loaded = {url.partition("/labextensions/")[2].split("/static/")[0] for url in visit.asked}
    assert loaded - {""} == {"@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"}


def test_ctrl_c_ends_it(visit: Visit) -> None:
    visit.server.send_signal(signal.SIGINT)
    _, said = visit.server.communicate()
    assert visit.server.returncode == 0
    first, last = said.splitlines()  # and nothing that a trainer does not understand
    assert first.startswith("The workshop is at http://127.0.0.1:")
    assert last == "The workshop has ended."
