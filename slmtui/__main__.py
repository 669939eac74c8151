"""`python -m slmtui` is the command `slmtui`."""

import sys


def main() -> int:
    """Run the command line; ctrl+c says nothing, also while the modules are still being read."""
    try:
        from slmtui.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
