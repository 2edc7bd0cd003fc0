"""The triggers that pause a script without a call of pause(): an error, a failed test, a request."""
