"""From sales to a fitted model: Sound Realty's basic one and the improved one, with their ranges."""
