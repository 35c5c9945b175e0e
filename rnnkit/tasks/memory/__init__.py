"""The memory task."""
