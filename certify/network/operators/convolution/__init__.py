"""One kernel at every position."""
