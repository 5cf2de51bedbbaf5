"""Notices of alarms, by mail and webhook: what is told, and how it gets there."""
