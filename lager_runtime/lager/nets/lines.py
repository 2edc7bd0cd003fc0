"""The words for the settings of a serial line."""

DEFAULT_BAUDRATE = 9600
PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
