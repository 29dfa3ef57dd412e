"""How the documentation is built: everything on the machine, every page executed, every warning an error."""

import atexit
import html
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform

# Pages run the command line as a reader would, also where the environment is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ["OMP_NUM_THREADS"] = "1"  # pages run one after the other; threads would only wait

# IPython's own %%sh prints in pieces of 100 bytes, and MyST-NB ends a line after each of them.
_SHELL = """
import subprocess
from IPython.core.magic import register_cell_magic

@register_cell_magic
def sh(line, cell):
    done = subprocess.run(cell, shell=True, capture_output=True, text=True, encoding="utf-8")
    print(done.stdout if done.returncode == 0 else done.stdout + done.stderr, end="")
    done.check_returncode()
"""
# Pictures of cells carry their text for readers who cannot see them: it becomes the alt of the page's image.
_PICTURES = """
from IPython.core import pylabtools

_print_figure = pylabtools.print_figure

def print_figure(fig, fmt="png", **settings):
    said = " ".join(dict.fromkeys(str(ax.get_label()) for ax in fig.axes if ax.get_label()))
    return _print_figure(fig, fmt, metadata={"Description": said}, **settings)

pylabtools.print_figure = print_figure
"""
_STARTUP = Path(tempfile.mkdtemp(prefix="funnelsim-docs-")) / "profile_default" / "startup"
_STARTUP.mkdir(parents=True)
(_STARTUP / "shell.py").write_text(_SHELL, encoding="utf-8")
(_STARTUP / "pictures.py").write_text(_PICTURES, encoding="utf-8")
os.environ["IPYTHONDIR"] = str(_STARTUP.parents[1])
atexit.register(shutil.rmtree, _STARTUP.parents[1], ignore_errors=True)

project = "funnelsim"
copyright = "The funnelsim developers, Apache-2.0"  # the name is Sphinx's
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
suppress_warnings = ["config.cache"]

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True  # files that a page writes are gone afterwards
nb_execution_timeout = 600  # a cell takes seconds, on a busy machine more
nb_merge_streams = True
nb_output_stderr = "remove"  # bars of progress; a page that shows what goes there sends it to stdout
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # types stand in the docstrings, in words
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
napoleon_use_ivar = True
python_display_short_literal_types = True

# The theme comes with Sphinx, and nothing is loaded from elsewhere: no fonts, no MathJax, no widgets.
html_theme = "alabaster"
html_theme_options = {
    "description": "Sales-funnel forecasts with honest ranges",
    "fixed_sidebar": True,
    "page_width": "1230px",
    "sidebar_width": "250px",
    "body_max_width": "950px",
    "font_family": "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, 'Noto Sans CJK SC', sans-serif",
    "head_font_family": "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, 'Noto Sans CJK SC', sans-serif",
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_static_path = ["_static"]
html_css_files = ["funnelsim.css"]
html_show_sourcelink = False
nb_ipywidgets_js: dict[str, dict[str, str]] = {}


def _plain_citations(app, what, name, obj, options, lines):
    """Numbered references as a list: many docstrings share a page, and each begins at 1."""
    for i, line in enumerate(lines):
        line = re.sub(r"^(\s*)\.\. \[(\d+)\] ", r"\1-  [\2] ", line)
        lines[i] = re.sub(r"\[(\d+)\]_", r"[\1]", line)


def _plain_types(app, what, name, obj, options, lines):
    """Types in words stay words: Sphinx would link ``n_deals`` of a shape to whatever has that name.

    Of a property napoleon takes what stands before a colon for its type; it goes back to where it stood.
    """
    for i, line in enumerate(lines if what == "property" else ()):
        if line.startswith(":type: "):
            lines[0] = f"{line.removeprefix(':type: ')}: {lines[0]}"
            lines[i] = ""
    for i, line in enumerate(lines):
        lines[i] = re.sub(r"^(\s*:(?:var)?type [^:]+: |\s*:rtype: )([^*`\n]+)$", r"\1*\2*", line)


class _SpokenPictures(SphinxPostTransform):
    """Alt texts of the pictures that cells drew, once MyST-NB has chosen their format."""

    default_priority = 10

    def run(self, **settings):
        for image in self.document.findall(nodes.image):
            path = Path(self.app.srcdir, image["uri"].lstrip("/"))
            if "alt" not in image and path.exists():
                image["alt"] = _told_in(path)


def _told_in(path):
    """What a file of a picture tells readers who cannot see it."""
    if path.suffix == ".svg":
        found = re.search(r"<desc[^>]*>(.*?)</desc>", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        return html.unescape(found[1]) if found else ""
    with Image.open(path) as picture:
        return picture.info.get("Description", "")


def setup(app):
    """Hooks around napoleon, which works at the default priority of 500."""
    app.add_post_transform(_SpokenPictures)
    app.connect("autodoc-process-docstring", _plain_citations, priority=400)
    app.connect("autodoc-process-docstring", _plain_types, priority=600)
