"""Reading a released checkpoint into a network of ours: all of it fits, or nothing is loaded.

Files are read with `weights_only`, so a pickle can hold tensors and plain containers but no code.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from infra.errors import WeightsError

N = TypeVar("N", bound=nn.Module)
_SHOWN = 12
"""Keys of one kind that an error lists; the rest is counted."""


def read(path: Path) -> dict[str, Any]:
    """Return the dictionary in a torch file, on the CPU.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        WeightsError: The file is missing, damaged or something else.
    """
    if not path.is_file():
        raise WeightsError(f"Weight file {path.name} does not exist; see: anonflow models list")
    try:
        # Training scripts like to keep their arguments beside the weights; a namespace holds values and does nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"Weight file {path.name} is not a plain checkpoint: it is damaged, or holds objects that would run code."
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise WeightsError(
            f"Weight file {path.name} is not a readable checkpoint ({type(error).__name__}); fetch it again."
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"Weight file {path.name} holds a {type(content).__name__}, expected a dictionary.")
    return content


def part(content: Mapping[str, Any], key: str, file: str) -> dict[str, Any]:
    """Return one of several state dictionaries in a file.

    Args:
        content: The file's dictionary.
        key: Name of the state dictionary.
        file: Name of the file, for the message.

    Returns:
        The state dictionary.

    Raises:
        WeightsError: It is not there; the message names what is.
    """
    found = content.get(key)
    if not isinstance(found, Mapping):
        raise WeightsError(f"Weight file {file} has no group {key!r}; it has {_listed(map(str, content))}.")
    return dict(found)


def fill(network: nn.Module, state: Mapping[str, Any], name: str) -> None:
    """Load a state dictionary into a network that has exactly its keys, shapes and kinds of numbers.

    The network's parameters are the given tensors, not copies of them.

    Args:
        network: The network; unchanged after an error.
        state: The state dictionary.
        name: Name of the file, for the message.

    Raises:
        WeightsError: They do not fit; the message lists missing and unexpected keys and wrong shapes.
    """
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    wrong = [f"{key} ({_told(state[key])}, expected {_told(wanted[key])})"
             for key in wanted if key in state and _told(state[key]) != _told(wanted[key])]  # fmt: skip
    faults = [("missing keys", missing), ("unexpected keys", unexpected), ("wrong tensors", wrong)]
    told = [f"{len(keys)} {what}: {_listed(keys)}" for what, keys in faults if keys]
    if told:
        raise WeightsError(f"Weight file {name} does not fit the network. " + "; ".join(told) + ".")
    network.load_state_dict(dict(state), strict=True, assign=True)


def build(kind: Callable[[], N], state: Mapping[str, Any], name: str) -> N:
    """Return a network with a state dictionary in it, ready for use.

    No gradients, evaluation mode, nothing initialised twice.

    Args:
        kind: Makes the network.
        state: The state dictionary.
        name: Name of the file, for the message.

    Returns:
        The network.

    Raises:
        WeightsError: As `fill`.
    """
    with torch.device("meta"):
        network = kind()
    fill(network, state, name)
    return network.requires_grad_(False).eval()


def _told(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"


def _listed(keys: Iterable[str]) -> str:
    names = list(keys)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
