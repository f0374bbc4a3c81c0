# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all fittings are made of: nets from an atom's description, and parameters beside it, to some numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from deepmd.contract import check_class, map_arrays, take_array
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import Module, buffer, module, static
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment import Environment, assemble
from deepmd_dp.nn.network import FittingNetwork, NetworkCollection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.interface import Descriptor

Own = TypeVar("Own", bound="NetsFitting")


@module
class FittingNets(Module):
    """x_i = N(D_i, fparam, aparam_i, case) + b, with the net N and the constants b of the atom's type.

    The parameters enter normalised by their mean and deviation in the data. `case` is a code of the task.

    Attributes
    ----------
    networks
        One for all types where `mixed_types`, else one a type.
    """

    networks: tuple[FittingNetwork, ...]
    bias_atom_e: Float[Array, "ntypes nout"] = buffer()
    fparam_avg: Float[Array, "numb_fparam"] | None = buffer(default=None)
    fparam_inv_std: Float[Array, "numb_fparam"] | None = buffer(default=None)
    aparam_avg: Float[Array, "numb_aparam"] | None = buffer(default=None)
    aparam_inv_std: Float[Array, "numb_aparam"] | None = buffer(default=None)
    case_embd: Float[Array, "n"] | None = buffer(default=None)
    ntypes: int = setting()
    dim_descrpt: int = setting()
    mixed_types: bool = setting()
    numb_fparam: int = setting(default=0)
    numb_aparam: int = setting(default=0)
    default_fparam: tuple[float, ...] | None = setting(default=None)
    exclude_types: tuple[int, ...] = setting(default=())
    use_aparam_as_mask: bool = setting(default=False)
    rcond: float | None = setting(default=None)
    tot_ener_zero: bool = setting(default=False)
    layer_name: tuple[str, ...] | None = setting(default=None)
    precision: str = setting(default="float64", read=precision_name)
    type_map: tuple[str, ...] = setting(default=())
    trained_layers: tuple[bool, ...] = static(default=())

    @property
    def nout(self) -> int:
        """Numbers that the nets give for an atom."""
        return int(self.networks[0].layers[-1].w.shape[1])

    def __call__(
        self,
        descriptor: Float[Array, "nframes nloc dim"],
        env: Environment,
        fparam: FrameParameters,
        aparam: AtomParameters,
        from_vacuum: tuple[int, ...] = (),
    ) -> Float[Array, "nframes nloc nout"]:
        """The numbers of each atom, in the nets' precision.

        Parameters
        ----------
        from_vacuum
            Types whose net's value at a zero descriptor is subtracted; one net for all types does so if there are any.
        """
        lead = shape(env.atype)
        xp = array_namespace(descriptor)
        descriptor = xp.astype(descriptor, self.networks[0].layers[0].w.dtype)
        extras = self._parameters(descriptor, fparam, aparam)
        if self.mixed_types:
            values = _of_net(self.networks[0], descriptor, extras, from_vacuum=bool(from_vacuum))
        else:
            flat = [xp.reshape(x, (-1, shape(x)[-1])) for x in (descriptor, *extras)]
            parts = []
            for center, index in enumerate(env.centers):
                own, *rest = (xp.take(x, index, axis=0) for x in flat)
                parts.append(_of_net(self.networks[center], own, rest, from_vacuum=center in from_vacuum))
            values = xp.reshape(assemble(parts, env), (*lead, self.nout))
        return values + env.of_centers(xp.astype(self.bias_atom_e, values.dtype))

    def without_last_layer(self) -> FittingNets:
        """The same nets up to what their last layers take, without a bias."""
        networks = tuple(replace(net, layers=net.layers[:-1]) for net in self.networks)
        width = int(self.networks[0].layers[-1].w.shape[0])
        return replace(self, networks=networks, bias_atom_e=np.zeros((self.ntypes, width)))

    def _parameters(self, descriptor: Array, fparam: Array | None, aparam: Array | None) -> list[Array]:
        """Normalised frame and atomic parameters and the case's code, each (nframes, nloc, n)."""
        xp = array_namespace(descriptor)
        lead = shape(descriptor)[:2]
        extras = []
        if self.numb_fparam:
            if fparam is None:
                row = constant(np.array([self.default_fparam]), like=descriptor)
                fparam = xp.broadcast_to(row, (lead[0], self.numb_fparam))
            normal = (xp.astype(fparam, descriptor.dtype) - self.fparam_avg) * self.fparam_inv_std
            extras.append(xp.broadcast_to(normal[:, None, :], (*lead, self.numb_fparam)))
        if self.numb_aparam and not self.use_aparam_as_mask:
            extras.append((xp.astype(aparam, descriptor.dtype) - self.aparam_avg) * self.aparam_inv_std)
        if self.case_embd is not None:
            case = xp.astype(self.case_embd, descriptor.dtype)
            extras.append(xp.broadcast_to(case[None, None, :], (*lead, self.case_embd.shape[0])))
        return extras

    def serialize(self) -> dict[str, Any]:
        """The entries of a fitting's tree in the contract that come from here."""
        net = self.networks[0]
        statistics = ("fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std")
        collection = NetworkCollection(
            networks=self.networks,
            ndim=0 if self.mixed_types else 1,
            ntypes=self.ntypes,
            network_type="fitting_network",
        )
        return {
            **write_settings(self),
            "neuron": [each.w.shape[1] for each in net.layers[:-1]],
            "resnet_dt": net.resnet_dt,
            "dim_case_embd": 0 if self.case_embd is None else self.case_embd.shape[0],
            "activation_function": net.layers[0].activation_function,
            "trainable": list(self.trained_layers),
            "spin": None,
            "nets": collection.serialize(),
            "@variables": {name: getattr(self, name) for name in ("bias_atom_e", "case_embd", *statistics)},
        }

    @classmethod
    def deserialize(cls, data: Mapping[str, Any], where: str) -> FittingNets:
        """Those of a fitting's tree in the contract."""
        settings = read_settings(cls, data)
        sizes = {"fparam": settings["numb_fparam"], "aparam": settings["numb_aparam"]}
        arrays = {f"{name}_{end}": size for name, size in sizes.items() for end in ("avg", "inv_std")}
        arrays["case_embd"] = data.get("dim_case_embd", 0)
        variables = data["@variables"]
        ndim = 0 if settings["mixed_types"] else 1
        networks = NetworkCollection.deserialize(_completed(data["nets"]), f"{where} net", ndim).networks
        nout = networks[0].layers[-1].w.shape[1]
        return cls(
            networks=networks,
            bias_atom_e=take_array(variables, "bias_atom_e", (settings["ntypes"], nout), where=where),
            trained_layers=_per_layer(data.get("trainable", True), len(data["neuron"]) + 1),
            **{
                name: take_array(variables, name, (size,), where=where, optional=size == 0)
                for name, size in arrays.items()
            },
            **settings,
        )

    @classmethod
    def initial(
        cls,
        section: Mapping[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        nout: int,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> FittingNets:
        """New ones of the input's section ``fitting_net``, random weights, neutral statistics."""
        of_model = {
            "ntypes": len(type_map),
            "dim_descrpt": descriptor.dim_out,
            "mixed_types": descriptor.mixed_types,
            "exclude_types": exclude_types,
            "type_map": type_map,
        }
        settings = read_settings(cls, {**section, **of_model})
        sizes = {"fparam": settings["numb_fparam"], "aparam": settings["numb_aparam"]}
        ncase, dtype = section["dim_case_embd"], numpy_dtype(section["precision"])
        used_aparam = 0 if settings["use_aparam_as_mask"] else sizes["aparam"]
        trained = _per_layer(section.get("trainable", True), len(section["neuron"]) + 1)
        networks = tuple(
            FittingNetwork.initial(
                rng,
                descriptor.dim_out + sizes["fparam"] + used_aparam + ncase,
                nout,
                section["neuron"],
                activation_function=section["activation_function"],
                resnet_dt=section["resnet_dt"],
                precision=section["precision"],
                trainable=trained,
            )
            for _ in range(1 if descriptor.mixed_types else len(type_map))
        )
        neutral: dict[str, Any] = {
            f"{name}_{end}": make(size, dtype)
            for name, size in sizes.items()
            if size
            for end, make in (("avg", np.zeros), ("inv_std", np.ones))
        }
        return cls(
            networks=networks,
            bias_atom_e=np.zeros((len(type_map), nout)),
            case_embd=np.zeros(ncase, dtype) if ncase else None,
            trained_layers=trained,
            **neutral,
            **settings,
        )


@module
class NetsFitting(Module):
    """Base of fittings whose outputs are made of `nets`: it takes what they take."""

    kind: ClassVar[str]
    """The contract's name of the type."""
    version: ClassVar[int] = 4
    """The contract's newest version of it."""
    nets: FittingNets

    @classmethod
    def width(cls, section: Mapping[str, Any], nvectors: int) -> int:
        """How many numbers the nets give, by the input's section and the descriptor's vectors."""
        raise NotImplementedError

    @classmethod
    def arrays_of(cls, data: Mapping[str, Any], ntypes: int) -> dict[str, Any]:
        """Arrays that it has beside those of the nets, of the contract's tree."""
        del data, ntypes
        return {}

    @classmethod
    def new_arrays(cls, section: Mapping[str, Any], ntypes: int) -> dict[str, Any]:
        """Likewise of the input's section."""
        del section, ntypes
        return {}

    def head(self, var_name: str) -> dict[str, Any]:
        """How the contract's tree begins."""
        return {"@class": "Fitting", "@version": self.version, "type": self.kind, "var_name": var_name}

    @classmethod
    def deserialize(cls: type[Own], data: dict[str, Any]) -> Own:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, cls.version)
        nets = FittingNets.deserialize(data, f"{cls.kind} fitting")
        return cls(nets=nets, **cls.arrays_of(data, nets.ntypes), **read_settings(cls, data))

    @classmethod
    def from_input(
        cls: type[Own],
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Own:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        nout = cls.width(section, descriptor.dim_equivariant)
        nets = FittingNets.initial(section, type_map, descriptor, nout, exclude_types, rng)
        return cls(nets=nets, **cls.new_arrays(section, len(type_map)), **read_settings(cls, section))

    @property
    def numb_fparam(self) -> int:
        """Number of frame parameters."""
        return self.nets.numb_fparam

    @property
    def numb_aparam(self) -> int:
        """Number of parameters of an atom."""
        return self.nets.numb_aparam

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given."""
        return self.nets.default_fparam

    @property
    def uses_type_index(self) -> bool:
        """Whether each type has a net of its own."""
        return not self.nets.mixed_types

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """None: all biases are fitted to the data."""
        return {}

    def shift_and_factor(
        self, bias: Float[Array, "ntypes ncomponents"], deviation: Float[Array, "ntypes ncomponents"]
    ) -> tuple[Float[Array, "ntypes ncomponents"], Float[Array, "ntypes ncomponents"] | None]:
        """The bias is added; see `deepmd_dp.interface.Fitting`."""
        del deviation
        return bias, None


def _of_net(net: FittingNetwork, descriptor: Array, extras: list[Array], *, from_vacuum: bool) -> Array:
    xp = array_namespace(descriptor)
    values = net(xp.concat([descriptor, *extras], axis=-1))
    if not from_vacuum:
        return values
    return values - net(xp.concat([xp.zeros_like(descriptor), *extras], axis=-1))


def _completed(nets: Mapping[str, Any]) -> dict[str, Any]:
    """A collection in which nets that deepmd-kit's TensorFlow leaves out, of types not selected, are zero."""
    given = [each for each in nets["networks"] if each is not None]
    if not given:
        raise ModelFileError("the fitting has no nets; the file is damaged.")
    zero = map_arrays(given[0], np.zeros_like)
    return {**nets, "networks": [zero if each is None else each for each in nets["networks"]]}


def _per_layer(trainable: bool | list[bool], nlayers: int) -> tuple[bool, ...]:
    return (trainable,) * nlayers if isinstance(trainable, bool) else tuple(trainable)
