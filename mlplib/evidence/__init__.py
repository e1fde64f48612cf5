"""The evidence: from stored runs to verdicts, by rules that were written down before the runs.

README.md beside this file says in which order to read the modules. Figures are imported by name, `import
mlplib.evidence.figures`; SciPy is loaded when statistics are first needed.
"""

from mlplib.evidence.arms import (
    CODES,
    CONFIRMING,
    FASTEST,
    FEW,
    FIVE_EPOCHS,
    LAYERS,
    MATCHED_CHANGE,
    MATCHED_FIRST_STEP,
    MATCHED_STEP,
    REPORTED,
    TEN_LAYERS,
    TEN_LOGISTIC_LAYERS,
    TUNED,
    TUNING,
    Arm,
    Network,
    Protocol,
    depth,
    trick_names,
    tricks,
    two_layers,
    width,
)
from mlplib.evidence.claims import CLAIMS
from mlplib.evidence.effects import Comparison, Effect, compare
from mlplib.evidence.measures import MEASURES, Measure
from mlplib.evidence.mechanisms import MECHANISMS
from mlplib.evidence.open_claims import OPEN
from mlplib.evidence.questions import (
    DEPTH_SERIES,
    QUESTIONS,
    WIDTH_SERIES,
    factors,
    gamma,
    layers_of,
    tunable_depth,
    tunable_width,
)
from mlplib.evidence.rates import chosen_step, tuning_curve
from mlplib.evidence.registrations import Control, EvidenceError, Part, Registration
from mlplib.evidence.statistics import LEVEL
from mlplib.evidence.verdicts import Verdict, judge

#: What is asked once the verdicts of the first two are known, and `make sweep-why` trains.
WHY = (OPEN, MECHANISMS)
#: All registrations, in the order in which they were made. A later one goes to the end; none is ever changed.
REGISTRATIONS = (CLAIMS, QUESTIONS, *WHY)

__all__ = [
    "CLAIMS", "CODES", "CONFIRMING", "DEPTH_SERIES", "FASTEST", "FEW", "FIVE_EPOCHS", "LAYERS", "LEVEL",
    "MATCHED_CHANGE", "MATCHED_FIRST_STEP", "MATCHED_STEP", "MEASURES", "MECHANISMS", "OPEN", "QUESTIONS",
    "REGISTRATIONS", "REPORTED", "TEN_LAYERS", "TEN_LOGISTIC_LAYERS", "TUNED", "TUNING", "WHY", "WIDTH_SERIES", "Arm",
    "Comparison", "Control", "Effect", "EvidenceError", "Measure", "Network", "Part", "Protocol", "Registration",
    "Verdict", "chosen_step", "compare", "depth", "factors", "gamma", "judge", "layers_of", "trick_names", "tricks",
    "tunable_depth", "tunable_width", "tuning_curve", "two_layers", "width",
]
