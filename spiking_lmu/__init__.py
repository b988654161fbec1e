"""Spiking Legendre Memory Units for Nengo."""
