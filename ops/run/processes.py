"""The programs the system consists of: the one table that `giro up` and the containers share.

`tests/ops/test_containers.py` holds the Dockerfiles and the compose file to it.
"""

import sys
from pathlib import Path

from core.foundation.jobs import QUEUES

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000
WORKER_THREADS = 4
# Requests in flight get this long to finish before the API closes their connections.
API_GRACE_SECONDS = 10
API_KEEP_ALIVE_SECONDS = 30


def api(host: str, port: int, processes: int = 1, python: str = sys.executable) -> list[str]:
    """The HTTP side. Several processes share the port."""
    command = [python, "-m", "uvicorn", "api.main:app", "--host", host, "--port", str(port)]
    command += ["--http", "api.http.protocol:BoundedHttp", "--loop", "uvloop", "--no-access-log"]
    # Whose X-Forwarded-For is believed is a setting of ours: TRUSTED_PROXIES.
    command += ["--no-proxy-headers"]
    # Longer than clients keep a resting connection, so that none is closed under a request.
    command += ["--timeout-keep-alive", str(API_KEEP_ALIVE_SECONDS)]
    command += ["--timeout-graceful-shutdown", str(API_GRACE_SECONDS)]
    return command if processes == 1 else [*command, "--workers", str(processes)]


def worker(python: str = sys.executable) -> list[str]:
    """One worker for every queue. More of them go side by side."""
    command = [python, "-m", "dramatiq", "worker.main", "--processes", "1"]
    return [*command, "--threads", str(WORKER_THREADS), "--queues", *QUEUES]


def scheduler(python: str = sys.executable) -> list[str]:
    """The clock. Several may run; a lease in the database says which one works."""
    return [python, "-m", "worker.scheduler"]


def migrate(python: str = sys.executable) -> list[str]:
    """Bring the schema to head; harmless when it is there."""
    return [python, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"]
