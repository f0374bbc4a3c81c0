# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading an input file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from deepmd.errors import InputError
from deepmd.files import read_text


def load_input(path: str | Path) -> dict[str, Any]:
    """What an input file holds, as it is; see `deepmd.schema.normalize`.

    Parameters
    ----------
    path : str or Path
        A JSON file, or a YAML file where it ends in ``.yaml`` or ``.yml``.

    Raises
    ------
    InputError
        Where there is no such file, or it is not valid; the line is named.
    """
    path = Path(path)
    text = read_text(path)
    try:
        config: dict[str, Any] = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path} is not valid JSON: {error.msg} in {place}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return config
