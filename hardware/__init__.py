"""Neuromorphic chips: nothing here yet."""
