/** Compresses and uncompresses bodies with what every runtime has. */
export async function gzip(body: Uint8Array): Promise<Uint8Array> {
  return through(body, new CompressionStream("gzip"));
}

export async function gunzip(body: Uint8Array): Promise<Uint8Array> {
  return through(body, new DecompressionStream("gzip"));
}

async function through(body: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const source = new Blob([body as Uint8Array<ArrayBuffer>]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(source).arrayBuffer());
}
