"""A training from its configuration to the folder that keeps it, and what keeps many of them together."""
