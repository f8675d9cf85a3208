"""Fewer colours for figures that git keeps, which makes them a third as large."""

from PIL import Image

__all__ = ["few_colours"]


def few_colours(image: Image.Image, number: int = 128) -> Image.Image:
    """Reduce an image to a number of colours.

    They are spread over all that occur, and then moved to where most pixels are: a colour that only
    a small mark has, or the end of a colour bar, is kept as well as the others.
    """
    return image.convert("RGB").quantize(
        number, method=Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE
    )
