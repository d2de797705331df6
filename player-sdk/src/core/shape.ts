/**
 * Reads unknown JSON into typed values and writes them back. A shape lists the
 * fields of an object in the order in which they are written.
 *
 * @module
 */

/** Data from outside that are not what they should be. The message names the field. */
export class ShapeError extends Error {
  override readonly name: string = "ShapeError";
}

/** How one value is read and written. */
export interface Codec<T> {
  /** @throws ShapeError, with `path` in its message. */
  read(value: unknown, path: string): T;
  write(value: T): unknown;
}

/** How one field of an object is read and written; it may be missing. */
export interface Field<T> extends Codec<T> {
  readonly optional?: true;
  /** Whether a value is left out when writing, besides undefined. */
  omits?(value: T): boolean;
}

/** A field for every property of T. */
export type Shape<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

const refuse = (path: string, want: string, value: unknown): never => {
  const got = JSON.stringify(value)?.slice(0, 40) ?? String(value);
  throw new ShapeError(`${path}: ${got} is not ${want}`);
};

const plain = <T>(want: string, fits: (value: unknown) => boolean): Codec<T> => ({
  read: (value, path) => (fits(value) ? (value as T) : refuse(path, want, value)),
  write: (value) => value,
});

/** Any string. */
export const text = plain<string>("a string", (v) => typeof v === "string");

/** true or false. */
export const flag = plain<boolean>("true or false", (v) => typeof v === "boolean");

/** A whole number that a float64 holds exactly; T may be a branded unit. */
export const whole = <T extends number = number>(): Codec<T> =>
  plain<T>("a whole number", (v) => Number.isSafeInteger(v));

/** Any finite number. */
export const real = plain<number>("a number", (v) => typeof v === "number" && Number.isFinite(v));

/** One of a few strings. */
export const oneOf = <T extends string>(...values: readonly T[]): Codec<T> =>
  plain<T>(`one of ${values.join(", ")}`, (v) => values.includes(v as T));

/** A list. Null reads as the empty list, which is how Go may write it. */
export const list = <T>(item: Codec<T>): Codec<readonly T[]> => ({
  read: (value, path) => {
    if (value === null) return [];
    if (!Array.isArray(value)) return refuse(path, "a list", value);
    return value.map((v, i) => item.read(v, `${path}[${i}]`));
  },
  write: (value) => value.map((v) => item.write(v)),
});

/** A list of exactly two. */
export const pair = <A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> => ({
  read: (value, path) => {
    if (!Array.isArray(value) || value.length !== 2) return refuse(path, "a pair", value);
    return [first.read(value[0], `${path}[0]`), second.read(value[1], `${path}[1]`)];
  },
  write: (value) => [first.write(value[0]), second.write(value[1])],
});

/** A field that may be missing. Whatever value it has is written. */
export const optional = <T>(codec: Codec<T>): Field<T> => ({
  read: codec.read,
  write: codec.write,
  optional: true,
});

/** A field that is missing when it is zero, empty or false. */
export const nonzero = <T>(codec: Codec<T>): Field<T> => ({
  ...optional(codec),
  omits: (value) => value === 0 || value === "" || value === false,
});

/** An object of the given fields. Fields it does not know are ignored. */
export function object<T extends object>(shape: Shape<T>): Codec<T> {
  const fields = Object.entries(shape) as [string, Field<unknown>][];
  return {
    read(value, path) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        return refuse(path, "an object", value);
      }
      const from = value as Record<string, unknown>;
      const out: Record<string, unknown> = {};
      for (const [name, field] of fields) {
        const v = from[name];
        if (v !== undefined) out[name] = field.read(v, `${path}.${name}`);
        else if (field.optional === undefined) throw new ShapeError(`${path}.${name}: missing`);
      }
      return out as T;
    },
    write(value) {
      const from = value as Record<string, unknown>;
      const out: Record<string, unknown> = {};
      for (const [name, field] of fields) {
        const v = from[name];
        if (v !== undefined && field.omits?.(v) !== true) out[name] = field.write(v);
      }
      return out;
    },
  };
}
