"""Eigenvalues and singular values of recurrent kernels, in NumPy. Legend: `H` units, `G` gates."""

from collections.abc import Sequence

import numpy as np


def block_spectra(kernel, letters: Sequence[str] = ()) -> list[dict]:
    """Spectral radius and largest singular value of each gate's square block of a recurrent kernel.

    Args:
        kernel: shape (H, G * H); (H,), which stands for a diagonal matrix; or (D, G * H), where a gate has a block
            (D, D) for each of its heads.
        letters: the gates' names; numbers stand for them where the blocks cannot be dealt out to G of them.

    Returns:
        A row for each gate: `gate` (empty where there is one block), `radius`, `sigma`, of several heads the largest;
        NaN for a block that is not finite. A kernel that does not consist of square blocks has no rows.
    """
    blocks = square_blocks(kernel)
    named = len(letters) > 1 and len(blocks) % len(letters) == 0
    names = list(letters) if named else [str(number) for number in range(len(blocks))] if len(blocks) != 1 else [""]
    heads = len(blocks) // max(1, len(names))
    return [{"gate": name, **_spectrum(blocks[gate * heads : (gate + 1) * heads])} for gate, name in enumerate(names)]


def square_blocks(kernel) -> list[np.ndarray]:
    """The blocks (H, H) that a kernel consists of, side by side, in float64; none if it consists of no such."""
    if not is_blocks(kernel):
        return []
    values = np.asarray(kernel, dtype="float64")
    return [np.diag(values)] if values.ndim == 1 else np.split(values, kernel.shape[1] // kernel.shape[0], axis=1)


def is_blocks(kernel) -> bool:
    """Whether a kernel consists of square blocks side by side, or of the diagonal of one."""
    return len(kernel.shape) == 1 or (len(kernel.shape) == 2 and kernel.shape[1] % kernel.shape[0] == 0)


def _spectrum(blocks: list[np.ndarray]) -> dict[str, float]:
    if not np.all(np.isfinite(blocks)):
        return {"radius": float("nan"), "sigma": float("nan")}
    radius = np.abs(np.linalg.eigvals(blocks)).max()
    return {"radius": float(radius), "sigma": float(np.linalg.svd(blocks, compute_uv=False).max())}
