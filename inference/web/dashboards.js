// Dashboards of the session, or of one thing in it: what was answered, when, how often, by which modality and for which words.

import { named, timelineFigure, TWO_COLUMNS } from "./answer.js";
import { bars, figure, pairs } from "./charts.js";
import { byId, make, percent, ranked, signed, table } from "./dom.js";
import { perMinute } from "./faces.js";
import { labelsOf, modalitiesOf, onChange, onClear, session, sharesOf } from "./session.js";
import { frequentList, wordChart, wordTable } from "./words.js";

const GAP = 48;

const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;

function most(items) {
  const shares = sharesOf(items);
  const [name, share] = ranked(shares)[0] ?? [];
  const count = items.flatMap(labelsOf).length;
  if (!count) return null;
  return make(
    "figure",
    { class: "chart" },
    make("figcaption", {}, make("strong", {}, "Most frequent emotion.")),
    make("p", { class: "headline big" }, make("strong", {}, name), ` ${percent(share)}`),
    make("p", { class: "soft" }, `of ${many(count, "answer", "answers")}; a window of a recording counts as one.`),
  );
}

function share(items, width) {
  const shares = sharesOf(items);
  if (!items.flatMap(labelsOf).length) return null;
  const rows = Object.entries(shares);
  return figure("Share per emotion.", "", bars("Share per emotion", rows, width), () => table("Share per emotion", ["emotion", "share"], rows.map(([name, value]) => [name, percent(value)])));
}

/** Along the time of what has the most windows. */
function along(items, width) {
  const item = items.reduce((best, one) => (one.moments.length > (best?.moments.length ?? 0) ? one : best), null);
  if (!item) return null;
  const heading = `Probabilities along time: ${item.name}, ${many(item.moments.length, "window", "windows")}.`;
  return timelineFigure(heading, item.name, item.moments, session.model.classes, width);
}

function contribution(items, width) {
  const found = modalitiesOf(items);
  if (!found.length) return null;
  const rows = found.map((one) => [named(one.name), one.weight, `${percent(one.weight)} (${signed(one.contribution)})`]);
  return figure(
    "Contribution of each modality.",
    "Mean share in the answers, and what knowing it added to the log probability of the label.",
    bars("Contribution of each modality", rows, width),
    () => table("Contribution of each modality", ["modality", "share", "contribution", "answers"], found.map((one) => [named(one.name), percent(one.weight), signed(one.contribution), one.count])),
  );
}

function cohort(items, width) {
  const other = session.model.cohort;
  if (!other || !items.flatMap(labelsOf).length) return null;
  const own = sharesOf(items);
  const names = session.model.classes;
  return figure(
    "You and the reference cohort.",
    "Shares of the answers in this session, and of the answers to the people of the corpus by models that had not seen them.",
    pairs("You and the reference cohort", names, own, other, ["this session", "cohort"], width),
    () => table("You and the reference cohort", ["emotion", "this session", "cohort"], names.map((name) => [name, percent(own[name] ?? 0), percent(other[name] ?? 0)])),
  );
}

function words(items, width) {
  const spoken = items.flatMap((item) => item.words).filter((word) => word.contribution);
  const texts = items.map((item) => item.text).filter(Boolean);
  if (!spoken.length && !texts.length) return null;
  const chart = spoken.length
    ? figure("Word importance.", "Sum of each word's contributions, for and against the answers of its texts.", wordChart(spoken, width), () => wordTable("Word importance", spoken))
    : null;
  return make("div", { class: "chart" }, chart, frequentList(texts));
}

function blinks(items) {
  const rows = items.flatMap((item) =>
    Object.entries(item.faces).map(([number, seen]) => [number, item.name, seen.blinks, perMinute(seen.per_minute)]),
  );
  if (!rows.length) return null;
  return make("figure", { class: "chart" }, make("figcaption", {}, make("strong", {}, "Blinks.")), table("Blinks of each face", ["face", "in", "blinks", "a minute"], rows));
}

/** All figures about some items: the timeline as wide as there is room, the others below it in two columns. */
export function figuresOf(items, room) {
  const width = room < TWO_COLUMNS ? room : (room - GAP) / 2;
  const columns = [
    [most(items), contribution(items, width), words(items, width)],
    [share(items, width), cohort(items, width), blinks(items)],
  ];
  return [
    along(items, room),
    make("div", { class: "two even" }, columns.map((column) => make("div", { class: "column" }, column))),
  ].filter(Boolean);
}

function chosen() {
  const number = Number(byId("shown").value);
  return number ? session.items.filter((item) => item.number === number) : session.items;
}

function fillChoice() {
  const select = byId("shown");
  const before = select.value;
  const options = session.items.map((item) => make("option", { value: String(item.number) }, `${item.number}. ${item.name}`));
  if (select.options.length !== options.length + 1) {
    select.replaceChildren(select.options[0], ...options);
    select.value = [...select.options].some((option) => option.value === before) ? before : "";
  }
}

let stale = false; // something changed while somebody was inside the figures

/** Redraw, keeping opened tables open; not under the focus of somebody who reads them, unless asked to. */
function refresh(asked = false) {
  fillChoice();
  const boards = byId("boards");
  const empty = session.items.length === 0;
  for (const id of ["save-html", "save-json"]) byId(id).disabled = empty;
  if (!asked && !empty && boards.contains(document.activeElement)) {
    stale = true;
    return;
  }
  stale = false;
  const opened = new Set([...boards.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  const width = Math.max(260, boards.clientWidth);
  boards.replaceChildren(
    ...(empty ? [make("p", { class: "empty" }, "Nothing yet: start the camera, type a sentence or drop a file.")] : figuresOf(chosen(), width)),
  );
  for (const summary of boards.querySelectorAll("summary")) if (opened.has(summary.textContent)) summary.parentElement.open = true;
}

export function startDashboards() {
  onChange(() => refresh());
  byId("shown").addEventListener("change", () => refresh(true));
  byId("boards").addEventListener("focusout", ({ relatedTarget }) => stale && !byId("boards").contains(relatedTarget) && setTimeout(() => refresh()));
  let width = byId("boards").clientWidth;
  new ResizeObserver(() => {
    if (byId("boards").clientWidth === width) return;
    width = byId("boards").clientWidth;
    refresh(true);
  }).observe(byId("boards"));
}

onClear(() => {
  byId("shown").value = "";
});

