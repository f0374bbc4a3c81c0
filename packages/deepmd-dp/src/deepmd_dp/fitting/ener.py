# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import check_class, take_array
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import Array, Module, buffer, module, static
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.environment.environment import Environment, assemble
from deepmd_dp.interface import Description, Descriptor
from deepmd_dp.nn.network import FittingNetwork, NetworkCollection


@module
class EnerFitting(Module):
    """Energy fitting `ener`: E_i = N(D_i, fparam, aparam_i) + bias of the type.

    The parameters enter normalised by their mean and deviation in the data. Types with an
    `atom_ener` have exactly this energy far from all others: their net's value at a zero
    descriptor is subtracted.

    Attributes
    ----------
    nets : NetworkCollection
        One net for all types where `mixed_types`, else one a type.
    bias_atom_e : Array, (ntypes, 1) [eV]
    fparam_avg, fparam_inv_std : Array or None, (numb_fparam,)
    aparam_avg, aparam_inv_std : Array or None, (numb_aparam,)
    case_embd : Array or None, (dim_case_embd,)
    """

    nets: NetworkCollection
    bias_atom_e: Array = buffer()
    fparam_avg: Array | None = buffer(default=None)
    fparam_inv_std: Array | None = buffer(default=None)
    aparam_avg: Array | None = buffer(default=None)
    aparam_inv_std: Array | None = buffer(default=None)
    case_embd: Array | None = buffer(default=None)
    ntypes: int = static()
    dim_descrpt: int = static()
    numb_fparam: int = static(default=0)
    numb_aparam: int = static(default=0)
    default_fparam: tuple[float, ...] | None = static(default=None)
    mixed_types: bool = static(default=False)
    exclude_types: tuple[int, ...] = static(default=())
    atom_ener: tuple[float | None, ...] = static(default=())
    use_aparam_as_mask: bool = static(default=False)
    rcond: float | None = static(default=None)
    tot_ener_zero: bool = static(default=False)
    layer_name: tuple[str, ...] | None = static(default=None)
    precision: str = static(default="float64")
    trained_layers: tuple[bool, ...] = static(default=())
    type_map: tuple[str, ...] = static(default=())

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The energy."""
        return (ENERGY,)

    @property
    def uses_type_index(self) -> bool:
        """Whether each type has a net of its own."""
        return not self.mixed_types

    def __call__(
        self, description: Description, env: Environment, fparam: Array | None, aparam: Array | None
    ) -> dict[str, Array]:
        """Atomic energies without the data's bias, ``energy`` (nframes, nloc, 1) [eV].

        Parameters
        ----------
        description : Description
        fparam : Array or None, (nframes, numb_fparam)
        aparam : Array or None, (nframes, nloc, numb_aparam)
        """
        nframes, nloc = shape(env.atype)
        descriptor = description.invariant
        xp = array_namespace(descriptor)
        descriptor = xp.astype(descriptor, self.nets.networks[0].layers[0].w.dtype)
        extras = self._parameters(descriptor, fparam, aparam)
        if self.mixed_types:
            energy = self._net_energy((), descriptor, extras, bool(self._has_atom_ener))
        else:
            flat = [xp.reshape(x, (-1, shape(x)[-1])) for x in (descriptor, *extras)]
            parts = []
            for center, index in enumerate(env.centers):
                own, *rest = (xp.take(x, index, axis=0) for x in flat)
                parts.append(self._net_energy((center,), own, rest, center in self._has_atom_ener))
            energy = xp.reshape(assemble(parts, env), (nframes, nloc, 1))
        bias = xp.take(xp.astype(self.bias_atom_e, energy.dtype), xp.reshape(env.center_type, (-1,)), axis=0)
        return {"energy": energy + xp.reshape(bias, (nframes, nloc, 1))}

    @property
    def _has_atom_ener(self) -> list[int]:
        return [t for t, energy in enumerate(self.atom_ener) if energy is not None]

    def _net_energy(self, types: tuple[int, ...], descriptor: Array, extras: list[Array], from_vacuum: bool) -> Array:
        xp = array_namespace(descriptor)
        net = self.nets[types]
        energy = net(xp.concat([descriptor, *extras], axis=-1))
        if not from_vacuum:
            return energy
        return energy - net(xp.concat([xp.zeros_like(descriptor), *extras], axis=-1))

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
        net = self.nets.networks[0]
        return {
            "@class": "Fitting",
            "@version": 4,
            "type": "ener",
            "var_name": "energy",
            "ntypes": self.ntypes,
            "dim_descrpt": self.dim_descrpt,
            "neuron": [each.w.shape[1] for each in net.layers[:-1]],
            "resnet_dt": net.resnet_dt,
            "numb_fparam": self.numb_fparam,
            "numb_aparam": self.numb_aparam,
            "dim_case_embd": 0 if self.case_embd is None else self.case_embd.shape[0],
            "default_fparam": None if self.default_fparam is None else list(self.default_fparam),
            "activation_function": net.layers[0].activation_function,
            "precision": self.precision,
            "mixed_types": self.mixed_types,
            "nets": self.nets.serialize(),
            "rcond": self.rcond,
            "exclude_types": list(self.exclude_types),
            "@variables": {
                "bias_atom_e": self.bias_atom_e,
                "case_embd": self.case_embd,
                "fparam_avg": self.fparam_avg,
                "fparam_inv_std": self.fparam_inv_std,
                "aparam_avg": self.aparam_avg,
                "aparam_inv_std": self.aparam_inv_std,
            },
            "type_map": list(self.type_map) or None,
            "tot_ener_zero": self.tot_ener_zero,
            "trainable": list(self.trained_layers),
            "layer_name": None if self.layer_name is None else list(self.layer_name),
            "use_aparam_as_mask": self.use_aparam_as_mask,
            "spin": None,
            "dim_out": 1,
            "atom_ener": list(self.atom_ener) or None,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> EnerFitting:
        check_class(data, "Fitting", 1, 4)
        variables = data["@variables"]
        nfparam, naparam, ncase = data["numb_fparam"], data["numb_aparam"], data.get("dim_case_embd", 0)

        def statistics(name: str, size: int) -> np.ndarray | None:
            return take_array(variables, name, (size,), where="ener fitting", optional=size == 0)

        ntypes = data["ntypes"]
        return cls(
            nets=NetworkCollection.deserialize(data["nets"], "ener fitting net"),
            bias_atom_e=np.reshape(
                take_array(variables, "bias_atom_e", (ntypes, -1), where="ener fitting"), (ntypes, 1)
            ),
            fparam_avg=statistics("fparam_avg", nfparam),
            fparam_inv_std=statistics("fparam_inv_std", nfparam),
            aparam_avg=statistics("aparam_avg", naparam),
            aparam_inv_std=statistics("aparam_inv_std", naparam),
            case_embd=statistics("case_embd", ncase),
            ntypes=ntypes,
            dim_descrpt=data["dim_descrpt"],
            numb_fparam=nfparam,
            numb_aparam=naparam,
            default_fparam=_tuple_or_none(data.get("default_fparam")),
            mixed_types=data["mixed_types"],
            exclude_types=tuple(data.get("exclude_types", ())),
            atom_ener=tuple(_number_or_none(x) for x in data.get("atom_ener") or ()),
            use_aparam_as_mask=data.get("use_aparam_as_mask", False),
            rcond=data.get("rcond"),
            tot_ener_zero=data.get("tot_ener_zero", False),
            layer_name=_tuple_or_none(data.get("layer_name")),
            precision=precision_name(data["precision"]),
            trained_layers=_per_layer(data.get("trainable", True), len(data["neuron"]) + 1),
            type_map=tuple(data.get("type_map") or ()),
        )

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> EnerFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        dim_descrpt, mixed_types = descriptor.dim_out, descriptor.mixed_types
        ntypes, nfparam, naparam = len(type_map), section["numb_fparam"], section["numb_aparam"]
        ncase = section["dim_case_embd"]
        used_aparam = 0 if section["use_aparam_as_mask"] else naparam
        trained = _per_layer(section["trainable"], len(section["neuron"]) + 1)
        dtype = numpy_dtype(section["precision"])
        nets = tuple(
            FittingNetwork.initial(
                rng,
                dim_descrpt + nfparam + used_aparam + ncase,
                1,
                section["neuron"],
                activation_function=section["activation_function"],
                resnet_dt=section["resnet_dt"],
                precision=section["precision"],
                trainable=trained,
            )
            for _ in range(1 if mixed_types else ntypes)
        )
        return cls(
            nets=NetworkCollection(
                networks=nets, ndim=0 if mixed_types else 1, ntypes=ntypes, network_type="fitting_network"
            ),
            bias_atom_e=np.zeros((ntypes, 1)),
            fparam_avg=np.zeros(nfparam, dtype) if nfparam else None,
            fparam_inv_std=np.ones(nfparam, dtype) if nfparam else None,
            aparam_avg=np.zeros(naparam, dtype) if naparam else None,
            aparam_inv_std=np.ones(naparam, dtype) if naparam else None,
            case_embd=np.zeros(ncase, dtype) if ncase else None,
            ntypes=ntypes,
            dim_descrpt=dim_descrpt,
            numb_fparam=nfparam,
            numb_aparam=naparam,
            default_fparam=_tuple_or_none(section["default_fparam"]),
            mixed_types=mixed_types,
            exclude_types=exclude_types,
            atom_ener=tuple(_number_or_none(x) for x in section["atom_ener"] or ()),
            use_aparam_as_mask=section["use_aparam_as_mask"],
            rcond=section["rcond"],
            precision=precision_name(section["precision"]),
            trained_layers=trained,
            type_map=tuple(type_map),
        )


def _tuple_or_none(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _number_or_none(value: Any) -> float | None:
    """An energy of `atom_ener`, which a file may hold as an array of one element."""
    return None if value is None else float(np.asarray(value).reshape(-1)[0])


def _per_layer(trainable: bool | list[bool], nlayers: int) -> tuple[bool, ...]:
    return (trainable,) * nlayers if isinstance(trainable, bool) else tuple(trainable)
