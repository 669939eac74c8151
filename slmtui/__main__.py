"""`python -m slmtui` is the command `slmtui`."""

import sys


def main() -> int:
    """Run the command line; ctrl+c says nothing, also while the modules are still being read."""
    if sys.platform == "win32":  # which has no fcntl, pty or signals of terminals, and cannot import what follows
        sys.stderr.write("slmtui: Windows itself is not supported; install and run slmtui inside WSL\n")
        return 2
    try:
        from slmtui.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
