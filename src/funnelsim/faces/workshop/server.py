"""The workshop's server: Voilà on this machine only, with a template that asks for nothing outside it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from funnelsim.vocabulary.errors import FunnelsimError
from funnelsim.vocabulary.language import Language, tr, use_language

HOST = "127.0.0.1"
PORT = 8866
LANGUAGE = "FUNNELSIM_WORKSHOP_LANGUAGE"  # tells the kernel what the page speaks at first
_NOTEBOOK = "04_funnel_maths_workshop.ipynb"
_PACKAGE = Path(__file__).parents[2]
_SHIPPED = (_PACKAGE / "notebooks", _PACKAGE.parents[1] / "notebooks")  # in a wheel, and in a checkout
_NEEDED = ("voila", "ipywidgets", "ipykernel")
_TEMPLATES = Path(__file__).parent / "jupyter"
_LAST_PORT = 65_535
# Those that draw widgets. Others that are installed, as with Jupyter Notebook, ask for parts Voilà lacks.
_EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")


class WorkshopError(FunnelsimError):
    """A workshop page that cannot be shown; the message names the command to run."""


def notebook() -> Path:
    """The notebook of the workshop: in the package, or beside a checkout of it.

    Raises
    ------
    WorkshopError
        If it is not there.
    """
    found = next((folder / _NOTEBOOK for folder in _SHIPPED if (folder / _NOTEBOOK).is_file()), None)
    if found is None:
        raise WorkshopError(
            f"the notebook {_NOTEBOOK} is missing from this installation; run: "
            "pip install --force-reinstall 'funnelsim[workshop]'"
        )
    return found


def check_extra() -> None:
    """Refuse to start where a library of the page is missing.

    Raises
    ------
    WorkshopError
    """
    absent = [name for name in _NEEDED if find_spec(name) is None]
    if absent:
        raise WorkshopError(
            f"the workshop page needs {', '.join(absent)}; run: pip install 'funnelsim[workshop]'"
        )


def check_port(port: int) -> None:
    """Refuse a port that something else listens on.

    Raises
    ------
    WorkshopError
    """
    try:
        with socket.create_server((HOST, port)):
            return
    except PermissionError as error:
        raise WorkshopError(
            f"port {port} is not open to you; run: funnelsim workshop --port {PORT}"
        ) from error
    except OSError as error:
        free = next_free(port)
        raise WorkshopError(
            f"port {port} is busy, perhaps with another workshop; run: funnelsim workshop --port {free}"
        ) from error


def next_free(port: int) -> int:
    """A port after this one that nothing listens on; any free one where the next hundred are busy."""
    for candidate in [*range(port + 1, min(port + 101, _LAST_PORT + 1)), 0]:
        try:
            with socket.create_server((HOST, candidate)) as found:
                return int(found.getsockname()[1])
        except OSError:
            continue
    return PORT


def serve(lang: Language, *, port: int, has_browser: bool, tell: Callable[[str], None]) -> None:
    """Serve the workshop until it is interrupted.

    Parameters
    ----------
    lang : {"en", "zh"}
        What the page speaks at first.
    port : int
    has_browser : bool
        Whether a browser is opened on the page.
    tell : callable
        Takes what is said at the terminal.

    Raises
    ------
    WorkshopError
        If a library is missing, the port is busy or the notebook is not there.
    """
    check_extra()
    path = notebook()
    check_port(port)
    os.environ[LANGUAGE] = lang
    # Ours first, so that no template of the same name in a user's folders stands before it.
    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join([str(_TEMPLATES), *([known] if known else [])])

    from voila.app import Voila

    app = Voila()
    with warnings.catch_warnings():
        # Of how the tab's title is given: traitlets would tell the trainer, who can do nothing about it.
        warnings.filterwarnings("ignore", message=".*dict-traits is deprecated", category=DeprecationWarning)
        app.initialize(_arguments(path, port, lang))
    _keep_to_this_machine(app)
    # Of two settings of the server's own that do not agree: as above, nothing that a trainer can mend.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    address = f"http://{HOST}:{port}/"
    tell(f"The workshop is at {address}; this machine alone can open it. Ctrl-C ends it.")
    if has_browser:
        open_browser(address, tell)
    app.start()  # comes back when it is interrupted, its kernels shut down
    tell("The workshop has ended.")


def _arguments(path: Path, port: int, lang: Language) -> list[str]:
    """Voilà's settings as arguments: those alone win over the files of settings that a user may have."""
    with use_language(lang):
        title = f"{tr('Funnel workshop')} · funnelsim"
    return [
        str(path),
        f"--Voila.ip={HOST}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--no-browser",  # opened by us, at the address we told
        "--template=funnelsim",
        "--theme=light",
        "--strip_sources=True",
        "--show_tracebacks=False",
        f"--VoilaConfiguration.resources={ {'metadata': {'name': title}} }",  # of the browser's tab
        f"--HTMLExporter.language_code={lang}",  # what a screen reader pronounces
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in _EXTENSIONS),
        "--MappingKernelManager.cull_interval=60",  # a page that was left or reloaded ends some minutes later
        "--MappingKernelManager.cull_idle_timeout=600",
        "--Voila.log_level=40",
    ]


def _keep_to_this_machine(app: Any) -> None:
    """What is set once a user's files of settings have been read."""
    # A page of another origin must not talk to the kernel under a name of its own.
    app.tornado_settings = {"allow_remote_access": False}
    app.voila_configuration.file_allowlist = []
    app.config.KernelSpecManager.kernel_dirs = []  # the Python that runs this command, and no other
    if sys.platform != "win32":
        app.config.KernelManager.transport = "ipc"  # not even a port of this machine


def open_browser(address: str, tell: Callable[[str], None]) -> None:
    """Open the page once the server has had time to start; where there is no browser, say what to do."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        tell(
            f"No browser was found on this machine. Open {address} in one yourself; to start without asking "
            "for one, run: funnelsim workshop --no-browser"
        )
        return
    threading.Timer(1.0, browser.open, [address]).start()
