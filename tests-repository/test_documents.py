# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every path, command and tox environment that a document names exists.

Looked at are Markdown's links, and in code, inline or fenced, what looks like a path below the repository or below
the document's folder, a `dp` command with its flags, and `tox -e NAME`. Blocks of commands are run by a test or say why
not.
"""

from __future__ import annotations

import configparser
import re
from itertools import dropwhile
from typing import TYPE_CHECKING

import pytest
from blocks import PAGES_RUN, blocks_of
from checkout import ROOT, tracked_files

from deepmd.commands import COMMANDS, NOT_YET
from deepmd.main import main_parser

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path

DOCUMENTS = tracked_files("*.md")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PLACEHOLDER = re.compile(r"[<>$={}…]|\.\.\.")


def code_of(text: str) -> list[str]:
    """The lines of fenced code and the pieces of inline code, comments cut off."""
    lines = [line for fence in FENCE.findall(text) for line in fence.splitlines()[1:-1]]
    pieces = [*lines, *INLINE.findall(FENCE.sub("", text))]
    return [re.sub(r"(^|\s)#.*", "", piece) for piece in pieces]


def commands_of(text: str, program: str) -> list[list[str]]:
    """The arguments of each call of a program in the code, settings of variables before it left out."""
    calls = [call.split() for piece in code_of(text) for call in re.split(r"&&|[|;]", piece)]
    bare = [list(dropwhile(lambda word: word == "$" or "=" in word, words)) for words in calls]
    return [words[1:] for words in bare if words[:1] == [program]]


def missing_links(text: str, folder: Path) -> list[str]:
    targets = [target for target in LINK.findall(FENCE.sub("", text)) if "://" not in target]
    return [target for target in targets if not link_exists(target, folder)]


def link_exists(target: str, folder: Path) -> bool:
    name, _, anchor = target.partition("#")
    path = folder / name if name else folder
    return path.exists() and (not anchor or not name or anchor in anchors_of(path.read_text(encoding="utf-8")))


def anchors_of(text: str) -> set[str]:
    """Names of the headings as a link gives them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_paths(text: str, folder: Path) -> list[str]:
    words = {word.strip("'\"`,.:()") for piece in code_of(text) for word in piece.split()}
    paths = {word.removeprefix("./") for word in words if "/" in word.strip("/") and not PLACEHOLDER.search(word)}
    scripts = {words[0] for words in commands_of(text, "python") if words and words[0].endswith(".py")}
    gone = {path for path in paths if not path_exists(path, folder)}
    bases = [ROOT, folder, *(ROOT / words[0] for words in commands_of(text, "cd") if words)]
    return sorted(gone | {script for script in scripts if not any((base / script).is_file() for base in bases)})


def path_exists(path: str, folder: Path) -> bool:
    """Whether it is there, or is none of ours: its first part is neither in the repository nor beside the document."""
    first = path.split("/")[0]
    bases = [base for base in (ROOT, folder) if first not in ("", "..", "~", "build") and (base / first).exists()]
    return not bases or any(any(base.glob(path.rstrip("/"))) for base in bases)


def wrong_dp_commands(text: str) -> list[str]:
    return [" ".join(["dp", *words]) for words in commands_of(text, "dp") if not is_dp_command(words)]


def is_dp_command(words: list[str]) -> bool:
    """Whether the sub-command and all flags are known; placeholders and arguments are passed over."""
    parser = main_parser()
    pairs = zip(["", *words], words, strict=False)
    names = [
        word for before, word in pairs if re.fullmatch(r"[a-z][a-z-]+", word) and before not in ("-b", "--backend")
    ]
    if names and names[0] not in COMMANDS:
        return False
    known = options_of(parser) | (options_of(subparser(parser, names[0])) if names else set())
    return all(word.split("=")[0] in known for word in words if re.match(r"--?[A-Za-z]", word))


def options_of(parser: ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


def subparser(parser: ArgumentParser, name: str) -> ArgumentParser:
    return next(action._name_parser_map[name] for action in parser._actions if action.dest == "command")


def wrong_environments(text: str) -> list[str]:
    chosen = [words[words.index("-e") + 1] for words in commands_of(text, "tox") if "-e" in words]
    return [name for names in chosen for name in names.split(",") if name not in environments()]


def environments() -> set[str]:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    return {section.split(":")[1] for section in config.sections() if section.startswith("testenv:")}


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request) -> Path:
    return request.param


def test_documents_are_found():
    assert {ROOT / "README.md", ROOT / "CONTRIBUTING.md"} <= set(DOCUMENTS)


def test_links(document):
    assert not missing_links(document.read_text(encoding="utf-8"), document.parent)


def test_paths(document):
    assert not missing_paths(document.read_text(encoding="utf-8"), document.parent)


def test_dp_commands(document):
    assert not wrong_dp_commands(document.read_text(encoding="utf-8"))


def test_environments(document):
    assert not wrong_environments(document.read_text(encoding="utf-8"))


def test_commands_are_run_or_say_why_not(document):
    silent = [block.text for block in blocks_of(document) if block.language != "lammps" and block.reason is None]
    assert not silent or str(document.relative_to(ROOT)) in PAGES_RUN, silent


def test_pages_are_in_the_navigation():
    navigation = (ROOT / "docs/toc.yml").read_text(encoding="utf-8")
    pages = {str(path.relative_to(ROOT).with_suffix("")) for path in tracked_files("docs/*.md")}
    assert {page for page in pages if not page.startswith("docs/decisions/0") and page not in navigation} == set()


BAD = """# A document

[gone](docs/no-such-file.md) [fine](README.md) [nowhere](README.md#no-such-heading) `packages/no-such-package/README.md`
`packages/*/pyproject.toml` `data/of-a-user` `packages/<name>/tests` `dp trian input.json` `dp --pt freeze -o model.pth`

```sh
$ dp test -m model.pth --no-such-flag   # a comment with dp nonsense
DEVICE=cpu tox -e core,no-such-environment && python no_such_script.py
```
"""


def test_what_is_wrong_is_found():
    assert missing_links(BAD, ROOT) == ["docs/no-such-file.md", "README.md#no-such-heading"]
    assert missing_paths(BAD, ROOT) == ["no_such_script.py", "packages/no-such-package/README.md"]
    assert wrong_dp_commands(BAD) == ["dp test -m model.pth --no-such-flag", "dp trian input.json"]
    assert wrong_environments(BAD) == ["no-such-environment"]


def test_commands_that_are_not_there_are_named():
    """Also where nobody builds the site, which has the whole list."""
    page = (ROOT / "docs" / "coming-from-deepmd-kit.md").read_text(encoding="utf-8")
    assert [name for name in NOT_YET if f"`{name}`" not in page] == []
