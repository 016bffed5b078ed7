// Builds the parts and starts them.

import * as api from "./api.js";
import { byId, fillTexts, show } from "./dom.js";
import { signIn } from "./key.js";
import { Library } from "./library.js";
import { Live } from "./live.js";
import { Player } from "./player.js";
import { listenForKeys } from "./shortcuts.js";
import { buildRefine } from "./refine.js";
import { buildSliders, NAMES, setSliders } from "./sliders.js";
import { draft, getPending, saveDraft, saveSettings, settings } from "./store.js";
import { t } from "./strings.js";
import { Studio } from "./studio.js";
import { TasteStep } from "./taste.js";
import { Transport } from "./transport.js";
import { Tune } from "./tune.js";
import { Versions } from "./versions.js";
import { buildLengths, buildWords } from "./words.js";

const LEARN_AGAIN_MS = 10_000;
let canSteer = true;

fillTexts();
api.onKeyWanted(signIn);
buildWords();
buildSliders();
buildRefine();

const player = new Player();
const transport = new Transport(player);
const taste = new TasteStep();
const library = new Library({ open: openRecord, forget: (id) => studio.versions.remove(id) });
const studio = new Studio({ player, onWhole: () => library.refresh(), onRestored: (body) => taste.reuse(body) });
studio.versions = new Versions({ open: (version) => studio.open(version), swap: (other) => studio.swap(other) });

const live = new Live({ player, tune: new Tune() });

const unlessLive = (act) => () => live.isPlaying || act(); // live music has no place to go to, and an old take would sound over it
listenForKeys({ toggle: unlessLive(() => player.toggle()), back: unlessLive(() => transport.jump(-5)), forward: unlessLive(() => transport.jump(5)) });
watchForms();
start();

function watchForms() {
  byId("make-form").addEventListener("submit", (event) => {
    event.preventDefault();
    studio.press({ isAgain: false });
  });
  byId("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("make-form").requestSubmit();
  });
  byId("again").addEventListener("click", () => studio.press({ isAgain: true }));
  byId("reset-sliders").addEventListener("click", () => setSliders({}));
  watchBox("keep-seed", draft, "keepSeed", saveDraft);
  watchBox("autoplay", settings, "autoplay", saveSettings);
}

function watchBox(id, target, key, save) {
  byId(id).checked = target[key];
  byId(id).addEventListener("change", (event) => {
    target[key] = event.target.checked;
    save();
  });
}

/** Picks up what a reload interrupted; then says what this model can do. */
async function start() {
  const pending = getPending();
  if (pending) studio.make(pending, byId("make-error"), { isBack: true });
  else if (studio.versions.current) studio.open(studio.versions.current, { isQuiet: true });
  await Promise.all([learnModel(), learnSliders(), taste.restore(), library.refresh()]);
  document.documentElement.dataset.ready = "yes";
}

async function learnModel() {
  const [model] = await api.getModels().catch(() => []);
  if (!model) return;
  studio.model = model;
  buildLengths(model.take_duration_s_max);
  show(byId("live"), Boolean(model.capabilities?.live));
  show(byId("tune"), Boolean(model.capabilities?.live && model.capabilities?.melody));
  if (!model.capabilities?.steering) {
    canSteer = false;
    show(byId("taste-step"), false);
    buildSliders([]);
  }
  const values = { model: model.model_id, backend: model.backend, license: model.weights_license, limits: model.limits_note };
  byId("model-line").textContent = t("foot.model", values);
}

/** A slider without a direction would be refused, so it is not shown; a new model gets its directions in the first minutes. */
async function learnSliders() {
  const concepts = await api.getConcepts().catch(() => null);
  if (!concepts) return;
  const sliders = concepts.filter((concept) => NAMES.includes(concept.name));
  const names = sliders.filter((concept) => concept.ready && !concept.unusable_reason).map((concept) => concept.name);
  const comingCount = sliders.filter((concept) => !concept.ready && !concept.unusable_reason).length;
  if (canSteer) buildSliders(NAMES.filter((name) => names.includes(name)), comingCount);
  if (comingCount) setTimeout(learnSliders, LEARN_AGAIN_MS);
}

function openRecord(record) {
  const [use] = record.recipe.tastes;
  const sliders = Object.fromEntries(Object.entries(record.recipe.sliders || {}).filter(([, value]) => value));
  const body = {
    prompt: record.recipe.prompts[0].text, duration_s: record.duration_s, seed: record.seed, sliders,
    ...(use ? { taste_id: use.taste_id, taste_strength: use.strength, ...(use.in_words ? { taste_in_words: true } : {}) } : {}),
  };
  studio.versions.add({ requestId: record.request_id, body, seed: record.seed });
  byId("listen-title").focus();
  studio.open(studio.versions.current);
}
