"""Many changes in few statements mean what they mean one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.event import listen
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models import writing
from access_policy.adapters.read_models.copying import WORTHWHILE, parts_of_different_keys
from access_policy.adapters.read_models.grouping import groups_of
from access_policy.adapters.read_models.tables import ACCESS_LOG, FAULTS
from access_policy.adapters.read_models.writing import write
from access_policy.application.projections.changes import Change, Counted, Put, Remove, RowChange
from tests.support.lengths import Length
from tests.support.places import Place, migrated
from tests.support.rows import Rows

CHANGES_TRIED = Length(ci=50, soak=1_500, of="lists of changes in SQLite, and a part of them in PostgreSQL")

IDS = st.sampled_from(["a", "b", "c"])
CODES = st.sampled_from(["x", "y", None])


def fault(fault_id: str) -> dict[str, str]:
    return {"tenant_id": "acme", "fault_id": fault_id}


def attempt(attempt_id: str) -> dict[str, str]:
    return {"tenant_id": "acme", "attempt_id": attempt_id}


CHANGES = st.one_of(
    st.builds(lambda i, c, p: Put("faults", fault(i), {"info": c}, {"position": p}), IDS, CODES, st.integers(1, 9)),
    st.builds(lambda i, p: Put("faults", fault(i), {}, {"error_code": "first", "position": p}), IDS, st.integers(1, 9)),
    st.builds(lambda i, c: Change("faults", fault(i), {"error_code": c}), IDS, CODES),
    st.builds(lambda i, c: Change("faults", {**fault(i), "info": None}, {"info": c}), IDS, CODES),
    st.builds(
        lambda c, b: Change("faults", {"tenant_id": "acme", "info": c}, {"charger_id": "bay"}, before=b),
        CODES,
        st.integers(1, 9),
    ),
    st.builds(lambda i: Remove("faults", fault(i)), IDS),
    st.builds(lambda c: Remove("faults", {"tenant_id": "acme", "error_code": c}), CODES),
    st.builds(
        lambda i, v: Put("access_log", attempt(i), {}, counted=Counted("decisions", "decided_version", v)),
        IDS,
        st.integers(1, 4),
    ),
)


@pytest.mark.soak(CHANGES_TRIED)
def test_changes_written_together_leave_what_they_leave_one_by_one(
    place: Place, thoroughness: float, monkeypatch: pytest.MonkeyPatch
):
    """With `worthwhile` 1, PostgreSQL gets every upsert by COPY."""
    database = migrated(place)

    @settings(max_examples=round(CHANGES_TRIED.count * thoroughness), deadline=None)
    @given(changes=st.lists(CHANGES, max_size=25), worthwhile=st.sampled_from([1, WORTHWHILE]))
    def leave_the_same(changes: list[RowChange], worthwhile: int) -> None:
        monkeypatch.setattr(writing, "WORTHWHILE", worthwhile)
        expected = Rows()
        for change in changes:
            expected.apply(change)
        with database.writing.begin() as connection:
            for table in (FAULTS, ACCESS_LOG):
                connection.execute(delete(table))
            write(connection, changes)
            for table in (FAULTS, ACCESS_LOG):
                found = connection.execute(select(table).order_by(*table.primary_key)).mappings()
                assert [_filled(dict(row)) for row in found] == [_filled(row) for row in expected.table(table.name)]

    leave_the_same()
    database.close()


def test_changes_of_one_shape_in_different_rows_are_one_statement():
    puts = [Put("faults", fault(str(number)), {"info": "x"}) for number in range(100)]
    changes = [Change("faults", fault(str(number)), {"info": "y"}) for number in range(100)]

    mixed = [change for pair in zip(puts, changes, strict=True) for change in pair]

    assert [len(group.parameters) for group in groups_of(mixed)] == [100, 100]


def test_write_by_copy_keeps_tabs_line_breaks_backslashes_and_the_order_of_repeated_rows(place: Place):
    database = migrated(place)
    odd = "a\tb\\c\nd\\N"
    puts = [Put("faults", fault(str(number % 60)), {"info": f"{odd}{number}"}) for number in range(100)]

    with database.writing.begin() as connection:
        write(connection, puts)
        found = {row.fault_id: row.info for row in connection.execute(select(FAULTS))}

    assert found == {str(number % 60): f"{odd}{number}" for number in range(100)}
    database.close()


def test_parts_of_different_keys_keep_the_order_of_each_key_and_shrink():
    rows = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("c", 5), ("b", 6)]

    assert parts_of_different_keys(rows, lambda row: row[:1]) == [
        [("a", 1), ("b", 2), ("c", 5)],
        [("a", 3), ("b", 6)],
        [("a", 4)],
    ]


def test_write_of_one_row_many_times_is_not_copied_row_by_row(place: Place):
    database = migrated(place)
    statements: list[str] = []
    puts = [Put("faults", fault("a"), {"info": str(number)}) for number in range(500)]

    with database.writing.begin() as connection:
        listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        write(connection, puts)
        assert [row.info for row in connection.execute(select(FAULTS))] == ["499"]

    assert len(statements) == 2  # the upsert, once for all rows, and the SELECT above
    database.close()


def test_write_by_copy_that_fails_is_the_database_s_error(place: Place):
    database = migrated(place)
    puts = [Put("faults", fault(str(number)), {"position": 2**70}) for number in range(100)]

    with pytest.raises((SQLAlchemyError, OverflowError)), database.writing.begin() as connection:
        write(connection, puts)

    database.close()


def _filled(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if value is not None}
