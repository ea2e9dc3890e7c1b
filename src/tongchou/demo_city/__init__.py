"""A city that does not exist, to try everything on (演示市, floor 6).

    load(platform, access)      # into a database; what is there already stays
    describe(day)               # institutions, operators and people, as `tongchou demo-city` prints

See docs/demo-city.md.
"""
from .city import NAME, PACK, PROFILE, REGION
from .description import describe
from .loading import Loaded, load, made_city, made_on

__all__ = ["Loaded", "NAME", "PACK", "PROFILE", "REGION", "describe", "load", "made_city",
           "made_on"]
