// Types of the page's scripts, for `tsc --checkJs`.
// They cover the elements of index.html, the JSON of the REST interface, and the page's own values. The browser never loads this file.

/** The elements of index.html that scripts look up, by id. */
interface PageElements {
  "files": HTMLInputElement;
  "folder": HTMLInputElement;
  "link": HTMLInputElement;
  "taste-in-words": HTMLInputElement;
  "songs-files": HTMLInputElement;
  "tune-file": HTMLInputElement;
  "seek": HTMLInputElement;
  "volume": HTMLInputElement;
  "share-link": HTMLInputElement;
  "video-form": HTMLFormElement;
  "video-concept": HTMLInputElement;
  "video-wish": HTMLInputElement;
  "video-aspect": HTMLSelectElement;
  "video-progress": HTMLProgressElement;
  "video-player": HTMLVideoElement;
  "video-download": HTMLAnchorElement;
  "video-described": HTMLAnchorElement;
  "refine-text": HTMLInputElement;
  "keep-seed": HTMLInputElement;
  "library-search": HTMLInputElement;
  "library-kept": HTMLInputElement;
  "figure": HTMLCanvasElement;
  "live-level": HTMLMeterElement;
  "keys-dialog": HTMLDialogElement;
  "settings-dialog": HTMLDialogElement;
  "refine-form": HTMLFormElement;
  "shortcuts": HTMLInputElement;
  "autoplay": HTMLInputElement;
  "place": HTMLInputElement;
  "still": HTMLInputElement;
  "key": HTMLInputElement;
  "music-bpm": HTMLInputElement;
  "music-without": HTMLInputElement;
  "music-key": HTMLSelectElement;
  "music-more": HTMLDetailsElement;
  "prompt": HTMLTextAreaElement;
  "earlier-tastes": HTMLSelectElement;
  "duration": HTMLSelectElement;
  "language": HTMLSelectElement;
  "compare-with": HTMLSelectElement;
  "taste-progress": HTMLProgressElement;
  "range-progress": HTMLProgressElement;
  "waveform": HTMLCanvasElement;
  "key-dialog": HTMLDialogElement;
  "make-form": HTMLFormElement;
  "room-form": HTMLFormElement;
  "room-words-form": HTMLFormElement;
  "room-who": HTMLInputElement;
  "room-words": HTMLInputElement;
  "room-link": HTMLInputElement;
  "room-volume": HTMLInputElement;
  "room-taste-name": HTMLSelectElement;
}

/** Ids of elements that a script builds. */
type PartInputId = `part-${"from" | "to"}-${number}`;
type PageElement<Id extends string> = Id extends keyof PageElements
  ? PageElements[Id]
  : Id extends ButtonId | `part-${"from" | "to"}`
    ? HTMLButtonElement
    : Id extends PartInputId
      ? HTMLInputElement
      : HTMLElement;
type ButtonId =
  | "earlier-go" | "taste-retry" | "taste-cancel" | "taste-drop" | "range-go" | "range-stop" | "songs-again"
  | "make" | "stop" | "live" | "tune-hum" | "tune-forget" | "back" | "play" | "forward" | "download" | "longer" | "more"
  | "share" | "share-back" | "refine-go" | "refine-back" | "again" | "reset-sliders" | "undo" | "redo" | "swap"
  | "library-open" | "library-close" | "keys-open" | "settings-open" | "easy-open" | "easy-close" | "hear" | "still-toggle" | "place-toggle" | "full-toggle" | "stage" | "stage-line" | "live-stop"
  | "loop" | "redo-part" | "keep" | "describe" | "part-none" | "share-copy" | "share-close"
  | "together" | "room-go" | "room-pause" | "room-stop" | "room-leave" | "room-reset" | "room-copy-play" | "room-copy-listen"
  | "library-more" | "prompt-speak" | "refine-speak" | "video-go" | "video-stop";

// JSON of the REST interface, as far as the page reads it.

type SliderValues = Record<string, number>;
type VideoStage = "uploaded" | "listening" | "writing" | "directing" | "casting" | "shooting" | "assembling";
type JobState = VideoStage | "queued" | "downloading" | "preprocessing" | "extracting" | "uploading" | "completed" | "failed" | "cancelled";

interface ErrorStatus {
  reason: string;
  message: string;
}

interface TrackJson {
  index: number;
  title: string;
  state: JobState;
  error: ErrorStatus | null;
  duration_s: number | null;
  clips_done: number;
  clips_total: number;
  notice: string;
}

interface RangeJson {
  track_index: number;
  start_s: number;
  end_s: number;
}

interface TasteOptionsJson {
  mix_mode?: string;
  direction_kind?: string;
  whitening?: string;
  ranges?: RangeJson[];
  stars?: number[];
}

interface TasteJson {
  id: string;
  title: string;
  state: JobState;
  progress: number;
  tracks: TrackJson[];
  error: ErrorStatus | null;
  source_url: string;
  options: TasteOptionsJson | null;
  create_time: string;
  can_retry: boolean;
  notice: string;
  taste: {
    description: string; clip_count: number; layer_norms: number[]; character?: { brightness_hz: number; onsets_per_s: number } | null;
  } | null;
}

interface SceneVersionJson {
  version: number;
  status: "waiting" | "making" | "ready" | "failed" | "replaced";
}

interface VideoShotJson {
  id: string;
  start_s: number;
  end_s: number;
  summary: string;
  versions: SceneVersionJson[];
  chosen: number;
}

interface VideoJson {
  id: string;
  take_id: string;
  state: JobState;
  progress: number;
  aspects: string[];
  shots: VideoShotJson[];
  files: { aspect: string; kind: string; sha256: string }[];
  cost_usd: number;
  error: ErrorStatus | null;
}

interface JobProgressJson {
  done: number;
  total: number;
  waiting?: boolean;
}

interface CalibrationJobJson {
  calibration_job_id: string;
  state: JobState;
  progress: JobProgressJson;
  error: ErrorStatus | null;
}

interface TasteRangeJson {
  strength_max: number;
  calibration: object | null;
}

interface ModelJson {
  model_id: string;
  backend: string;
  take_duration_s_max: number;
  weights_license: string;
  training_data: string;
  limits_note: string;
  capabilities: {
    live: boolean;
    melody: boolean;
    steering: boolean;
    negative_prompt?: boolean;
    prompt_languages?: string[];
    tempo?: { bpm: number[] } | null;
    key?: { means: string | null; names: string[] } | null;
  } | null;
}

/** What makes music: the installation's own model, or one of Google's. */
interface BackendJson {
  name: string;
  model: string;
  makes_takes: boolean;
  performs: boolean;
  is_local: boolean;
  price_usd: number | null;
  price_unit: string;
  price_day: string;
}

interface ConceptJson {
  name: string;
  phrase: string;
  ready: boolean;
  unusable_reason: string;
}

interface VoiceJson {
  voice_id: string;
  language: string;
  description: string;
  is_local: boolean;
  price_usd: number | null;
  price_day: string;
}

interface RecognizerJson {
  name: string;
  is_local: boolean;
  is_google: boolean;
  price_usd: number | null;
  price_day: string;
}

interface AdoptionJson {
  state: "idle" | "running" | "completed" | "failed";
  progress: { done: number; total: number; waiting: string } | null;
  seconds_left: number | null;
}

interface RecipeJson {
  prompts: { text: string; weight: number }[];
  tastes: { taste_id: string; strength: number; in_words: boolean }[];
  concepts: { name: string; position: number | null }[];
  sliders: SliderValues | null;
  bpm?: number | null;
  key?: string;
  negative_prompt?: string;
}

interface TakeJson {
  request_id: string;
  recipe: RecipeJson;
  duration_s: number;
  seed: number;
  bpm: number | null;
  asked?: { bpm: number | null; key: string } | null;
  heard?: { bpm: number | null; no_bpm: string; key: string; key_confidence: number; no_key: string } | null;
  create_time: string | null;
  /** What it cost at a provider, in US dollars. */
  cost_usd?: number;
  /** Recipes of music that was played live, in order. */
  is_performed?: boolean;
  recipe_changes?: { sample_offset: number; recipe: RecipeJson }[];
}

interface TimelineJson {
  recipe_changes: { sample_offset: number; recipe: RecipeJson }[];
  rate_hz: number;
  curves: { slider: string; values: number[] }[];
}

/** What one thing is set to over time: each value holds from its time until the next one. */
interface CurveJson {
  kind: "slider" | "taste" | "concept" | "concept_strength";
  name: string;
  points: [number, number][];
}

/** A lanes file (`*.resonance.json`). */
interface LanesJson {
  format: string;
  version: number;
  title: string;
  model: { model_id: string; digest: string };
  seed: number;
  duration_s: number;
  chunk_s?: number;
  recipes: { at_s: number; recipe: Partial<RecipeJson> }[];
  curves: CurveJson[];
  take?: { request_id: string; audio_sha256: string };
}

interface LinkJson {
  id: string;
  url: string;
  expire_time: string;
}

interface RefinementJson {
  changes: { slider: string }[];
  concept_changes: { slider: string }[];
  not_understood?: string[];
  sliders: SliderValues;
  concepts: OwnSlider[];
  explanation: string;
}

/** A problem document (RFC 9457). */
interface ProblemJson {
  status: number;
  reason: string;
  detail: string;
  retry_after_s?: number;
  errors?: { field: string; reason: string; message: string }[];
}

/** An event of a performance; the fields depend on `type`. */
interface PerformanceEvent {
  type: "started" | "queued" | "chunk" | "recipe" | "fault" | "finished" | "problem";
  place: number;
  format: { sample_rate_hz: number; channel_count: number };
  notices: string[];
  recipe: RecipeJson;
  sample_offset?: number;
  seed?: number;
  model?: { model_id: string; backend: string };
  fault: string | null;
  melody_sha256: string;
  problem: ProblemJson;
}

interface RoomJson {
  room_id: string;
  owner_token: string;
  play_token: string;
  listen_token: string;
}

interface RoomPartJson {
  sliders: SliderValues | null;
  tastes: { taste_id: string; strength: number }[];
}

interface RoomMemberJson {
  member_id: string;
  name: string;
  hue: number;
  role: "owner" | "player";
  is_present: boolean;
  weight: number;
  part: RoomPartJson;
  push_share: number;
  sounding_share: number;
}

interface RoomMoveJson {
  member_id: string;
  control: string;
  before: number;
  after: number;
}

interface RoomMixJson {
  members: RoomMemberJson[];
  moves: RoomMoveJson[];
  listener_count: number;
  recipe: RecipeJson & { negative_prompt?: string };
  is_paused: boolean;
}

interface RoomEvent extends RoomMixJson {
  type: "started" | "joined" | "queued" | "chunk" | "mix" | "recipe" | "fault" | "skipped" | "ended" | "problem";
  format: { sample_rate_hz: number; channel_count: number };
  place: number;
  name: string;
  role: string;
  member_id: string;
  offered_tastes: { taste_id: string; title: string }[];
  ready_sliders: string[];
  fault: string | null;
  reason: string;
  problem: ProblemJson;
}

interface PersonRow {
  node: HTMLLIElement;
  name: HTMLSpanElement;
  meter: HTMLMeterElement;
  words: HTMLParagraphElement;
  weight: HTMLSelectElement;
  tools: HTMLDivElement;
}

// Values of the page.

/** The body of POST /v1/generations, as the page sends it. */
interface GenerationBody {
  prompt: string;
  duration_s?: number;
  taste_id?: string;
  taste_strength?: number;
  taste_in_words?: boolean;
  sliders?: SliderValues;
  bpm?: number;
  key?: string;
  negative_prompt?: string;
  backend?: string;
  concepts?: ConceptAt[];
  seed?: number;
  chunk_s?: number;
  request_id?: string;
  resume_sample_offset?: number;
  origin?: { request_id: string; start_s?: number; end_s?: number };
  tastes?: TasteUseJson[];
  taste_path?: { tastes: TasteUseJson[] };
  recipe_changes?: { start_s: number }[];
  /** Set by the page alone: it was played live. */
  isLive?: boolean;
  n?: number;
}

/** A taste of a mix. */
interface TasteUseJson {
  taste_id: string;
  strength: number;
}

/** The state of one of several takes of a request. */
interface VariationJson {
  request_id: string;
  state: "queued" | "running" | "finished" | "failed" | "cancelled";
  seed: number | null;
  problem: ProblemJson | null;
}

/** What the headers of a take's stream say, and the reader of its bytes. */
interface TakeStreamInfo {
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  byteCount: number;
  requestId: string;
  sampleRateHz: number;
  durationS: number;
  backend: string;
  model: string;
  steering: { tastes?: SliderValues; concepts?: SliderValues; sliders?: SliderValues } | null;
  seed: number;
  notices: string[];
  /** What the page itself says about it. */
  ownNotice?: string;
  place: number;
  waitS: number | null;
}

interface Version {
  requestId: string;
  body: GenerationBody;
  seed: number;
  number?: number;
}

/** Stars and seconds that a user chose for a song. */
interface SongWish {
  stars?: number;
  from?: string;
  to?: string;
}

interface Draft {
  prompt: string;
  durationS: number;
  tasteId: string | null;
  tasteStrength: number;
  tasteInWords: boolean;
  /** Strengths of the tastes that are mixed with it, by id. */
  otherTastes: Record<string, number>;
  /** The taste at which a take ends. */
  goalTasteId: string | null;
  mix: Record<string, string>;
  songs: { id: string; by: Record<number, SongWish> } | null;
  rangeCalibrationJob: { tasteId: string; id: string } | null;
  sliders: SliderValues;
  own: OwnSlider[];
  labels: Record<string, string>;
  keepSeed: boolean;
  music: { bpm?: string; key?: string; without?: string };
  /** Names of the chosen backends; empty where there is nothing to choose. */
  backends: { takes?: string; live?: string };
}

/** A concept at a position, as a recipe names it. */
interface ConceptAt {
  name: string;
  position: number;
}

/** A slider of the user's own words. */
interface OwnSlider extends ConceptAt {
  label: string;
}

/** What a wish moves: the sliders, and those of the user's own words. */
interface SlidersThen {
  sliders: SliderValues;
  own: OwnSlider[];
}

/** An error that the page shows: from the server (`problem`), or in the page's own words. */
interface ShownError {
  status?: number;
  problem?: ProblemJson | null;
  retryAfterS?: number | null;
  words?: string;
  name?: string;
}

// Globals of an AudioWorklet, which TypeScript's DOM library lacks.

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

// Texts: `languages/en.json` names the keys, and a test compares the other languages with it.

type Strings = typeof import("../languages/en.json")["texts"];
/** Keys of one text, which may have plural forms. */
type TextKey = { [Key in keyof Strings]: Strings[Key] extends string[] ? never : Key }[keyof Strings];
/** Keys of several texts. */
type ListKey = { [Key in keyof Strings]: Strings[Key] extends string[] ? Key : never }[keyof Strings];
/** What stands before the last point of a key. */
type GroupOf<Key> = Key extends `${infer A}.${infer Rest}` ? A | (Rest extends `${infer B}.${string}` ? `${A}.${B}` : never) : never;
type TextGroup = GroupOf<TextKey>;
type Values = Record<string, string | number>;
