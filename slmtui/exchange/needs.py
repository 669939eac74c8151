"""Packages of others that an export needs, and what to do where one is not installed."""

from __future__ import annotations

import importlib
import importlib.metadata
from types import ModuleType
from typing import Any

from slmtui.errors import UserError


def needed(module: str) -> Any:
    """An imported module of the extra `export`; UserError, with what to install, if it is missing."""
    found = wanted(module)
    if found is None:
        package = module.partition(".")[0]
        raise UserError(f"{package} is not installed, which writes this format: pip install 'slmtui[export]'")
    return found


def wanted(module: str) -> ModuleType | None:
    """An imported module; None if it is missing, or lacks something itself."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def version(package: str) -> str:
    """transformers 5.24.0"""
    return f"{package} {importlib.metadata.version(package)}"
