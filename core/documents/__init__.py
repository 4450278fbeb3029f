"""Documents: what a customer is given to keep, as values, and printed as PDF."""
