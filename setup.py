"""The packages: each folder at the root, and all packages within it.

The rest of the configuration is in setup.cfg, which cannot look for packages in
folders whose names differ from theirs.
"""

from setuptools import find_packages, setup

ROOTS = {
    "spiking_lmu": "spiking_lmu",
    "spiking_lmu.networks": "networks",
    "spiking_lmu.hardware": "hardware",
    "spiking_lmu.experiments": "experiments",
}

setup(
    package_dir=ROOTS,
    packages=[
        package
        for root, folder in ROOTS.items()
        for package in (root, *(f"{root}.{found}" for found in find_packages(folder)))
    ],
)
