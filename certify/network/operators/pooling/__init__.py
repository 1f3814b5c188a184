"""Windows brought together."""
