"""DIP: payment by points of disease groups (按病种分值付费). See docs/payment-dip.md."""
from .build import Built, build_catalogue
from .catalogue_file import read_catalogue
from .files import make_catalogue, score_file
from .indicators import flagged, indices, monitoring
from .match import Matched, Matcher
from .model import POINT, Catalogue, Group
from .region import Region, read_region
from .score import Scored, Terms, score_cases
from .terms_file import read_terms, read_value, terms_of, write_region_catalogue
from .trace import Trace, trace_case

__all__ = ["POINT", "Built", "Catalogue", "Group", "Matched", "Matcher", "Region", "Scored",
           "Terms", "Trace", "build_catalogue", "flagged", "indices", "make_catalogue",
           "monitoring", "read_catalogue", "read_region", "read_terms", "read_value",
           "score_cases", "score_file", "terms_of", "trace_case", "write_region_catalogue"]
