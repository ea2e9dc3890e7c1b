"""Who is insured, as what, on which day (参保登记与待遇资格, floor 5).

`rules` answers questions about a `PersonContext`; `Enrolment` keeps people in the database;
`imports` reads lists of them. What the policy leaves to the area is data (`AreaRules`).
"""
from .area import (RULES, AreaRules, benefits_from, end_of_campaign, joins_from,
                   newborn_benefits_from)
from .identity import (CERTIFICATE_KINDS, Document, IdentityFault, check_digit, provisional,
                       read_document, refused, upgraded)
from .model import (AwayFiling, ChronicCertificate, Coverage, Designation, Institution,
                    Membership, NewPerson, NotEnrolled, PersonContext, Referral, Status, in_force)
from .rules import (ReferralAnswer, chronic_on, engine_person, family_on, holds, in_covered_group,
                    insured, referral_of, statuses_on)
from .service import Enrolment

__all__ = ["AreaRules", "AwayFiling", "CERTIFICATE_KINDS", "ChronicCertificate", "Coverage",
           "Designation", "Document", "Enrolment", "IdentityFault", "Institution", "Membership",
           "NewPerson", "NotEnrolled", "PersonContext", "RULES", "Referral", "ReferralAnswer",
           "Status", "area_store", "benefits_from", "check_digit", "chronic_on",
           "end_of_campaign", "engine_person", "entry", "family_on", "holds", "imports",
           "in_covered_group", "in_force", "insured", "joins_from", "newborn_benefits_from",
           "provisional", "read_document", "referral_of", "refused", "reports", "statuses_on",
           "upgraded"]
