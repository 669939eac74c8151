"""`python -m slmtui` is the command `slmtui`."""

import sys

from slmtui.cli import main

sys.exit(main())
