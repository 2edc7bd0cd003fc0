"""How clients reach the simulated instruments: TCP, Modbus, pseudo-terminals."""
