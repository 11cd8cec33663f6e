/** Objects of one build of the C core: a changed file costs what includes it, and a link. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files that a rule of make, as compilers write it, says an object depends on. */
const filesOfRule = (rule) => rule.slice(rule.indexOf(':') + 1).split(/[\s\\]+/).filter(Boolean);

export class Objects {
  /** `run(command, args)` resolves to { well, output } of a command in `tree`; `folder` keeps the objects from one session to the next. */
  constructor({ run, tree, folder, compiler, flags, sources }) {
    Object.assign(this, { run, tree, folder, compiler, flags, sources });
    /** By source: the files that it includes. */
    this.files = new Map();
  }

  path(source, folder = this.folder) {
    return join(folder, `${source.replaceAll('/', '-')}.o`);
  }

  async compile(source, object) {
    return this.run(this.compiler, [...this.flags, '-MD', '-MF', `${object}.d`, '-c', source, '-o', object]);
  }

  /** What an object was made of, as one line. */
  async key(files) {
    const hash = createHash('sha256').update(JSON.stringify([this.compiler, this.flags]));
    for (const file of files) hash.update(await readFile(join(this.tree, file)).catch(() => 'gone'));
    return hash.digest('hex');
  }

  /** Compiles, of the sources as they are, what is not there yet. */
  async make() {
    await mkdir(join(this.folder, 'changed'), { recursive: true });
    for (const source of this.sources) {
      const object = this.path(source);
      const kept = JSON.parse(await readFile(`${object}.json`, 'utf8').catch(() => '{"files": []}'));
      if (kept.key === undefined || kept.key !== (await this.key(kept.files))) {
        const { well, output } = await this.compile(source, object);
        if (!well) throw new Error(output);
        kept.files = filesOfRule(await readFile(`${object}.d`, 'utf8'));
        await writeFile(`${object}.json`, JSON.stringify({ files: kept.files, key: await this.key(kept.files) }));
      }
      this.files.set(source, kept.files);
    }
  }

  /** All objects where one file has changed, those that include it compiled anew and apart; null where one does not compile. */
  async having(changed) {
    const objects = [];
    for (const source of this.sources) {
      const isOlder = changed !== null && this.files.get(source).includes(changed);
      const object = this.path(source, isOlder ? join(this.folder, 'changed') : this.folder);
      if (isOlder && !(await this.compile(source, object)).well) return null;
      objects.push(object);
    }
    return objects;
  }
}
