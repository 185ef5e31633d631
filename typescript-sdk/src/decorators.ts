import type { Core, TraceOptions } from "./core";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- decorators take functions of every signature
type AnyFunction = (...args: any[]) => unknown;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the same for classes
type AnyClass = abstract new (...args: any[]) => unknown;

/**
 * What `obs.trace(options)` returns: a decorator for methods and classes, in the form of the standard (stage 3) and of
 * TypeScript's `experimentalDecorators`, and a wrapper of plain functions. Signatures stay the same.
 */
export interface TraceDecorator {
  /** Decorates a method, in the form of the standard. */
  <F extends AnyFunction>(method: F, context: ClassMethodDecoratorContext): F;
  /** Decorates all methods of a class, in the form of the standard. */
  <C extends AnyClass>(target: C, context: ClassDecoratorContext): void;
  /** Decorates a method, in the form of `experimentalDecorators`. */
  (target: object, key: string | symbol, descriptor: PropertyDescriptor): void;
  /** Wraps a function; as a decorator in the form of `experimentalDecorators`, decorates all methods of a class. */
  <F extends AnyFunction | AnyClass>(target: F): F;
}

/** Returns a decorator that traces calls. */
export function decorator(core: Core, options: TraceOptions): TraceDecorator {
  const decorate = (target: unknown, at?: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor !== undefined) {
      decorateProperty(core, options, String(at), descriptor);
      return undefined;
    }
    if (typeof target !== "function") return target;
    if (isStandardContext(at)) {
      if (at.kind === "class") decorateClass(core, options, target);
      return at.kind === "method" ? wrap(core, options, String(at.name), target as AnyFunction) : undefined;
    }
    if (!isClass(target)) return wrap(core, options, target.name, target as AnyFunction);
    decorateClass(core, options, target);
    return target;
  };
  return decorate as TraceDecorator;
}

function isStandardContext(at: unknown): at is { kind: string; name: string | symbol | undefined } {
  return typeof at === "object" && at !== null && "kind" in at && typeof at.kind === "string";
}

/** Whether a function is a class: those have a prototype that cannot be replaced. */
function isClass(target: unknown): boolean {
  return (
    typeof target === "function" &&
    Object.getOwnPropertyDescriptor(target, "prototype")?.writable === false &&
    /^class\b/.test(Function.prototype.toString.call(target))
  );
}

function decorateClass(core: Core, options: TraceOptions, target: unknown): void {
  const { name, prototype } = target as { name: string; prototype: object };
  for (const key of Object.getOwnPropertyNames(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
    if (key === "constructor" || descriptor === undefined || !descriptor.configurable) continue;
    decorateProperty(core, options, `${options.name ?? name}.${key}`, descriptor, true);
    Object.defineProperty(prototype, key, descriptor);
  }
}

function decorateProperty(
  core: Core,
  options: TraceOptions,
  name: string,
  descriptor: PropertyDescriptor,
  isMember = false,
): void {
  const method: unknown = descriptor.value;
  if (typeof method !== "function") return;
  descriptor.value = wrap(core, isMember ? { ...options, name } : options, name, method as AnyFunction);
}

/** Returns a function that does the same within a span. */
function wrap(core: Core, options: TraceOptions, ownName: string, method: AnyFunction): AnyFunction {
  const name = options.name ?? (ownName || "anonymous");
  const traced = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target !== undefined) return Reflect.construct(method, args, new.target === traced ? method : new.target);
    return core.call(name, options, args, () => method.apply(this, args));
  };
  return core.guard.run(traced, () => dress(traced, method));
}

/** Makes a wrapper look like the function: name, number of parameters, kind, prototype, own properties. */
function dress(traced: AnyFunction, method: AnyFunction): AnyFunction {
  Object.setPrototypeOf(traced, Object.getPrototypeOf(method) as object);
  for (const key of Reflect.ownKeys(method)) {
    const descriptor = Object.getOwnPropertyDescriptor(method, key);
    const own = Object.getOwnPropertyDescriptor(traced, key);
    if (descriptor === undefined || key === "arguments" || key === "caller") continue;
    if (own === undefined || own.configurable) Object.defineProperty(traced, key, descriptor);
    else if (own.writable && "value" in descriptor) Reflect.set(traced, key, descriptor.value);
  }
  return traced;
}
