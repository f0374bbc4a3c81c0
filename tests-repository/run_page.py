# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the blocks of a page in the current folder, as `test_commands.py` has shortened them: JSON on the input.

`dp` and Python run within this process, so that a framework is imported once for a page and not for each line; a line
of another program goes to bash.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

from deepmd.main import main as dp


def run_line(line: str) -> None:
    """A line of bash."""
    print(f"$ {line}", flush=True)
    words = shlex.split(line, comments=True)
    if words[:1] == ["dp"]:
        dp(words[1:])
    elif words[:1] == ["cd"]:
        os.chdir(words[1])
    else:
        subprocess.run(["bash", "-c", line], check=True)


def main() -> None:
    """All blocks, each a pair of language and text."""
    for language, text in json.load(sys.stdin):
        if language == "python":
            exec(compile(text, "block", "exec"), {"__name__": "__main__"})
            continue
        for line in text.splitlines():
            run_line(line)


if __name__ == "__main__":
    main()
