"""The shapes on the wire, and nothing else."""
