"""Notices to people: an in-app inbox, written in the unit of work of what they tell of."""
