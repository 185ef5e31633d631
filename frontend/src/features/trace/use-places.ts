import { useEffect, useState } from "react";
import type { Graph } from "@/api/schema";
import type { Placed } from "@/features/trace/graph-parts";

type Places = ReadonlyMap<string, Placed>;

/** Where each node stands, undefined until that is known; found beside the page, which stays usable in the seconds that many arrows take. */
export function usePlaces(graph: Graph): { places: Places | undefined; error: Error | null } {
  const [found, setFound] = useState<{ graph: Graph; places?: Places; error?: Error }>({ graph });
  useEffect(() => {
    const worker = new Worker(new URL("./graph-layout.worker.ts", import.meta.url));
    worker.onmessage = ({ data }: MessageEvent<Places>) => setFound({ graph, places: data });
    worker.onerror = () => setFound({ graph, error: new Error("The graph could not be drawn.") });
    worker.postMessage(graph);
    return () => worker.terminate();
  }, [graph]);
  const isOurs = found.graph === graph;
  return { places: isOurs ? found.places : undefined, error: (isOurs ? found.error : undefined) ?? null };
}
