"""Neuromorphic chips: running networks on Loihi, and what they require of it."""
