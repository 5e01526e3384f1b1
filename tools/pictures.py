"Tell a picture that was only drawn by another version of the fonts from one that shows something else."
import base64
import io
from itertools import product

import numpy as np
from PIL import Image

MAX_SHIFT = 2    # pixels that size and position may differ by: labels of another width move the axes
BLOCK = 8        # pixels; averaging over a block blurs the glyphs away, and leaves lines, bars and colours
MAX_CHANGE = .16 # of the range black to white, in the block that differs most


def decode(png):
    "Turn base64 text into colours of shape (height, width, 3) in 0..1, on white."
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"), dtype=float)/255


def block_means(image):
    height,width = (size//BLOCK for size in image.shape[:2])
    return image[:height*BLOCK, :width*BLOCK].reshape(height, BLOCK, width, BLOCK, 3).mean((1, 3))


def largest_change(old, new, down, right):
    "Largest difference of two blocks, once `old` is moved by (down, right) pixels over `new`."
    old = old[max(down, 0):, max(right, 0):]
    new = new[max(-down, 0):, max(-right, 0):]
    height,width = np.minimum(old.shape, new.shape)[:2]
    change = np.abs(block_means(old[:height, :width]) - block_means(new[:height, :width]))
    return change.max(initial=0)


def picture_change(old, new):
    "Say in words how two base64 PNGs differ, or return None where a reader would see the same."
    if old==new: return None
    old,new = decode(old),decode(new)
    (height,width,_),(new_height,new_width,_) = old.shape,new.shape
    if max(abs(new_height-height), abs(new_width-width))>MAX_SHIFT:
        return f"a picture of {width} x {height} pixels became one of {new_width} x {new_height}"
    shifts = range(-MAX_SHIFT, MAX_SHIFT+1)
    change = min(largest_change(old, new, down, right) for down,right in product(shifts, shifts))
    return f"a picture changed: {BLOCK} x {BLOCK} pixels of it by {change:.0%}" if change>MAX_CHANGE else None
