"""Whole grids of integer points: sweeping them, and searching them for a point on which two networks differ."""
