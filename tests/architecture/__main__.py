"""``python -m tests.architecture``: print every touch of another feature's table."""

from tests.architecture.walls import all_modules, leaks

if __name__ == "__main__":
    for leak in leaks(all_modules()):
        print(leak)  # noqa: T201
