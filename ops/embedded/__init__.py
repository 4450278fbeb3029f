"""PostgreSQL and Valkey from wheels, started by ourselves: nothing to install, root or not."""

from ops.embedded.errors import EmbeddedError, HomeInUseError
from ops.embedded.postgres import DatabaseUrls
from ops.embedded.servers import EmbeddedServers, Urls

__all__ = ["DatabaseUrls", "EmbeddedError", "EmbeddedServers", "HomeInUseError", "Urls"]
