"""A model that a data-science team hands over: a pickle and the list of the columns it reads.

A pickle runs code when it is opened: take one only from people you trust.

A pickle is only good for the scikit-learn release that wrote it. Where that is another one, this
module also runs by itself in an environment of that release, and leaves a converted model behind:
    python -m conversion.handover model.pkl model_features.json FOLDER
"""

from __future__ import annotations

import json
import pickle
import pickletools
import sys
from itertools import pairwise
from pathlib import Path
from shlex import quote

import numpy as np
import numpy.typing as npt
import sklearn

from conversion import Refused
from preprocessing.columns import FEATURE_NAMES
from training.basic import Estimator

FEATURES_FILE = "features.npy"
_SKL2ONNX = "skl2onnx==1.20.0"
_NEWEST_PYTHON = {(1, 1): 11, (1, 2): 11, (1, 3): 12, (1, 4): 12, (1, 5): 13, (1, 6): 13, (1, 7): 13}
"""The newest Python 3 for which a scikit-learn release has wheels; later releases take any of ours."""
_OLDEST_CONVERTED = (1, 1)


def read_pickle(model: Path, features: Path, folder: Path, table: npt.NDArray[np.float32]) -> Estimator:
    """Read the estimator of a pickle and its ``model_features.json``.

    Raises Refused when the columns are unknown or the pickle needs another scikit-learn. Then
    features [N,44] of the homes to compare it on are left in ``folder`` for that environment.
    """
    content = model.read_bytes()
    needed = pickled_with(content)
    if _release(needed) != _release(sklearn.__version__):
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / FEATURES_FILE, table)
        raise Refused(
            f"{model} was pickled with scikit-learn {needed}, and {sklearn.__version__} may read it wrongly. "
            f"Convert it with its own release, then publish what that leaves in {folder}:\n\n"
            f"{conversion_command(needed, model, features, folder)}\n"
        )
    regressor = pickle.loads(content)
    return Estimator(model.stem, regressor, _columns(features, regressor))


def pickled_with(content: bytes) -> str:
    """Find the scikit-learn release that wrote a pickle, without opening it. Raises Refused when there is none."""
    strings = [argument for _, argument, _ in pickletools.genops(content) if isinstance(argument, str)]
    for name, value in pairwise(strings):
        if name == "_sklearn_version":
            return value
    raise Refused("the pickle holds no scikit-learn estimator")


def conversion_command(needed: str, model: Path, features: Path, folder: Path) -> str:
    """Return the shell lines that convert a pickle in an environment of its own and publish the result.

    Raises Refused for a release that skl2onnx does not convert.
    """
    release = _release(needed)
    if release < _OLDEST_CONVERTED:
        raise Refused(f"the pickle needs scikit-learn {needed}, and skl2onnx converts 1.1 and later: train it anew")
    minor = min(sys.version_info.minor, _NEWEST_PYTHON.get(release, sys.version_info.minor))
    environment = folder / f"scikit-learn-{needed}"
    packages = [f"scikit-learn=={needed}", _SKL2ONNX, "onnxruntime", "pandas<3", "protobuf<7"]
    if release < (1, 5):
        packages.append("numpy<2")
    paths = " ".join(quote(str(path)) for path in (model, features, folder))
    return "\n".join(
        [
            f"python3.{minor} -m venv {quote(str(environment))} &&",
            f"{quote(str(environment / 'bin/pip'))} install {' '.join(map(quote, packages))} &&",
            f"{quote(str(environment / 'bin/python'))} -m conversion.handover {paths} &&",
            f"make publish CONVERTED={quote(str(folder))}",
        ]
    )


def _columns(features: Path, regressor: object) -> tuple[str, ...]:
    columns = tuple(json.loads(features.read_text()))
    if unknown := [name for name in columns if name not in FEATURE_NAMES]:
        raise Refused(f"{features} names columns that the service does not have: {', '.join(map(str, unknown))}")
    expected = getattr(regressor, "n_features_in_", len(columns))
    if len(columns) != expected:
        raise Refused(f"{features} names {len(columns)} columns, the model reads {expected}")
    return columns


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def main(model: Path, features: Path, folder: Path) -> None:
    """Convert a pickle here, with the scikit-learn that is installed here."""
    from conversion.converted import convert_estimator

    table = np.load(folder / FEATURES_FILE)
    estimator = read_pickle(model, features, folder, table)
    converted = convert_estimator(estimator, table)
    converted.write(folder)
    sys.stdout.write(f"converted with scikit-learn {sklearn.__version__}: {converted.parity.homes:,} homes compared\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
