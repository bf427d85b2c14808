"""Which images of two folders are pairs: those whose names differ only in the extension."""

from collections import Counter

from gan_jax.data.support.own_files import Listing, shown
from gan_jax.host.errors import ConfigError


def check(one: Listing, other: Listing) -> None:
    """ConfigError unless each image in either folder has exactly one partner in the other."""
    for here, there in ((one, other), (other, one)):
        counts = Counter(item.key for item in here.items)
        if twice := next((key for key, count in counts.items() if count > 1), None):
            names = [item.name for item in here.items if item.key == twice]
            raise ConfigError(
                f"{shown(names[0])} and {shown(names[1])} in {shown(str(here.root))} have one name "
                "but for their endings: expected one image of each name, or data.paired=False"
            )
        known = {item.key for item in there.items}
        if alone := [item.name for item in here.items if item.key not in known]:
            raise ConfigError(
                f"{len(alone)} images in {shown(str(here.root))}, such as {shown(alone[0])}, have "
                f"none of their name in {shown(str(there.root))}: add or remove them, or set "
                "data.paired=False if there are no pairs"
            )
