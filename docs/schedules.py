# SPDX-License-Identifier: LGPL-3.0-or-later
"""The picture of the schedules on the page of the input reference."""

from matplotlib import pyplot as plt

from deepmd.train.schedule import learning_rate

STEPS = 1000
ENDS = {"start_lr": 1e-3, "stop_lr": 1e-5}
PANELS = {
    "exp": {
        "decay_steps 100": {"decay_steps": 100},
        "smooth": {"decay_steps": 100, "smooth": True},
        "warmup_steps 100": {"decay_steps": 100, "smooth": True, "warmup_steps": 100},
    },
    "cosine": {"": {}, "warmup_steps 100": {"warmup_steps": 100}},
    "wsd": {
        f"decay_type {kind}": {"decay_type": kind, "decay_phase_ratio": 0.4}
        for kind in ("inverse_linear", "cosine", "linear")
    },
}

figure, all_axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for axes, (kind, variants) in zip(all_axes, PANELS.items(), strict=True):
    for label, keys in variants.items():
        rate = learning_rate({"type": kind, **ENDS, **keys}, STEPS)
        axes.plot([rate(step) for step in range(STEPS)], label=label or "without warm-up")
    axes.set(title=kind, xlabel="step", yscale="log")
    axes.legend(fontsize="small")
all_axes[0].set_ylabel("learning rate")
