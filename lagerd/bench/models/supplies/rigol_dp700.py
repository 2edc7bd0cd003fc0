"""Rigol DP711 (30 V 5 A) and DP712 (50 V 3 A).

After the DP700 Programming Guide, ":APPLy", ":OUTPut:OVP:VALue" and ":OUTPut:OCP:VALue".
"""

from lagerd.bench.models.supplies.rigol_dp800 import DP800
from lagerd.bench.models.supplies.rigol_dp800_channels import rating


class DP711(DP800):
    model = "DP711"
    identity = "RIGOL TECHNOLOGIES,DP711,DP7A000000001,00.01.05"
    ratings = (rating("30V/5A", (32, 33), (5.3, 5.5, 5)),)


class DP712(DP800):
    model = "DP712"
    identity = "RIGOL TECHNOLOGIES,DP712,DP7C000000001,00.01.05"
    ratings = (rating("50V/3A", (53, 55), (3.2, 3.3, 3)),)
