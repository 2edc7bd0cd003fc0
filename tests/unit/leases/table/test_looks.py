"""A look makes no claim fail, and waits for none."""

from tests.unit.leases.table.lease_table import Table


def test_a_look_never_queues(table: Table) -> None:
    table.claim("k", "holder")
    table.told()
    table.claim("k", "looker", 5.0, look=True)
    assert table.told() == [("refused", "looker", "holder")]


def test_a_claim_waits_for_the_end_of_a_look_even_without_wait(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.told()
    table.claim("k", "script")
    table.claim("k", "patient", 5.0)
    assert table.told() == [("queued", "k", "patient")]
    table.claim("k", "another look", look=True)
    assert table.told() == [("refused", "another look", "looker")]
    table.leases.release("k", "looker")
    assert table.told() == [
        ("released", "k", "looker"), ("granted", "script", 7), ("claimed", "k", "script"),
    ]  # fmt: skip
    table.leases.release("k", "script")
    assert ("granted", "patient", 7) in table.told()


def test_who_waited_only_for_a_look_is_refused_when_another_claim_gets_the_instrument(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.claim("k", "first")
    table.claim("k", "second")
    table.claim("k", "third", 5.0)
    table.told()
    table.leases.release("k", "looker")
    heard = table.told()
    assert ("granted", "first", 7) in heard
    assert ("refused", "second", "first") in heard
    assert [who for word, who, *_ in heard if word == "refused"] == ["second"]
    assert table.leases.waiting("k") == 1


def test_a_look_that_takes_longer_than_a_second_is_a_holder_like_any_other(table: Table) -> None:
    table.claim("k", "looker", look=True)
    table.claim("k", "at once")
    table.claim("k", "patient", 5.0)
    table.told()
    table.clock.pass_by(0.9)
    table.claim("k", "also at once")
    assert table.told() == []
    table.clock.pass_by(0.2)
    assert table.told() == [("refused", "at once", "looker"), ("refused", "also at once", "looker")]
    table.claim("k", "later")
    assert table.told() == [("refused", "later", "looker")]
    table.clock.pass_by(5)
    assert table.told() == [("refused", "patient", "looker")]


def test_a_look_that_begins_while_one_waits_under_another_name_is_waited_for(table: Table) -> None:
    table.claim("a", "looker", look=True, device="4:64")
    table.claim("b", "script", device="4:64")
    table.told()
    table.leases.release("a", "looker")
    assert ("granted", "script", 7) in table.told()
