# SPDX-License-Identifier: LGPL-3.0-or-later
"""The documentation site: `tox -e docs` builds it into build/site.

Sources are the Markdown files as they lie in the repository, whose root is the source folder: a link from one to the
other is the same on a git host and on the site. toc.yml is the navigation; a page that is linked must be in it.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "Deep Potential models"
author = "the authors of the deepmd packages"
extensions = [
    "myst_parser",
    "sphinx_external_toc",
    "dargs.sphinx",
    "matplotlib.sphinxext.plot_directive",
    "site_parts",
]

external_toc_path = "docs/toc.yml"
include_patterns = ["docs/**", "*.md", "examples/**", "benchmarks/*.md", "packages/*/*.md", "tests-*/*.md"]
external_toc_exclude_missing = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = project
html_math_renderer = "mathml"
html_extra_path = ["index.html"]
html_copy_source = False
html_show_copyright = False

plot_basedir = str(HERE.parent)
plot_formats = [("svg", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False

nitpicky = True
# what stands between single backticks in the schema
default_role = "code"
# external links are checked on request, `tox -e docs-links`
linkcheck_timeout = 20
