"""What can go wrong with embedded servers, said in the words of the person who started them."""


class EmbeddedError(Exception):
    """An embedded server cannot be started or used; the message says why and what to do."""


class HomeInUseError(EmbeddedError):
    """Another process already runs on this home."""
