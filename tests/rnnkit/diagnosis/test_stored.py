import keras
import numpy as np
import pandas as pd

from rnnkit import diagnose
from rnnkit.callbacks.resuming.state_files import packed, unpacked
from rnnkit.diagnosis import Diagnosis
from rnnkit.diagnosis.tables import COLUMNS


def test_a_diagnosis_comes_back_from_a_file_as_it_was(compiled):
    x = np.random.default_rng(0).normal(size=(8, 12, 3)).astype("float32")
    model = compiled(keras.layers.LSTM(4, return_sequences=True), keras.layers.SimpleRNN(3), keras.layers.Dense(1))
    found = diagnose(model, x, x[:, :1, 0], lyapunov=False)
    again = Diagnosis.from_dict(unpacked(packed(found.as_dict())))
    for name in COLUMNS:
        frame = getattr(found, name)
        pd.testing.assert_frame_equal(getattr(again, name), frame, check_exact=True, check_dtype=len(frame) > 0)
    assert str(again.facts) == str(found.facts)  # they have NaN, too
    assert again.verdict == found.verdict
    assert str(again.training) == str(found.training)
    assert str(again.cure) == str(found.cure)
