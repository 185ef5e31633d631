"""What must not leave the process: secrets that can be told by their form or name, and what the application masks."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from agent_observability.guard import notices

Mask = Callable[[str, str], str]
REDACTED = "<redacted>"
MASK_FAILED = "<removed: the mask failed>"

_SECRET_NAMES = (
    "password|passwd|passphrase|secret|client_secret|api[-_]?key|apikey|access[-_]?token|refresh[-_]?token|id[-_]?token|"
    "auth[-_]?token|bearer[-_]?token|session[-_]?token|authorization|proxy-authorization|x-api-key|set-cookie|cookie|"
    "private[-_]?key|secret[-_]?key|secret[-_]?access[-_]?key|credentials?|connection[-_]?string|cvv|card[-_]?number"
)
_SECRET_NAME = re.compile(rf"(?:^|[._])(?:{_SECRET_NAMES})\Z", re.IGNORECASE)
_NAME = rf"(?:[a-z0-9]+[-_.])*(?:{_SECRET_NAMES})"
_NUMBER = r"\d[\d.]*"
# Members of such a name in JSON, in JSON within JSON text, and in the text of Python's dictionaries, with the value.
_MEMBERS = tuple(
    re.compile(
        rf"({quote}{_NAME}{quote}\s*:\s*)(?:{quote}(?:{inner})*{quote}|\[[^\[\]{{}}]*\]|{_NUMBER})", re.IGNORECASE
    )
    for quote, inner in (
        ('"', r'[^"\\]|\\.'),
        (r'\\"', r'[^"\\]|\\\\\\"|\\\\\\\\|\\\\[^"\\]'),
        ("'", r"[^'\\]|\\."),
    )
)
_REPLACEMENTS = (rf'\1"{REDACTED}"', rf'\1\\"{REDACTED}\\"', rf"\1'{REDACTED}'")
_SECRET_WORD = re.compile(rf"(?:{_SECRET_NAMES})\\?[\"']\s*:", re.IGNORECASE)
_FORMS = re.compile(
    r"\b(?:"
    r"sk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_-]{20,}"
    r"|ao_live_[A-Za-z0-9]{20,}"
    r"|(?:ghp|gho|ghs|ghu|github_pat|glpat|xox[abeprs])[_-][A-Za-z0-9_-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}=*"
    r")|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# Each secret name holds one of these.
_NAME_HINTS = ("pass", "secret", "key", "token", "auth", "cookie", "credential", "connection", "cvv", "card")
# Each form above holds one of these, and looking for fixed text is many times faster than trying the forms.
_HINTS = (
    "sk-",
    "ao_live_",
    "gh",
    "glpat",
    "xox",
    "AKIA",
    "ASIA",
    "AIza",
    "k_live_",
    "k_test_",
    "eyJ",
    "earer",
    "PRIVATE KEY",
)


def redact(text: str) -> str:
    """Return text without what is a secret by its form, or by the name of the JSON member that holds it."""
    for hint in _HINTS:
        if hint in text:
            text = _FORMS.sub(REDACTED, text)
            break
    if ":" in text and _may_name_secrets(text) and _SECRET_WORD.search(text):
        for member, replacement in zip(_MEMBERS, _REPLACEMENTS, strict=True):
            text = member.sub(replacement, text)
    return text


def _may_name_secrets(text: str) -> bool:
    lowered = text.lower()
    return any(hint in lowered for hint in _NAME_HINTS)


def is_secret_name(name: str) -> bool:
    """Return whether an attribute of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Cleans the attributes of spans and the texts of records before they are written anywhere."""

    def __init__(self, mask: Mask | None) -> None:
        """Build a redactor; ``mask`` is given each text with the name of its attribute and returns what may be sent."""
        self._mask = mask
        self._secret_names: dict[str, bool] = {}

    def clean_text(self, name: str, text: str) -> str:
        """Return what may be sent of a text."""
        if self._is_secret(name):
            return REDACTED
        text = redact(text)
        if self._mask is not None:
            try:
                masked = self._mask(name, text)
                text = masked if isinstance(masked, str) else MASK_FAILED
            except Exception as error:
                notices.warn("mask", "The mask failed with %s; the content is left out.", type(error).__name__)
                text = MASK_FAILED
        return text if text.isascii() else _encodable(text)

    def clean_attributes(self, attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Return attributes that may be sent, None when all of them may."""
        changed: dict[str, Any] | None = None
        for name, value in (attributes or {}).items():
            cleaned: object
            if type(value) is str:
                cleaned = self.clean_text(name, value)
            elif isinstance(value, tuple | list) and value and isinstance(value[0], str):
                cleaned = tuple(self.clean_text(name, item) if isinstance(item, str) else item for item in value)
            else:
                continue
            if cleaned != value:
                changed = dict(attributes or {}) if changed is None else changed
                changed[name] = cleaned
        return changed

    def _is_secret(self, name: str) -> bool:
        known = self._secret_names.get(name)
        if known is None:
            if len(self._secret_names) > 10_000:
                self._secret_names.clear()
            known = self._secret_names[name] = is_secret_name(name)
        return known


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
