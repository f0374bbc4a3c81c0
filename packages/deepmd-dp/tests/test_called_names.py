# SPDX-License-Identifier: LGPL-3.0-or-later
"""What programs call, told by a search where they are plain, else by Python's parser: never less than that finds."""

from __future__ import annotations

import ast

import pytest

from deepmd.errors import ModelFileError
from deepmd_dp.kit import called_names
from deepmd_dp.kit.called_names import called_names as names_of
from deepmd_dp.kit.operators import operators_of_json, unversioned

PLAIN = """class Core(Module):
  __buffers__ = ["torch.save(", ]
  names : List[str]
  def forward(self: __torch__.deepmd_pt.script.Core,
    inputs: Dict[str, Tensor],
    atomic: bool=False) -> Tuple[Tensor, Tensor]:
    x = torch.add(torch.mul(inputs["x"], CONSTANTS.c0), 2., alpha=1)
    y = (self.net).forward([x, (x)[0]], )
    if torch.__not__(atomic):
      ops.prim.RaiseException("no # (")
    else:
      pass
    return (x, y)
"""
"""As TorchScript writes it."""

MISLEADING = {
    "in brackets": "(torch.save)(x)",
    "its name in brackets": "(torch).save(x)",
    "an inner name in brackets": "(torch.ops).range(x)",
    "of what is in a list": "[torch.save][0](x)",
    "in pieces": "torch . range(x)",
    "a comment between": "(torch.save # (\n)(x)",
    "a line goes on": "torch.save\\\n(x)",
    "in a text with a prefix": 'f"{torch.save(x)}"',
    "between texts of several lines": '"""\n""" + torch.save(x) + """\n"""',
    "between quotes of another kind": "'\"' + torch.save(x) + '\"'",
    "behind a quote that is quoted": '"\\"" + torch.save(x)',
    "in a letter that is no ASCII": "torch.ſave(x)",
    "without a name": "(lambda: torch.save(x))()",
    "of a class like a call": "class save(x): pass",
}


def parsed(source):
    return set(called_names._names(ast.parse(source)))


def test_a_plain_source_is_searched(monkeypatch):
    expected = parsed(PLAIN)
    assert expected >= {"torch.add", "torch.__not__", "ops.prim.RaiseException", "forward"}
    assert "torch.save" not in expected
    monkeypatch.setattr(ast, "parse", lambda _: pytest.fail("it was parsed"))
    assert names_of(PLAIN.encode(), "f") == expected


@pytest.mark.parametrize("name", MISLEADING)
def test_what_misleads_a_search_is_parsed(name):
    source = f"{PLAIN}{MISLEADING[name]}\n"
    assert called_names._plain_names(source) is None
    assert names_of(source.encode(), "f") == parsed(source)


DEEP = {
    "brackets": f"x = {'(' * 30}1{')' * 30}",
    "brackets behind texts": "x = " + '(")" + ' * 30 + "1" + ")" * 30,
    "a chain": f"x = {'-' * 3000}1",
    "a chain of calls": f"x = x{'.add(1, 2)' * 300}",
    "a chain on lines": "x = (1\n" + " + 1\n" * 3000 + ")",
    "a chain in braces": "x = {1\n" + " + 1\n" * 3000 + "}",
    "blocks": "".join(f"{i * ' '}if x:\n" for i in range(80)) + 80 * " " + "pass",
    "a chain of conditions": "if x:\n  pass\n" + "elif x:\n  pass\n" * 200,
}


@pytest.mark.parametrize("name", DEEP)
def test_what_is_deep_is_parsed(name):
    """torch's parser calls itself; Python's says where that ends."""
    assert called_names._plain_names(DEEP[name]) is None


def test_what_is_too_deep_is_damaged():
    with pytest.raises(ModelFileError, match=r"f cannot be read .*the file is damaged"):
        names_of(b"(" * 1000 + b")" * 1000, "f")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('{"ops": [{"#" : "1.add", "a": "#"}, {"#": "p"}]}', {"1.add", "p"}),
        ('{"\\u0023": "1.save"}', {"1.save"}),
        ('{"#": "1.\\u0073ave"}', {"1.save"}),
        ('{"#": 3, "b": {"#": "1.add"}}', {"3", "1.add"}),
    ],
)
def test_operators_of_json(program, expected):
    assert operators_of_json(program, "f") >= expected


@pytest.mark.parametrize("program", ['{"#": "1.add", "a": ' + "[" * 200 + "]" * 200 + "}", '{"#": "1.add"', '{"#": }'])
def test_json_that_is_none_or_too_deep(program):
    with pytest.raises(ModelFileError, match="f"):
        operators_of_json(program, "f")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vhlo.add_v1", "stablehlo.add"),
        ("vhlo.call_v1", "func.call"),
        ("func.return", "func.return"),
        ('#vhlo.string_v1<"memcpy">', "memcpy"),
        ('"memcpy"', "memcpy"),
        ('"mem\\22cpy"', '"mem\\22cpy"'),
    ],
)
def test_names_without_versions(name, expected):
    assert unversioned(name) == expected
