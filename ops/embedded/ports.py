"""Free TCP ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def why_not(port: int, host: str = LOOPBACK) -> OSError | None:
    """Why a server could not listen on `port` now; None when it could.

    A listener on all interfaces counts as taken (EADDRINUSE).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` now."""
    return why_not(port, host) is None


def free_port(preferred: int | None = None) -> int:
    """`preferred` when it is free, otherwise one that the kernel picks."""
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def next_free_port(first: int, host: str = LOOPBACK, attempts: int = 100) -> int:
    """The first free port from `first` upwards; OSError when there is none within `attempts`."""
    for port in range(first, first + attempts):
        if is_free(port, host):
            return port
    raise OSError(f"no free port from {first} to {first + attempts - 1}")


def answers(port: int, timeout_seconds: float = 0.5) -> bool:
    """Whether somebody accepts connections on `port`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False
