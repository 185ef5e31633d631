"""Field types that several requests share."""

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class RequestModel(BaseModel):
    """A request body; unknown fields are refused, so nobody can believe to have set what was ignored."""

    model_config = ConfigDict(extra="forbid", str_max_length=2_000)


def _without_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _mail_address(text: str) -> str:
    try:
        # Installations inside a company have names that the internet does not know.
        return validate_email(text, check_deliverability=False, globally_deliverable=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError("not a mail address") from error


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_without_controls)
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000), AfterValidator(_without_controls)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    AfterValidator(_mail_address),
    Field(json_schema_extra={"format": "email"}),
]
# New passwords have a policy of their own; this only bounds what is read.
Password = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Token = Annotated[str, StringConstraints(min_length=20, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
