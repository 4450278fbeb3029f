"""What runs, shows and measures the system.

At its root stand books and figures, which serve several of its rooms, and ``roles.sql``, whose path
is documented for operators.
"""
