// The session as a file: JSON for programs, one self-contained HTML page for people. Made here, sent nowhere.

import { answerArticle, headline } from "./answer.js";
import { buildAll } from "./charts.js";
import { figuresOf } from "./dashboards.js";
import { byId, make } from "./dom.js";
import { session } from "./session.js";
import { markedText } from "./words.js";

const SCHEMA = 1;
const ROOM = 1000;

function offer(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = make("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the download has begun by then
}

const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(":", "-");

export function sessionJson() {
  const { name, classes, modalities, validation, licences } = session.model;
  const kept = { schema: SCHEMA, saved_at: new Date().toISOString(), model: { name, classes, modalities, validation, licences }, items: session.items };
  return JSON.stringify(kept, null, 2);
}

async function sessionHtml() {
  const style = await (await fetch("/static/style.css")).text();
  const { model, items } = session;
  const body = make(
    "main",
    { class: "page saved" },
    make("h1", {}, `Session with ${model.name}`),
    make("p", { class: "soft" }, `Saved on ${new Date().toLocaleString()}. Figures are a model's probabilities, not facts about a person.`),
    make("dl", { class: "facts" }, ...[...byId("model-facts").children].map((part) => part.cloneNode(true))),
    make("h2", {}, "The whole session"),
    make("div", { class: "boards" }, figuresOf(items, ROOM)),
    make("h2", {}, "One by one"),
    items.map((item) => {
      if (!item.words.length) return answerArticle(item, ROOM, model.classes);
      return make("article", { class: "answer" }, make("h3", {}, item.name), headline(item.answer), markedText(item.text, item.words));
    }),
  );
  buildAll(body);
  const head = make(
    "head",
    {},
    make("meta", { charset: "utf-8" }),
    make("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    make("meta", { name: "color-scheme", content: "light dark" }),
    make("meta", { "http-equiv": "Content-Security-Policy", content: "default-src 'none'; style-src 'unsafe-inline'" }),
    make("title", {}, `emofuse session, ${model.name}`),
  );
  const written = `<!doctype html>\n${make("html", { lang: "en" }, head, make("body", {}, body)).outerHTML}`;
  return written.replace("</head>", () => `<style>${style}</style></head>`);
}

export function startSaving() {
  byId("save-json").addEventListener("click", () => offer(`emofuse-${stamp()}.json`, "application/json", sessionJson()));
  byId("save-html").addEventListener("click", async () => offer(`emofuse-${stamp()}.html`, "text/html", await sessionHtml()));
}
