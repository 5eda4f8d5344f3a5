// Live: one socket carries the pictures and the sound there, windows and faces come back.

import { headline, modalityParts, probabilityBars } from "./answer.js";
import { openStream } from "./api.js";
import { agreed, closeDevices, openDevices, stillAgreed } from "./devices.js";
import { announce, byId, complain, make, percent } from "./dom.js";
import { countedFromOne, facesTable } from "./faces.js";
import { openMicrophone } from "./microphone.js";
import { clearFaces, drawFaces } from "./overlay.js";
import { changed, onClear, remember, session } from "./session.js";

const WINDOW_S = 3;
const HOP_S = 1;
const WIDEST = 640; // pictures are sent no larger: faces are looked for at this size
const QUALITY = 0.8;
const EVERY_MS = 80;
const PATIENCE_MS = 2000; // after which a picture whose faces never came back is given up
const BACKLOG_BYTES = 1_000_000;
const SAY_EVERY_MS = 5000;

const AUDIO = 1;
const PICTURE = 2;

const live = { socket: null, camera: null, microphone: null, kept: null, opened: 0, offset: 0, sent: 0, waiting: false, said: "", saidAt: 0, mirrored: true };
let blinks = {}; // face number -> what the windows said of its blinks

const now = () => performance.now();
const sinceOpened = () => (now() - live.opened) / 1000;

/** A message of one byte that says what it is, and what it holds. */
function framed(kind, ...parts) {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 1);
  const whole = new Uint8Array(size);
  whole[0] = kind;
  let place = 1;
  for (const part of parts) {
    whole.set(new Uint8Array(part.buffer ?? part, part.byteOffset ?? 0, part.byteLength), place);
    place += part.byteLength;
  }
  return whole;
}

const ready = () => live.socket?.readyState === WebSocket.OPEN && live.socket.bufferedAmount < BACKLOG_BYTES;

function showLevel(decibel) {
  const shown = Math.max(-60, Math.min(0, decibel ?? -60));
  const written = decibel === null ? "off" : shown > -60 ? `${String(Math.round(shown)).replace("-", "\u2212")} dB` : "silent";
  byId("level").setAttribute("aria-valuenow", String(Math.round(shown)));
  byId("level").setAttribute("aria-valuetext", written);
  byId("level-bar").style.width = `${(100 * (shown + 60)) / 60}%`;
  byId("level-text").textContent = written;
}

function sendSound({ samples, level }) {
  showLevel(level > 0 ? 20 * Math.log10(level) : -60);
  if (ready()) live.socket.send(framed(AUDIO, samples));
}

const paper = document.createElement("canvas");

async function sendPicture() {
  const video = byId("camera");
  const late = now() - live.sent;
  if (!live.camera || !ready() || !video.videoWidth || late < EVERY_MS || (live.waiting && late < PATIENCE_MS)) return;
  live.waiting = true;
  live.sent = now();
  const scale = Math.min(1, WIDEST / Math.max(video.videoWidth, video.videoHeight));
  [paper.width, paper.height] = [Math.round(scale * video.videoWidth), Math.round(scale * video.videoHeight)];
  paper.getContext("2d").drawImage(video, 0, 0, paper.width, paper.height);
  const time = new DataView(new ArrayBuffer(8));
  time.setFloat64(0, sinceOpened(), true);
  const picture = await new Promise((resolve) => paper.toBlob(resolve, "image/jpeg", QUALITY));
  if (picture && ready()) live.socket.send(framed(PICTURE, time, await picture.arrayBuffer()));
}

/** Send a picture whenever the camera has a new one, for as long as this very camera is on. */
function follow(stream) {
  const video = byId("camera");
  const step = () => {
    if (live.camera !== stream) return;
    sendPicture();
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(step);
    else setTimeout(step, EVERY_MS);
  };
  step();
}

function heard(message) {
  if (message.type === "error") complain("live-problem", message.message);
  else if (message.type === "faces") showFaces(message);
  else if (message.type === "moment") showMoment(message);
}

function showMoment(message) {
  const { faces, ...moment } = { ...message, start_s: message.start_s + live.offset, end_s: message.end_s + live.offset };
  for (const face of countedFromOne(faces)) blinks[face.number] = { blinks: face.blinks, per_minute: face.blinks_per_minute };
  live.kept ??= remember({ kind: "live", name: `Live, ${new Date().toLocaleTimeString()}` });
  live.kept.moments.push(moment); // without the faces: boxes and landmarks of people are drawn and forgotten
  live.kept.faces = blinks;
  changed();
  const probabilities = moment.smoothed ?? moment.probabilities ?? {};
  const label = moment.smoothed_label ?? moment.label;
  const width = Math.max(260, Math.min(480, byId("moment").clientWidth));
  byId("moment").replaceChildren(
    headline({ label, probabilities }),
    ...(label ? [probabilityBars("Probabilities of this moment", { label, probabilities }, width)] : []),
    ...modalityParts("this moment", moment.modalities),
    ...(moment.warnings ?? []).map((warning) => make("p", { class: "warning" }, `Note: ${warning}`)),
  );
  if (label && label !== live.said && now() - live.saidAt > SAY_EVERY_MS) {
    live.said = label;
    live.saidAt = now();
    announce(`Live: ${label}, ${percent(probabilities[label] ?? 0)}.`);
  }
}

function showFaces(message) {
  live.waiting = false;
  if (!live.camera) return;
  const faces = countedFromOne(message.faces);
  drawFaces(byId("overlay"), { ...message, faces }, live.mirrored);
  byId("faces").replaceChildren(faces.length ? facesTable("Faces in view", faces) : make("p", { class: "empty" }, "No face in view."));
}

function closeSocket() {
  const socket = live.socket;
  live.socket = null;
  if (socket) socket.close();
}

/** Open the stream anew with the devices that are on now; time goes on where it was. */
function reopen() {
  closeSocket();
  if (!live.camera && !live.microphone) return;
  const socket = openStream();
  live.socket = socket;
  live.waiting = false;
  socket.addEventListener("open", () => {
    live.opened = now();
    live.offset = (live.opened - live.started) / 1000;
    const audio = live.microphone ? { sampling_rate_hz: 16000 } : null;
    socket.send(JSON.stringify({ audio, video: Boolean(live.camera), window_s: WINDOW_S, hop_s: HOP_S }));
  });
  socket.addEventListener("message", (event) => {
    if (live.socket === socket) heard(JSON.parse(event.data));
  });
  socket.addEventListener("close", (event) => {
    if (live.socket !== socket) return;
    live.socket = null;
    stopCamera();
    stopMicrophone();
    if (byId("live-problem").hidden) complain("live-problem", event.reason || "the service ended the stream: start again");
  });
}

function begin() {
  complain("live-problem", null);
  if (live.camera || live.microphone) return;
  live.kept = null;
  live.started = now();
  live.said = "";
  blinks = {};
}

async function startCamera() {
  begin();
  const stream = await openDevices("camera", { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" } });
  const video = byId("camera");
  live.mirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
  video.classList.toggle("mirrored", live.mirrored);
  video.srcObject = stream;
  await video.play();
  stillAgreed();
  byId("stage").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  byId("stage-note").hidden = true;
  live.camera = stream;
  pressed("camera-button", true, "camera");
  reopen();
  follow(stream);
}

function stopCamera() {
  if (!live.camera) return;
  live.camera = null;
  closeDevices("camera");
  byId("camera").srcObject = null;
  clearFaces(byId("overlay"));
  byId("stage-note").hidden = false;
  byId("faces").replaceChildren(make("p", { class: "empty" }, "No face in view."));
  pressed("camera-button", false, "camera");
}

async function startMicrophone() {
  begin();
  const stream = await openDevices("microphone", { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const microphone = await openMicrophone(stream, sendSound);
  if (!session.consent) microphone.close();
  stillAgreed();
  live.microphone = microphone;
  pressed("microphone-button", true, "microphone");
  reopen();
}

function stopMicrophone() {
  if (!live.microphone) return;
  live.microphone.close();
  live.microphone = null;
  closeDevices("microphone");
  showLevel(null);
  pressed("microphone-button", false, "microphone");
}

function pressed(id, on, device) {
  byId(id).setAttribute("aria-pressed", String(on));
  byId(id).textContent = `${on ? "Stop" : "Start"} ${device}`;
}

const opening = new Set(); // a second press while a device opens is none

async function toggle(device, isOn, start, stop) {
  if (isOn()) {
    stop();
    reopen();
    return;
  }
  if (opening.has(device)) return;
  opening.add(device);
  try {
    if (await agreed(`the ${device}`)) await start();
  } catch (error) {
    closeDevices(device);
    if (error.name !== "AbortError") complain("live-problem", error.message);
  } finally {
    opening.delete(device);
  }
}

export function startLive() {
  byId("camera-button").addEventListener("click", () => toggle("camera", () => live.camera, startCamera, stopCamera));
  byId("microphone-button").addEventListener("click", () => toggle("microphone", () => live.microphone, startMicrophone, stopMicrophone));
  const needs = (sources) => `The model “${session.model.name}” does not read ${sources}.`;
  const reads = session.model.modalities;
  const reasons = { camera: "video" in reads || "image" in reads ? null : needs("pictures or video"), microphone: "audio" in reads ? null : needs("sound") };
  for (const [device, reason] of Object.entries(reasons)) {
    byId(`${device}-button`).disabled = Boolean(reason);
    complain(`${device}-reason`, reason);
  }
}

onClear(() => {
  closeSocket();
  stopCamera();
  stopMicrophone();
  live.kept = null;
  complain("live-problem", null);
  byId("moment").replaceChildren(make("p", { class: "empty" }, "No window has been heard or seen yet."));
});
