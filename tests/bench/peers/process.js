/** A contestant in a child process: messages { method, args } in, { value } or { error } out. */
import { Contestant, startUp } from './contestant.js';

console.log = console.info = console.warn = () => {}; // libraries greet

let contestant;
const methods = {
  async open(spec) {
    contestant = await Contestant.open(spec);
  },
  startUp,
  prepare: (...args) => contestant.prepare(...args),
  time: (...args) => contestant.time(...args),
  drop: () => contestant.drop(),
};

process.on('message', async ({ method, args }) => {
  try {
    process.send({ value: await methods[method](...args) });
  } catch (error) {
    process.send({ error: String(error?.message ?? error) });
  }
});
