/** A worker of the pool: instantiates the module over the shared memory, then sleeps in it until there is work. */
const port = globalThis.process?.getBuiltinModule?.('node:worker_threads').parentPort ?? globalThis;

async function prepare({ module, memory, stackTop, tls }) {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory, emscripten_notify_memory_growth() {} } });
  exports.__stack_pointer.value = stackTop;
  if (tls) exports.__wasm_init_tls(tls);
  return exports;
}

port.onmessage = async ({ data }) => {
  let exports;
  try {
    exports = await prepare(data);
    port.postMessage({ ready: true });
    exports.la_thread_run(data.slot);
  } catch (error) {
    exports?.la_thread_fail();
    port.postMessage({ error: String(error) });
  }
  port.close?.();
};
