"""lager python --pause-on-error with unittest, which catches the errors of its tests."""

from tests.bus.pauses.on_error.pause_words import AFTER, ON
from tests.client import Client
from tests.fixtures import Starter
from tests.processes import Process, ended

UNITTEST = """
import unittest
class Case(unittest.TestCase):
    def tearDown(self): print("teardown of", self._testMethodName, flush=True)
    def test_assertion(self):
        try: self.assertEqual(1, 2)
        finally: print("finally", flush=True)
    def test_subtests(self):
        for count in range(2):
            with self.subTest(count=count): self.assertEqual(count, 1)
    def test_raised_as_expected(self):
        with self.assertRaises(ValueError): int("x")
        self.assertRaises(ValueError, int, "y")
        with self.subTest(): self.skipTest("not here")
    @unittest.expectedFailure
    def test_expected(self): self.fail("expected")
class Fixture(unittest.TestCase):
    @classmethod
    def setUpClass(cls): 1 / 0
    def test_nothing(self): pass
class Tasks(unittest.IsolatedAsyncioTestCase):
    async def test_in_a_task(self): self.fail("late")
unittest.main()
"""


def test_a_failing_test_of_unittest_pauses_before_its_teardown(run: Starter, client: Client) -> None:
    process = run(UNITTEST, options=ON)
    found = []
    for _ in range(4):
        pause = client.paused()
        found.append((pause["function"].rpartition(".")[2], pause["line"], pause["label"]))
        if found[-1][0] == "test_assertion":
            assert "teardown of test_assertion" not in process.out.text
            assert "finally" not in process.out.text
        client.call("Continue", "s", pause["id"])
    before = "before the test's teardown"
    assert sorted(found) == [
        ("setUpClass", 19, f"ZeroDivisionError: division by zero, {before}"),
        ("test_assertion", 6, f"AssertionError: 1 != 2, {before}"),
        ("test_in_a_task", 22, f"AssertionError: late, {AFTER}"),
        ("test_subtests", 10, f"AssertionError: 0 != 1, {before}"),
    ]
    code, _, err = ended(process)
    assert code == 1
    assert "FAILED (failures=3, errors=1, skipped=1, expected failures=1)" in err
    assert err.count("lager: paused at") == len(found)


NET_IN_EACH_TEST = """
import unittest
from lager import Net, NetType
class Case(unittest.TestCase):
    def test_1(self):
        supply = Net.get("supply2", type=NetType.PowerSupply)
        self.fail("first")
    def test_2(self):
        Net.get("supply2", type=NetType.PowerSupply).close()
unittest.main()
"""


def test_a_failing_test_of_unittest_keeps_no_net_after_its_pause(run: Starter, client: Client, bench: Process) -> None:
    process = run(NET_IN_EACH_TEST, options=ON)
    client.call("Continue", "s", client.paused()["id"])
    code, _, err = ended(process)
    assert (code, "FAILED (failures=1)" in err) == (1, True)
