"Pass the metadata of settings.ini, nbdev's one source, on to setuptools."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read(Path(__file__).with_name("settings.ini"), encoding="utf-8")
settings = config["DEFAULT"]

python_versions = ["3.10", "3.11", "3.12", "3.13"]
assert settings["min_python"] == python_versions[0]
development_status = {"3": "3 - Alpha", "4": "4 - Beta", "5": "5 - Production/Stable"}

setup(
    version=settings["version"],
    description=settings["description"],
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    keywords=settings["keywords"].split(),
    license="Apache-2.0",
    classifiers=[
        f"Development Status :: {development_status[settings['status']]}",
        f"Intended Audience :: {settings['audience']}",
        f"Natural Language :: {settings['language']}",
        "Topic :: Education",
        "Topic :: Scientific/Engineering :: Mathematics",
    ] + [f"Programming Language :: Python :: {version}" for version in python_versions],
    packages=find_packages(include=["matmul_foundations*"]),
    install_requires=settings["requirements"].split(),
    extras_require={"dev": settings["dev_requirements"].split(), "cuda": settings["cuda_requirements"].split()},
    entry_points={
        "console_scripts": settings["console_scripts"].split(),
        "nbdev": [f"{settings['lib_name']}={settings['lib_name']}._modidx:d"],
    },
)
