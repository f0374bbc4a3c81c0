# SPDX-License-Identifier: LGPL-3.0-or-later
"""docs/messages.md has every class of errors, and every message that it quotes is one of the code's."""

from __future__ import annotations

import ast
import re

from checkout import ROOT, tracked_files

PAGE = (ROOT / "docs/messages.md").read_text(encoding="utf-8")
OTHERS = {"ModelError"}
"""Classes that are raised and are no `DeepmdError`."""
BASE = "DeepmdError"


def subclasses(base: str) -> set[str]:
    """Names of the classes in the packages that derive from one."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in tracked_files("packages/*/src/*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found, size = {base}, 0
    while size < len(found):
        size = len(found)
        found |= {node.name for node in classes if found & {ast.unparse(each).split(".")[-1] for each in node.bases}}
    return found


def quoted_messages() -> list[str]:
    """The code in the first columns of the tables, less those of numbers."""
    cells = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


def sources() -> str:
    """All text of the packages, strings that stand side by side joined."""
    paths = tracked_files("packages/*.py", "packages/*.cpp", "packages/*.hpp")
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths if "/tests/" not in str(path))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_all_classes_are_there():
    headings = set(re.findall(r"^## (\w+Error)$", PAGE, re.MULTILINE))
    assert headings == subclasses(BASE) | OTHERS


def test_messages_are_those_of_the_code():
    messages, text = quoted_messages(), sources()
    assert len(messages) > 30
    assert [message for message in messages if message not in text] == []
