# SPDX-License-Identifier: LGPL-3.0-or-later
"""The record in every frozen file that says what it takes, gives and was made of: JSON of one schema for all backends.

A reader in any language needs this record and the graph, nothing else::

    format      "deepmd frozen model"
    version     1
    model       type_map, rcut [Å], is_message_passing, receptive_field (how far an atom's outputs depend on others
                [Å]), pair_exclude_types, sel_types (those that have the first output), has_means (an output of the
                frame is the atoms' mean, not their sum), dim_fparam, dim_aparam, default_fparam (null: none), and where
                it takes the charge and the spin of a frame default_charge_spin ([]: none)
    lists       one entry for each neighbor list, in the order of the inputs ``lists_<k>_<block>_…``: rcut [Å], by_type,
                widths (null: any; else neighbors sorted by distance, the nearest are kept), capacities; neighbors are
                sorted by distance too where the model passes messages
    inputs      name, axes (numbers, or names of open sizes), dtype, unit
    outputs     name, kind (sum, atom, force, virial, atom_virial), axes, dtype, unit; where the frames have virtual
                atoms (decision record 0027) each kind ends in `of_what`, so that no program takes them for an energy
                and forces of atoms
    digest      SHA-256, hex, of all the file computes with, and of this record with an empty digest
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.environment.charge_spin import default_charge_spin, takes_charge_spin
from deepmd_dp.kit.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd_dp.interface import Model

FORMAT = "deepmd frozen model"
VERSION = 1
_DIGEST = re.compile('"digest": "[0-9a-f]*"')
Part = tuple[str, bytes | bytearray]
"""Name and content of a piece of a file."""


def write_metadata(model: Model, parts: Iterable[Part]) -> str:
    """The record of a model whose file computes with these parts."""
    signature = Signature.of(model)
    lists = [{**spec._asdict(), "capacities": capacities} for spec, capacities in model.capacities.items()]
    of_what = "" if model.expansion is None else model.expansion.of_what
    charge_spin = {"default_charge_spin": list(default_charge_spin(model) or ())} if takes_charge_spin(model) else {}
    record = {
        "format": FORMAT,
        "version": VERSION,
        "model": {
            "type_map": model.type_map,
            "rcut": model.rcut,
            "is_message_passing": model.is_message_passing,
            "receptive_field": model.rcut + sum(spec.rcut for spec in model.messages),
            "pair_exclude_types": model.pair_exclude_types,
            "sel_types": selected_types(model),
            "has_means": any(output.reduction == "mean" for output in model.outputs),
            "dim_fparam": model.dim_fparam,
            "dim_aparam": model.dim_aparam,
            "default_fparam": model.default_fparam,
            **charge_spin,
        },
        "lists": lists,
        "inputs": [
            {"name": each.name, "axes": each.axes, "dtype": each.dtype, "unit": each.unit} for each in signature.inputs
        ],
        "outputs": [
            {"name": each.name, "kind": each.kind + of_what, "axes": each.axes, "dtype": "float64", "unit": each.unit}
            for each in signature.outputs
        ],
        "digest": "",
    }
    return sealed(json.dumps(record, indent=1, ensure_ascii=False), parts)


def selected_types(model: Model) -> list[int]:
    """Types whose atoms have the first output."""
    selected = model.outputs[0].selected_types
    chosen = range(model.ntypes) if selected is None else selected
    return [t for t in chosen if t not in model.atom_exclude_types]


def sealed(text: str, parts: Iterable[Part]) -> str:
    """The text of a record with the digest of these parts and of itself, whatever digest it has."""
    blank = _DIGEST.sub('"digest": ""', text, count=1)
    digest = digest_of([*parts, ("record", blank.encode())])
    return _DIGEST.sub(f'"digest": "{digest}"', blank, count=1)


def digest_of(parts: Iterable[Part]) -> str:
    """SHA-256 of named parts, whatever their order: of ``name``, a zero byte, length in 8 bytes, content."""
    digest = hashlib.sha256()
    for name, content in sorted(parts):
        digest.update(name.encode() + b"\0" + len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def read_metadata(text: str | bytes, parts: Iterable[Part], where: str) -> dict[str, Any]:
    """The record of a file, once it has been checked that it and the parts are those that were written.

    Raises
    ------
    ModelFileError
        It is damaged, or of a newer version.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        record: dict[str, Any] = json.loads(text)
        version = int(record["version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"{where}: its metadata cannot be read ({error}); the file is damaged.") from error
    if version > VERSION:
        raise ModelFileError(f"{where} is of version {version}, this program reads up to {VERSION}: update it.")
    if not _DIGEST.search(text) or sealed(text, parts) != text:
        raise ModelFileError(f"{where} is damaged: its contents are not what was written; get the file again.")
    return record
