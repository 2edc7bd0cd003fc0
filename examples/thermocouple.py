"""Read a thermocouple."""

from lager import Net, NetType

with Net.get("thermocouple1", type=NetType.Thermocouple) as thermocouple:
    print(f"{thermocouple.name} is at {thermocouple.temperature():.1f} °C")
