"""Running the system: the supervisor, its processes, their stores."""
