"""Commands: they parse, call, print and exit, and nothing else."""
