"""What saved views may hold."""

from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from query.app.filters import read_fields, read_search_filter
from query.app.models.views import ViewBody, ViewDefinition
from shared.errors import ApiError, FieldProblem, InvalidFieldsError

MOST_VIEWS = 200
_MOST_BYTES = 32 * 1024


def read_definition(body: ViewBody) -> str:
    """Return the definition of a view as it is stored, checked as the search that it stands for.

    Raises:
        InvalidFieldsError: The search would be refused, or the definition is too large.
    """
    document = body.definition.model_dump(by_alias=True, exclude_unset=True)
    try:
        text = orjson.dumps(document)
    except TypeError:
        raise _refuse("must hold JSON whose numbers and texts can be stored") from None
    if len(text) > _MOST_BYTES or b"\\u0000" in text:
        raise _refuse(f"must hold at most {_MOST_BYTES} bytes and no NUL")
    try:
        _check(body.definition)
    except InvalidFieldsError as error:
        details = [FieldProblem(f"definition.{problem.field}", problem.message) for problem in error.details]
        raise InvalidFieldsError(error.message, details=details) from None
    return text.decode()


def find_problem(definition: Any) -> str | None:
    """Return why a stored definition would be refused today, None when it would not."""
    try:
        _check(ViewDefinition.model_validate(definition))
    except ValidationError:
        return "The definition is not valid."
    except ApiError as error:
        return "; ".join(f"{problem.field} {problem.message}" for problem in error.details) or error.message
    return None


def _check(definition: ViewDefinition) -> None:
    read_search_filter(definition, now=datetime.now(UTC))
    read_fields("columns", definition.columns)


def _refuse(message: str) -> InvalidFieldsError:
    return InvalidFieldsError("The view is not valid.", details=[FieldProblem("definition", message)])
