"""`python -m impasto` is the command line."""

import sys

from impasto.cli.main import main

sys.exit(main())
