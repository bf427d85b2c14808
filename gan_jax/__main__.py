"""python -m gan_jax: the same as gan-jax."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder, whose files could pass for those of a library

from gan_jax.cli.main import main

sys.exit(main())
