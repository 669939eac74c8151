"""Logging for all scripts: short lines on the screen, everything in a file."""
import functools
import logging
import logging.handlers
import time
from pathlib import Path

LOG_DIR = Path("logs")
FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def get_logger(name, level=logging.INFO):
    logger = logging.getLogger(name)
    if logger.handlers:          # called twice, would print every line twice
        return logger
    LOG_DIR.mkdir(exist_ok=True)

    screen = logging.StreamHandler()
    screen.setLevel(level)
    screen.setFormatter(logging.Formatter("%(levelname).1s %(message)s"))
    logger.addHandler(screen)

    to_file = logging.handlers.RotatingFileHandler(LOG_DIR / f"{name}.log", maxBytes=200_000, backupCount=3)
    to_file.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(to_file)

    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger


def timed(logger):
    """Decorator: log how long the function took, and that it failed if it failed."""
    def decorate(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            start = time.perf_counter()
            try:
                return func(*args, **kwargs)
            except Exception:
                logger.exception("%s failed", func.__name__)
                raise
            finally:
                logger.debug("%s took %.1f ms", func.__name__, 1000 * (time.perf_counter() - start))
        return wrapper
    return decorate


if __name__ == "__main__":
    log = get_logger("demo")

    @timed(log)
    def work(n):
        return sum(range(n))

    log.info("the sum is %d", work(100_000))
    print((LOG_DIR / "demo.log").read_text())
