# render_screen.py TEXT BACKGROUND BLUR PICTURE: draws the text of a file as a terminal of
# 80 columns shows it: "dark" is light grey on black, "light" black on white. BLUR is a
# radius in pixels.
import sys
from PIL import Image, ImageDraw, ImageFilter, ImageFont

text, background, blur, picture = sys.argv[1:]
lines = open(text, encoding="utf-8").read().split("\n")
paper, ink = {"dark": (0, 200), "light": (255, 0)}[background]
font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", 16)
width = round(font.getlength("M"))
ascent, descent = font.getmetrics()
height = ascent + descent
image = Image.new("L", (80 * width, max(24, len(lines)) * height), paper)
draw = ImageDraw.Draw(image)
for row, line in enumerate(lines):
    assert len(line) <= 80, line
    for column, character in enumerate(line):
        left, top = column * width, row * height
        right, bottom, middle = left + width - 1, top + height - 1, top + height // 2
        # Terminals draw blocks themselves, so that they join.
        block = {"█": (top, bottom), "▀": (top, middle - 1), "▄": (middle, bottom)}
        if character in block:
            upper, lower = block[character]
            draw.rectangle((left, upper, right, lower), fill=ink)
        elif character != " ":
            draw.text((left, top), character, font=font, fill=ink)
image.filter(ImageFilter.GaussianBlur(int(blur))).save(picture)
