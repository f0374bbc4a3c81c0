# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the sections ``training`` and ``validating``."""

from __future__ import annotations

from dargs import Argument

from deepmd.schema.argument import MULTI_TASK, NOT_NEGATIVE, POSITIVE, key, not_yet, seed, unused


def data_fields() -> list[Argument]:
    """What training and validation data share."""
    return [
        key(
            "systems",
            [str, list[str]],
            "A folder, which is searched for systems, or a list of systems; `file.hdf5#/group` for HDF5.",
        ),
        key("rglob_patterns", [list[str], None], "Patterns that the systems' paths must match.", default=None),
        key(
            "batch_size",
            [int, list[int], str],
            "Frames per step: a number, one number per system, `auto` (at least 32 atoms), `auto:N` (at least N "
            "atoms), `max:N` (at most N atoms), `filter:N` (likewise, without the systems of more atoms) or `mixed:N` "
            "(N frames, each of a system of its own).",
            default="auto",
        ),
        key(
            "auto_prob",
            str,
            "How often systems are drawn: `prob_uniform` alike, `prob_sys_size` by their frames, "
            "`prob_sys_size;0:2:0.4;2:9:0.6` by blocks of systems with their weights.",
            default="prob_sys_size",
            alias=["auto_prob_style"],
        ),
        key("sys_probs", [list[float], None], "Each system's probability.", default=None, alias=["sys_weights"]),
    ]


def training_data() -> Argument:
    """The section ``training/training_data``."""
    fields = [*data_fields(), not_yet("min_pair_dist", float, default=0.0)]
    return key("training_data", dict, "The data that the model is trained on.", sub_fields=fields)


def validation_data() -> Argument:
    """The section ``training/validation_data``."""
    batches = key("numb_btch", int, "Batches of each validation.", default=1, alias=["numb_batch"], **POSITIVE)
    return key(
        "validation_data",
        [dict, None],
        "The data that errors are shown of beside those of the training data.",
        sub_fields=[*data_fields(), batches],
        default=None,
    )


def output_fields() -> list[Argument]:
    """What is shown and written while training."""
    return [
        key("disp_file", str, "File of the learning curve.", default="lcurve.out"),
        key("disp_freq", int, "Steps between two lines of it.", default=1000, **POSITIVE),
        key("save_freq", int, "Steps between two checkpoints.", default=1000, **POSITIVE),
        key("save_ckpt", str, "Name of the checkpoints.", default="model.ckpt"),
        key("max_ckpt_keep", int, "How many checkpoints are kept; 0: all.", default=5, **NOT_NEGATIVE),
        key("disp_training", bool, "Whether errors are shown.", default=True),
        key("disp_avg", bool, "Whether the training errors shown are means since the line before.", default=False),
        key("time_training", bool, "Whether times are shown.", default=True),
    ]


def not_yet_fields() -> list[Argument]:
    """What deepmd-kit's frameworks have beyond this version."""
    return [
        *(not_yet(name, doc=MULTI_TASK) for name in ("data_dict", "model_prob", "fitting_weight", "num_epoch_dict")),
        not_yet("save_dir", [str, None], default=None),
        not_yet("ckpt_keep_ratio", [float, None], default=None),
        not_yet("enable_ema", bool, default=False),
        unused("ema_decay", float, default=0.999),
        unused("ema_ckpt_keep", [int, None], default=None),
        not_yet("change_bias_after_training", bool, default=False),
        not_yet("acc_freq", int, default=1),
    ]


def unused_fields() -> list[Argument]:
    """What changes how deepmd-kit gets to its results, or what it tells of that, but no result."""
    return [
        unused("mixed_precision", dict, doc="the precisions of the model's parts are taken, which is more exact"),
        unused("stat_file", str, doc="the statistics of the data are made anew, in one pass"),
        unused("stat_file_mode", str, default="update"),
        unused("profiling", bool, default=False, doc="no profile is written"),
        unused("profiling_file", str, default="timeline.json"),
        unused("enable_profiler", bool, default=False, doc="no profile is written"),
        unused("tensorboard", bool, default=False, doc="the figures are in the learning curve's file"),
        unused("tensorboard_log_dir", str, default="log"),
        unused("tensorboard_freq", int, default=1),
        unused("enable_tf32", bool, default=False, doc="products keep the precision of the model"),
        unused("zero_stage", int, default=0, doc="one process trains, which holds all"),
        unused("neighbor_graph_method", str, default="auto"),
        unused("enable_compile", bool, default=False, doc="each backend compiles what it gains by"),
    ]


def training() -> Argument:
    """The section ``training``."""
    fields = [
        training_data(),
        validation_data(),
        key(
            "numb_steps",
            int,
            "Number of steps; either this or `numb_epoch` must be given.",
            optional=True,
            alias=["stop_batch", "num_step", "num_steps", "numb_step"],
            **POSITIVE,
        ),
        key(
            "numb_epoch",
            float,
            "How often all frames are seen, instead of `numb_steps`.",
            optional=True,
            alias=["num_epochs", "num_epoch", "numb_epochs"],
            **POSITIVE,
        ),
        seed("the order of the data"),
        *output_fields(),
        key("gradient_max_norm", float, "Norm that longer gradients are scaled down to.", optional=True, **POSITIVE),
        *unused_fields(),
        *not_yet_fields(),
    ]
    return key("training", dict, "The data, the steps, the output.", sub_fields=fields)


def validating() -> Argument:
    """The section ``validating``: full validation, which is not in this version."""
    fields = [
        not_yet("full_validation", bool, default=False),
        not_yet("ema_full_validation", bool, default=False),
        unused("validation_freq", int, default=5000),
        unused("save_best", bool, default=True),
        unused("save_best_dir", [str, None], default=None),
        unused("max_best_ckpt", int, default=1),
        unused("validation_metric", str, default="E:MAE"),
        unused("full_val_file", str, default="val.log"),
        unused("full_val_start", float, default=0.5),
        unused("compiled_infer", bool, default=False),
        unused("tf32_infer", bool, default=False),
        unused("amp_infer", bool, default=False),
    ]
    return unused("validating", dict, sub_fields=fields, default={})
