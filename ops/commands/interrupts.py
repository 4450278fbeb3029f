"""Commands that clean up after themselves however they are asked to stop."""

import signal


def treat_sigterm_as_ctrl_c() -> None:
    """SIGTERM unwinds the command like Ctrl-C: every `finally` runs, servers stop, places go."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
