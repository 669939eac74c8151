"""`python -m slmtui` is the command `slmtui`."""

import signal
import sys


def main() -> int:
    """Run the command line; ctrl+c says nothing, also while the modules are still being read."""
    if sys.platform == "win32":  # which has no fcntl, pty or signals of terminals, and cannot import what follows
        sys.stderr.write("slmtui: Windows itself is not supported; install and run slmtui inside WSL\n")
        return 2
    # With it, a batch system asks a training to save. Until there is one to be saved, it ends none that gets ready.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        from slmtui.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
