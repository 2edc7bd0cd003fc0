"""Operations on the instruments of a process while scripts are paused."""
