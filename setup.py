"""Packaging of gomatrix_py."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
ABOUT: dict[str, str] = {}
exec((HERE / "gomatrix_py" / "_version.py").read_text(encoding="utf-8"), ABOUT)

DEVSERVER = ["matrix-synapse>=1.150"]
MEDIA = ["Pillow>=10", "blurhash>=1.1.4", "mutagen>=1.47"]
KEYRING = ["keyring>=24"]
CRYPTO = ["vodozemac>=0.10", "cryptography>=44"]
OLM = ["python-olm>=3.2.16", "cryptography>=44"]

setup(
    name="gomatrix_py",
    version=ABOUT["__version__"],
    description="The synchronous Matrix SDK: blocking, typed, thread-safe, crash-safe",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["gomatrix_py", "gomatrix_py.*"]),
    package_data={"gomatrix_py": ["py.typed"]},
    install_requires=[
        "attrs>=23.2",
        "cattrs>=24.1",
        "markdown-it-py>=3",
        "msgspec>=0.19",
        "nh3>=0.2.18",
        "platformdirs>=4",
        "requests>=2.32.2",
        "urllib3>=2.7",
    ],
    extras_require={
        "crypto": CRYPTO,
        "devserver": DEVSERVER,
        "keyring": KEYRING,
        "media": MEDIA,
        "olm": OLM,
        "dev": [
            *CRYPTO,
            *DEVSERVER,
            *KEYRING,
            *MEDIA,
            *OLM,
            "hypothesis>=6.100",
            "matrix-nio[e2e]>=0.26",  # independent other ends of encrypted conversations: this one on vodozemac,
            "mautrix[encryption]>=0.21",  # this one on libolm
            "mypy>=1.11",
            "pytest>=8",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",
            "responses>=0.25",
            "ruff>=0.6",
            "setuptools>=68",
            "types-requests",
            "docutils>=0.21",
        ],
        "bench": [
            "matrix-nio>=0.25",
            "mautrix>=0.20",
            "orjson>=3.10",
        ],
    },
    entry_points={"pytest11": ["gomatrix_py = gomatrix_py.testing.pytest_plugin"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Communications :: Chat",
        "Typing :: Typed",
    ],
)
