// One answer of the model as an article: what it says, how sure it is, what each modality said, and why.

import { bands, bars, figure, momentsTable, sided, topOf } from "./charts.js";
import { make, percent, ranked, signed, table } from "./dom.js";

export const SOURCES = {
  audio: "sound",
  video: "video",
  image: "picture",
  text: "text",
  eeg: "EEG",
  physiology: "physiology",
  openface: "action units",
};

export const named = (source) => SOURCES[source] ?? source;

/** Least room for two columns: what 56rem, where the stylesheet makes them, leave between the margins. */
export const TWO_COLUMNS = 848;

/** Bars of probabilities in the order of the model's classes; the one of the answer is strong. */
export const probabilityBars = (title, { label, probabilities }, width) => bars(title, Object.entries(probabilities), width, label);

/** "happy, 62 %, before neutral, 21 %": an answer as one hears it. */
export function spoken(answer) {
  const [first, second] = ranked(answer.probabilities);
  if (!first) return "no answer";
  return `${answer.label}, ${percent(answer.probabilities[answer.label] ?? first[1])}${second ? `, before ${second[0] === answer.label ? first[0] : second[0]}, ${percent(second[0] === answer.label ? first[1] : second[1])}` : ""}`;
}

/** Headline of an answer: the label and its probability, and the stamp of an adapted one. */
export const headline = (answer) =>
  make(
    "p",
    { class: "headline" },
    make("strong", {}, answer.label ?? "no answer"),
    answer.label ? ` ${percent(answer.probabilities?.[answer.label] ?? 0)}` : null,
    answer.adaptive ? make("span", { class: "stamp" }, "adaptive") : null,
  );

/** What each modality says by itself; one that was given and could not be read with what was wrong, the rest in a quiet line. */
export function modalityParts(name, modalities) {
  const [told, missing] = [[], []];
  for (const [source, part] of Object.entries(modalities ?? {})) {
    const said = part.probabilities?.[part.label] ?? 0;
    if (part.present) told.push([named(source), part.label, percent(said), percent(part.weight ?? 0), signed(part.contribution ?? 0)]);
    else if (part.reason && part.reason !== "not given") told.push([named(source), `absent: ${part.reason}`, "", "", ""]);
    else missing.push(named(source));
  }
  const headings = ["modality", "says", "probability", "share", "contribution"];
  return [
    told.length ? table(`What each modality says about ${name}`, headings, told) : null,
    missing.length ? make("p", { class: "soft" }, `Not given: ${missing.join(", ")}.`) : null,
  ].filter(Boolean);
}

function topFeatures(name, answer, width) {
  const top = answer.top_features ?? [];
  if (!top.length) return null;
  const rows = top.map((one) => [one.feature, one.contribution ?? 0]);
  return make(
    "details",
    {},
    make("summary", {}, "Features that moved the answer most"),
    sided(`Features for and against ${answer.label}`, rows, width),
    table(`Features of ${name}`, ["feature", "block", "contribution"], top.map((one) => [one.feature, one.block, signed(one.contribution ?? 0)])),
  );
}

/** Picture and numbers of the windows along a recording. */
export function timelineFigure(heading, name, moments, classes, width) {
  const scale = `Each band runs from 0 to ${percent(topOf(moments))} and is strong where its class is the answer; right: means.`;
  const title = `Timeline of ${name}`;
  return figure(heading, scale, bands(title, moments, classes, width), () => momentsTable(title, moments, classes));
}

/** Everything about one answer. `kept` is an item of the session; `room` is what there is for the drawings. */
export function answerArticle(kept, room, classes) {
  const { answer, moments, name } = kept;
  const width = room < TWO_COLUMNS ? room : (room - 48) / 2;
  const article = make("article", { class: "answer", "aria-label": `Answer to ${name}` }, make("h3", {}, name));
  if (answer) {
    const total = answer.timing_ms?.total;
    const took = total === undefined || total === null ? null : `Answered in ${total < 10 ? total.toFixed(1) : Math.round(total)} ms.`;
    article.append(
      make(
        "div",
        { class: "two even" },
        make("div", {}, headline(answer), probabilityBars(`Probabilities of ${name}`, answer, width)),
        make(
          "div",
          {},
          modalityParts(name, answer.modalities),
          (answer.warnings ?? []).map((warning) => make("p", { class: "warning" }, `Note: ${warning}`)),
          topFeatures(name, answer, width),
          took ? make("p", { class: "soft" }, took) : null,
        ),
      ),
    );
  }
  if (moments.length) article.append(timelineFigure("Along its time.", name, moments, classes, room));
  if (kept.problem) article.append(make("p", { class: "problem" }, kept.problem));
  return article;
}
