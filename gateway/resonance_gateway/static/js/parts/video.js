// Video of a take: make, follow, play, redo a scene.

import { isFinal, newRequestId } from "../core/api.js";
import { follow } from "../core/follow.js";
import * as videos from "../core/videos.js";
import { say, sayNow, startJob } from "../core/announce.js";
import { byId, clock, el, enable, isDisabled, show } from "../core/dom.js";
import { money } from "../core/money.js";
import { clearProblem, showProblem } from "./problem.js";
import { t, tOf } from "../core/strings.js";

export class VideoStep {
  constructor() {
    /** @type {import("../sound/take.js").Take | null} */
    this._take = null;
    /** @type {import("./narration.js").Narration | null} */
    this._narration = null;
    /** Opens a piece that was narrated. @type {(record: TakeJson) => void} */
    this.onNarrated = () => {};
    /** @type {VideoJson | null} */
    this._video = null;
    this._stopFollowing = () => {};
    this._requestId = newRequestId();
    this._shown = "";
    byId("video-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._make();
    });
    byId("video-stop").addEventListener("click", () => this._stop());
  }

  /** Shows the section where this installation makes videos. */
  async load() {
    const known = await videos.getVideoCapabilities().catch((error) => ({ unavailable: "no", reason: error.problem?.reason }));
    show(byId("video"), !known.unavailable);
    if (this._take) this.offer(this._take);
    if ("reason" in known && known.reason === "KEY_REQUIRED") return; // a further question would open the key's dialog again
    const { buildNarration } = await import("./narration.js");
    this._narration = await buildNarration({
      takeId: () => (this._take?.isWhole ? this._take.requestId : null), onMade: (record) => this.onNarrated(record),
    });
  }

  /**
   * Enables the button once the whole take is made, and finds a video that was made of it before.
   * @param {import("../sound/take.js").Take} take
   */
  async offer(take) {
    if (this._take?.requestId !== take.requestId) this._forget();
    this._take = take;
    enable(byId("video-go"), take.isWhole);
    if (!take.isWhole || this._video || byId("video").hidden) return;
    const found = await videos.findVideoOf(take.requestId).catch(() => /** @type {VideoJson | null} */ (null));
    if (found && this._take === take && !this._video) this._follow(found);
  }

  async _make() {
    const take = this._take;
    const concept = byId("video-concept").value.trim();
    if (!take?.isWhole || isDisabled(byId("video-go"))) return;
    clearProblem(byId("video-error"));
    if (!concept) {
      showProblem(byId("video-error"), { words: t("video.noWords") }, { kept: t("kept.all"), next: t("video.noWordsNext") });
      byId("video-concept").focus();
      return;
    }
    startJob();
    const narration = this._narration?.part;
    const body = {
      take_id: take.requestId, concept, aspects: [byId("video-aspect").value], request_id: this._requestId, ...(narration ? { narration } : {}),
    };
    try {
      const video = await videos.createVideo(body);
      this._requestId = newRequestId();
      if (this._take === take) this._follow(video);
    } catch (error) {
      showProblem(byId("video-error"), error, { kept: t("kept.words"), retry: () => this._make() });
    }
  }

  /** @param {VideoJson} video */
  _follow(video) {
    this._stopFollowing();
    this._stopFollowing = follow({
      known: video,
      ask: () => videos.getVideo(video.id),
      watch: (onNews, onLost) => videos.watchVideo(video.id, onNews, onLost),
      onNews: (news) => this._show(news),
      onRefused: (error) => showProblem(byId("video-error"), error, { kept: t("kept.all") }),
    });
  }

  /** @param {VideoJson} video */
  _show(video) {
    const wasMaking = this._video !== null && !isFinal(this._video);
    this._video = video;
    const isMaking = !isFinal(video);
    const ready = video.shots.filter((shot) => chosen(shot)?.status === "ready").length;
    const stage = tOf("video.state", video.state, { ready, all: video.shots.length });
    byId("video-stage").textContent = stage;
    byId("video-cost").textContent = video.cost_usd ? t("video.cost", { price: money(video.cost_usd) }) : "";
    byId("video-progress").value = video.progress;
    show(byId("video-work"), isMaking, byId("video-title"));
    enable(byId("video-go"), !isMaking);
    if (isMaking) say(stage);
    if (video.state === "completed") {
      this._play(video);
      if (wasMaking) sayNow(t("video.ready"));
    }
    if (video.state === "failed") {
      showProblem(byId("video-error"), { problem: video.error && { status: 500, reason: video.error.reason, detail: video.error.message } }, { kept: t("video.keptScenes"), next: t("video.redoFailed") });
    }
    this._list(video);
  }

  /** @param {VideoJson} video */
  _play(video) {
    const [aspect] = video.aspects;
    const file = video.files.find((each) => each.aspect === aspect && each.kind === "share");
    if (!file || this._shown === file.sha256) return;
    this._shown = file.sha256;
    const player = byId("video-player");
    // The bytes behind the address change with every redone scene; the digest makes each of them an address of its own.
    player.src = `${videos.videoUrl(video.id, aspect, "share")}#${file.sha256}`;
    player.poster = videos.videoUrl(video.id, aspect, "still");
    player.replaceChildren(
      el("track", { kind: "captions", src: videos.videoTextUrl(video.id, "captions"), srclang: "en", label: t("video.captions") }),
      el("track", { kind: "descriptions", src: videos.videoTextUrl(video.id, "descriptions"), srclang: "en", label: t("video.descriptions") }),
    );
    player.load();
    byId("video-download").href = videos.videoUrl(video.id, aspect, "master");
    byId("video-described").href = videos.videoUrl(video.id, aspect, "described");
    show(byId("video-described"), video.files.some((each) => each.aspect === aspect && each.kind === "described"));
    show(byId("video-film"), true);
  }

  /**
   * Draws the scenes, each with a button that makes it again; a focused control stays focused.
   * @param {VideoJson} video
   */
  _list(video) {
    const focused = document.activeElement?.id;
    const isMaking = !isFinal(video);
    byId("video-shots").replaceChildren(...video.shots.map((shot) => this._item(video, shot, isMaking)));
    show(byId("video-scenes"), video.shots.length > 0);
    if (focused?.startsWith("redo-")) document.getElementById(focused)?.focus();
  }

  /**
   * @param {VideoJson} video
   * @param {VideoShotJson} shot
   * @param {boolean} isMaking
   */
  _item(video, shot, isMaking) {
    const times = `${clock(shot.start_s)}–${clock(shot.end_s)}`;
    const status = tOf("video.scene", chosen(shot)?.status ?? "waiting");
    const redo = el("button", {
      type: "button", class: "button quiet", id: `redo-${shot.id}`, "aria-label": t("video.redoLabel", { times }),
      "aria-disabled": isMaking ? "true" : null, // not `disabled`: the list is drawn anew while the button has the focus
      onclick: () => this._redo(video, shot),
    }, t("video.redo"));
    return el("li", {}, el("span", { class: "hint" }, `${times} ${shot.summary} ${status}`), redo);
  }

  /**
   * @param {VideoJson} video
   * @param {VideoShotJson} shot
   */
  async _redo(video, shot) {
    if (isDisabled(/** @type {HTMLButtonElement} */ (document.getElementById(`redo-${shot.id}`)))) return;
    clearProblem(byId("video-error"));
    startJob();
    try {
      this._follow(await videos.redoScene(video.id, shot.id, byId("video-wish").value.trim()));
    } catch (error) {
      showProblem(byId("video-error"), error, { kept: t("kept.all"), retry: () => this._redo(video, shot) });
    }
  }

  async _stop() {
    const video = this._video;
    if (!video) return;
    try {
      this._show(await videos.cancelVideo(video.id));
      sayNow(t("video.stopped"));
    } catch (error) {
      showProblem(byId("video-error"), error, { kept: t("kept.all"), retry: () => this._stop() });
    }
  }

  _forget() {
    this._stopFollowing();
    this._video = null;
    this._shown = "";
    byId("video-player").removeAttribute("src");
    for (const part of /** @type {const} */ (["video-work", "video-film", "video-scenes"])) show(byId(part), false, byId("video-title"));
    clearProblem(byId("video-error"));
  }
}

/** @param {VideoShotJson} shot */
const chosen = (shot) => shot.versions.find((version) => version.version === shot.chosen);
