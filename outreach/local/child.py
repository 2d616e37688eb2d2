"""A part's launcher: asks the kernel to end the part with its supervisor, then becomes the part.

`python -I -S child.py SUPERVISOR_PID STOP_SIGNAL PROGRAM [ARGUMENT…]`; it needs nothing but the interpreter.
Where the kernel cannot (it is not Linux) a part outlives a killed supervisor until the next one starts and ends it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become PROGRAM; exits with 127 and a line on stderr when there is no such program."""
    supervisor, signal, argv = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != supervisor:  # it died before we asked
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the very purpose: no shell, our own program
    except OSError as error:
        print(f"{argv[0]} cannot be run: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
