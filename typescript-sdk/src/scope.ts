import { createContextKey, type Attributes, type Context } from "@opentelemetry/api";
import { KEY } from "./attributes";
import { serialise } from "./serialise";

/**
 * What is said of a trace. Agent, user, session and environment hold for everything in it, spans of other
 * instrumentations included.
 */
export interface TraceAttributes {
  /** Agent that does the work. */
  agentId?: string | undefined;
  /** User for whom it is done. */
  userId?: string | undefined;
  /** Conversation that it belongs to. */
  sessionId?: string | undefined;
  /** Deployment environment, such as `production`. */
  environment?: string | undefined;
  /** Free names and values. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Words to find it by. */
  tags?: readonly string[] | undefined;
}

const INHERITED = createContextKey("agentobs inherited");

/** Returns the attributes that spans begun in a context inherit, undefined for none. */
export function inherited(context: Context): Attributes | undefined {
  return context.getValue(INHERITED) as Attributes | undefined;
}

/**
 * Returns a context in which spans inherit what is given, too. It always has something to inherit, if only nothing:
 * that tells what is within a traced call.
 */
export function withInherited(context: Context, given: TraceAttributes, agentId: string | undefined): Context {
  const { userId, sessionId, environment } = given;
  const outer = inherited(context);
  if (outer !== undefined && agentId == null && userId == null && sessionId == null && environment == null)
    return context;
  const attributes: Attributes = { ...outer };
  if (agentId != null) attributes[KEY.agent] = String(agentId);
  if (userId != null) attributes[KEY.userId] = String(userId);
  if (sessionId != null) attributes[KEY.sessionId] = String(sessionId);
  if (environment != null) attributes[KEY.environment] = String(environment);
  return context.setValue(INHERITED, attributes);
}

/** Adds what is said of one span to its attributes. */
export function addLabels(attributes: Attributes, given: TraceAttributes): void {
  if (given.tags != null && given.tags.length > 0) attributes[KEY.tags] = given.tags.map(String);
  if (given.metadata != null) attributes[KEY.metadata] = serialise(given.metadata);
}
