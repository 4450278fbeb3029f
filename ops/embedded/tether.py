"""Start a program that dies with the process that started it.

Run as a script (standard library only, no site-packages), never imported by the program itself:

    python -I -S tether.py --parent PID --signal 2 [--uid U --gid G] --cwd DIR -- PROGRAM ARGS

It takes its own session (so that Ctrl-C in a terminal reaches only the supervisor, which stops
its children in order), gives up root for the given ids, asks the kernel for `--signal` on the
death of the parent, and then becomes the program. Asking comes after the change of user, because
the kernel forgets the request when the credentials change. Off Linux the request is left out.
"""

import argparse
import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program after `--`; exit code 125 when the parent is already gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--cwd", required=True)
    parser.add_argument("program", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    program = options.program[1:]

    if os.getpid() != os.getsid(0):
        os.setsid()
    os.chdir(options.cwd)
    if options.uid is not None:
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, options.signal, 0, 0, 0)
        if os.getppid() != options.parent:
            sys.exit(125)
    os.execvp(program[0], program)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    main()
