"""Show a progress bar that continues while another thread, which watches an input, is paused."""

import threading
import time

import click

from lager import Net, NetType, pause

STEPS = 40
steps_done = threading.Semaphore(0)


def watch() -> None:
    """Read the input after each step, and pause once, in the middle."""
    with Net.get("adc1", type=NetType.ADC) as adc:
        for step in range(1, STEPS + 1):
            steps_done.acquire()
            volts = adc.input()
            if step == STEPS // 2:
                pause(f"step {step}: {volts:.2f} V")


watcher = threading.Thread(target=watch)
watcher.start()
with click.progressbar(range(STEPS), label="soak", width=30) as steps:
    for _ in steps:
        time.sleep(0.02)
        steps_done.release()
watcher.join()
print("soak: done")
