# SPDX-License-Identifier: LGPL-3.0-or-later
"""Networks that all models are made of: layers, embedding and fitting nets, collections of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import numpy as np

from deepmd.contract import check_class, take_array
from deepmd.errors import ModelFileError
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module, static
from deepmd_dp.dialect.precision import numpy_dtype, precision_name


@module
class Layer(Module):
    """One layer: act(x w + b) * idt, with a skip connection where `resnet` and the widths allow one.

    Attributes
    ----------
    idt
        Time step of a residual layer.
    """

    w: Float[Array, "nin nout"]
    b: Float[Array, "nout"] | None = None
    idt: Float[Array, "nout"] | None = None
    activation_function: str = static(default="tanh")
    resnet: bool = static(default=False)
    precision: str = static(default="float64")
    trainable: bool = static(default=True)

    def __call__(self, x: Float[Array, "*lead nin"]) -> Float[Array, "*lead nout"]:
        return ops.layer(x, self.w, self.b, self.idt, self.activation_function, self.resnet)

    def columns(self, count: int) -> list[Layer]:
        """So many layers without skip connection, each with its share of the columns.

        To multiply by each is cheaper than to slice the product: the derivative of a slice fills an array with zeros.
        """
        width = self.w.shape[1] // count
        shares = [slice(k * width, (k + 1) * width) for k in range(count)]
        b, idt = ([None if row is None else row[share] for share in shares] for row in (self.b, self.idt))
        return [replace(self, w=self.w[:, share], b=b[k], idt=idt[k], resnet=False) for k, share in enumerate(shares)]

    def then(self, w: Float[Array, "nout m"]) -> Layer:
        """A linear layer and the product with a matrix, as one layer."""
        xp = array_namespace(w)
        b = None if self.b is None else xp.matmul(self.b[None, :], w)[0, :]
        return replace(self, w=xp.matmul(self.w, w), b=b)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "Layer",
            "@version": 2,
            "bias": self.b is not None,
            "use_timestep": self.idt is not None,
            "activation_function": self.activation_function,
            "resnet": self.resnet,
            "precision": self.precision,
            "trainable": self.trainable,
            "@variables": {"w": self.w, "b": self.b, "idt": self.idt},
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str = "layer") -> Layer:
        """The module of the contract's tree; `where` says in messages which one it is."""
        check_class(data, "Layer", 1, 2)
        variables = data["@variables"]
        w = take_array(variables, "w", (-1, -1), where=where)
        nout = w.shape[1]
        return cls(
            w=w,
            b=_take_row(variables, "b", nout, where, optional=not data["bias"]),
            idt=_take_row(variables, "idt", nout, where, optional=not data["use_timestep"]),
            activation_function=data["activation_function"],
            resnet=data["resnet"],
            precision=precision_name(data["precision"]),
            trainable=data.get("trainable", True),
        )

    @classmethod
    def initial(
        cls,
        rng: np.random.Generator,
        nin: int,
        nout: int,
        *,
        bias: bool = True,
        use_timestep: bool = False,
        activation_function: str = "none",
        resnet: bool = False,
        precision: str = "float64",
        trainable: bool = True,
        bias_mean: float = 0.0,
    ) -> Layer:
        """Random first values: w ~ N(0, 1/(nin+nout)), b ~ N(bias_mean, 1), idt ~ N(0.1, 0.001²)."""
        dtype = numpy_dtype(precision)
        w = rng.normal(0.0, 1.0 / np.sqrt(nin + nout), (nin, nout))
        b = rng.normal(bias_mean, 1.0, (nout,))
        idt = rng.normal(0.1, 0.001, (nout,))
        return cls(
            w=w.astype(dtype),
            b=b.astype(dtype) if bias else None,
            idt=idt.astype(dtype) if use_timestep else None,
            activation_function=activation_function,
            resnet=resnet,
            precision=precision_name(precision),
            trainable=trainable,
        )


def _take_row(variables: dict[str, Any], key: str, nout: int, where: str, *, optional: bool) -> np.ndarray | None:
    """One number a column of `w`, (nout,); from TensorFlow, deepmd-kit 3.0 and 3.1 wrote (1, nout)."""
    if variables.get(key) is not None and np.shape(variables[key]) == (1, nout):
        return take_array(variables, key, (1, nout), where=where).reshape(nout)
    return take_array(variables, key, (nout,), where=where, optional=optional)


Net = TypeVar("Net", bound="Network")


@module
class Network(Module):
    """Base of nets: layers one behind the other."""

    version: ClassVar[int]
    """The contract's newest version of it."""
    layers: tuple[Layer, ...]
    resnet_dt: bool = static(default=False)
    precision: str = static(default="float64")

    def __call__(self, x: Float[Array, "*lead nin"]) -> Float[Array, "*lead nout"]:
        for each in self.layers:
            x = each(x)
        return x

    def serialize_layers(self) -> dict[str, Any]:
        """What is the same in the contract's trees of all nets."""
        first = self.layers[0]
        return {
            "@class": type(self).__name__,
            "@version": self.version,
            "in_dim": first.w.shape[0],
            "activation_function": first.activation_function,
            "resnet_dt": self.resnet_dt,
            "precision": self.precision,
            "layers": [each.serialize() for each in self.layers],
        }

    @classmethod
    def deserialize(cls: type[Net], data: dict[str, Any], where: str = "net") -> Net:
        """The module of the contract's tree; `where` says in messages which one it is.

        Raises
        ------
        ModelFileError
            A layer takes another number of numbers than the one before it gives.
        """
        check_class(data, cls.__name__, 1, cls.version)
        layers = tuple(Layer.deserialize(x, f"{where}, layer {i}") for i, x in enumerate(data["layers"]))
        width = data["in_dim"]
        for i, each in enumerate(layers):
            nin, nout = each.w.shape
            if nin != width:
                raise ModelFileError(f"{where}, layer {i}: array `w` has {nin} rows; expected {width}: damaged.")
            width = nout
        return cls(layers=layers, resnet_dt=data["resnet_dt"], precision=precision_name(data["precision"]))


@module
class EmbeddingNetwork(Network):
    """Layers with skip connections that map an edge's features to its embedding."""

    version = 2

    @property
    def neuron(self) -> list[int]:
        """Widths of the layers."""
        return [each.w.shape[1] for each in self.layers]

    @property
    def total_width(self) -> int:
        """Numbers that it computes of one input: of all layers."""
        return sum(self.neuron)

    @property
    def width(self) -> int:
        """Numbers that the net gives."""
        return self.neuron[-1]

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {**self.serialize_layers(), "neuron": self.neuron, "bias": self.layers[0].b is not None}

    @classmethod
    def initial(
        cls,
        rng: np.random.Generator,
        nin: int,
        neuron: list[int],
        *,
        activation_function: str = "tanh",
        resnet_dt: bool = False,
        bias: bool = True,
        precision: str = "float64",
        trainable: bool = True,
    ) -> EmbeddingNetwork:
        """Random first values, see `Layer.initial`."""
        common: dict[str, Any] = {"bias": bias, "use_timestep": resnet_dt, "activation_function": activation_function}
        common |= {"resnet": True, "precision": precision, "trainable": trainable}
        layers = tuple(Layer.initial(rng, *widths, **common) for widths in pairwise([nin, *neuron]))
        return cls(layers=layers, resnet_dt=resnet_dt, precision=precision_name(precision))

    @classmethod
    def of_section(cls, rng: np.random.Generator, nin: int, section: Mapping[str, Any]) -> EmbeddingNetwork:
        """A new net as a descriptor's section of the input says."""
        names = ("neuron", "activation_function", "resnet_dt", "precision", "trainable")
        return cls.initial(rng, nin, **{name: section[name] for name in names})


@module
class FittingNetwork(Network):
    """Hidden layers and a last linear one that map an atom's descriptor to its output."""

    version = 1

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        *hidden, last = self.layers
        neuron = [each.w.shape[1] for each in hidden]
        return {
            **self.serialize_layers(),
            "out_dim": last.w.shape[1],
            "neuron": neuron,
            "bias_out": last.b is not None,
        }

    @classmethod
    def initial(
        cls,
        rng: np.random.Generator,
        nin: int,
        nout: int,
        neuron: list[int],
        *,
        activation_function: str = "tanh",
        resnet_dt: bool = True,
        precision: str = "float64",
        trainable: tuple[bool, ...] = (),
    ) -> FittingNetwork:
        """Random first values; a time step only where a layer keeps the width, none in the last."""
        widths = [nin, *neuron]
        *flags, of_last = trainable or (True,) * len(widths)
        common: dict[str, Any] = {"activation_function": activation_function, "resnet": True, "precision": precision}
        hidden = [
            Layer.initial(rng, m, n, use_timestep=resnet_dt and m == n, trainable=flag, **common)
            for (m, n), flag in zip(pairwise(widths), flags, strict=True)
        ]
        last = Layer.initial(rng, widths[-1], nout, precision=precision, trainable=of_last)
        return cls(layers=(*hidden, last), resnet_dt=resnet_dt, precision=precision_name(precision))


_NETWORKS: dict[str, type[EmbeddingNetwork | FittingNetwork]] = {
    "embedding_network": EmbeddingNetwork,
    "fitting_network": FittingNetwork,
}


@module
class NetworkCollection(Module):
    """Nets by type: one for all (ndim 0), one a type (ndim 1), or one a pair of types (ndim 2).

    With ndim 2 the net of the pair (i, j) stands at i + ntypes * j.
    """

    networks: tuple[Any, ...]
    ndim: int = static(default=0)
    ntypes: int = static(default=1)
    network_type: str = static(default="embedding_network")

    def __getitem__(self, key: tuple[int, ...]) -> Any:
        return self.networks[sum(t * self.ntypes**k for k, t in enumerate(key))]

    def map(self, change: Callable[[Any], Module]) -> NetworkCollection:
        """The collection with each net replaced by what `change` makes of it."""
        return replace(self, networks=tuple(map(change, self.networks)))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "NetworkCollection",
            "@version": 1,
            "ndim": self.ndim,
            "ntypes": self.ntypes,
            "network_type": self.network_type,
            "networks": [each.serialize() for each in self.networks],
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str = "nets", ndim: int | None = None) -> NetworkCollection:
        """The module of the contract's tree; `where` says in messages which one it is, `ndim` what it must have."""
        check_class(data, "NetworkCollection", 1, 1)
        family = _NETWORKS[data["network_type"]]
        if data["ndim"] not in ((0, 1, 2) if ndim is None else (ndim,)) or data["ntypes"] < 1:
            raise ModelFileError(
                f"{where}: ndim is {data['ndim']!r} and ntypes {data['ntypes']!r}; expected "
                f"{'0, 1 or 2' if ndim is None else ndim}, and a number of types: damaged."
            )
        expected = data["ntypes"] ** data["ndim"]
        if len(data["networks"]) != expected:
            raise ModelFileError(f"{where}: {len(data['networks'])} nets; expected {expected}: damaged.")
        return cls(
            networks=tuple(family.deserialize(x, f"{where} {i}") for i, x in enumerate(data["networks"])),
            ndim=data["ndim"],
            ntypes=data["ntypes"],
            network_type=data["network_type"],
        )


@module
class LayerNorm(Module):
    """Normalises the last axis to mean 0 and variance 1, then scales by w and shifts by b (Ba et al., 1607.06450)."""

    w: Float[Array, "n"]
    b: Float[Array, "n"]
    eps: float = static(default=1e-5)
    precision: str = static(default="float64")
    trainable: bool = static(default=True)

    def __call__(self, x: Float[Array, "*lead n"]) -> Float[Array, "*lead n"]:
        xp = array_namespace(x)
        centred = x - xp.mean(x, axis=-1, keepdims=True)
        # divided by, since a traced length has an inverse in single precision in TorchScript
        variance = ops.squared_length(centred) / self.w.shape[0]
        return ops.scale_rows(centred, 1.0 / xp.sqrt(variance + self.eps)) * self.w + self.b

    @classmethod
    def initial(cls, dim: int, eps: float, *, precision: str, trainable: bool) -> LayerNorm:
        """One that normalises only."""
        w = np.ones(dim, numpy_dtype(precision))
        return cls(w=w, b=np.zeros_like(w), eps=eps, precision=precision, trainable=trainable)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "LayerNorm",
            "@version": 1,
            "eps": self.eps,
            "trainable": self.trainable,
            "precision": self.precision,
            "@variables": {"w": self.w, "b": self.b},
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any], where: str = "layer norm") -> LayerNorm:
        """The module of the contract's tree; `where` says in messages which one it is."""
        check_class(data, "LayerNorm", 1, 1)
        variables = data["@variables"]
        w = take_array(variables, "w", (-1,), where=where)
        return cls(
            w=w,
            b=take_array(variables, "b", w.shape, where=where),
            eps=data["eps"],
            precision=precision_name(data["precision"]),
            trainable=data["trainable"],
        )
