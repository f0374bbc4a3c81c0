# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints `.meta`, `.index`, `.data-00000-of-00001`: TensorFlow's own format, each array under its path.

The arrays are in the last two, which `tf.train.load_checkpoint` reads. The `.meta`, a MetaGraphDef as TensorFlow
has it there, holds all else in a collection: JSON in which an array is a reference to its name. A digest of all
is beside.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from deepmd.contract import map_arrays, walk_arrays
from deepmd.contract.arrays import map_variables, plain_array
from deepmd.errors import ModelFileError, first_line
from deepmd.train.trainer import TrainingState
from deepmd_dp.kit.foreign import not_ours
from deepmd_dp.kit.state_file import digest_of_files

_COLLECTION = "deepmd_training_state"
_REFERENCE = "@array"
_BESIDE = (".index", ".data-00000-of-00001")
_ENDING = re.compile(r"\.(meta|index|data-00000-of-00001)$")


def write(path: str, state: TrainingState) -> None:
    """Writes the three files of a state; `path` is the one that ends in `.meta`."""
    prefix = _prefix(path)
    tensors = {name: plain_array(array) for name, array in walk_arrays(state.model)}
    names = iter(tensors)
    model = map_arrays(state.model, lambda _: {_REFERENCE: next(names)})
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
    text = json.dumps(tree).encode()
    meta.collection_def[_COLLECTION].bytes_list.value.extend([text, digest_of_files(text, prefix, _BESIDE)])
    Path(path).write_bytes(meta.SerializeToString())


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
        meta = tf.compat.v1.MetaGraphDef.FromString(Path(f"{prefix}.meta").read_bytes())
        reader = tf.train.load_checkpoint(prefix)
        arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except (DecodeError, IndexError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({first_line(error)}); one of its three files is damaged, "
            "missing, or of another program."
        ) from error
    if not meta.collection_def[_COLLECTION].bytes_list.value:
        raise not_ours(path, "written by deepmd-tf")
    text, *digests = meta.collection_def[_COLLECTION].bytes_list.value
    if digests != [digest_of_files(text, prefix, _BESIDE)]:
        raise ModelFileError(f"{path} is damaged, or its three files are not of one checkpoint; take another one.")
    tree = json.loads(text)
    model = map_variables(tree["model"], lambda value: arrays[value[_REFERENCE]], _is_reference)
    return TrainingState(model, {name: arrays[name] for name in tree["optimizer"]}, tree["step"], tree["loop"])


def _prefix(path: str) -> str:
    return _ENDING.sub("", path)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and _REFERENCE in value
