"""Models brought to stations from the centre: who is asked when, and what became of it."""
