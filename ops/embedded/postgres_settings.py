"""What the embedded PostgreSQL is started with."""

import os
from collections.abc import Mapping

from ops.embedded.ports import LOOPBACK

# Fully durable, sized for a small machine that PostgreSQL shares with everything else.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "32",
    "jit": "off",
    "autovacuum": "on",
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "track_io_timing": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # Without DETAIL: it is the row that was refused.
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %u@%d ",
    "password_encryption": "scram-sha-256",
}
# Tests kill processes, not machines: what the operating system holds survives. The commit must
# still reach it, so synchronous_commit stays on.
FORGETFUL: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}


def shared_buffers() -> str:
    """512 MB, or an eighth of the memory on a machine under 4 GB."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return f"{min(512, memory_mb // 8)}MB"
