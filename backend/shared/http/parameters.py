"""Names of parameters: refused when unknown, since ignoring a misspelt one would answer something else."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from shared.errors import FieldProblem, InvalidFieldsError

# Every address takes these, to make sure of the workspace that the credential is for.
COMMON_PARAMETERS = ("workspace_id", "workspace")
_MAX_NAMED = 50


def refuse_unknown(names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse parameters that do not exist.

    Args:
        names: Names of the parameters of a request.
        known: Names that exist beside the common ones.

    Raises:
        InvalidFieldsError: Names each unknown parameter and the known one nearest to it.
    """
    choices = (*known, *COMMON_PARAMETERS)
    details = [
        FieldProblem(
            name[:100],
            "is not a parameter; the nearest is "
            f"'{get_close_matches(name[:100].lower(), choices, n=1, cutoff=0.0)[0]}'",
        )
        for name in dict.fromkeys(names)
        if name not in choices
    ]
    if details:
        raise InvalidFieldsError("Some parameters do not exist.", details=details[:_MAX_NAMED])
