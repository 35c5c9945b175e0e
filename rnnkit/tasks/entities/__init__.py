"""Entities in tagged sentences: schemes of tags, the spans they stand for, and how well spans were found."""
