"""What the speed benchmark sets side by side: the work on each data set, and who does it in Keras and in PyTorch."""
