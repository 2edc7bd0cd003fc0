"""Steps: a thread of the script runs to the next line, into a call, to a return or to a line, and stops there."""
