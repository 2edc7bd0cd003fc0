"""A simulated bench: instruments that speak their real protocols over real transports, wired to one device.

Run it as `python -m lagerd.bench --folder DIR`; in a test use `lagerd.bench.thread.running`.
"""
