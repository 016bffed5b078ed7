// Journey from songs to steered music in JavaScript.
// node journey.mjs PROTOS ADDRESS SONG...
// Prints one JSON line with what was seen.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [protos, address, ...songs] = process.argv.slice(2);
const load = (name) =>
  grpc.loadPackageDefinition(
    loader.loadSync(`resonance/v1/${name}.proto`, { includeDirs: [protos], longs: Number, enums: String, keepCase: true }),
  ).resonance.v1;
const credentials = grpc.credentials.createInsecure();
const ingest = new (load("ingest").IngestService)(address, credentials);
const generate = new (load("generate").GenerateService)(address, credentials);

function upload() {
  return new Promise((resolve, reject) => {
    const call = ingest.UploadPlaylist((error, response) => (error ? reject(error) : resolve(response.job)));
    send(call).catch(reject);
  });
}

async function send(call) {
  call.write({ header: { title: "from node" } });
  for (const song of songs) {
    call.write({ track: { filename: basename(song) } });
    for await (const data of createReadStream(song)) call.write({ data });
  }
  call.end();
}

async function last(call, pick) {
  let found;
  for await (const response of call) found = pick(response) ?? found;
  return found;
}

async function make(tasteId) {
  const digest = createHash("sha256");
  let chunks = 0;
  const call = generate.Generate({
    request_id: "",
    recipe: { prompts: [{ text: "calm piano" }], tastes: tasteId ? [{ taste_id: tasteId, strength: 1 }] : [] },
    duration_s: 2,
    seed: 4,
  });
  const finished = await last(call, (response) => {
    if (response.chunk) {
      chunks += 1;
      digest.update(response.chunk.data);
    }
    return response.finished;
  });
  return { chunks, sha256: digest.digest("hex"), announced: finished.end.sha256.toString("hex"), samples: finished.end.sample_count_total };
}

async function refusal() {
  try {
    await last(generate.Generate({ recipe: { prompts: [{ text: "" }] }, duration_s: 2 }), () => undefined);
  } catch (error) {
    return { code: grpc.status[error.code], details: error.details, hasDetails: error.metadata.get("grpc-status-details-bin").length === 1 };
  }
}

const accepted = await upload();
const job = await last(ingest.WatchJob({ job_id: accepted.job_id }), (response) => response.job);
const seen = {
  state: job.state,
  tracks: job.tracks.map((track) => track.state),
  plain: await make(""),
  steered: await make(job.job_id),
  refusal: await refusal(),
};
console.log(JSON.stringify(seen));
process.exit(0);
