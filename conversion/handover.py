"""A model that a data-science team hands over: a file of scikit-learn's and the list of the columns it reads.

The file is a pickle, one by joblib, compressed or not, or one by skops. A pickle runs code when it is opened: take one
only from people you trust. skops builds what it knows and runs nothing.

A model is only good for the scikit-learn release that wrote it. Where that is another one, this module also runs by
itself in an environment of that release, and leaves a converted model behind:
    python -m conversion.handover model.pkl model_features.json FOLDER
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import joblib
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from conversion import Refused, one_line
from conversion.parity import Parity
from preprocessing.columns import FEATURE_NAMES
from training.basic import Estimator

FEATURES_FILE = "features.npy"
"""The homes to compare a model on, FP32 [N,44]: what a conversion finds in its folder."""

_SKL2ONNX = "skl2onnx==1.20.0"
_NEWEST_PYTHON = {(1, 1): 11, (1, 2): 11, (1, 3): 12, (1, 4): 12, (1, 5): 13, (1, 6): 13, (1, 7): 13}
"""The newest Python 3 for which a scikit-learn release has wheels; later releases take any of ours."""
_OLDEST_CONVERTED = (1, 1)

_TRUSTED = frozenset(
    {"numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.tree._tree.Tree"}
)
"""Types that skops leaves for its callers to trust: parts of scikit-learn's own estimators, which run no code.

A tree that was made to be wrong may read beyond its memory, and crash the process that opens it.
"""
_SKOPS_SCHEMA = "schema.json"
_DECOMPRESS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"\x5d\x00": lzma.decompress,
    b"x": zlib.decompress,
}
"""How to read what joblib compressed, by the first bytes of the file."""

_RELEASE_IN_PICKLE = re.compile(
    rb"_sklearn_version"
    rb"(?:\x94|q.|r.{4}|\np\d+\n)?(?:\x95.{8})?"  # remembered for later, perhaps; a new frame, perhaps
    rb"(?:\x8c(?P<short>.)|X(?P<long>.{4})|V(?=(?P<line>[^\n]*)\n))",  # a string of so many bytes, or to the line's end
    re.DOTALL,
)
"""Where a pickle keeps the release; joblib's arrays in between make the rest unreadable for pickletools."""
_RELEASE_IN_SKOPS = re.compile(rb'"_sklearn_version":\s*\{[^{}]*?"content":\s*"\\"([^"\\]*)\\""')
_RELEASE = re.compile(rb"\d+\.\d+[\w.]*")


def is_skops(model: Path) -> bool:
    """Tell whether a file was written by skops."""
    try:
        with zipfile.ZipFile(model) as archive:
            return _SKOPS_SCHEMA in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_model(model: Path, features: Path, folder: Path) -> Estimator:
    """Open a model; ``features``, its ``model_features.json``, may be missing if it was fitted with column names.

    Raises Refused when it holds nothing that values homes, or the columns are unknown; when it needs another
    scikit-learn, with the commands that convert it there and leave the result in ``folder``.
    """
    needed = written_with(model)
    if _release(needed) != _release(sklearn.__version__):
        raise Refused(
            f"{model} was written with scikit-learn {needed}, and {sklearn.__version__} may read it wrongly. "
            f"Convert it with its own release, then publish what that leaves in {folder}:\n\n"
            f"{conversion_command(needed, model, features, folder)}\n"
        )
    regressor = _open_skops(model) if is_skops(model) else _open_pickle(model)
    _require_regressor(model, regressor)
    return Estimator(model.stem, regressor, _columns(features, regressor))


def written_with(model: Path) -> str:
    """Find the scikit-learn release that wrote a model, without opening it. Raises Refused when there is none."""
    try:
        if is_skops(model):
            with zipfile.ZipFile(model) as archive:
                found = _RELEASE_IN_SKOPS.search(archive.read(_SKOPS_SCHEMA))
                release = found[1] if found else b""
        else:
            content = model.read_bytes()
            decompress = next((one for start, one in _DECOMPRESS.items() if content.startswith(start)), bytes)
            release = _release_in_pickle(decompress(content))
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise Refused(f"{model} cannot be read: {one_line(error)}: save it again, say by joblib.dump") from error
    if not _RELEASE.fullmatch(release):
        raise Refused(
            f"{model} holds no scikit-learn estimator: save a fitted one by joblib.dump, pickle.dump or skops.io.dump"
        )
    return release.decode()


def _release_in_pickle(content: bytes) -> bytes:
    found = _RELEASE_IN_PICKLE.search(content)
    if found is None:
        return b""
    if found["line"] is not None:
        return found["line"]
    return content[found.end() :][: int.from_bytes(found["short"] or found["long"], "little")]


def conversion_command(needed: str, model: Path, features: Path, folder: Path) -> str:
    """Return the shell lines that convert a model in an environment of its own and publish the result.

    Raises Refused for a release that skl2onnx does not convert.
    """
    release = _release(needed)
    if release < _OLDEST_CONVERTED:
        raise Refused(f"the model needs scikit-learn {needed}, and skl2onnx converts 1.1 and later: train it anew")
    minor = min(sys.version_info.minor, _NEWEST_PYTHON.get(release, sys.version_info.minor))
    environment = folder / f"scikit-learn-{needed}"
    packages = [f"scikit-learn=={needed}", _SKL2ONNX, "onnxruntime", "pandas<3", "protobuf<7"]
    if release < (1, 5):
        packages.append("numpy<2")
    if is_skops(model):
        packages.append("skops")
    paths = " ".join(quote(str(path)) for path in (model, features, folder))
    return "\n".join(
        [
            f"python3.{minor} -m venv {quote(str(environment))} &&",
            f"{quote(str(environment / 'bin/pip'))} install {' '.join(map(quote, packages))} &&",
            f"{quote(str(environment / 'bin/python'))} -m conversion.handover {paths} &&",
            f"make publish CONVERTED={quote(str(folder))}",
        ]
    )


def _open_pickle(model: Path) -> Any:
    try:
        return joblib.load(model)  # opens what pickle wrote as well
    except ModuleNotFoundError as error:
        raise Refused(
            f"{model} needs the module {error.name}, which is not here: hand over scikit-learn's own estimators"
        ) from error
    except Exception as error:  # a pickle may raise anything
        raise Refused(
            f"{model} cannot be opened: {one_line(error)}. Classes and functions of your own are not inside a pickle: "
            "hand over scikit-learn's own estimators"
        ) from error


def _open_skops(model: Path) -> Any:
    # Imported here: the environment of another release has it only where the model asks for it.
    import skops.io

    try:
        if unknown := set(skops.io.get_untrusted_types(file=model)) - _TRUSTED:
            raise Refused(
                f"{model} holds types that skops does not know to be safe: {', '.join(sorted(unknown))}: hand over "
                "scikit-learn's own estimators, without functions of your own"
            )
        return skops.io.load(model, trusted=sorted(_TRUSTED))
    except Refused:
        raise
    except Exception as error:  # a file from elsewhere may be broken anywhere
        raise Refused(f"{model} cannot be opened: {one_line(error)}: save it again by skops.io.dump") from error


def _require_regressor(model: Path, found: Any) -> None:
    """Refuse what values no homes. Raises Refused."""
    if not isinstance(found, BaseEstimator):
        kind, inside = type(found).__name__, ""
        if isinstance(found, Mapping):
            names = [str(name) for name, value in found.items() if isinstance(value, BaseEstimator)]
            inside = f" with {', '.join(names)} in it" if names else ""
        raise Refused(
            f"{model} holds a {kind}{inside}, not an estimator: save the fitted estimator or pipeline itself, as in "
            'joblib.dump(bundle["model"], "model.joblib")'
        )
    name = type(found).__name__
    if not is_regressor(found):
        raise Refused(f"{model} holds a {name}, which predicts no price: hand over a regressor, or a pipeline with one")
    try:
        check_is_fitted(found)
    except NotFittedError as error:
        raise Refused(f"{model} holds a {name} that is not fitted: call fit before you save it") from error


def _columns(features: Path, regressor: object) -> tuple[str, ...]:
    """Return the columns that a regressor reads: those it was fitted with by name, or those that a file lists."""
    fitted = tuple(map(str, getattr(regressor, "feature_names_in_", ())))
    if not fitted and not features.is_file():
        raise Refused(
            f"{features} is missing, and the model was fitted without column names: list there, as JSON, the columns "
            "that it reads, in its order"
        )
    source = str(features) if features.is_file() else "the model"
    columns = _listed(features) if features.is_file() else fitted
    if unknown := [name for name in columns if name not in FEATURE_NAMES]:
        raise Refused(
            f"{source} names columns that the service does not have: {', '.join(unknown)}; it has "
            f"{', '.join(FEATURE_NAMES)}"
        )
    expected = getattr(regressor, "n_features_in_", len(columns))
    if len(columns) != expected:
        raise Refused(f"{source} names {len(columns)} columns, the model reads {expected}")
    if fitted and columns != fitted:
        place = next(place for place, name in enumerate(columns) if name != fitted[place])
        raise Refused(
            f"{source} names {columns[place]} as column {place}, the model was fitted with {fitted[place]} there: "
            "give them in the model's order, or leave the file away"
        )
    return columns


def _listed(features: Path) -> tuple[str, ...]:
    """Return the names in a ``model_features.json``. Raises Refused."""
    try:
        listed = json.loads(features.read_text())
    except ValueError as error:
        raise Refused(f"{features} is no JSON: {one_line(error)}") from error
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Refused(f'{features} must be a JSON list of column names, as in ["bedrooms", "sqft_living"]')
    return tuple(listed)


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(re.sub(r"\D.*", "", minor))


def convert_file(model: Path, features: Path, folder: Path) -> Parity:
    """Open a model and leave it converted in ``folder``, where ``FEATURES_FILE`` lies; return how both compare.

    Raises Refused.
    """
    # Imported here: whoever only asks for the release of a model need not wait for skl2onnx.
    from conversion.converted import convert_estimator

    table = np.load(folder / FEATURES_FILE)
    converted = convert_estimator(read_model(model, features, folder), table)
    converted.write(folder)
    return converted.parity


def main(model: Path, features: Path, folder: Path) -> None:
    """Convert a model here, with the scikit-learn that is installed here."""
    try:
        parity = convert_file(model, features, folder)
    except Refused as refused:
        sys.exit(f"Refused: {refused}")
    sys.stdout.write(f"converted with scikit-learn {sklearn.__version__}: {parity.homes:,} prices compared\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
