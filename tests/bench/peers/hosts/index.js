/**
 * Who races. A host has name, package, group ('ours' | 'web' | 'native'), expresses, open({ threads, bundled })
 * and ways(library, case); threadsIn({ inPage, processors }) lists the counts that it can run on, nodeOnly keeps it from pages.
 */
const modules = { ours: './ours.js', 'onnxruntime-web': './onnxruntime_web.js', tfjs: './tfjs.js', 'jax-js': './jax.js', plain: './plain.js', 'onnxruntime-node': './onnxruntime_node.js' };

export const peers = Object.keys(modules);

/** The hosts of one module, loaded on demand: a contestant's start holds nobody else's code. */
export async function loadHosts(peer) {
  return [(await import(modules[peer])).default].flat();
}
