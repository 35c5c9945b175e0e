import io

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnkit.callbacks import GradientHealth, RecurrentSpectrum, TensorBoardImages
from rnnkit.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("untraced_fits")  # the step is that of any training


def images(folder):
    """Tag -> step -> pixels (height, width, 4), as TensorBoard reads them."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    table = {}
    for tag in events.Tags()["tensors"]:
        strings = {each.step: each.tensor_proto.string_val for each in events.Tensors(tag)}
        table[tag] = {step: imread(io.BytesIO(png), format="png") for step, (_, _, png) in strings.items()}
    return table


class Drawing(keras.callbacks.Callback):
    """Plots a square of one grey, darker with every epoch; nothing before the first has ended."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1

    def plot(self):
        if not self.epochs:
            raise ArgumentError("plot: nothing was measured yet.")
        return Figure(figsize=(1, 1), dpi=20, facecolor=str(1 - self.epochs / 5))


def test_figures_are_images_by_name_and_epoch(kit, data, tmp_path):
    health, spectrum = GradientHealth(), RecurrentSpectrum()
    callbacks = [health, spectrum, TensorBoardImages(tmp_path, health, spectrum)]
    kit.fit(kit.compiled("lstm"), data, callbacks, epochs=2)
    found = images(tmp_path)
    assert {tag: sorted(steps) for tag, steps in found.items()} == {
        "GradientHealth": [1, 2],
        "RecurrentSpectrum": [1, 2],
    }
    assert found["GradientHealth"][2].shape[1:] == (1000, 4)
    assert found["GradientHealth"][2].std() > 0.01
    assert (found["GradientHealth"][1] != found["GradientHealth"][2]).any()


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3]), (2, [2, 3]), (3, [3]), (9, [3])])
def test_an_image_is_what_was_plotted_and_the_last_one_is_always_there(kit, data, tmp_path, every, steps):
    drawing = Drawing()
    kit.fit(kit.compiled(), data, [drawing, TensorBoardImages(tmp_path, drawing, every=every)], epochs=3)
    found = images(tmp_path)["Drawing"]
    assert sorted(found) == steps
    for step, pixels in found.items():
        np.testing.assert_allclose(pixels[:, :, :3], 1 - step / 5, atol=0.01)


def test_a_folder_that_cannot_be_written_warns_once_and_training_goes_on(kit, data, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    drawing = Drawing()
    with pytest.warns(UserWarning, match="log_dir: TensorBoard images cannot be written") as caught:
        kit.fit(kit.compiled(), data, [drawing, TensorBoardImages(tmp_path / "file", drawing)], epochs=3)
    assert len(caught) == 1
    assert drawing.epochs == 3


@pytest.mark.parametrize(("sources", "got"), [((), "none"), ((keras.callbacks.TerminateOnNaN(),), "TerminateOnNaN")])
def test_what_plots_nothing_is_an_error(tmp_path, sources, got):
    with pytest.raises(ArgumentError, match=rf"sources: expected callbacks with a method plot\(\).*, got {got}"):
        TensorBoardImages(tmp_path, *sources)
