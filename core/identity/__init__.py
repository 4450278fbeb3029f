"""Users, their credentials, sessions and tokens, and the countries the bank serves."""
