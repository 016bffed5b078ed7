// Songs of folders: what is sent of the chosen or dropped files.

import { list, sentences, t } from "../core/strings.js";
import { pathOf } from "../core/dom.js";

const TRACKS_MAX = 20;
const NAMED_MAX = 3;
// The same lists as in resonance/audio/formats.py and resonance/client/song_files.py; a test compares them.
export const SOUND_ENDINGS = (
  "mp3 mp2 m4a m4b m4r aac flac ogg oga opus wav wave bwf rf64 w64 aif aiff aifc wma asf wv caf au snd mp4 m4v mov mkv mka webm 3gp " +
  "m4p aa aax ape mpc mp+ mpp tta dsf dff ra rm amr ac3 eac3 dts thd mlp tak ofr shn spx gsm voc avi flv ts"
).split(" ");
export const JUNK_ENDINGS = (
  "jpg jpeg png gif webp bmp tif tiff heic psd svg ico " +
  "m3u m3u8 pls cue xspf wpl asx log accurip txt nfo lrc pdf doc docx rtf md htm html url webloc xml json csv ini db " +
  "sfv md5 ffp sha1 sha256 par2 torrent part crdownload tmp lnk exe dll sh bat srt sub idx ass"
).split(" ");
const JUNK_NAMES = ["thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx", "$recycle.bin", "@eadir"];
const byNumber = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * The songs among files, in natural order where they come from a folder or are too many, and what is left out, in a sentence.
 * Of a folder, files with an ending of sound are taken; of files that are chosen one by one, all but covers, lists and the like.
 * @param {File[]} files
 */
export function chooseSongs(files) {
  /** @param {File} file */
  const isSong = (file) => (pathOf(file) ? isSound(file) : files.length === 1 || !isJunk(file));
  const songs = files.filter(isSong);
  if (songs.length > TRACKS_MAX || songs.some(pathOf)) songs.sort(inOrder);
  const others = files.filter((file) => !isSong(file) && !isHidden(file.name));
  const said = [];
  if (songs.length > TRACKS_MAX) said.push(t("taste.firstTaken", { count: songs.length, taken: TRACKS_MAX, last: songs[TRACKS_MAX - 1].name }));
  if (others.length) said.push(t(others.length > NAMED_MAX ? "taste.leftOutMore" : "taste.leftOut", { names: some(others), count: others.length - NAMED_MAX }));
  return { songs: songs.slice(0, TRACKS_MAX), notice: sentences(...said) };
}

/**
 * The name of the first file that cannot be read, such as one that was moved after it was chosen; empty for none.
 * @param {File[]} files
 */
export async function findUnreadable(files) {
  for (const file of files) {
    const isRead = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
    if (!isRead) return file.name;
  }
  return "";
}

/** @param {File} file */
const isSound = (file) => !isJunk(file) && SOUND_ENDINGS.includes(endingOf(file.name));

/** @param {File} file */
const isJunk = (file) => [...pathOf(file).split("/"), file.name].some(isHidden) || JUNK_ENDINGS.includes(endingOf(file.name));

/** @param {string} name */
const isHidden = (name) => name.startsWith(".") || JUNK_NAMES.includes(name.toLowerCase());

/** @param {string} name */
const endingOf = (name) => (name.includes(".") ? name.slice(name.lastIndexOf(".") + 1).toLowerCase() : "");

/** @param {File[]} files */
const some = (files) => list(files.slice(0, NAMED_MAX).map((file) => file.name));

/**
 * By path, 2 before 10, the files of a folder before its folders.
 * @param {File} one
 * @param {File} other
 */
function inOrder(one, other) {
  const [a, b] = [one, other].map((file) => (pathOf(file) || file.name).split("/"));
  for (let depth = 0; depth < Math.min(a.length, b.length); depth += 1) {
    const isLast = [depth === a.length - 1, depth === b.length - 1];
    if (isLast[0] !== isLast[1]) return isLast[0] ? -1 : 1;
    const order = byNumber.compare(a[depth], b[depth]);
    if (order) return order;
  }
  return 0;
}
