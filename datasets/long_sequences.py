"""Real data as long sequences: the pixels of digits, and the bytes of reviews.

Each function takes a generator and the longest length, and returns `Splits` with the columns `sequence` and `target`.
"""

import numpy as np

from rnnkit.datasets import catalog, imdb
from rnnkit.datasets.dataset import Dataset, Splits

PIXELS, DIGIT_IMAGES, BRIGHTEST = 64, 1797, 16
TEST_DIGITS = VALID_DIGITS = 300
BYTES = 4096  # of Long Range Arena's text task


def digits_permuted(rng: np.random.Generator, length: int) -> Splits:
    """scikit-learn's handwritten digits, pixel by pixel, in an order that is drawn once for all images.

    The permuted sequential MNIST of Le, Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified
    linear units", 2015, with 1,797 images of 8 x 8 pixels (Alpaydin and Kaynak, "Optical recognition of handwritten
    digits", 1998). The permutation is always the same; `rng` shuffles the images into the parts, of 1,197, 300 and 300.

    Returns:
        Sequences of brightness in [0, 1], float32, shape (64, 1), and classes, 0 to 9.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(PIXELS)
    pixels = (digits.data[:, order, None] / BRIGHTEST).astype("float32")
    rows = rng.permutation(len(pixels))
    parts = np.split(rows, [len(rows) - TEST_DIGITS - VALID_DIGITS, len(rows) - TEST_DIGITS])
    return Splits(*(Dataset({"sequence": pixels[part], "target": digits.target[part]}) for part in parts))


def imdb_bytes(rng: np.random.Generator, length: int) -> Splits:
    """IMDB's reviews, byte by byte: the text task of Tay et al., "Long Range Arena", 2021, where L is 4,096.

    The parts are those of `datasets.load("imdb")`, whatever `rng`; a review ends after L bytes of UTF-8.

    Returns:
        Sequences of bytes, uint8, shape (T,) with T up to L, and classes: 0 is negative, 1 is positive.
    """
    return Splits(*(_as_bytes(part, length) for part in catalog.load(imdb.SOURCE.name)))


def _as_bytes(reviews: Dataset, length: int) -> Dataset:
    sequences = [np.frombuffer(text.encode()[:length], "uint8") for text in reviews["text"]]
    return Dataset({"sequence": sequences, "target": [int(label == "positive") for label in reviews["label"]]})
