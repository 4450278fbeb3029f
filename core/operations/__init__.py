"""The system's own records: what the scheduler did and which jobs failed for good."""
