"""One Valkey server (the Redis protocol), keeping its jobs and locks in an append-only file."""

import signal
import socket

from ops.embedded.errors import EmbeddedError
from ops.embedded.home import Place, Record, own_directory, write_private
from ops.embedded.ports import LOOPBACK
from ops.embedded.software import Software
from ops.embedded.tethered import tethered

# Tests give every system of every pytest-xdist worker one of its own.
DATABASES = 4096


class Valkey:
    """The server of one home. `durable` keeps an append-only file, synced every second."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(
        self, place: Place, record: Record, software: Software, *, durable: bool = True
    ) -> None:
        self._place = place
        self._record = record
        self._software = software
        self._durable = durable
        self._directory = place.root / "valkey"
        self.log = place.home / "logs" / "valkey.log"

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, chosen by the caller before the start."""
        if self._record.valkey_port is None:
            raise EmbeddedError("Valkey has no port yet")
        return self._record.valkey_port

    def url(self, database: int = 0) -> str:
        """Where clients connect, password included."""
        return f"redis://:{self._record.valkey_password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        """Write the configuration; the password stays out of the process list."""
        own_directory(self._directory, self._place.identity)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"requirepass {self._record.valkey_password}",
            f"dir {self._directory}",
            "daemonize no",
            f"databases {DATABASES}",
            'save ""',
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "loglevel warning",
        ]
        configuration = self._directory / "valkey.conf"
        write_private(configuration, "\n".join(lines) + "\n", self._place.identity)

    def command(self) -> list[str]:
        """The argument vector that runs the server in the foreground, tied to this process."""
        return tethered(
            [self._software.valkey, self._directory / "valkey.conf"],
            cwd=self._directory,
            on_parent_death=self.stop_signal,
            identity=self._place.identity,
        )

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002  (the same question as to PostgreSQL)
        """Whether it answers PING, with our password (a stranger on the port does not)."""
        request = f"AUTH {self._record.valkey_password}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(request)
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"
