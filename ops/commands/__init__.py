"""The commands of `giro`."""
