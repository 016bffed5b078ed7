// Requests about videos.

import { deleteAt, getJson, sendJson, watch } from "./api.js";

const VIDEOS = "v1/videos";

/**
 * @returns {Promise<{ unavailable: string }>}
 */
export const getVideoCapabilities = () => getJson("v1/video-capabilities");
/**
 * The newest video of a take, or null. The 50 newest videos are looked at.
 * @param {string} takeId
 * @returns {Promise<VideoJson | null>}
 */
export async function findVideoOf(takeId) {
  const { videos } = await getJson(`${VIDEOS}?page_size=50`);
  return videos.find((/** @type {VideoJson} */ video) => video.take_id === takeId && video.state !== "cancelled") ?? null;
}
/**
 * @param {{ take_id: string, concept: string, aspects: string[], request_id: string, narration?: { script: string, voice: string } }} body
 * @returns {Promise<VideoJson>}
 */
export const createVideo = (body) => sendJson(VIDEOS, body);
/**
 * @param {string} id
 * @returns {Promise<VideoJson>}
 */
export const getVideo = (id) => getJson(`${VIDEOS}/${id}`);
/**
 * @param {string} id
 * @returns {Promise<VideoJson>}
 */
export const cancelVideo = (id) => sendJson(`${VIDEOS}/${id}/cancel`, {});
/**
 * @param {string} id
 * @param {string} shotId
 * @param {string} instruction
 * @returns {Promise<VideoJson>}
 */
export const redoScene = (id, shotId, instruction) => sendJson(`${VIDEOS}/${id}/shots/${shotId}/versions`, { instruction });
/**
 * @param {string} id
 */
export const deleteVideo = (id) => deleteAt(`${VIDEOS}/${id}`);
/**
 * Watches a video as `watchTaste` watches a taste.
 * @param {string} id
 * @param {(video: VideoJson) => void} onNews
 * @param {(error: import("./api.js").ApiError) => void} onLost
 */
export const watchVideo = (id, onNews, onLost) => watch(`${VIDEOS}/${id}/events`, "video", onNews, onLost);
/**
 * @param {string} id
 * @param {string} aspect
 * @param {"master" | "share" | "still" | "described"} kind
 */
export const videoUrl = (id, aspect, kind) => `${VIDEOS}/${id}/file?aspect=${encodeURIComponent(aspect)}&kind=${kind}`;
/**
 * @param {string} id
 * @param {"captions" | "descriptions"} kind
 */
export const videoTextUrl = (id, kind) => `${VIDEOS}/${id}/${kind}.vtt`;
