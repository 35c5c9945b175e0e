"""What penalties and limits on recurrent weights do to their spectrum, and to the gradient through time.

    python benchmarks/penalties.py
    python benchmarks/penalties.py --cell gru --steps 1000 --seed 1

A recurrent network learns temporal order (Hochreiter and Schmidhuber 1997) under each penalty of the table PENALTIES,
for the same number of steps from the same weights. Shown are the largest singular value and the spectral radius of the
recurrent kernel before and after (`RecurrentSpectrum`; of a gated cell the largest over its gates), what is left of an
error a step back and how far errors reach (`diagnose`), and the accuracy on validation.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import callbacks, datasets

UNITS, BATCH, LENGTH = 32, 32, 30

PENALTIES = {
    "none": {},
    "l1 0.0001": {"recurrent_regularizer": keras.regularizers.L1(1e-4)},
    "l1 0.001": {"recurrent_regularizer": keras.regularizers.L1(1e-3)},
    "l2 0.001": {"recurrent_regularizer": keras.regularizers.L2(1e-3)},
    "l2 0.01": {"recurrent_regularizer": keras.regularizers.L2(1e-2)},
    "soft orthogonality 0.1": {"recurrent_regularizer": rnnkit.regularizers.SoftOrthogonality(0.1)},
    "spectral cap 1": {"recurrent_constraint": rnnkit.constraints.SpectralCap(1.0)},
}


def one_row(options, cell, steps, seed):
    keras.utils.set_random_seed(seed)
    train, valid, _ = datasets.memory("temporal-order", LENGTH, train=steps * BATCH, seed=seed)
    model = rnnkit.MemoryModel("class", cell, UNITS, **options)
    model.adapt(train)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0))
    spectrum = callbacks.RecurrentSpectrum()
    model.fit(train, batch_size=BATCH, epochs=1, callbacks=[spectrum], verbose=0)
    found = rnnkit.diagnose(model, *valid.sample(48), needed_lag=LENGTH).layers.iloc[0]
    largest = spectrum.frame.groupby("step")[["sigma", "radius"]].max().to_numpy()
    reach = f"{'' if found['horizon_reached'] else '>'}{found['horizon']:.0f}"
    return [*largest.T.ravel(), found["gain"], reach, model.evaluate(valid, verbose=0, return_dict=True)["accuracy"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", default="simple_rnn")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{'':<24}{'sigma':>15}{'radius':>15}{'gain':>8}{'horizon':>9}{'accuracy':>10}")
    for name, options in PENALTIES.items():
        row = one_row(options, arguments.cell, arguments.steps, arguments.seed)
        sigma, sigma_after, radius, radius_after, gain, reach, accuracy = row
        spectra = f"{sigma:>6.2f} -> {sigma_after:>5.2f}{radius:>6.2f} -> {radius_after:>5.2f}"
        print(f"{name:<24}{spectra}{gain:>8.3f}{reach:>9}{accuracy:>10.3f}", flush=True)


if __name__ == "__main__":
    main()
