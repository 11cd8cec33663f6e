/* Emscripten's header of wasm SIMD, by SIMDe: the core's vector code as native instructions. */
#ifndef NATIVE_WASM_SIMD128_H
#define NATIVE_WASM_SIMD128_H

#define SIMDE_WASM_SIMD128_NO_NATIVE /* the core is compiled as if for wasm, which SIMDe would take at its word */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/simd128.h>

#endif
