# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and writing an input file."""

from __future__ import annotations

import json
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.files import atomic_path, read_text
from deepmd.files.json_mistakes import advice
from deepmd.files.near import near_path
from deepmd.files.plain import check_plain, parse_json, parse_yaml
from deepmd.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml


BEGINNING = 4000
"""Characters among which JSON has its first bracket, behind a comment."""


def load_input(path: str | Path) -> dict[str, Any]:
    """What an input file holds, as it is; see `deepmd.schema.normalize`.

    Parameters
    ----------
    path : str or Path
        A JSON file, or a YAML file where it ends in ``.yaml`` or ``.yml``.

    Raises
    ------
    InputError
        Where there is no such file, or it is not valid; the line is named. A key that stands twice in a mapping, of
        which one would be lost, is not.
    """
    path = Path(path)
    _check_is_there(path)
    with reading(path, InputError):
        config: dict[str, Any] = _parse(read_text(path), path)
        check_plain(config, str(path))
    return config


def _check_is_there(path: Path) -> None:
    """Raises InputError where there is no such file; what else the system refuses is told when it is read."""
    try:
        is_folder = S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise InputError(f"there is no input file {path} (relative to {Path.cwd()}){near_path(path)}.") from error
    except OSError:
        return
    if is_folder:
        raise InputError(f"{path} is a folder; expected the input of a training, a JSON or YAML file.")


def write_input(path: str | Path, config: dict[str, Any]) -> None:
    """Writes an input as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _parse(text: str, path: Path) -> Any:
    if path.suffix in (".yaml", ".yml"):
        return parse_yaml(text, str(path), check=lambda root: _check_unique_nodes(root, path))

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_unique([key for key, _ in pairs], str(path))
        return dict(pairs)

    if text.strip() and "{" not in text[:BEGINNING]:
        raise InputError(f'{path} is no input of a training: expected JSON, {{"model": ...}}, or a YAML file (.yaml).')
    return parse_json(text, str(path), pairs=once, advise=advice)


def _check_unique_nodes(root: yaml.Node, path: Path) -> None:
    for node in _mappings(root):
        _check_unique([key.value for key, _ in node.value], f"{path}, from line {node.start_mark.line + 1}")


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """All mappings of a YAML document, each once, however many aliases mean it."""
    import yaml

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
    seen, twice = set[str](), set[str]()
    for key in map(str, keys):
        (twice if key in seen else seen).add(key)
    twice = {key for key in twice if not key.startswith("_")}
    if twice:
        raise InputError(f"{where}: the key {', '.join(sorted(twice))} stands twice in one section; leave one of them.")
