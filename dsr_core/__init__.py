"""Dust and scratch removal for scanned film."""
