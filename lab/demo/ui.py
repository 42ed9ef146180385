"""What the person in front of the terminal sees."""

import os
import shutil
import sys
import time
import unicodedata

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Screen:
    """Finished lines scroll up; on a terminal one line at the bottom lives. Elsewhere it is written every few seconds."""

    def __init__(self, stream=sys.stdout):
        self._stream = stream
        self._terminal = stream.isatty()
        self._colour = self._terminal and "NO_COLOR" not in os.environ
        self._shown = False
        self._turn = 0
        self._last_plain = 0.0

    def paint(self, text, colour):
        codes = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1", "cyan": "36"}
        return f"\033[{codes[colour]}m{text}\033[0m" if self._colour else text

    def line(self, text=""):
        self._clear()
        print(text, file=self._stream, flush=True)

    def done(self, name, text, ok=True):
        mark = self.paint("✓", "green") if ok else self.paint("✗", "red")
        self.line(f"  {mark} {self.paint(f'{name:<14}', 'bold')} {text}")

    def live(self, name, text, share=None):
        """Shows what goes on now; share, 0 to 1, draws a bar."""
        bar = "" if share is None else f"{progress_bar(share)} {share * 100:3.0f} %  "
        if self._terminal:
            self._turn += 1
            self._clear()
            text = f"  {SPINNER[self._turn % len(SPINNER)]} {name:<14} {bar}{text}"
            print(shorten(text, shutil.get_terminal_size().columns - 1), end="", file=self._stream, flush=True)
            self._shown = True
        elif time.monotonic() - self._last_plain > 5:
            self._last_plain = time.monotonic()
            print(f"    {name:<14} {bar}{text}", file=self._stream, flush=True)

    def _clear(self):
        if self._shown:
            print("\r\033[K", end="", file=self._stream)
            self._shown = False


def progress_bar(share, width=24):
    share = min(max(share, 0), 1)
    full = int(share * width)
    return "█" * full + "░" * (width - full)


def shorten(text, columns):
    width, end = 0, 0
    for end, character in enumerate(text, 1):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return text[:end - 1]
    return text


def count(number):
    return f"{number:,}"


def milliseconds(value):
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
