// The page begins here: it reads the model, offers what the model can do, and deletes everything on request.

import { readModel, useToken } from "./api.js";
import { startFiles, startText } from "./clips.js";
import { startDashboards } from "./dashboards.js";
import { announce, byId, complain } from "./dom.js";
import { named } from "./answer.js";
import { showModel } from "./header.js";
import { startInterview } from "./interview.js";
import { startLive } from "./live.js";
import { startSaving } from "./save.js";
import { forget, session } from "./session.js";

const CONTROLS = ["camera-button", "microphone-button", "text-fields", "file-input", "interview-fields"];

function offerParts({ name, modalities }) {
  const kinds = Object.keys(modalities);
  const files = ["audio", "video", "image", "eeg", "physiology", "openface", "text"].filter((kind) => kind in modalities || (kind === "video" && ("audio" in modalities || "image" in modalities)));
  byId("text-fields").disabled = !("text" in modalities);
  complain("text-reason", "text" in modalities ? null : `The model “${name}” does not read text: it was trained on ${kinds.map(named).join(", ")}.`);
  byId("file-input").disabled = files.length === 0;
  byId("files-kinds").textContent = files.length ? `This model reads ${files.map(named).join(", ")}.` : "";
  complain("files-reason", files.length ? null : `The model “${name}” reads no files of sound, video, pictures, EEG or text.`);
}

/** Until the model is known nothing can be used; a service with a token asks for it first. */
async function begin() {
  complain("model-problem", null);
  try {
    session.model = await readModel();
  } catch (error) {
    byId("model-name").textContent = "No model";
    byId("token-form").hidden = error.status !== 401;
    complain("model-problem", error.message);
    return;
  }
  byId("token-form").hidden = true;
  for (const id of CONTROLS) byId(id).disabled = false;
  showModel(session.model);
  offerParts(session.model);
  startLive();
  startText();
  startFiles();
  startInterview();
  startDashboards();
  startSaving();
  document.body.dataset.ready = "true";
}

for (const id of CONTROLS) byId(id).disabled = true;

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId("token").value);
  byId("token").value = "";
  begin();
});

byId("delete").addEventListener("click", () => {
  const count = forget();
  announce(`Deleted ${count === 1 ? "1 answer" : `${count} answers`}; camera and microphone are off.`);
});

begin();
