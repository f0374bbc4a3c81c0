# SPDX-License-Identifier: LGPL-3.0-or-later
"""What people write that is no JSON, and what to write."""

from __future__ import annotations

import re

COMMENT = 'JSON has no comments: write `"_comment": "..."`, or YAML in a file that ends in .yaml'
WORDS = {"True": "true", "False": "false", "None": "null", "NaN": "a number", "nan": "a number", "inf": "a number"}
STARTS = {
    "//": COMMENT,
    "/*": COMMENT,
    "#": COMMENT,
    "'": 'texts stand in double quotes, "..."',
    **dict.fromkeys("“”„«‘’", 'these quotes are typographic, as a word processor makes them; write "'),
    "=": "write a colon between key and value",
}
"""By what stands where JSON expects something else."""


def advice(text: str, position: int) -> str:
    """What to do about the first mistake, at this position; empty where that is not known."""
    before, here = text[:position].rstrip(), text[position:]
    if not text.strip():
        return "the file is empty"
    if re.match(r"\s*$", here):
        return "a bracket or a quote that was opened is not closed before the end of the file"
    if re.match(r"\s*,?\s*[}\]]", here) and f"{before}{here.lstrip()[:1]}".rstrip("}]").endswith(","):
        return "leave out the comma before the closing bracket"
    for start, remedy in STARTS.items():
        if here.startswith(start):
            return remedy
    word = re.match(r"[A-Za-z_]\w*", here)
    if word:
        return f"write {WORDS[word[0]]}" if word[0] in WORDS else f'write "{word[0]}" if it is a text'
    if here[0] in "\t\n\r":
        return "a text goes over the end of a line, or has a tab in it; is its closing quote missing?"
    return _between_values(before, here)


def _between_values(before: str, here: str) -> str:
    """Where a value has ended and another thing follows than a comma or the right bracket."""
    if here[0] in '"{[0123456789-' and re.search(r'["\]}\w]$', before):
        line = before.count("\n") + 1
        return f"is there a comma missing at the end of line {line}, or a bracket too many?"
    if here[0] == '"':
        return "the closing quote of this text is missing"
    if here[0] == ",":
        return "is there a bracket too many before this comma, or a comma too many?"
    if here[0] in "}]":
        return f"is there a bracket too many, or `{'}' if here[0] == ']' else ']'}` meant?"
    return ""
