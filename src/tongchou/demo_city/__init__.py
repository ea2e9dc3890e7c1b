"""A city that does not exist, to try everything on (演示市, floor 6).

    load(platform, access)      # into a database; what is there already stays
    describe(day, loaded)       # institutions, operators and people: `tongchou demo-city`

See docs/demo-city.md.
"""
from .city import NAME, PACK, PROFILE, REGION
from .description import describe
from .loading import Loaded, load, made_city, made_on

__all__ = ["Loaded", "NAME", "PACK", "PROFILE", "REGION", "describe", "load", "made_city",
           "made_on"]
