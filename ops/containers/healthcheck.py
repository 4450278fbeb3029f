"""What the containers' HEALTHCHECK runs: `python -m … URL`, exit 0 on a 200.

Standard library only, because it runs every few seconds in every container.
"""

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 3.0


def main(url: str) -> int:
    """0 when `url` answers 200 in time, otherwise 1 and the reason on standard error."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except (OSError, ValueError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
