"""What customers earn by paying: cashback."""
