"""What every request passes through, as pure ASGI middleware."""
