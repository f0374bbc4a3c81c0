# SPDX-License-Identifier: LGPL-3.0-or-later
"""Rows of the registry for tests: deepmd-core has none of its own."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, FITTING, LOSS, MODEL, Row, SelKey, installed, not_there
from deepmd.schema.argument import SEL, key, not_yet
from deepmd.schema.choices import choices


class Pairs:
    """A class for a row."""


def pairs_check(section, where, type_map):
    if isinstance(section["sel"], list) and len(section["sel"]) != len(type_map):
        raise InputError(f"{where}/sel is a list of {len(section['sel'])}.")


def upgrade(section):
    if "cutoff" in section:
        section["rcut"] = section.pop("cutoff")


PAIRS = Row(
    name="pairs",
    is_of_version0=True,
    aliases=("pr",),
    file_names=("old_pairs",),
    cls=Pairs,
    doc="Neighbors of each type.",
    fields=lambda: [
        key("sel", [list[int], str], "Neighbors.", default="auto", **SEL),
        key("rcut", float, "Cut-off [Å].", default=3.0),
        not_yet("lmax", int),
    ],
    check=pairs_check,
    sel_keys=lambda section: (SelKey("sel", section["rcut"], by_type=True),),
)
CLOUD = Row(
    name="cloud",
    cls="toy_rows:Pairs",
    doc="Neighbors of all types.",
    fields=lambda: [
        key(
            "inner",
            dict,
            "A section in a section.",
            sub_fields=[
                key("nsel", [int, list[int], str], "Neighbors.", default="auto", **SEL),
                key("rcut", float, "Cut-off [Å]."),
            ],
        ),
        key("is_off", bool, "Whether sel does not matter.", default=False),
    ],
    upgrade=lambda section: upgrade(section.get("inner", {})),
    sel_keys=lambda section: (SelKey("inner/nsel", section["inner"]["rcut"], is_used=not section.get("is_off")),),
    lacks={"other": "it has no clouds"},
)
JOINT = Row(
    name="joint",
    cls="no_such_package:Joint",
    doc="Several.",
    fields=lambda: [
        key("list", list, "Parts.", sub_variants=choices(DESCRIPTOR, "Kind.", inside=True), repeat=True),
    ],
    parts={"list": DESCRIPTOR},
)
SUM = Row(
    name="sum",
    doc="A sum.",
    fields=lambda: [key("neuron", list[int], "Widths.", default=[4]), key("numb_fparam", int, "Number.", default=0)],
    biased_outputs=lambda section: ("energy",),
    is_default=True,
)
SQUARES = Row(
    name="squares",
    doc="Squares.",
    fields=lambda: [key("start_pref_e", float, "Weight.", default=0.5)],
    is_default=True,
)
STACK = Row(
    name="stack",
    doc="One on the other.",
    fields=lambda: [
        key("descriptor", dict, "Below.", sub_variants=choices(DESCRIPTOR, "Kind.")),
        key("fitting_net", dict, "Above.", sub_variants=choices(FITTING, "Kind.")),
        key("spin", dict, "Spins.", optional=True),
        key("table", str, "A table.", optional=True),
    ],
    parts={"descriptor": DESCRIPTOR, "fitting_net": FITTING},
    is_default=True,
)
SPHERES = not_there("spheres", "sph")
PLANES = not_there("planes", refusal="it was dropped, use pairs")

POINTS = {
    DESCRIPTOR: ("pairs", "cloud", "joint", "spheres", "planes"),
    FITTING: ("sum",),
    LOSS: ("squares",),
    MODEL: ("stack",),
}


def entry_points(group):
    """The entry points of the toys."""
    return [EntryPoint(name, f"toy_rows:{name.upper()}", group) for name in POINTS[group]]


def forget():
    """Makes the registry and the schema look again."""
    installed.load.cache_clear()
    # deepmd.schema holds a function of this name
    normalize_module = import_module("deepmd.schema.normalize")
    normalize_module.schema.cache_clear()
    normalize_module._places.cache_clear()
