# SPDX-License-Identifier: LGPL-3.0-or-later
"""The bytes of frozen files: a reader without TensorFlow finds the record and checks the rest; damage is told."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf
from models import Pair

from deepmd.errors import ModelFileError
from deepmd_tf.deep_eval import TensorFlowDeepEval
from deepmd_tf.wire_format import fields


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), "se_e2_a: plain")


def field(message: bytes, *numbers: int) -> bytes:
    """The content of the last field of this number, of the last in that of the next number, …"""
    for number in numbers:
        last = [each for each in fields(message) if each.number == number][-1]
        message = message[last.content : last.end]
    return message


def test_the_record_and_its_digest_in_plain_bytes(pair):
    """As a program in C++ reads them: GraphDef.node 1, .attr 5, .value 2, .tensor 8, .string_val 8."""
    content = pair.path.read_bytes()
    nodes = [each for each in fields(content) if each.number == 1]
    assert field(content[nodes[-1].content : nodes[-1].end], 1) == b"metadata"
    text, rest = field(content, 1, 5, 2, 8, 8), content[: nodes[-1].start]
    digest, written = hashlib.sha256(), json.loads(text)["digest"]
    for name, part in ((b"graph", rest), (b"record", text.replace(written.encode(), b""))):
        digest.update(name + b"\0" + len(part).to_bytes(8, "little") + part)
    assert written == digest.hexdigest()


def test_fields_of_every_kind():
    """A message of bytes, 32 bits, a long varint, and 64 bits, which no GraphDef has."""
    graph = tf.compat.v1.GraphDef()
    graph.node.add(name="x").attr["f"].f = 1.5
    graph.versions.min_consumer = 300
    content = graph.SerializeToString() + b"\x09" + bytes(8)
    assert [each.number for each in fields(content)] == [1, 4, 1]
    assert field(content) == content
    assert [len(field(content, *numbers)) for numbers in ((1,), (4, 2))] == [8, 2]
    node = next(each for each in fields(content))
    assert np.frombuffer(field(content[node.content : node.end], 5, 2, 4), np.float32) == 1.5


@pytest.mark.parametrize("bad", [b"\x0a", b"\x0a\x05abc", b"\x80", b"\xff" * 12, b"\x0b", b"\x0d\0", b"\x08\x80"])
def test_bytes_that_are_no_message(bad):
    with pytest.raises(ValueError, match="byte"):
        list(fields(b"\x0a\x01x" + bad))


def damaged(pair, folder, change) -> str:
    content = bytearray(pair.path.read_bytes())
    path = folder / "damaged.pb"
    path.write_bytes(change(content))
    return str(path)


def flipped(position: int):
    def change(content: bytearray) -> bytearray:
        content[position] ^= 1
        return content

    return change


@pytest.mark.parametrize("part", np.linspace(0.0, 0.999, 25))
def test_any_changed_bit(pair, tmp_path, part):
    size = pair.path.stat().st_size
    with pytest.raises(ModelFileError, match="damaged"):
        TensorFlowDeepEval(damaged(pair, tmp_path, flipped(int(part * size))))


def test_a_weight_of_the_graph(pair, tmp_path):
    """It computes other energies: nobody may use it."""
    bias = np.float64(pair.document["model"]["@variables"]["out_bias"][0, 0, 0]).tobytes()
    position = pair.path.read_bytes().index(bias)
    with pytest.raises(ModelFileError, match="is damaged: its contents are not what was written"):
        TensorFlowDeepEval(damaged(pair, tmp_path, flipped(position + 5)))


def test_added_nodes(pair, tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="more")
    more = graph.as_graph_def().SerializeToString()
    with pytest.raises(ModelFileError, match="its contents are not what was written"):
        TensorFlowDeepEval(damaged(pair, tmp_path, lambda content: content + more))


def test_graph_of_another_program(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="o_energy")
    (tmp_path / "other.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(ModelFileError, match="was not frozen by deepmd-tf"):
        TensorFlowDeepEval(str(tmp_path / "other.pb"))
