// Words of a text: which of them made it sound the way it does, and which come most often.

import { sided } from "./charts.js";
import { make, ranked, signed, table } from "./dom.js";

const STEPS = 5;

// Words too common to tell anything in a list of the most frequent ones (a short list of English function words).
const COMMON = new Set(
  `a about after all am an and any are as at be been before but by can could did do does for from had has have he her here him his how i if in
into is it its just me my no not of on or our out over she so some than that the their them then there they this to too up us was we were what
when where which who will with would you your i'm it's don't that's`.split(/\s+/),
);

/** The text again, with the words that count marked: for the label underlined, against it dashed, the strength as steps. */
export function markedText(written, words) {
  const text = [...written]; // the service counts characters, JavaScript's strings count halves of some of them
  const cut = (from, to) => text.slice(from, to).join("");
  const largest = Math.max(1e-9, ...words.map((word) => Math.abs(word.contribution)));
  const line = make("p", { class: "words" });
  let end = 0;
  for (const word of words) {
    if (word.start < end) continue;
    line.append(cut(end, word.start));
    const strength = Math.round((STEPS * Math.abs(word.contribution)) / largest);
    const shown = cut(word.start, word.end);
    line.append(
      strength
        ? make("mark", { class: `${word.contribution < 0 ? "against" : "for"} step${strength}` }, shown, make("span", { class: "hidden" }, ` (${signed(word.contribution)})`))
        : shown,
    );
    end = word.end;
  }
  line.append(cut(end));
  return line;
}

/** Each distinct word with the sum of its contributions, the largest in size first. */
export function wordSums(words) {
  const sums = new Map();
  for (const { word, contribution } of words) {
    const key = word.toLowerCase();
    sums.set(key, (sums.get(key) ?? 0) + contribution);
  }
  return [...sums].filter(([, sum]) => Math.abs(sum) > 1e-6).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
}

export const wordChart = (words, width, most = 10) => sided("Words for and against the answer", wordSums(words).slice(0, most), width);

export const wordTable = (title, words) => table(title, ["word", "contribution"], wordSums(words).map(([word, sum]) => [word, signed(sum)]));

/** The most frequent words that are not function words, with their counts. */
export function frequentWords(texts, most = 12) {
  const counts = {};
  for (const [word] of texts.join(" ").toLowerCase().matchAll(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)) {
    if (word.length > 1 && !COMMON.has(word.replace("’", "'"))) counts[word] = (counts[word] ?? 0) + 1;
  }
  return ranked(counts).slice(0, most);
}

export function frequentList(texts) {
  const found = frequentWords(texts);
  if (!found.length) return null;
  return make(
    "div",
    {},
    make("h4", {}, "Most frequent words"),
    make("ol", { class: "frequent" }, found.map(([word, count]) => make("li", {}, word, make("span", { class: "soft" }, ` ${count}×`)))),
  );
}
