"""`giro bench`: this system and pgbench's TPC-B side by side on one server, in one run."""
