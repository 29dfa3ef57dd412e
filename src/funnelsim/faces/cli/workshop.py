"""``funnelsim workshop``: a live page for trainers, in the browser of this machine."""

from __future__ import annotations

import click

from funnelsim.faces.cli.options import language_option
from funnelsim.faces.cli.streams import tell
from funnelsim.vocabulary.language import language, tr

_PORT = 8866
_EPILOG = """\b
Examples:
  funnelsim workshop
  funnelsim workshop --lang zh
  funnelsim workshop --port 8867 --no-browser

Needs the extra workshop: pip install 'funnelsim[workshop]'. Ctrl-C ends it.
"""


@click.command(epilog=_EPILOG, short_help="A live page for a room: sliders, moving funnel, exercises.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(1, 65_535),
    default=_PORT,
    show_default=True,
    help="Port of this machine on which the page is served.",
)
@click.option("--no-browser", is_flag=True, help="Serve the page and open no browser.")
@language_option
def workshop(port: int, no_browser: bool) -> None:
    """Serve the workshop page: sliders, a moving funnel, the course formula and exercises with answers.

    Only this machine can open it, and it asks for nothing on the network.
    """
    from funnelsim.faces.workshop.server import serve

    serve(language(), port=port, has_browser=not no_browser, tell=lambda text: tell(tr(text)))
