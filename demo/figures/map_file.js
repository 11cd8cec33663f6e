// Learned maps as a file: one is saved, and one is loaded; a wrong file is refused in words, and nothing else changes.
import { bytes as bytesText } from '../format.js';
import { save } from './frame.js';

/** Maps of all heads take less than a megabyte. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_TEXT = 300;

/**
 * @param {HTMLElement} container is emptied
 * @param {object} options
 * @param {object} options.lab
 * @param {string} options.name of the saved file @param {string} options.what it holds, as the buttons say
 * @param {(held: { map: string, heads: number, features: number }) => string} [options.objection] why such maps cannot be used, or ''
 * @param {(loaded: { file: Uint8Array, name: string, map: string, heads: number, features: number }) => void} options.onLoad
 * @returns {{ offer(file: Uint8Array | null): void }} what can be saved now
 */
export function createMapFile(container, { lab, name, what, objection = () => '', onLoad }) {
  container.innerHTML = `
    <button type="button" class="save-maps" disabled>Save ${what}</button>
    <button type="button" class="load-maps">Load ${what}</button>
    <input type="file" accept=".safetensors" aria-label="A file of ${what}" hidden>
    <span class="refusal" role="alert"></span>`;
  const [saving, loading, input, refusal] = container.children;
  let offered = null;
  let asked = 0;

  const load = async (file) => {
    const mine = ++asked;
    refusal.textContent = '';
    try {
      if (file.size > MOST_BYTES) throw new Error(`it has ${bytesText(file.size)}, and maps are far smaller`);
      const bytes = new Uint8Array(await file.arrayBuffer());
      await lab.ready;
      const held = await lab.describeMaps(bytes);
      const reason = objection(held);
      if (reason) throw new Error(reason);
      if (mine === asked) onLoad({ file: bytes, name: file.name, ...held });
    } catch (error) {
      const reason = error.message.length > MOST_TEXT ? `${error.message.slice(0, MOST_TEXT)} …` : error.message;
      if (mine === asked) refusal.textContent = `${file.name} cannot be used: ${reason}.`;
    }
  };
  saving.addEventListener('click', () => save(new Blob([offered]), name));
  loading.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const [file] = input.files;
    input.value = ''; // so that the same file may be chosen again
    if (file) load(file);
  });
  return {
    offer(file) {
      offered = file;
      saving.disabled = file === null;
    },
  };
}
