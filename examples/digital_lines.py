"""Drive a line, and wait until the other end of the wire follows."""

from lager import Net, NetType

reset = Net.get("gpo1", type=NetType.GPIO)
ready = Net.get("gpi1", type=NetType.GPIO)

for level in ("high", "low", "on", "off", "true", 0, 1):
    reset.output(level)
    print(level, "->", ready.input())

print(f"ready after {ready.wait_for_level(1):.0f} s")
try:
    ready.wait_for_level(0, timeout=0.2)
except TimeoutError as error:
    print(error)
reset.output("low")
reset.release()
