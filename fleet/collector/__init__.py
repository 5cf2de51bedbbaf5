"""The process `okng fleet collect`: from the broker into the store, and word of it back to the stations."""
