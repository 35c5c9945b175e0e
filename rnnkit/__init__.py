"""rnnkit: recurrent networks for Keras, with every trouble of training made visible."""

__version__ = "0.1.0"
