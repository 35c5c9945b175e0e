"""Eigenvalues and singular values of recurrent kernels, in NumPy. Legend: `H` units, `G` gates."""

from collections.abc import Sequence

import numpy as np


def block_spectra(kernel, letters: Sequence[str] = ()) -> list[dict]:
    """Spectral radius and largest singular value of each gate's square block of a recurrent kernel.

    Args:
        kernel: shape (H, G * H); or (H,), which stands for a diagonal matrix.
        letters: the gates' names; numbers stand for them where there are not G of them.

    Returns:
        A row for each gate: `gate` (empty where there is one block), `radius`, `sigma`; NaN for a block that is not
        finite. A kernel that is not made of square blocks has no rows.
    """
    blocks = square_blocks(kernel)
    names = list(letters) if len(letters) == len(blocks) else [str(number) for number in range(len(blocks))]
    names = names if len(blocks) != 1 else [""]
    return [{"gate": name, **_spectrum(block)} for name, block in zip(names, blocks, strict=True)]


def square_blocks(kernel) -> list[np.ndarray]:
    """The blocks (H, H) that a kernel consists of, side by side, in float64; none if it consists of no such."""
    if not is_blocks(kernel):
        return []
    values = np.asarray(kernel, dtype="float64")
    return [np.diag(values)] if values.ndim == 1 else np.split(values, kernel.shape[1] // kernel.shape[0], axis=1)


def is_blocks(kernel) -> bool:
    """Whether a kernel consists of square blocks side by side, or of the diagonal of one."""
    return len(kernel.shape) == 1 or (len(kernel.shape) == 2 and kernel.shape[1] % kernel.shape[0] == 0)


def _spectrum(block: np.ndarray) -> dict[str, float]:
    if not np.all(np.isfinite(block)):
        return {"radius": float("nan"), "sigma": float("nan")}
    return {"radius": float(np.abs(np.linalg.eigvals(block)).max()), "sigma": float(np.linalg.norm(block, 2))}
