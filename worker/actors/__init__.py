"""The actors: what the workers do when a job arrives."""
