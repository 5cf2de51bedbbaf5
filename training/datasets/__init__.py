"""Labelled pictures: read from the formats that people have, checked, split, written anew."""
