"""A loan's life while it is paid: the loan book, schedules, payments, endings."""
