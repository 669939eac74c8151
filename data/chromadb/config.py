"""Settings of the newer scripts: defaults, then chroma.ini, then the environment."""
import configparser
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

INI_FILE = "chroma.ini"
ENV_PREFIX = "WORKSHOP_"


@dataclass(frozen=True)
class Config:
    db_path: str = "./chroma_data"
    collection: str = "documents"
    chunk_size: int = 200
    overlap: int = 30

    def validate(self):
        if self.chunk_size <= self.overlap:
            raise ValueError("chunk_size %d <= overlap %d" % (self.chunk_size, self.overlap))
        return self


def from_ini(path):
    parser = configparser.ConfigParser()
    parser.read(path)       # a missing file is fine
    return dict(parser["chroma"]) if "chroma" in parser else {}


def convert(values):
    known = {f.name: f.type for f in fields(Config)}
    result = {}
    for key, value in values.items():
        if key not in known:
            raise KeyError(f"unknown setting {key!r}, I know {sorted(known)}")
        result[key] = int(value) if known[key] is int else value
    return result


def load_config(ini=INI_FILE, environ=os.environ):
    merged = from_ini(ini)
    for key, value in environ.items():
        if key.startswith(ENV_PREFIX):
            merged[key[len(ENV_PREFIX):].lower()] = value
    return replace(Config(), **convert(merged)).validate()


def save_config(config, ini=INI_FILE):
    lines = ["[chroma]"] + [f"{f.name} = {getattr(config, f.name)}" for f in fields(config)]
    Path(ini).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    save_config(Config(chunk_size=150))
    print(load_config())
    print(load_config(environ={"WORKSHOP_OVERLAP": "10"}))
