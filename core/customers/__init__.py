"""What concerns a customer whole: all that the features know of one person."""
