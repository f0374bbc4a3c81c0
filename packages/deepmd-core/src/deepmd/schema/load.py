# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and writing an input file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from deepmd.errors import InputError
from deepmd.files import atomic_path, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        config: dict[str, Any] = _parse(text, path)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path} is not valid JSON: {error.msg} in {place}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return config


def write_input(path: str | Path, config: dict[str, Any]) -> None:
    """Writes an input as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _parse(text: str, path: Path) -> Any:
    """The content of a file; InputError where a mapping has a key twice, of which one would be lost."""
    if path.suffix in (".yaml", ".yml"):
        for node in _mappings(yaml.compose(text, Loader=yaml.SafeLoader)):
            _check_unique([key.value for key, _ in node.value], f"{path}, from line {node.start_mark.line + 1}")
        return yaml.safe_load(text)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_unique([key for key, _ in pairs], str(path))
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def _mappings(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """All mappings of a YAML document, each once, however many aliases mean it."""
    found, ahead = set(), [root]
    while ahead:
        node = ahead.pop()
        if id(node) in found:
            continue
        found.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            ahead += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            ahead += node.value


def _check_unique(keys: list[Any], where: str) -> None:
    """Raises InputError for a key that is there twice; comments may be."""
    twice = sorted({str(key) for key in keys if keys.count(key) > 1 and not str(key).startswith("_")})
    if twice:
        raise InputError(f"{where}: the key {', '.join(twice)} stands twice in one section; leave one of them.")
