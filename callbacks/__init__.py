"""What you pass to `fit(callbacks=[...])`; works on any Keras model."""
