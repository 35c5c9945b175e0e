import math
from pathlib import Path

import numpy as np
import pytest

from rnnkit.study import memory


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="only Linux tells the peak of a process")
def test_the_peak_is_that_since_the_start_though_the_memory_is_free_again():
    np.ones(2**24).sum()  # 128 MiB, before
    peak = memory.peak_memory()
    np.ones(2**23).sum()  # 64 MiB
    assert peak() == pytest.approx(64, abs=8)


def test_where_the_system_does_not_tell_it_is_not_known(monkeypatch):
    monkeypatch.setattr(memory, "CLEAR", Path("/nowhere/at/all"))
    assert math.isnan(memory.peak_memory()())
