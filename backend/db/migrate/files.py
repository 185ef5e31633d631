"""Migration files: how they are named, read and made to fit a database engine."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_NO_TRANSACTION = "-- migrate: no-transaction"
_CONDITIONAL = re.compile(r"/\*(plain|timescale):(.*?)\*/", re.DOTALL)
# Strings, quoted names, dollar-quoted bodies and comments may hold semicolons that end no statement.
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?P<end>;)", re.DOTALL
)


class MigrationError(Exception):
    """The migration files and the database do not fit together."""


class Engine(StrEnum):
    """What stores the partitioned tables of a database."""

    PLAIN = "plain"
    TIMESCALE = "timescale"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a sequence."""

    version: int
    name: str
    text: str

    @property
    def label(self) -> str:
        """Return the file name without its suffix."""
        return f"{self.version:04d}_{self.name}"

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the file, which is the same for every engine."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Return whether the file runs as one transaction, which it does unless its first line says otherwise."""
        return self.text.partition("\n")[0].strip() != _NO_TRANSACTION

    def sql(self, engine: Engine) -> str:
        """Return the text with the conditional comments of this engine activated and all others left comments."""
        return _CONDITIONAL.sub(lambda match: match[2] if match[1] == engine else match[0], self.text)


def read_sequence(directory: Path) -> list[Migration]:
    """Return the migrations of a folder in the order in which they apply.

    Raises:
        MigrationError: A file is misnamed, or versions do not run 1, 2, 3, ….
    """
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql")
        migrations.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    versions = [migration.version for migration in migrations]
    if versions != list(range(1, len(versions) + 1)):
        raise MigrationError(f"versions in {directory.name}/ must run 1, 2, 3 without gap or repeat, not {versions}")
    return migrations


def split_statements(sql: str) -> list[str]:
    """Return the statements of a text, without those that hold comments only.

    Quotes inside strings are doubled; an ``E''`` string with an escaped quote is not understood.
    """
    statements, start = [], 0
    ends = [match.end() for match in _TOKEN.finditer(sql) if match["end"]]
    for end in [*ends, len(sql)]:
        statement = sql[start:end].strip()
        if re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL).strip("; \n\t"):
            statements.append(statement)
        start = end
    return statements
