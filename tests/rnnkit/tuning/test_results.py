from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from keras_tuner import HyperParameters
from keras_tuner.engine.trial import Trial
from scipy import stats

from rnnkit.tuning.results import explained, results_frame


def test_explained_is_the_adjusted_share_of_an_analysis_of_variance():
    rng = np.random.default_rng(0)
    values = pd.Series(rng.choice(["a", "b", "c"], 40))
    scores = pd.Series(rng.normal(size=40) + (values == "a"))
    groups = [scores[values == each] for each in "abc"]
    f = stats.f_oneway(*groups).statistic
    k, n = 3, 40
    assert explained(values, scores) == pytest.approx((f - 1) / (f + (n - k) / (k - 1)))


def test_explained_at_its_ends():
    values = pd.Series([1, 1, 2, 2, 3, 3])
    assert explained(values, values * 2.0) == 1.0
    assert explained(values, pd.Series([1.0, 2.0] * 3)) == 0.0
    assert np.isnan(explained(values[:3], pd.Series([1.0, 2.0, 3.0])))  # too few
    assert np.isnan(explained(values, pd.Series([1.0] * 6)))
    assert np.isnan(explained(pd.Series([4] * 6), values * 1.0))


def test_a_range_is_cut_into_groups():
    values = pd.Series(np.linspace(0, 1, 12))
    assert explained(values, (values > 0.5).astype(float)) > 0.5


def test_trials_stand_in_the_order_of_their_start_whatever_their_names():
    order = ["0", "1", "05", "06"]  # KerasTuner pads with the digits of the trials to come, which a greater budget adds
    trials = {name: Trial(HyperParameters(), trial_id=name, status="COMPLETED") for name in sorted(order)}
    oracle = SimpleNamespace(trials=trials, start_order=order)
    assert list(results_frame(SimpleNamespace(oracle=oracle, record=lambda name: {}))["trial"]) == order
