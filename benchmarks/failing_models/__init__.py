"""Models with injected problems, for the trial of the diagnosis; nothing here knows how the diagnosis works."""
