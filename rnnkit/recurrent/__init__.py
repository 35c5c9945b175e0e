"""Cells, and what runs them over time."""
