# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints `.meta`, `.index`, `.data-00000-of-00001`: TensorFlow's own format, each array under its path.

The arrays are in the last two, which `tf.train.load_checkpoint` reads. The `.meta`, a MetaGraphDef as TensorFlow
has it there, holds all else in a collection: JSON in which an array is a reference to its name. Beside it is the digest
of the `.meta` and the `.index`. That has the CRC-32C of each array in the data, with which TensorFlow compares what it
reads.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd.contract.arrays import with_arrays, without_arrays
from deepmd.contract.digest import BLANK, KEY, check_digest, seal
from deepmd.errors import ModelFileError, first_line
from deepmd.files.plain import parse_json
from deepmd.files.reading import check_unfolded
from deepmd.train.trainer import TrainingState
from deepmd_dp.kit.foreign import not_ours

_COLLECTION = "deepmd_training_state"
_INDEX, _DATA = ".index", ".data-00000-of-00001"
_ENDING = re.compile(r"\.(meta|index|data-00000-of-00001)$")


def write(path: str, state: TrainingState) -> None:
    """Writes the three files of a state; `path` is the one that ends in `.meta`."""
    prefix = _prefix(path)
    model, tensors = without_arrays(state.model)
    tree = {"model": model, "optimizer": list(state.optimizer), "step": state.step, "loop": state.loop}
    tensors |= state.optimizer
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(array) for array in tensors.values()],
    )
    meta = tf.compat.v1.MetaGraphDef()
    meta.meta_info_def.tensorflow_version = tf.__version__
    meta.collection_def[_COLLECTION].bytes_list.value.extend([BLANK.encode(), json.dumps(tree).encode()])
    Path(path).write_bytes(meta.SerializeToString())
    seal(path, Path(f"{prefix}{_INDEX}").read_bytes())


def read(path: str) -> TrainingState:
    """Reads what `write` wrote; `path` is any of the three files.

    Raises
    ------
    ModelFileError
        A file is missing or damaged, or another program's.
    """
    # the names of the newest are links, and a kill may come when some of them lead to the next one already
    prefix = _prefix(os.path.realpath(f"{_prefix(path)}.meta"))
    try:
        content = Path(f"{prefix}.meta").read_bytes()
        index = Path(f"{prefix}{_INDEX}").read_bytes()
        digest = check_digest(content, f"{path} or a file beside it", index)
        meta = tf.compat.v1.MetaGraphDef.FromString(content)
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        check_unfolded(
            sum(8 * math.prod(shape) for shape in shapes.values()), os.path.getsize(f"{prefix}{_DATA}"), path
        )
        arrays = {name: reader.get_tensor(name) for name in shapes}
    except (DecodeError, IndexError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({first_line(error)}); one of its three files is damaged, "
            "missing, or of another program."
        ) from error
    entries = meta.collection_def[_COLLECTION].bytes_list.value
    if len(entries) != 2:
        raise not_ours(path, "written by deepmd-tf" if meta.graph_def.node else "written by deepmd-tf, or is damaged")
    tree = parse_json(entries[1], path, ModelFileError)
    model = {**with_arrays(tree["model"], arrays, path), KEY: digest}
    moments = {name: arrays[name] for name in tree["optimizer"]}
    return TrainingState.of_tree({**tree, "model": model, "optimizer": moments}, path)


def _prefix(path: str) -> str:
    return _ENDING.sub("", path)
