/** Classes of the host that declarations name, wherever a program takes their types from: a browser's, Node's or none. */

/** A global class, where its type is known. */
export type Global<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;

/** `WebAssembly.Module`, where its type is known. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : object;
