"""What is late: delinquency, penalties, attempts, cases, recovery."""
