// Texts and files: sent one after another, answered by an article each.

import { answerArticle, headline, named, probabilityBars, spoken } from "./answer.js";
import { findFaces, predict, readDocument, readWords, timeline } from "./api.js";
import { announce, byId, complain, make } from "./dom.js";
import { figure } from "./charts.js";
import { facesFigure } from "./faces.js";
import { onClear, remember, session } from "./session.js";
import { frequentList, markedText, wordChart, wordTable } from "./words.js";

const WINDOW_S = 3;
const HOP_S = 1;
const KINDS = [
  ["text", /\.(txt|pdf)$/i, /^text\/plain|^application\/pdf/],
  ["table", /\.csv$/i, /^text\/csv/],
  ["eeg", /\.(edf|bdf|fif)$/i, /^application\/edf/],
  ["image", /\.(jpe?g|png|webp|bmp|gif|tiff?)$/i, /^image\//],
  ["audio", /\.(wav|flac|mp3|ogg|opus|m4a|aac|aiff?)$/i, /^audio\//],
  ["video", /\.(mp4|mpe?g|mkv|webm|mov|avi|m4v|3gp)$/i, /^video\//],
];

const TABLES = ["eeg", "physiology", "openface"]; // what a table of numbers may be: the first that the model reads

let work = new AbortController();

/** Which source a file is, by its name first and by what the browser says second; null where neither tells. */
function kindOf(file) {
  const found = KINDS.find(([, name]) => name.test(file.name)) ?? KINDS.find(([, , type]) => type.test(file.type));
  const kind = found ? found[0] : null;
  return kind === "table" ? (TABLES.find((source) => source in session.model.modalities) ?? "eeg") : kind;
}

export const widthOf = (id) => Math.max(260, byId(id).clientWidth || 640);

function showText(kept, text, words, wordCount) {
  const width = Math.min(560, widthOf("text-answer"));
  const article = make("article", { class: "answer", "aria-label": `Answer to ${kept.name}` }, make("h3", {}, kept.name), headline(kept.answer));
  article.append(
    make(
      "div",
      { class: "two" },
      make(
        "div",
        {},
        markedText(text, words),
        make("p", { class: "soft" }, "Underlined words spoke for the answer, dashed ones against it; the stronger the shade, the more."),
        wordCount > words.length ? make("p", { class: "soft" }, `The first ${words.length} of ${wordCount} words are weighed.`) : null,
        frequentList([text]),
      ),
      make(
        "div",
        {},
        probabilityBars(`Probabilities of ${kept.name}`, kept.answer, width),
        words.some((word) => word.contribution)
          ? figure("Word importance.", `Change of the log probability of “${kept.answer.label}”.`, wordChart(words, width), () => wordTable(`Words of ${kept.name}`, words))
          : null,
      ),
    ),
  );
  byId("text-answer").replaceChildren(article);
  announce(`${kept.name}: ${spoken(kept.answer)}.`);
}

async function analyseText(text, name, kind = "text") {
  const signal = work.signal;
  const found = await readWords(text, signal);
  const kept = remember({ kind, name, text, answer: { label: found.label, probabilities: found.probabilities, modalities: found.modalities }, words: found.words ?? [] });
  showText(kept, text, kept.words, found.n_words);
}

/** Run a step of a form: its trouble in one line where it belongs, nothing at all after a deletion. */
async function attempt(place, step) {
  complain(place, null);
  try {
    await step();
  } catch (error) {
    if (error.name !== "AbortError") complain(place, error.message);
  }
}

export function startText() {
  byId("text-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("text-input").value.trim();
    attempt("text-problem", async () => {
      if (!text) throw new Error("there is no text yet: type or paste one");
      await analyseText(text, text.length > 44 ? `“${text.slice(0, 42)}…”` : `“${text}”`);
    });
  });
  byId("document").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (!file) return;
    attempt("text-problem", async () => {
      const { text } = await readDocument(file, work.signal);
      byId("text-input").value = text;
      await analyseText(text, file.name);
    });
    event.target.value = "";
  });
}

async function analyseFile(file) {
  const kind = kindOf(file);
  if (!kind) throw new Error("neither its name nor its type says what it is: sound, video, picture, EEG or text");
  const read = session.model.modalities;
  const usable = kind === "video" ? "video" in read || "audio" in read || "image" in read : kind in read;
  if (!usable) throw new Error(`the model “${session.model.name}” does not read this kind of file (${named(kind)})`);
  const signal = work.signal;
  if (kind === "text") {
    const { text } = await readDocument(file, signal);
    return { answer: await predict({ text }, signal), text };
  }
  const answer = await predict({ [kind]: file }, signal);
  if (kind === "image") return { answer, picture: facesFigure(file, await findFaces(file, signal)) };
  if (kind !== "audio" && kind !== "video") return { answer };
  try {
    const found = await timeline({ [kind]: file, window_s: WINDOW_S, hop_s: HOP_S }, signal);
    return { answer, moments: found.moments ?? [] };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { answer, problem: `No timeline: ${error.message}` };
  }
}

async function analyseFiles(files) {
  const signal = work.signal;
  for (const [place, file] of [...files].entries()) {
    byId("files-state").textContent = `Analysing ${file.name} (${place + 1} of ${files.length}) …`;
    try {
      const { picture, ...found } = await analyseFile(file);
      const kept = remember({ kind: "file", name: file.name, ...found });
      const article = answerArticle(kept, widthOf("files-answers"), session.model.classes);
      if (picture) article.append(picture);
      byId("files-answers").prepend(article);
      announce(`${file.name}: ${spoken(kept.answer)}.`);
    } catch (error) {
      if (signal.aborted) return;
      byId("files-answers").prepend(make("p", { class: "problem", role: "alert" }, `${file.name}: ${error.message}`));
    }
  }
  byId("files-state").textContent = "";
}

export function startFiles() {
  const drop = byId("drop");
  const input = byId("file-input");
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    analyseFiles(files);
  });
  for (const name of ["dragenter", "dragover"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!input.disabled) analyseFiles([...event.dataTransfer.files]);
  });
}

onClear(() => {
  work.abort();
  work = new AbortController();
  for (const id of ["text-answer", "files-answers", "files-state"]) byId(id).replaceChildren();
  byId("text-form").reset();
  complain("text-problem", null);
});
