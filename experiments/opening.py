"""What a command asks for: which study, on which corpus, read from where."""

from __future__ import annotations

from pathlib import Path

from ..features.errors import CorpusError, StudyError
from ..features.samples import media_columns, read_samples
from ..features.terminal import showing_status
from .corpora import Corpus, CorpusInfo, read_corpus
from .own_table import check_files, check_own_table
from .study import Study, load_study, study_for_samples


def own_corpus(samples: Path, root: Path | None, *, require_label: bool) -> Corpus:
    """Return a user's own sample table as a corpus."""
    table = read_samples(samples, root=root, require_label=require_label)
    info = CorpusInfo(
        name=samples.stem,
        title=f"sample table {samples.name}",
        licence="the user's own data",
        source=samples.name,
        layout="sample table",
        groups="speaker",
        modalities=tuple(column for column in (*media_columns(), "text") if column in table),
    )
    return Corpus(info, table)


def study_and_corpus(
    study: str | None, root: Path | None, samples: Path | None, *, comparing: bool = True
) -> tuple[Study, Corpus, Path]:
    """Return the study and the corpus that a command names, and the folder that paths start from.

    Parameters
    ----------
    study : str or None
        A shipped study or a TOML file; with a sample table it may be left out.
    root, samples : path or None
        Folder or archive of the corpus; a user's own sample table in place of one.
    comparing : bool, default=True
        Whether labels are needed.

    Raises
    ------
    StudyError, CorpusError, TableError
        Nothing is named, or what is named is not there or not as it should be.
    """
    if samples is not None:
        own = None if study is None else load_study(study)
        labelled = comparing and (own is None or own.label == "label")
        corpus = own_corpus(samples, root, require_label=labelled)
        check_own_table(corpus.samples, samples.name, own, comparing=comparing)
        if own is None:
            own = study_for_samples(corpus.samples, name=samples.stem, comparing=comparing)
        check_files(corpus.samples, samples.name, own, root or samples.parent)
        return own, corpus, root or samples.parent
    if study is None:
        raise StudyError("name a study (such as ravdess, or a TOML file), or give --samples TABLE.csv")
    chosen = load_study(study)
    if root is None:
        if chosen.corpus != "demo":
            raise CorpusError(
                f"study {chosen.name!r} needs the corpus {chosen.corpus!r}: give its folder or archive with --root"
            )
        from platformdirs import user_cache_path

        root = user_cache_path("emofuse") / "demo"
    with showing_status(f"reading {chosen.corpus}"):
        return chosen, read_corpus(chosen.corpus, root), root
