"""Whole rolls and archives: many files through the filter, and what came of it."""
