"""Ask the person at the bench, and use the answers."""

from lager import ask

if not ask("Is the LED green?", default=True):
    raise SystemExit("the LED is not green")
gap = ask("How wide is the gap?", kind="number", unit="mm", low=0.5, high=20)
cable = ask("Which cable?", kind="choice", choices=["short", "long"], timeout=600)
serial = ask("Serial number?", kind="text")
print(f"{serial}: {gap} mm, {cable} cable")
