"""python -m gan_jax: the same as gan-jax."""

import sys

from gan_jax.main import main

sys.exit(main())
