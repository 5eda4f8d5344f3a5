// Interview: a question, a recording against the clock, and an answer for each modality and all together.

import { answerArticle, named, spoken } from "./answer.js";
import { predict, timeline } from "./api.js";
import { widthOf } from "./clips.js";
import { agreed, closeDevices, openDevices } from "./devices.js";
import { announce, byId, clock, complain, make } from "./dom.js";
import { onClear, remember, session } from "./session.js";

const QUESTIONS = [
  "What was the best moment of your last week?",
  "Tell me about something that annoyed you lately.",
  "What are you looking forward to?",
  "Describe a place where you feel at ease.",
  "Tell me about something you miss.",
  "What surprised you most this year?",
];
const OWN = "own";
const COUNT_IN_S = 3;
const WINDOW_S = 3;
const HOP_S = 1;
const TYPES = ["video/webm;codecs=vp8,opus", "video/mp4", "audio/webm;codecs=opus", "audio/mp4"];

let work = new AbortController();
let recorder = null;
let recording = null; // {blob, url, source, question} once there is one
let ticking = null;

const wait = (signal, ms) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("deleted", "AbortError"));
    });
  });

function show(...ids) {
  for (const id of ["prompt", "interview-stage", "interview-send"]) byId(id).hidden = !ids.includes(id);
}

function letGo() {
  if (recording) URL.revokeObjectURL(recording.url);
  recording = null;
  byId("interview-replay").removeAttribute("src");
  byId("interview-replay").load();
  byId("transcript").value = "";
}

const askedQuestion = () => (byId("question").value === OWN ? byId("own").value.trim() : byId("question").value);

async function record() {
  const question = askedQuestion();
  if (!question) throw new Error("there is no question yet: type your own or choose one");
  const [camera, microphone] = [byId("use-camera").checked, byId("use-microphone").checked];
  if (!camera && !microphone) throw new Error("nothing to record: tick camera, microphone or both");
  const device = camera && microphone ? "the camera and the microphone" : camera ? "the camera" : "the microphone";
  if (!(await agreed(device))) return;
  letGo();
  const signal = work.signal;
  const stream = await openDevices("interview", { video: camera && { width: { ideal: 640 }, height: { ideal: 480 } }, audio: microphone });
  byId("interview-fields").disabled = true;
  byId("asked").textContent = question;
  byId("interview-stop").disabled = true;
  show("prompt", ...(camera ? ["interview-stage"] : []));
  if (camera) {
    byId("interview-camera").srcObject = stream;
    await byId("interview-camera").play();
  }
  for (let left = COUNT_IN_S; left > 0; left -= 1) {
    byId("clock").textContent = `Starts in ${left}`;
    if (left === COUNT_IN_S) announce(`${question} The recording starts in ${left} seconds.`);
    await wait(signal, 1000);
  }
  await capture(stream, question, camera, Number(byId("seconds").value), signal);
}

/** Record until the clock runs out or somebody stops it. */
async function capture(stream, question, camera, seconds, signal) {
  const type = TYPES.find((one) => one.startsWith(camera ? "video" : "audio") && MediaRecorder.isTypeSupported(one));
  const parts = [];
  recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  byId("interview-stop").disabled = false;
  byId("interview-stop").focus();
  announce("Recording.");
  const start = performance.now();
  const tick = () => {
    const left = seconds - (performance.now() - start) / 1000;
    byId("clock").textContent = `Recording, ${clock(Math.max(0, Math.ceil(left)))} left`;
    if (left <= 0 && recorder?.state === "recording") recorder.stop();
  };
  tick();
  ticking = setInterval(tick, 200);
  await ended;
  finish();
  if (signal.aborted) return;
  const blob = new File(parts, "interview.webm", { type: recorder.mimeType });
  recording = { blob, url: URL.createObjectURL(blob), source: camera ? "video" : "audio", question };
  byId("interview-replay").src = recording.url;
  show("interview-send");
  byId("transcript").focus();
  announce("Recorded. Type what was said if you like, then analyse.");
}

function finish() {
  clearInterval(ticking);
  closeDevices("interview");
  byId("interview-camera").srcObject = null;
  byId("interview-fields").disabled = false;
  show();
}

async function send() {
  const signal = work.signal;
  const { blob, source, question } = recording;
  const text = byId("transcript").value.trim();
  const button = byId("interview-send").querySelector("[type=submit]");
  button.disabled = true;
  button.textContent = "Analysing …";
  try {
    const answer = await predict({ [source]: blob, text: "text" in session.model.modalities ? text : null }, signal);
    let found = { moments: [] };
    let problem = null;
    try {
      found = await timeline({ [source]: blob, window_s: WINDOW_S, hop_s: HOP_S }, signal);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem = `No timeline: ${error.message}`;
    }
    const kept = remember({ kind: "interview", name: question, text, answer, moments: found.moments ?? [], problem });
    byId("interview-answer").prepend(answerArticle(kept, widthOf("interview-answer"), session.model.classes));
    letGo();
    show();
    byId("interview-start").focus();
    announce(`Interview: ${spoken(answer)}.`);
  } finally {
    button.disabled = false;
    button.textContent = "Analyse recording";
  }
}

async function attempt(step) {
  complain("interview-problem", null);
  try {
    await step();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!recording) finish();
    complain("interview-problem", error.message);
  }
}

export function startInterview() {
  byId("question").replaceChildren(
    ...QUESTIONS.map((question) => make("option", { value: question }, question)),
    make("option", { value: OWN }, "My own question …"),
  );
  byId("question").addEventListener("change", () => {
    byId("own-question").hidden = byId("question").value !== OWN;
  });
  byId("interview-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(record);
  });
  byId("interview-stop").addEventListener("click", () => recorder?.state === "recording" && recorder.stop());
  byId("interview-send").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(send);
  });
  byId("interview-drop").addEventListener("click", () => {
    letGo();
    show();
    byId("interview-start").focus();
  });
  const reads = session.model.modalities;
  const usable = { camera: "video" in reads || "image" in reads, microphone: "audio" in reads };
  for (const [device, can] of Object.entries(usable)) {
    byId(`use-${device}`).disabled = !can;
    byId(`use-${device}`).checked = can;
  }
  byId("interview-fields").disabled = !usable.camera && !usable.microphone;
  if (!usable.camera && !usable.microphone)
    complain("interview-reason", `The model “${session.model.name}” reads ${Object.keys(reads).map(named).join(", ")} only: an interview needs sound or video.`);
}

onClear(() => {
  work.abort();
  work = new AbortController();
  if (recorder?.state === "recording") recorder.stop();
  letGo();
  finish();
  complain("interview-problem", null);
  byId("interview-answer").replaceChildren();
});
