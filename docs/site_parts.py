# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the site adds to Sphinx: formulas as MathML, which browsers draw by themselves, and parts made from the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from generated import PARTS
from pygments.lexers import TextLexer
from sphinx.highlighting import lexers
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class Generated(SphinxDirective):
    """``{generated} NAME``: the Markdown that `generated.PARTS` makes of that name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes of the part."""
        return self.parse_text_to_nodes(PARTS[self.arguments[0]]())


def inline_formula(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line."""
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block_formula(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula of its own."""
    translator.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_directive("generated", Generated)
    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
    lexers["lammps"] = TextLexer()
    return {"parallel_read_safe": True, "parallel_write_safe": True}
