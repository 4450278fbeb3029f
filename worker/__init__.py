"""Jobs in, ledger out."""
