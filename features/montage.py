"""Names of EEG electrodes: one name for each place on the head, whatever amplifier or archive wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .errors import SampleError

# The 10-10 system renamed four places of the 10-20 system: Chatrian et al. (1985), American Journal of EEG Technology
# 25(2); both names are in use.
RENAMED = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
KIND = re.compile(r"^(?:EEG|EXG)[\s:_-]+", re.IGNORECASE)
REFERENCE = re.compile(
    r"[\s:_-]+(REF\d?|LER?|RE|A1\+?A2|A12|A[12]|M1\+?M2|M[12]|LM|AVG?|AR|CAR|LINKED|MASTOIDS?)$", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def electrode(name: str) -> str:
    """Return the place on the head that a channel's name means: upper case, without prefix, reference and padding.

    Parameters
    ----------
    name : str
        As a file has it.

    Returns
    -------
    str
        In the 10-10 system. A name that is none of its places is given back in upper case, so that it still equals
        itself.

    Examples
    --------
    >>> [electrode(name) for name in ("EEG T3-LE", "fp1", "Fc5.", "EEG Fp1-REF", "Right AUX")]
    ['T7', 'FP1', 'FC5', 'FP1', 'RIGHTAUX']
    """
    bare = re.sub(r"[\s.]+", "", REFERENCE.sub("", KIND.sub("", name.strip()))).upper()
    return RENAMED.get(bare, bare)


@lru_cache(maxsize=4096)
def reference(name: str) -> str | None:
    """Return the reference that a channel's name carries (``"LE"`` in ``EEG T3-LE``), or None."""
    found = REFERENCE.search(KIND.sub("", name.strip()))
    return None if found is None else found.group(1).upper()


def find_channels(wanted: Sequence[str], there: Sequence[Any]) -> dict[str, int]:
    """Find channels by name, then by electrode.

    Parameters
    ----------
    wanted : sequence of str
    there : sequence of str
        Channels of a recording.

    Returns
    -------
    dict of str to int
        The position of each wanted channel that is there.

    Raises
    ------
    SampleError
        ``bad_channels`` where two channels of the recording are the same electrode.

    Examples
    --------
    >>> find_channels(["T7", "Cz"], ["EEG T3-LE", "EEG O1-LE"])
    {'T7': 0}
    """
    names = [str(name) for name in there]
    places: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        places.setdefault(electrode(name), []).append(position)
    found = {}
    for name in wanted:
        matching = [names.index(name)] if names.count(name) == 1 else places.get(electrode(name), [])
        if len(matching) > 1:
            same = [names[position] for position in matching]
            raise SampleError("bad_channels", f"channels {same} are all {name!r}; rename or drop all but one")
        if matching:
            found[name] = matching[0]
    return found


def homologous_pairs(channels: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of channels that face each other, left before right: odd numbers are left, even ones right.

    Parameters
    ----------
    channels : iterable of str

    Returns
    -------
    list of (str, str)
        In the order of the left channels.

    Notes
    -----
    ``F3`` faces ``F4``, ``F7`` faces ``F8``: the even number is one more (Jasper 1958, The ten-twenty electrode system,
    Electroencephalography and Clinical Neurophysiology 10).

    Examples
    --------
    >>> homologous_pairs(["TP9", "AF7", "AF8", "TP10", "Cz"])
    [('TP9', 'TP10'), ('AF7', 'AF8')]
    """
    by_place: Mapping[str, str] = {electrode(name): name for name in channels}
    pairs = []
    for place, name in by_place.items():
        found = re.fullmatch(r"([A-Z]+)(\d+)", place)
        if found and int(found.group(2)) % 2:
            right = f"{found.group(1)}{int(found.group(2)) + 1}"
            if right in by_place:
                pairs.append((name, by_place[right]))
    return pairs
