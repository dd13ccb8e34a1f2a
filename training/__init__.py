"""From sales to a fitted model: Sound Realty's basic one and the improved one, with their ranges."""

from typing import Literal

Kind = Literal["basic", "improved"]
"""The models that this project trains, by the name that each calls itself."""
