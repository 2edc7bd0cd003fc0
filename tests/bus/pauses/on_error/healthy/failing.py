"""What fails in the scripts beside this file, which lists their cases."""

CASES = []


def case(function):
    CASES.append(function)
    return function


class Missing:
    @property
    def broken(self):
        raise AttributeError("broken")

    @property
    def falls(self):
        return {}["x"]

    def __len__(self):
        raise TypeError("len")

    def __iter__(self):
        yield 1

    def __getattr__(self, name):
        if name == "there":
            return 1
        raise AttributeError(name)


def fail(kind=ValueError):
    raise kind("x")


def deep(n, kind=ValueError):
    if n:
        deep(n - 1, kind)
    fail(kind)
