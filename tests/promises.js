/** The table of tests/README.md: promises in numbers, and the test or command that proves each. */
import { readFile } from 'node:fs/promises';
import { root } from './consumer.js';

const read = (path) => readFile(`${root}/${path}`, 'utf8');

/** Rows as { document, promise, proofs }; proofs are paths of files and commands. */
export async function readPromises() {
  const section = (await read('tests/README.md')).split('## What is promised, and what proves it\n')[1].split('\n## ')[0];
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => {
    const [document, promise, proof] = line.slice(2, -2).split(' | ');
    return { document: document.replaceAll('`', ''), promise, proofs: [...proof.matchAll(/`([^`]+)`/g)].map(([, one]) => one) };
  });
}

/** Numbers of a text, without those that belong to a name such as float32 or SIMD128. A power written out is one. */
export function numbersOf(text) {
  const powers = [...text.matchAll(/\b(\d+) \*\* (\d+)\b/g)].map(([, base, exponent]) => Number(base) ** Number(exponent));
  const plain = [...text.matchAll(/(?<![\w.#-])[−-]?\d[\d,_]*(?:\.\d+)?(?:e[−-]?\d+)?/gi)].map(([number]) => Number(number.replace(/[,_]/g, '').replaceAll('−', '-')));
  return [...plain.filter((number) => !Number.isNaN(number)), ...powers];
}
