"""A box in use: which users may resume, inspect and end the scripts of others."""

from tests.box.container import Box
from tests.box.people import call, listed, paused, records, restart_polkit


def test_busctl_resumes_a_script_of_the_group(box: Box) -> None:
    with (script := paused(box, "alice")).process:
        assert script.id in listed(box, "bob")
        assert script.id in call(box, "bob", "Continue", "s", script.id)
        assert "resumed by bob over D-Bus" in script.goes_on()
    assert script.id not in listed(box)


def test_lager_python_runs_and_resumes_a_script(box: Box) -> None:
    box.write("/home/alice/measure.py", "from lager import pause\npause('here')\nprint('done')\n")
    with box.start("lager", "python", "measure.py", user="alice") as run:
        id = run.until(r"  id +([0-9a-f]{8})$")[1]
        assert id in box.run("lager", "breakpoints", user="bob").stdout
        box.run("lager", "python", "--continue", id, user="bob")
        run.until("resumed by bob with lager python --continue")
        run.until("^done$")
        assert run.ended() == 0


def test_only_its_user_and_root_and_users_with_the_polkit_action_get_a_console(box: Box) -> None:
    with (script := paused(box, "alice", interactive=True)).process:
        for user in ("alice", "root"):
            done = box.run("lager", "python", "--console", script.id, user=user, input="__import__('os').getuid()\n")
            assert "2001" in done.stdout
        refused = box.run("lager", "python", "--console", script.id, user="bob", input="1\n", check=False)
        assert refused.returncode == 1
        assert "runs code as alice, and you are bob" in refused.stderr
        denied = records(box, LAGER_EVENT="denied", LAGER_BREAKPOINT=script.id)
        assert [(record["LAGER_BY_USER"], record["LAGER_BY_UID"]) for record in denied] == [("bob", "2002")]
        rule = (
            'polkit.addRule(function(action, subject) { if (action.id == "com.lager.breakpoints.console" &&'
            ' subject.user == "bob") return polkit.Result.YES; });'
        )
        box.write("/etc/polkit-1/rules.d/50-bob.rules", rule)
        restart_polkit(box)
        try:
            assert "2" in box.run("lager", "python", "--console", script.id, user="bob", input="1 + 1\n").stdout
        finally:
            box.run("rm", "/etc/polkit-1/rules.d/50-bob.rules")
            restart_polkit(box)
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
    opened = records(box, LAGER_EVENT="console-opened", LAGER_BREAKPOINT=script.id)
    assert [record["LAGER_BY_USER"] for record in opened] == ["alice", "root", "bob"]
    assert len(records(box, LAGER_EVENT="console-closed", LAGER_BREAKPOINT=script.id)) == 3
    assert records(box, LAGER_EVENT="console-input", LAGER_BREAKPOINT=script.id) == []


RULE = (
    'polkit.addRule(function(action, subject) { if (action.id == "com.lager.runs.kill" && subject.user == "bob")'
    " return polkit.Result.YES; });"
)
FINALLY = """
import lager, time
try:
    lager.pause("held", timeout=0)
    time.sleep(1000)
finally:
    print("tidied", flush=True)
"""


def test_root_and_users_with_the_polkit_action_end_another_users_run(box: Box) -> None:
    box.write("/home/alice/held.py", FINALLY)
    box.write("/etc/polkit-1/rules.d/50-kill.rules", RULE)
    restart_polkit(box)
    try:
        for user in ("root", "bob"):
            with box.start("lager", "python", "held.py", user="alice") as run:
                id = run.until(r"  id +([0-9a-f]{8})$")[1]
                run_id = str(listed(box)[id]["run_id"])
                assert box.run("lager", "python", "--kill", run_id, user="mallory", check=False).returncode == 1
                assert run.popen.poll() is None
                said = box.run("lager", "python", "--kill", run_id[:13], user=user).stdout
                assert f"Ended {run_id[:8]}" in said
                run.until("tidied")
                assert run.ended() != 0
        (record,) = records(box, LAGER_EVENT="killed", LAGER_RUN=run_id)
        assert record["LAGER_BY_USER"] == "bob"
    finally:
        box.run("rm", "/etc/polkit-1/rules.d/50-kill.rules")
        restart_polkit(box)


def test_a_member_without_the_polkit_action_cannot_end_another_users_run(box: Box) -> None:
    with (script := paused(box, "alice")).process:
        done = box.run("lager", "python", "--kill", script.run_id, user="bob", check=False)
        assert done.returncode == 1
        assert "com.lager.runs.kill" in done.stderr
        assert script.id in listed(box)
        call(box, "alice", "Continue", "s", script.id)
        script.goes_on()
