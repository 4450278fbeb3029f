"""What runs, shows and measures the system."""
