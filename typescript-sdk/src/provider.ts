import type { Attributes, ContextManager, Tracer, TracerProvider as OtelTracerProvider } from "@opentelemetry/api";
import { context, propagation, trace } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type IdGenerator,
  type Sampler,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { KEY } from "./attributes";
import type { Guard } from "./guard";
import { CountingSampler, DeliveringProcessor } from "./processor";
import type { Settings } from "./settings";
import type { Sink } from "./sink";
import { VERSION } from "./version";

const SCOPE = "@agent-observability/sdk";
/** OpenInference writes each message as attributes of their own: OpenTelemetry's default of 128 loses the oldest. */
const MAX_ATTRIBUTES = 10_000;

export interface ProviderParts {
  readonly settings: Settings;
  readonly sink: Sink;
  readonly guard: Guard;
  readonly contextManager: ContextManager | undefined;
  /** Whether spans of the whole process are wanted, and not only the client's own. */
  readonly isGlobal: boolean;
  readonly idGenerator?: IdGenerator | undefined;
}

/** How the client makes spans. */
export interface Connection {
  readonly tracer: Tracer;
  /** Provider for instrumentations. */
  readonly provider: OtelTracerProvider;
}

/**
 * Joins OpenTelemetry: an application's own set-up gets our processor and is used; without one, ours is made and set
 * globally.
 *
 * A second client in a process has a provider to itself, so that no span is delivered twice.
 */
export function connect(parts: ProviderParts): Connection {
  if (parts.contextManager !== undefined) {
    context.setGlobalContextManager(parts.contextManager.enable());
  }
  const processors = parts.isGlobal ? processorsOf(currentProvider()) : undefined;
  if (processors !== undefined && !processors.some((one) => one instanceof DeliveringProcessor)) {
    processors.push(
      new DeliveringProcessor(parts.sink, parts.guard, {
        standing: standing(parts.settings),
        sampleRate: parts.settings.sampleRate,
      }),
    );
    const provider = trace.getTracerProvider();
    return { provider, tracer: provider.getTracer(SCOPE, VERSION) };
  }
  const provider = ownProvider(parts);
  if (parts.isGlobal && processors === undefined) {
    trace.setGlobalTracerProvider(provider);
    propagation.setGlobalPropagator(
      new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
    );
  }
  return { provider, tracer: provider.getTracer(SCOPE, VERSION) };
}

function ownProvider(parts: ProviderParts): TracerProvider {
  const { settings, sink, guard } = parts;
  return new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(resourceAttributes(settings))),
    sampler: new CountingSampler(new ParentBasedSampler({ root: rootSampler(settings.sampleRate) }), () =>
      sink.sample(),
    ),
    spanLimits: { attributeCountLimit: MAX_ATTRIBUTES, eventCountLimit: 1_000 },
    spanProcessors: [new DeliveringProcessor(sink, guard)],
    ...(parts.idGenerator === undefined ? {} : { idGenerator: parts.idGenerator }),
  });
}

function rootSampler(rate: number): Sampler {
  return rate >= 1 ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(rate);
}

function resourceAttributes(settings: Settings): Attributes {
  return {
    ...(settings.serviceName === undefined ? {} : { "service.name": settings.serviceName }),
    ...(settings.release === undefined ? {} : { "service.version": settings.release }),
    ...(settings.environment === undefined ? {} : { [KEY.environment]: settings.environment }),
  };
}

/** What the roots of traces state where the resource is another's. */
function standing(settings: Settings): Attributes {
  return {
    ...(settings.release === undefined ? {} : { [KEY.release]: settings.release }),
    ...(settings.environment === undefined ? {} : { [KEY.environment]: settings.environment }),
  };
}

function currentProvider(): unknown {
  const provider = trace.getTracerProvider() as { getDelegate?: () => unknown };
  return provider.getDelegate?.() ?? provider;
}

/**
 * Returns the list of processors of OpenTelemetry's own provider. Since its version 2 processors can only be given to
 * its constructor, which has been called by the time; the list behind it is what it consults. Undefined where there is
 * none, as for other makes.
 */
function processorsOf(provider: unknown): SpanProcessor[] | undefined {
  const active: unknown = (provider as { _activeSpanProcessor?: unknown })._activeSpanProcessor;
  const processors: unknown = (active as { _spanProcessors?: unknown } | undefined)?._spanProcessors;
  return Array.isArray(processors) && !Object.isFrozen(processors) ? (processors as SpanProcessor[]) : undefined;
}
