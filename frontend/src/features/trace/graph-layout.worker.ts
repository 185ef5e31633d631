import type { Graph } from "@/api/schema";
import { placesOf } from "@/features/trace/graph-layout";

addEventListener("message", ({ data }: MessageEvent<Graph>) => postMessage(placesOf(data)));
