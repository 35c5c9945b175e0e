"""How far the gradient reaches back through time, measured on any Keras model with recurrent layers.

`capture` records what every recurrent layer saw and which errors came down to it, once. `replay` steps a layer's cell
over its recorded inputs again, and all measurements are products with that cell's Jacobians. For TensorFlow.
"""

from rnnkit.diagnosis.diagnosis import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
