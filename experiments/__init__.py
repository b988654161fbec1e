"""Experiments: sweeps, figures, reports and the command line."""
