"""Sweeps: tasks, the workers that run them, and the store that keeps their rows."""
