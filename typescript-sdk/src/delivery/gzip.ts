import type { Compression } from "./collector";

type Compressor = new (format: "gzip") => ReadableWritablePair<Uint8Array, BufferSource>;

/** Compression with what the runtime has of its own; undefined where it has none. */
export function webCompression(): Compression | undefined {
  try {
    // Looked up here: some edge runtimes lack them, or have them to throw, and their bundlers warn of the names.
    const streams = globalThis as { CompressionStream?: Compressor; DecompressionStream?: Compressor };
    const { CompressionStream: Compress, DecompressionStream: Decompress } = streams;
    if (Compress === undefined || Decompress === undefined) return undefined;
    new Compress("gzip");
    return { gzip: through(Compress), gunzip: through(Decompress) };
  } catch {
    return undefined;
  }
}

function through(Stream: Compressor): (body: Uint8Array) => Promise<Uint8Array> {
  return async (body) => {
    const source = new Blob([body as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new Stream("gzip"));
    return new Uint8Array(await new Response(source).arrayBuffer());
  };
}
