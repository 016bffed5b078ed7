// Entry point of the page.

import * as api from "./core/api.js";
import { sayNow } from "./core/announce.js";
import { byId, fillTexts, show } from "./core/dom.js";
import { state } from "./core/state.js";
import { draft, getPending, saveDraft, saveSettings, settings } from "./core/store.js";
import { marked } from "./core/server-texts.js";
import { t } from "./core/strings.js";
import { listenForKeys } from "./inputs/keys.js";
import { loadInputsLater } from "./inputs/later.js";
import { buildSpoken } from "./inputs/spoken.js";
import { bindActs, showKept } from "./parts/acts.js";
import { buildLanguage } from "./parts/language-choice.js";
import { followAdoption } from "./parts/adoption.js";
import { Conversation } from "./parts/conversation.js";
import { buildEasy, setEasy } from "./parts/easy.js";
import { Example } from "./parts/example.js";
import { GenerationStep } from "./parts/generation.js";
import { openKeys } from "./parts/keys-sheet.js";
import { signIn } from "./parts/key.js";
import { buildLanes } from "./parts/lanes.js";
import { Library } from "./parts/library.js";
import { LiveStep } from "./parts/live.js";
import { MelodyPicker } from "./parts/melody.js";
import { buildMusic, showMusicLimits } from "./parts/music.js";
import { draw as drawOwnSliders, rememberLabels } from "./parts/own-sliders.js";
import { buildPart } from "./parts/part.js";
import { buildShell } from "./parts/shell.js";
import { buildSliders, NAMES, setSliders } from "./parts/sliders.js";
import { Stage } from "./parts/stage.js";
import { TasteStep } from "./parts/taste.js";
import { Transport } from "./parts/transport.js";
import { Versions } from "./parts/versions.js";
import { VideoStep } from "./parts/video.js";
import { buildLengths, buildWords, setWords, tellLanguages } from "./parts/words.js";
import { Engine } from "./sound/engine.js";
import { Player } from "./sound/player.js";

const RELOAD_SLIDERS_MS = 10_000;
let canSteer = true;

fillTexts();
api.onKeyWanted(signIn);
buildShell();
buildLanguage();
buildWords();
buildMusic();
buildSliders();
drawOwnSliders();

const engine = new Engine();
const player = new Player(engine);
const transport = new Transport(player, engine);
const taste = new TasteStep();
/** Reads anew what was spent today, where anything can be. @type {() => Promise<void>} */
let countSpending = async () => {};
const library = new Library({ open: openRecord, forget: (id) => generation.versions.remove(id) });
const video = new VideoStep();
const generation = new GenerationStep({ player, video, onWhole: () => { library.refresh(); countSpending(); }, onRestored: (body) => taste.reuse(body) });
video.onNarrated = openRecord;
generation.versions = new Versions({ open: (version) => generation.open(version), swap: (other) => generation.swap(other) });
const live = new LiveStep({ engine, player, melody: new MelodyPicker(), onKept: (take) => generation.adopt(take) });
const example = new Example({ player, generation });
const conversation = new Conversation({ generation, live, player });
new Stage({ engine, player, versions: generation.versions });
buildLanes({ player, generation });
buildPart(player);
buildEasy({ player, say: (sentence) => conversation.say(sentence) });
bindActs({ generation, live, player, transport, share: generation.share, conversation, example }, {
  library: () => {
    state.isLibraryOpen.value = !state.isLibraryOpen.value;
    library.draw();
  },
  keys: openKeys,
  settings: () => byId("settings-dialog").showModal(),
  easy: () => setEasy(true),
  microphone: () => byId("refine-speak").click(),
});
listenForKeys((answer) => conversation.answer(answer));
loadInputsLater({ engine, answered: (answer) => conversation.answer(answer) });
state.take.subscribe((take) => take && showKept(take.requestId));
watchForms();
takeOver();
start();

function watchForms() {
  byId("make-form").addEventListener("submit", (event) => {
    event.preventDefault();
    generation.press({ isAgain: false });
  });
  byId("prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("make-form").requestSubmit();
  });
  watchBox("keep-seed", draft, "keepSeed", saveDraft);
  watchBox("autoplay", settings, "autoplay", saveSettings);
}

/**
 * @param {"keep-seed" | "autoplay"} id
 * @param {any} target
 * @param {string} key
 * @param {() => void} save
 */
function watchBox(id, target, key, save) {
  const box = byId(id);
  box.checked = target[key];
  box.addEventListener("change", () => {
    target[key] = box.checked;
    save();
  });
}

/** Takes over the words and sliders of a shared piece, which its page passes on in the address. */
function takeOver() {
  const { searchParams } = new URL(location.href);
  const words = searchParams.get("words");
  if (!words) return;
  setWords(words);
  setSliders(Object.fromEntries(NAMES.map((name) => [name, Math.max(-1, Math.min(1, Number(searchParams.get(name)) || 0))]).filter(([, value]) => value)));
  const { lang } = Object.fromEntries(searchParams);
  history.replaceState(null, "", location.pathname + (lang ? `?${new URLSearchParams({ lang })}` : ""));
  sayNow(t("shared.takenOver"));
}

/** Resumes what a reload interrupted, then adapts the page to the model. */
async function start() {
  const pending = getPending();
  if (pending) generation.make(pending, byId("make-error"), { isBack: true });
  else if (generation.versions.current) generation.open(generation.versions.current, { isQuiet: true });
  else example.offer();
  await Promise.all([
    loadModel(), followAdoption(), buildSpoken(), loadSliders(), taste.restore(), library.refresh(), video.load(),
  ]);
  document.documentElement.dataset.ready = "yes";
}

async function loadModel() {
  const known = await api.getModels().catch(() => /** @type {null} */ (null));
  if (!known) return;
  const { models: [model], backends, reader } = known;
  if (reader || backends.some((one) => !one.is_local)) countSpending = (await import("./parts/backends.js")).buildBackends(backends, reader);
  else draft.backends = {};
  generation.model = model;
  buildLengths(model.take_duration_s_max);
  tellLanguages(model);
  showMusicLimits(model.capabilities);
  show(byId("live"), Boolean(model.capabilities?.live));
  show(byId("together"), Boolean(model.capabilities?.live));
  show(byId("tune"), Boolean(model.capabilities?.live && model.capabilities?.melody));
  if (!model.capabilities?.steering) {
    canSteer = false;
    show(byId("taste-step"), false);
    buildSliders([]);
  }
  const values = { model: model.model_id, backend: model.backend, license: model.weights_license };
  byId("model-line").replaceChildren(t("foot.model", values), " ", marked(model.limits_note));
}

/** Shows the sliders that have a direction; a new model computes its directions in the first minutes. */
async function loadSliders() {
  const concepts = await api.getConcepts().catch(() => /** @type {ConceptJson[] | null} */ (null));
  if (!concepts) return;
  rememberLabels(concepts);
  const sliders = concepts.filter((concept) => NAMES.includes(concept.name));
  const names = sliders.filter((concept) => concept.ready && !concept.unusable_reason).map((concept) => concept.name);
  const comingCount = sliders.filter((concept) => !concept.ready && !concept.unusable_reason).length;
  if (canSteer) buildSliders(NAMES.filter((name) => names.includes(name)), comingCount);
  if (comingCount) setTimeout(loadSliders, RELOAD_SLIDERS_MS);
}

/** @param {TakeJson} record */
function openRecord(record) {
  const recipe = record.recipe_changes?.at(-1)?.recipe ?? record.recipe; // live music goes on from what was in force last
  const use = recipe.tastes.at(-1); // those that were mixed in stand before it
  const others = recipe.tastes.slice(0, -1).map(({ taste_id, strength }) => ({ taste_id, strength }));
  const { bpm, key, negative_prompt } = recipe;
  const sliders = Object.fromEntries(Object.entries(recipe.sliders || {}).filter(([, value]) => value));
  const concepts = (recipe.concepts || []).filter((one) => one.position).map(({ name, position }) => ({ name, position }));
  const body = {
    ...(concepts.length ? { concepts } : {}),
    prompt: recipe.prompts[0].text, duration_s: record.duration_s, seed: record.seed, sliders,
    ...(use ? { taste_id: use.taste_id, taste_strength: use.strength, ...(use.in_words ? { taste_in_words: true } : {}) } : {}),
    ...(others.length ? { tastes: others } : {}),
    ...(record.is_performed ? { isLive: true } : {}),
    ...(bpm ? { bpm } : {}), ...(key ? { key } : {}), ...(negative_prompt ? { negative_prompt } : {}),
  };
  generation.versions.add({ requestId: record.request_id, body, seed: record.seed });
  state.isLibraryOpen.value = false;
  byId("piece-name").focus();
  generation.open(generation.versions.current);
}
