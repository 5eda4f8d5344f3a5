// The model's card, written in Markdown, as elements: headings, lists, tables, paragraphs, bold, code and links. No HTML is read.

import { make } from "./dom.js";

function inline(line) {
  const parts = line.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\(https?:[^)\s]+\))/);
  return parts.filter(Boolean).map((part) => {
    if (part.startsWith("**")) return make("strong", {}, part.slice(2, -2));
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    const link = part.match(/^\[([^\]]+)\]\((https?:[^)]+)\)$/);
    return link ? make("a", { href: link[2], rel: "noreferrer" }, link[1]) : part;
  });
}

const cellsOf = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));

function tableOf(lines, number) {
  const [head, , ...rows] = lines.map(cellsOf);
  return make(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table ${number} of the card` },
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, head.map((cell) => make("th", { scope: "col" }, cell)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell, place) => make(place ? "td" : "th", place ? {} : { scope: "row" }, cell))))),
    ),
  );
}

const KINDS = [
  ["heading", /^#{1,6} /],
  ["list", /^[-*] /],
  ["table", /^\|/],
];
const kindOf = (line) => (line.trim() ? (KINDS.find(([, start]) => start.test(line))?.[0] ?? "paragraph") : null);

/** The lines of a card as groups of one kind. */
function groups(markdown) {
  const found = [];
  for (const line of markdown.split("\n")) {
    const before = found.at(-1);
    const kind = /^\s+\S/.test(line) && before?.kind === "list" ? "list" : kindOf(line);
    if (before?.kind === kind && kind !== "heading") before.lines.push(line);
    else found.push({ kind, lines: [line] });
  }
  return found.filter(({ kind }) => kind);
}

/** Wrapped lines of a list belong to the item above them. */
function items(lines) {
  const found = [];
  for (const line of lines) {
    if (/^[-*] /.test(line)) found.push(line.slice(2));
    else found[found.length - 1] += ` ${line.trim()}`;
  }
  return found.map((item) => make("li", {}, inline(item)));
}

export function cardOf(markdown) {
  let tables = 0;
  const parts = groups(markdown).map(({ kind, lines }) => {
    if (kind === "heading") return make(lines[0].startsWith("# ") ? "h3" : "h4", {}, inline(lines[0].replace(/^#+ /, "")));
    if (kind === "list") return make("ul", {}, items(lines));
    if (kind === "table" && lines.length > 1) return tableOf(lines, (tables += 1));
    return make("p", {}, inline(lines.join(" ")));
  });
  return make("div", { class: "card" }, parts);
}
