"""Miniatures of corpora of acted speech, in the layouts that their publishers and common copies of them have."""

from __future__ import annotations

import shutil
import zipfile
from itertools import product

import av
import numpy as np
import pandas as pd
import soundfile as sf

WITHOUT_GROUPS = set()
RATE = 16_000
STUB = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"


def write_sound(path, *, format=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, 0.1 * np.sin(np.arange(RATE // 10) / 10), RATE, format=format)
    return path


def write_video(path, *, codec="mpeg4", sound="aac"):
    """Write three grey pictures and, where a coding is given for it, a tenth of a second of sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(codec, rate=25, width=64, height=64, pix_fmt="yuv420p")
        track = container.add_stream(sound, rate=RATE, layout="mono") if sound else None
        for number in range(3):
            grey = np.full((64, 64, 3), 80 * number, dtype=np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format="yuv420p")))
        container.mux(pictures.encode())
        if track is not None:
            wave = 0.1 * np.sin(np.arange(RATE // 10, dtype=np.float32) / 10)[None]
            kind = track.format.name
            values = wave if kind.startswith("flt") else (32767 * wave).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(values, format=kind, layout="mono")
            frame.sample_rate = RATE
            container.mux([*track.encode(frame), *track.encode()])
    return path


def pack(folder, archive):
    """Move a folder into a zip archive, as it would lie in a published one."""
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder))
        packed.writestr(f"__MACOSX/._{archive.stem}", b"resource fork")
    shutil.rmtree(folder)


def ravdess_takes(*modalities, channel="01", actors=("07", "12"), emotions=("01", "05")):
    """Return names of files by modality (01 with sound and pictures, 02 pictures, 03 sound) for every actor and emotion."""
    parts = product(modalities, (channel,), emotions, ("01",), ("01", "02"), ("01",), actors)
    return ["-".join(take) for take in parts]


def ravdess(root, *modalities, archives=False, **takes):
    """Write takes into folders of actors, or into the archives that hold them: sound by channel, video by actor too."""
    for take in ravdess_takes(*modalities, **takes):
        modality, channel, actor = take[:2], take[3:5], take[-2:]
        kind = {"01": "Speech", "02": "Song"}[channel]
        name = f"Audio_{kind}_Actors_01-24" if modality == "03" else f"Video_{kind}_Actor_{actor}"
        folder = (root / name if archives else root) / f"Actor_{actor}"
        if modality == "03":
            write_sound(folder / f"{take}.wav")
        else:
            write_video(folder / f"{take}.mp4", sound="aac" if modality == "01" else None)
    for folder in sorted(root.glob("*_*")) if archives else ():
        if folder.is_dir():
            pack(folder, root / f"{folder.name}.zip")
    return root


def ravdess_song_and_speech(root):
    return ravdess(ravdess(root, "03"), "03", channel="02", archives=True)


def ravdess_tracked(root):
    for take in ravdess_takes("01"):
        path = root / "FacialTracking_Actors_01-24" / f"Actor_{take[-2:]}" / f"{take}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("frame, timestamp, confidence, success, AU01_r\n1, 0.0, 0.98, 1, 0.5\n")
    return root


def emodb(root, *, archive=False):
    for name in ("03a01Fa", "03a05Wa", "08b10Nb", "16a02Lc"):
        write_sound(root / "wav" / f"{name}.wav")
    for name in ("erklaerung.txt", "lablaut/03a01Fa.lablaut", "wav/notes.wav.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("beside it")
    if archive:
        (root / "all").mkdir()
        for name in ("wav", "lablaut"):
            (root / name).rename(root / "all" / name)
        pack(root / "all", root / "download.zip")
    return root / "download.zip" if archive else root


def savee(root, *, sound=True, video=True, flat=False):
    for speaker, code in product(("DC", "JK"), ("a01", "sa02", "n30")):
        if sound:
            write_sound(root / (f"ALL/{speaker}_{code}.wav" if flat else f"AudioData/{speaker}/{code}.wav"))
        if video:  # numbers of videos have no leading zero
            letter, number = code.rstrip("0123456789"), int(code.lstrip("asn"))
            write_video(root / "AudioVisualClip" / speaker / f"{letter}{number}.avi", sound="pcm_s16le")
    write_sound(root / "AudioData" / "Info" / "a01.wav")  # a folder that is no speaker
    return root


def tess(root, *, copies=False, flat=False):
    folders = {"angry": "OAF_angry", "ps": "YAF_pleasant_surprised", "neutral": "OAF_neutral"}
    for (emotion, folder), word in product(folders.items(), ("back", "bite")):
        speaker = "OA" if (emotion, word) == ("neutral", "bite") else folder[:3]
        name = f"{speaker}_{word}_{emotion}.wav"
        top = "TESS Toronto emotional speech set data"
        write_sound(root / name if flat else root / top / folder / name)
        if copies:
            write_sound(root / top / top / folder / name)
    return root


CLIPS = ("1001_IEO_NEU_XX", "1001_IEO_ANG_HI", "1002_DFA_SAD_X")


def crema_d(root, *, wav=True, mp3=False, video=False, votes=False, archive=False):
    for clip in CLIPS:
        if wav:
            write_sound(root / "AudioWAV" / f"{clip}.wav")
        if mp3:
            write_sound(root / "AudioMP3" / f"{clip}.mp3", format="MP3")
        if video:
            write_video(root / "VideoFlash" / f"{clip}.flv", codec="flv1")
    actors = pd.DataFrame({"ActorID": [1001, 1002], "Age": [51, 21], "Sex": ["Male", "Female"]})
    actors.to_csv(root / "VideoDemographics.csv", index=False)
    if votes:
        rows = [
            [f"{condition}{number:05d}", 4, 0, 1, 0, 5, 0, clip, 10]
            for condition in (1, 2, 3)
            for number, clip in enumerate(("1001_IEO_NEU_XX", "1002_DFA_SAD_XX", "1003_TIE_HAP_XX"), start=1)
        ]
        (root / "processedResults").mkdir()
        table = pd.DataFrame(rows, columns=["", *"ADFHNS", "fileName", "numResponses"])
        table.to_csv(root / "processedResults" / "tabulatedVotes.csv", index=False)
    if archive:
        (root / "CREMA-D-master").mkdir()
        for path in list(root.iterdir()):
            if path.name != "CREMA-D-master":
                path.rename(root / "CREMA-D-master" / path.name)
        (root / "all").mkdir()
        (root / "CREMA-D-master").rename(root / "all" / "CREMA-D-master")
        pack(root / "all", root / "CREMA-D-master.zip")
    return root


# Case: corpus, maker, number of samples, further columns.
CASES = {
    "ravdess song": ("ravdess", lambda root, demo: ravdess(root, "03", channel="02"), 8, {"audio", "channel"}),
    "ravdess speech and song archive": (
        "ravdess",
        lambda root, demo: ravdess_song_and_speech(root),
        16,
        {"audio", "channel"},
    ),
    "ravdess video": ("ravdess", lambda root, demo: ravdess(root, "01", "02"), 8, {"audio", "video", "channel"}),
    "ravdess silent video": ("ravdess", lambda root, demo: ravdess(root, "02"), 8, {"video"}),
    "ravdess archives": (
        "ravdess",
        lambda root, demo: ravdess(root, "01", "02", "03", archives=True),
        8,
        {"audio", "video"},
    ),
    "ravdess tracked faces": ("ravdess", lambda root, demo: ravdess_tracked(root), 8, {"openface"}),
    "emodb": ("emodb", lambda root, demo: emodb(root), 4, {"audio", "text", "gender"}),
    "emodb archive": ("emodb", lambda root, demo: emodb(root, archive=True), 4, {"audio"}),
    "savee": ("savee", lambda root, demo: savee(root), 6, {"audio", "video", "gender"}),
    "savee sound": ("savee", lambda root, demo: savee(root, video=False), 6, {"audio"}),
    "savee in one folder": ("savee", lambda root, demo: savee(root, video=False, flat=True), 6, {"audio"}),
    "savee video": ("savee", lambda root, demo: savee(root, sound=False), 6, {"audio", "video"}),
    "tess": ("tess", lambda root, demo: tess(root), 6, {"audio", "text", "word"}),
    "tess twice": ("tess", lambda root, demo: tess(root, copies=True), 6, {"audio"}),
    "tess in one folder": ("tess", lambda root, demo: tess(root, flat=True), 6, {"audio"}),
    "crema_d sound": ("crema_d", lambda root, demo: crema_d(root), 3, {"audio", "text", "clip", "gender"}),
    "crema_d compressed sound": ("crema_d", lambda root, demo: crema_d(root, wav=False, mp3=True), 3, {"audio"}),
    "crema_d video": ("crema_d", lambda root, demo: crema_d(root, wav=False, video=True), 3, {"audio", "video"}),
    "crema_d clips and votes": (
        "crema_d",
        lambda root, demo: crema_d(root, video=True, votes=True),
        4,
        {"audio", "video", "clip", "intensity"},
    ),
    "crema_d archive": ("crema_d", lambda root, demo: crema_d(root, votes=True, archive=True), 4, {"audio"}),
}
