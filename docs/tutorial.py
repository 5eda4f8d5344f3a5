# %% [markdown]
# # From a folder of clips to a verdict
#
# Does it help to hear *and* to read what people say, and which way of putting the two together is best? This page goes from
# a folder of sound files to an answer with an interval and a test, to a model that answers a new clip, and at the end to the
# parts as scikit-learn users take them.
#
# The clips are synthetic, so that the page runs anywhere in about a minute and downloads nothing: buzzing voices and
# sentences put together by a program, in which each modality tells a part of the emotion. They say nothing about people. With
# clips of your own, only the first two cells change.

# %%
import tempfile
from pathlib import Path

import emofuse
import pandas as pd
from emofuse.experiments.bundles import save_trained
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.demo import make_demo_corpus
from emofuse.experiments.report import load_run
from emofuse.experiments.report_sections import gains, strategies
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.study import parse_study
from emofuse.experiments.train import most_chosen, train_study
from sklearn import config_context
from sklearn.model_selection import GroupKFold, cross_val_score, cross_validate

folder = Path(tempfile.mkdtemp())
make_demo_corpus(folder)
clips = sorted((folder / "audio").glob("*.wav"))

# %% [markdown]
# ## A table of samples
#
# One row a clip: where its sound is, what was said, the emotion (`label`) and who speaks (`group`). Here the names of the
# files tell the last two; the words come from a list. A missing value is an absent modality, and nothing has to be complete.
# `check_samples` refuses what would go wrong later (a name that stands twice, a missing speaker, two spellings of a label) and
# names each row.

# %%
table = pd.DataFrame([clip.stem.split("-") for clip in clips], columns=["group", "label", "take"])
table.index = pd.Index([clip.stem for clip in clips], name="id")
table["audio"] = [f"audio/{clip.name}" for clip in clips]
table["text"] = pd.read_csv(folder / "samples.csv", index_col="id")["text"]
samples = emofuse.check_samples(table, root=folder)
table.iloc[::80]

# %% [markdown]
# ## Features, once
#
# eGeMAPS, 88 measures of pitch, loudness and voice quality. They go to a store: whoever asks again, also after a crash, gets
# them from there. A clip that cannot be read would be absent, with its reason in `failures`, and would not stop the others.

# %%
store = emofuse.FeatureStore(folder / "store")
audio = emofuse.OpenSmileFunctionals().extract(samples, n_jobs=2, store=store)
print(audio.n_extracted, "clips measured,", audio.n_failed, "failed")
audio.features.iloc[:3, [0, 1, 10, 20]].astype(float).round(2)

# %% [markdown]
# ## Does fusion help?
#
# A study says what is compared: the blocks, the classifiers, and how it is tested. Five folds by `group`: whoever is tested
# was never heard in training. `selected` is the fusion that each fold chooses by its training clips alone, so that nobody chose
# by looking at the test; the verdict sets it against the best single modality of the whole table. A shuffled modality is the
# control: it must not help.
#
# The same as a TOML file is what `emofuse run mine.toml --samples clips.csv` takes, without any Python.

# %%
study = parse_study(
    {
        "name": "tutorial",
        "corpus": "clips",
        "blocks": {"voice": {"extractor": "opensmile"}, "words": {"extractor": "text"}},
        "classifiers": ["linear", "kernel"],
        "strategies": ["unimodal", "best_single", "early", "late_mean", "stacking", "selected", "shuffled_modality"],
        "protocol": {"name": "group_kfold"},
    },
    source="tutorial",
)
info = CorpusInfo("clips", "Synthetic clips", "MIT", "made here", "", "speaker", ("audio", "text"), synthetic=True)
run = emofuse.run_study(study, Corpus(info, samples), n_jobs=2, store=store)
print(run.results["verdict"])

# %% [markdown]
# ## The report
#
# `write_run` leaves what `emofuse run` does: `report.html` with all figures, the answers of every strategy, the study as it was
# understood, and versions. Two of its figures:

# %%
report = load_run(write_run(run, study, folder / "run"))
strategies(report).parts[0]

# %%
gains(report).parts[0]

# %% [markdown]
# ## A model, and one new clip
#
# The fusion that most folds chose, fitted on all clips, in one file that is safe to pass on. The clip comes from a voice that it
# never heard. The answer says how sure it is, what each modality says and how much it weighed; with one of them missing, the
# other answers.

# %%
trained = train_study(study, Corpus(info, samples), strategy=most_chosen(run), run=run, store=store)
save_trained(trained, folder / "mine.emofuse")
model = emofuse.load(folder / "mine.emofuse")
make_demo_corpus(folder / "new", seed=1)
answer = model.predict(audio=folder / "new/audio/s01-angry-1.wav", text="so, the dog came again, damn!")
print(f"{answer.label}: {answer.probabilities[answer.label]:.2f}")
pd.DataFrame({name: {"says": said.label, "weight": round(said.weight, 2)} for name, said in answer.modalities.items()})

# %% [markdown]
# ## By hand, in scikit-learn
#
# Every part is a scikit-learn estimator. `join_blocks` makes the block table, a DataFrame with columns `(block, feature)`; an
# `expert_pipeline` is the classifier of one block; a fusion takes one for each. Stacking learns from out-of-fold answers, whose
# inner folds are made by group too, and that is why the groups are passed to it as well as to the outer folds.

# %%
X = emofuse.join_blocks({"voice": audio.features, "words": samples["text"]})
experts = {"voice": emofuse.expert_pipeline("kernel"), "words": emofuse.expert_pipeline("linear", "text")}
fusion = emofuse.LateFusion(experts, rule="stacking")
by_hand = {"cv": GroupKFold(5), "scoring": "balanced_accuracy"}
with config_context(enable_metadata_routing=True):
    fused = cross_validate(fusion, X, samples["label"], params={"groups": samples["group"]}, **by_hand)
alone = cross_val_score(experts["voice"], X["voice"], samples["label"], groups=samples["group"], **by_hand)
print(f"UAR of the voice alone {alone.mean():.3f}, of the stacked fusion {fused['test_score'].mean():.3f}")
