"""A simulated bench: instruments with their real protocols on real transports, wired to one device under test.

Run it with `python -m lagerd.bench --folder DIR`; in a test, use `lagerd.bench.thread.running`.
"""
