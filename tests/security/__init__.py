"""What a hostile customer or a careless colleague could do, and must not."""
