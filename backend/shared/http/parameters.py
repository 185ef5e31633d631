"""Names of parameters: refused when unknown, since ignoring a misspelt one would answer something else."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from shared.errors import FieldProblem, InvalidFieldsError

# Every address takes these; the guard compares them with the workspace that the credential is for.
COMMON_PARAMETERS = ("workspace_id", "workspace")
_MAX_NAME = 100
_MAX_NAMED = 50


def suggest(name: str, choices: Sequence[str], noun: str = "parameter") -> str:
    """Return a sentence that names the choice nearest to an unknown name."""
    nearest = get_close_matches(name[:_MAX_NAME].lower(), choices, n=1, cutoff=0.0)
    return f"is not a {noun}; the nearest is '{nearest[0]}'"


def check_names(
    names: Iterable[str], known: Sequence[str], prefixes: Sequence[str] = (), *, noun: str = "parameter"
) -> None:
    """Refuse parameters that do not exist.

    Args:
        names: Names of the parameters of a request.
        known: Names that exist beside the common ones.
        prefixes: Names that begin with one of these exist as well.
        noun: What the names are.

    Raises:
        InvalidFieldsError: Names each unknown parameter and the known one nearest to it.
    """
    choices = (*known, *COMMON_PARAMETERS)
    unknown = [name for name in names if name not in choices and not name.startswith(tuple(prefixes))]
    if unknown:
        offered = (*choices, *(f"{prefix}KEY" for prefix in prefixes))
        details = [FieldProblem(name[:_MAX_NAME], suggest(name, offered, noun)) for name in dict.fromkeys(unknown)]
        raise InvalidFieldsError("Some parameters do not exist.", details=details[:_MAX_NAMED])
