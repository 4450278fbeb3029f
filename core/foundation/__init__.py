"""What every feature stands on: settings, clock, money, errors, the stores, logs and metrics."""
