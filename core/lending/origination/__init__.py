"""From the product to the decision: applications, assessment, quotes."""
