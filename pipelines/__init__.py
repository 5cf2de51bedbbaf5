"""The judgement: pixels in, verdict out. Pure functions; no socket, thread, clock or file."""
