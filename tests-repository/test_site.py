# SPDX-License-Identifier: LGPL-3.0-or-later
"""The documentation site as `tox -e docs` has built it: links, offline use, and that the reference is whole."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from checkout import ROOT

from deepmd.schema.doc import sections

SITE = ROOT / "build/site"
PAGES = sorted(SITE.glob("**/*.html"))


class Page(HTMLParser):
    """What a page links to, what it loads, and the names within it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value for key, value in attrs if value}
        self.names |= {found[key] for key in ("id", "name") if key in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("script", "img") or (tag == "link" and found.get("rel") == "stylesheet"):
            self.loads += [found[key] for key in ("href", "src") if key in found]


read = cache(Page)


def is_there(link: str, page: Path) -> bool:
    """Whether a link within the site leads to a file, and to a name in it."""
    parts = urlsplit(link)
    if parts.scheme:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return False
    return not parts.fragment or target.suffix != ".html" or unquote(parts.fragment) in read(target).names


def test_pages_are_found():
    assert len(PAGES) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_links(page):
    assert [link for link in read(page).links + read(page).loads if not is_there(link, page)] == []


def test_nothing_is_loaded_from_elsewhere():
    loaded = {load for page in PAGES for load in read(page).loads}
    assert [load for load in loaded if urlsplit(load).scheme not in ("", "data")] == []


def test_keys_are_in_the_reference():
    """Each section, and the keys of each descriptor, by their names within the page."""
    page = read(SITE / "docs/input-keys.html")
    expected = {f"argument:{section.name}" for section in sections()}
    expected |= {"argument:model[standard]/descriptor[se_e2_a]/rcut", "argument:training/numb_steps"}
    assert expected <= page.names


def test_formulas_and_pictures_are_drawn():
    text = (SITE / "docs/input.html").read_text(encoding="utf-8")
    assert text.count("<math") > 20
    assert re.search(r'<img [^>]*src="[^"]*schedules[^"]*\.svg"', text)
    assert "<table" in text


def test_search_knows_the_keys():
    assert "rcut_smth" in (SITE / "searchindex.js").read_text(encoding="utf-8")
