"""Measures the fleet: simulated stations with the real messages, a real broker, real collectors, real databases."""
