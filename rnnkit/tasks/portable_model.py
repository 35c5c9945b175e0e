"""A model on its way out of this process: into files of Keras and of other runtimes, and step by step."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.tasks.callbacks import check_model_path


class PortableModel(keras.Model):
    """A `keras.Model` around a functional `network`, which is what is written and run step by step.

    Attributes:
        network: None until there is one.
    """

    network: Any

    def save(self, filepath: str | Path, overwrite: bool = True, **kwargs: Any):
        """As `keras.Model.save`, to a `.keras` file.

        Raises:
            ArgumentError: a path of an HDF5 file.
        """
        check_model_path("filepath", filepath)
        super().save(filepath, overwrite=overwrite, **kwargs)

    def load_weights(self, filepath: str | Path, *args: Any, **kwargs: Any):
        """As `keras.Model.load_weights`, once `adapt` has learned the vocabulary with which they were trained."""
        self._need_network()
        super().load_weights(filepath, *args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        """Data that come piece by piece, of a task that can answer before all is there; this one cannot.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            f"stream: {type(self).__name__} answers when a sequence is whole. Its recurrent layers can be streamed: "
            "model.stack.stream()."
        )

    def one_step(self) -> Any:
        """The network for one step of a sequence, with the state as inputs and outputs (see `OneStep`).

        Raises:
            ArgumentError: there is no network yet, or it cannot be run step by step.
        """
        from rnnkit.tasks.one_step import OneStep

        self._need_network()
        step = OneStep(self.network, name="step")
        step.check()
        return step

    def decode_scores(self, scores: np.ndarray) -> np.ndarray:
        """What the metrics get of one sequence's scores, (1, T, n) or (1, n), from `one_step`: here the scores."""
        return scores

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",  # noqa: A002  (Keras' name)
        *,
        streaming: bool = False,
        int8: bool = False,
        states: str = "float",
        calibration: Any = None,
        max_loss: float = 1.0,
        **options: Any,
    ):
        """As `keras.Model.export`: writes the network, numbers in and scores out, as a file that needs no rnnkit.

        Its inputs are those of `network_inputs`; what makes numbers of raw data, and answers of scores, stays outside.

        Args:
            filepath: a folder, or for ONNX and LiteRT a file.
            format: `"tf_saved_model"`; `"onnx"`, which needs `rnnkit[export]`; `"litert"`; or `"web"`, a folder with a
                page that answers in the browser, which needs it too.
            streaming: write one step, with the state going in and coming out (see `OneStep`). A SavedModel has it as a
                second signature, `step`; files for ONNX and LiteRT have nothing else, and those for LiteRT a batch of
                one sequence.
            int8: store the weights of that step, for LiteRT or ONNX, in eight bits.
            states: how it computes, for LiteRT: `"float"`; or `"int8"` or `"int16"`, with states and all else inside in
                integers, at ranges taken from the calibration data.
            calibration: raw data, as for `evaluate`, to measure the loss in quality of `int8` on. Where `states` need
                ranges, some of them, half at most, give these and do not measure.
            max_loss: the largest loss in quality to accept: in points, or for errors such as `nll` in percent.
            options: anything else that `keras.Model.export` takes; for a page `runtime`, the file of onnxruntime-web
                that `npm pack` writes, where npm shall not get it.

        Returns:
            For `streaming` an `Exported`, which knows the sizes and the loss in quality; for a page its `index.html`.

        Raises:
            ArgumentError: there is no network yet, or none that the format can hold; it cannot be run step by step; or
                too much quality is lost.
            DataError: calibration data that are too few, or all of one length.
        """
        from rnnkit.tasks.export import export_network, export_step
        from rnnkit.tasks.web.export import export_page

        self._need_network()
        if format == "web":
            if streaming or int8 or states != "float" or calibration is not None:
                raise ArgumentError("format: a page takes neither streaming nor int8. Leave them out.")
            return export_page(self, filepath, **options)
        quantized = {"int8": int8, "states": states, "calibration": calibration, "max_loss": max_loss}
        if streaming:
            return export_step(self, filepath, format, **quantized, **options)
        if int8 or states != "float" or calibration is not None:
            raise ArgumentError("int8, states, calibration: only a single step is quantized. Set streaming=True too.")
        return export_network(self.network, filepath, format, **options)

    def summary(self, **kwargs: Any):
        """Prints the network's layers."""
        self._need_network()
        self.network.summary(**kwargs)

    def _need_network(self) -> None:
        if self.network is None:
            name = type(self).__name__
            raise ArgumentError(f"{name} has seen no data yet. Call fit or adapt first, or load a saved model.")
