"""What only runs inside a container."""
