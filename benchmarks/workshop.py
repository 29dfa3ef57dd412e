"""Workshop page: from a move of a slider to the new picture, measured in a browser.

Run: ``python benchmarks/workshop.py [SCENARIO ...]``. It needs the extra workshop, playwright and chromium.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress

import psutil
from playwright.sync_api import sync_playwright

from funnelsim.faces.workshop.server import HOST, next_free
from funnelsim.intake.scenarios import shipped_scenarios

N_MOVES = 20
MOST_SECONDS = 0.7
# From the key that moves a slider to the frame in which the last of the pictures has been painted.
WATCH = """
() => {
  window.took = [];
  document.addEventListener('keydown', () => {
    const began = performance.now(), flow = document.querySelector('.fs-flow');
    const look = () => document.querySelector('.fs-flow') === flow
      ? requestAnimationFrame(look)
      : requestAnimationFrame(() => requestAnimationFrame(() => window.took.push(performance.now() - began)));
    requestAnimationFrame(look);
  }, true);
}
"""


@contextmanager
def served():
    port = next_free(8866)
    command = [sys.executable, "-m", "funnelsim", "workshop", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/voila/static/voila.js"):
                break
            time.sleep(0.5)
        yield f"http://{HOST}:{port}/"
    finally:
        server.terminate()
        server.wait()


def cpu_seconds() -> float:
    """Of the server, its kernel and the browser together: what other work on the machine does not change."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def moves(page, scenario: str) -> tuple[list[float], float]:
    page.locator(".fs-chooser select").select_option(scenario)
    page.wait_for_timeout(2_000)
    page.evaluate("window.took = []")
    before = cpu_seconds()
    handles = page.locator(".fs-slider .noUi-handle")
    for move in range(N_MOVES):
        handles.nth((0, 1, 5, 6)[move % 4]).focus()  # leads, conversion, cycle, longest stay
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"window.took.length > {move}")
    cost = (cpu_seconds() - before) / N_MOVES
    return [took / 1000 for took in page.evaluate("window.took")], cost


def main(scenarios: list[str]) -> None:
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(address)
        page.locator(".fs-flow").wait_for(timeout=120_000)
        page.evaluate(WATCH)
        names = list(shipped_scenarios())
        for scenario in scenarios or names:
            title = page.locator(".fs-chooser option").nth(names.index(scenario)).inner_text()
            took, cost = moves(page, title)
            worst = max(took)
            print(
                f"{scenario:24} median {statistics.median(took):.2f} s  worst {worst:.2f} s  "
                f"{cost:.2f} CPU s a move"
                f"{'' if worst < MOST_SECONDS else '  too slow'}",
                flush=True,
            )
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
