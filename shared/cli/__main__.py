"""`python -m shared.cli` is the command `triptych`. Nothing else is imported at first, so that Ctrl-C ends it in one
line however early it comes."""

import os
import signal


def main():
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not if a shell has made this a background job
        signal.signal(signal.SIGINT, _leave)
    from shared.cli.main import main

    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGTERM, _terminate)
    main()


def _leave(number, frame):
    os.write(2, b"interrupted\n")  # nothing has begun: there is nothing to clean up
    os._exit(130)


def _terminate(number, frame):
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
