"""Neuromorphic chips: what Loihi can run, how to put a network on it, its cost."""
