"""HTTP itself: strict JSON, problem details, paging, limits, submission."""
