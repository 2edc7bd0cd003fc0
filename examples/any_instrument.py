"""Talk to an instrument that lager has no driver for, by its own commands.

The nets file needs a net of type scpi for it, here any1. No limits apply to what is sent.
"""

from lager import Net, NetType
from lager.errors import Rejected

with Net.get("any1", type=NetType.SCPI) as instrument:
    print(instrument.ask("*IDN?"))
    instrument.tell("ROUT:CLOS (@101)")
    print("channel 101:", instrument.ask("ROUT:CLOS? (@101)"))
    instrument.tell("ROUT:OPEN (@101)")
    try:
        instrument.tell("ROUT:CLOS (@999)")
    except Rejected as error:
        print(error.what)
