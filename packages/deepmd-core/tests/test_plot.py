# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pictures, as they are drawn: where panels and texts are, and how numbers are written."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deepmd.data import Batch
from deepmd.infer.comparison import ENERGY_QUANTITIES, EnergyComparison, TensorComparison
from deepmd.infer.detail_files import DetailFiles
from deepmd.infer.quantities import Pair
from deepmd.main import main
from deepmd.outputs import OutputDef
from deepmd.plot.lcurve import plot_lcurve
from deepmd.plot.parity import ParityData
from deepmd.plot.style import tick, with_unit, written
from deepmd.train.lcurve import LearningCurve

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved, laid out."""
    drawn = []
    save = Figure.savefig

    def keep(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        drawn.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    return drawn


def bounds(artist, figure):
    """Edges of what is drawn: left, bottom, right, top [pixels]."""
    return artist.get_window_extent(FigureCanvasAgg(figure).get_renderer()).extents


def assert_inside(artist, figure):
    left, bottom, right, top = bounds(artist, figure)
    width, height = figure.canvas.get_width_height()
    assert left >= 0 and bottom >= 0 and right <= width and top <= height, artist


def write_curve(steps, validation=True, names=("rmse", "rmse_e", "rmse_f")):
    with LearningCurve("lcurve.out") as curve:
        for step in steps:
            metrics = dict.fromkeys(names, 10.0 / (1 + step))
            curve.write(step, metrics, metrics if validation else {}, 1e-3 / step)


@pytest.mark.parametrize("steps", [[1, 100, 200], [5000, 5100], [7]])
@pytest.mark.parametrize("validation", [False, True])
def test_learning_curve_is_two_panels_from_the_first_shown_step(figures, steps, validation):
    write_curve(steps, validation)
    plot_lcurve("lcurve.out", "lcurve.png")
    (figure,) = figures
    errors, rate = figure.axes
    assert bounds(errors, figure)[0] == bounds(rate, figure)[0]
    assert bounds(errors, figure)[1] > bounds(rate, figure)[3]
    if len(steps) > 1:
        assert rate.get_xlim() == (steps[0], steps[-1])
    legend = [text.get_text() for text in errors.get_legend().get_texts()]
    assert legend == ["Energy RMSE [eV/atom]", "Force RMSE [eV/Å]"] + ["training", "validation"] * validation
    assert bounds(errors.get_legend(), figure)[0] >= bounds(errors, figure)[2]
    for artist in (errors.title, rate.title, errors._left_title, rate._left_title, errors.get_legend()):
        assert_inside(artist, figure)


def test_the_loss_alone_is_drawn(figures):
    write_curve([1, 2], names=("rmse",))
    plot_lcurve("lcurve.out", "lcurve.png")
    assert figures[0].axes[0].get_legend().get_texts()[0].get_text() == "Root of the loss"


def test_errors_of_a_property_are_named(figures):
    write_curve([1, 2], names=("mae", "mape"))
    plot_lcurve("lcurve.out", "lcurve.png")
    legend = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert legend[:2] == ["MAE", "MAPE"]


def test_what_is_a_mean_over_atoms_is_not_divided_by_them():
    gap = TensorComparison(OutputDef("gap", (1,), reduction="mean", kind="property"), atomic=False)
    assert [quantity.key for quantity in gap.quantities] == ["gap"]
    assert gap.quantities[0].in_picture
    coord, atype = np.zeros((2, 3, 3)), np.zeros((2, 3), dtype=int)
    labels, predicted = {"gap": np.array([[1.0], [2.0]])}, np.array([[1.5], [2.0]])
    batch = Batch(coord, None, atype, labels, {"gap": True}, system="gap", frames=np.arange(2))
    (pair,) = gap.pair_up(batch, {"gap": predicted}).values()
    np.testing.assert_array_equal(pair.prediction, predicted)


def forces(nframes, names, size=0.1):
    """Pairs of a comparison with several elements."""
    label = RNG.normal(size=(nframes * len(names), 3))
    pair = Pair(label, label + RNG.normal(size=label.shape) * size)
    comparison = EnergyComparison(atomic=False, type_map=names)
    types = np.tile(np.arange(len(names)), nframes)
    energy = Pair(label[:, :1], label[:, :1] + size)
    return comparison, {"energy_per_atom": energy, "force": pair, **comparison._by_element(pair, types)}


@pytest.mark.parametrize("names", [["Cu"], ["O", "H"], "H C N O F P S Cl Br I Si Fe Na K Zn Mg Ca Li B".split()])
def test_errors_stand_above_the_points(figures, names):
    comparison, pairs = forces(20, names, size=3.0)
    data = ParityData("parity.png", comparison.quantities)
    data.add(pairs)
    data.draw()
    (figure,) = figures
    assert len(figure.axes) == 2
    for axes in figure.axes:
        (summary,) = axes.texts
        assert bounds(summary, figure)[1] >= bounds(axes, figure)[3]
        assert bounds(axes._left_title, figure)[1] >= bounds(summary, figure)[3]
        for artist in (summary, axes._left_title):
            assert_inside(artist, figure)
    said = figure.axes[1].texts[0].get_text().replace("\N{NO-BREAK SPACE}", " ")
    assert ("RMSE of" in said) == (len(names) > 1)
    for name in names if len(names) > 1 else []:
        error = pairs[f"force_{name}"].prediction - pairs[f"force_{name}"].label
        assert f"{name} {with_unit(np.sqrt(np.mean(error**2)), 'eV/Å')}" in " ".join(said.split("\n"))


def test_every_detail_file_is_drawn(figures):
    columns = {quantity.key: len(quantity.columns) for quantity in ENERGY_QUANTITIES if quantity.suffix}
    values = {key: RNG.normal(size=(9, width)) for key, width in columns.items()}
    with DetailFiles("detail", ENERGY_QUANTITIES) as files:
        files.write("data", {key: Pair(value, value + 0.1) for key, value in values.items()})
    titles = []
    for quantity in ENERGY_QUANTITIES:
        if quantity.suffix:
            main(["plot", f"detail{quantity.suffix}"])
            titles.append(figures[-1].axes[0]._left_title.get_text())
    assert titles == ["Energy", "Energy per atom", "Force components", "Virial", "Virial per atom", "Stress"]


def test_numbers_are_written_as_a_person_does():
    numbers = {
        0.0: "0",
        0.01234: "0.0123",
        1.0: "1.00",
        9.999: "10.0",
        82.2: "82.2",
        1234.5: "1,230",
        1.2e-7: "1.20·10⁻⁷",
    }
    assert {number: written(number) for number in numbers} == numbers
    assert [tick(value) for value in (1e-5, 0.001, 0.1, 1.0, 1000.0, 1e7, 3.0)] == [
        "10⁻⁵", "0.001", "0.1", "1", "1,000", "10⁷", "",
    ]  # fmt: skip
    assert with_unit(0.112, "eV/Å") == "112 meV/Å"
    assert with_unit(1.234, "eV/Å") == "1.23 eV/Å"
    assert with_unit(0.5, "unit of the labels") == "0.500"
    assert with_unit(0.5, "") == "0.500"
