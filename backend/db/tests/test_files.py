import re
from pathlib import Path

import pytest

from db.migrate.files import MIGRATIONS, Engine, Migration, MigrationError, read_sequence, split_statements

FILES = sorted(MIGRATIONS.glob("*/*.sql"))
LOCK_TIMEOUT = re.compile(r"^set (local )?lock_timeout = '\d+m?s';$", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_bounds_its_waiting_for_locks_before_it_takes_one(path: Path) -> None:
    [migration] = [item for item in read_sequence(path.parent) if item.label == path.stem]
    statements = split_statements(migration.sql(Engine.PLAIN))

    match = LOCK_TIMEOUT.search(statements[0])

    assert match
    assert bool(match[1]) == migration.transactional


def test_only_the_comments_of_the_engine_are_activated() -> None:
    migration = Migration(1, "x", "a /*plain: b */ c /*timescale: d\n*/ /* plain e */")

    assert migration.sql(Engine.PLAIN) == "a  b  c /*timescale: d\n*/ /* plain e */"
    assert migration.sql(Engine.TIMESCALE) == "a /*plain: b */ c  d\n /* plain e */"


def test_a_file_opts_out_of_its_transaction_by_its_first_line_only() -> None:
    assert not Migration(1, "x", "-- migrate: no-transaction\nselect 1;").transactional
    assert Migration(1, "x", "select 1;\n-- migrate: no-transaction").transactional


def test_statements_end_at_semicolons_outside_of_strings_comments_and_bodies() -> None:
    sql = """
    set lock_timeout = '5s';  -- not; here
    insert into t values ('a;''b', ";"); /* nor; here */
    do $$ begin perform 1; end $$;
    create function f() returns int language sql as $body$ select $$;$$::text; select 1; $body$;
    -- nothing follows;
    """

    starts = [re.sub(r"^(--.*|/\*.*\*/)\s*", "", text).split()[0] for text in split_statements(sql)]

    assert starts == ["set", "insert", "do", "create"]


@pytest.mark.parametrize("names", [["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"]])
def test_a_sequence_with_a_gap_a_repeat_or_another_name_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1;")

    with pytest.raises(MigrationError):
        read_sequence(tmp_path)
