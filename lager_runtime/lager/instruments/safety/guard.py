"""Which nets lagerd makes safe if the process crashes that has them open."""


class Guard:
    """The names of the nets, and the nets file that says how. Without names nothing is made safe."""

    def __init__(self, nets: tuple[str, ...] = (), nets_file: str = "") -> None:
        self.nets = nets
        self.nets_file = nets_file


NOTHING = Guard()
