/** Adam against float64, and what it refuses. */
import assert from 'node:assert';
import { adam } from '../../web/learn.js';
import { internal } from '../../web/core/resident.js';
import { createAttention as createMain } from '../../web/index.js';
import * as oracle from '../oracle/gradients.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, tensorOf } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';

export function adamSuite(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, options] of Object.entries({
    'by default': {},
    'with decoupled weight decay': { learningRate: 0.02, weightDecay: 0.1 },
    'with other moments': { learningRate: 0.05, beta1: 0.5, beta2: 0.9, epsilon: 1e-3 },
    'without moments': { beta1: 0, beta2: 0 },
  })) {
    test(`${title}: a hundred steps, as in float64`, (attention, keep) => {
      for (const shape of [[], [1], [7], [3, 5], [4, 8, 16]]) {
        const start = gaussian(shape, 1);
        const parameter = keep(attention.tensor(shape, start.data));
        const optimizer = keep(adam(attention, [parameter], options));
        assert.equal(optimizer.bytes, 8 * start.data.length);
        const steps = Array.from({ length: 100 }, (_, t) => gaussian(shape, 10 + t, 0.1 + (t % 3)));
        const expected = oracle.adam(start.data, steps.map(({ data }) => data), options);
        steps.forEach((gradient, t) => {
          optimizer.step([gradient]);
          if (t < 3 || t === 99) assertClose(parameter.data, expected[t], { rule: 'gradient', name: `[${shape}] after ${t + 1} steps` });
        });
      }
    });
  }

  test('several parameters, as each alone; a learning rate for one step; gradients that are resident', (attention, keep) => {
    const shapes = [[3, 4], [5], [2, 2, 3]];
    const make = () => shapes.map((shape, i) => keep(attention.tensor(shape, gaussian(shape, i).data)));
    const [together, alone] = [make(), make()];
    const all = keep(adam(attention, together, { learningRate: 0.1 }));
    const each = alone.map((tensor) => keep(adam(attention, [tensor], { learningRate: 0.5 })));
    for (let t = 0; t < 5; t++) {
      const gradients = shapes.map((shape, i) => gaussian(shape, 100 * t + i));
      // What is the optimizer's own rate together is that of a step alone, and the other way round.
      const [ours, theirs] = t === 2 ? [{ learningRate: 0.5 }, undefined] : [undefined, { learningRate: 0.1 }];
      const resident = keep(attention.tensor(shapes[1], gradients[1].data));
      all.step([gradients[0], resident, { data: gradients[2].data, dims: shapes[2] }], ours);
      each.forEach((optimizer, i) => optimizer.step([gradients[i]], theirs));
    }
    together.forEach((tensor, i) => assertSame(tensor.data, alone[i].data));
    all.dispose();
    throwsCode(() => all.step(shapes.map((shape) => gaussian(shape, 1))), 'disposed');
    assert.equal(together[0].data.length, 12);
  });

  test('it finds the least of a sum of squares', (attention, keep) => {
    const target = gaussian([20], 5);
    const parameter = keep(attention.tensor([20]));
    const optimizer = keep(adam(attention, [parameter], { learningRate: 0.1 }));
    for (let t = 0; t < 400; t++) optimizer.step([tensorOf([20], (i) => 2 * (parameter.data[i] - target.data[i]))], { learningRate: 0.1 * 0.99 ** t });
    assert.ok(parameter.data.every((x, i) => Math.abs(x - target.data[i]) < 1e-3));
  });

  test('lists of another length are refused before they are read', (attention, keep) => {
    const parameter = keep(attention.tensor([1]));
    const optimizer = keep(adam(attention, [parameter]));
    const endless = [];
    endless.length = 2 ** 32 - 1;
    throwsKind(() => optimizer.step(endless), RangeError, /^gradients must be an array of 1 tensors/);
    throwsKind(() => adam(attention, endless), TypeError, /^parameters\[0\] must be a resident Tensor, got undefined$/);
  });

  test('wrong arguments are named, and change nothing', async (attention, keep) => {
    const parameter = keep(attention.tensor([2, 3], [1, 2, 3, 4, 5, 6]));
    const start = parameter.data.slice();
    const wrong = (call, kind, pattern) => throwsKind(call, kind, pattern);
    wrong(() => adam(attention, parameter), TypeError, /parameters must be an array of resident tensors/);
    wrong(() => adam(attention, [gaussian([2], 1)]), TypeError, /parameters\[0\] must be a resident Tensor/);
    wrong(() => adam(attention, [parameter, parameter]), RangeError, /parameters\[1\] must be another tensor than parameters\[0\]/);
    for (const [option, value] of [['learningRate', -1], ['beta1', 1], ['beta2', -0.1], ['beta2', 0.99999999999], ['epsilon', -1], ['weightDecay', NaN]]) {
      wrong(() => adam(attention, [parameter], { [option]: value }), RangeError, new RegExp(`${option} must be`));
    }
    wrong(() => adam(attention, [parameter], { rate: 1 }), TypeError, /adam: unknown option 'rate'/);
    const main = await createMain();
    wrong(() => adam(main, [parameter]), TypeError, /linear-attention-wasm\/learn for adam/);
    main.dispose();
    const optimizer = keep(adam(attention, [parameter]));
    wrong(() => optimizer.step(gaussian([2, 3], 1)), TypeError, /gradients must be an array of 1 tensors/);
    wrong(() => optimizer.step([]), RangeError, /gradients must be an array of 1 tensors/);
    wrong(() => optimizer.step([gaussian([3, 2], 1)]), RangeError, /gradients\[0\] must have shape \[2, 3\], as parameters\[0\] has, got \[3, 2\]/);
    wrong(() => optimizer.step([parameter]), RangeError, /gradients\[0\] must not share memory with parameters\[0\]/);
    // A view of the module's memory where the moments lie, which only somebody who looks for it has.
    const { core, pointer } = optimizer[internal];
    wrong(() => optimizer.step([{ data: core.floatsAt(pointer, 12).subarray(6), shape: [2, 3] }]), RangeError, /gradients\[0\] must not share memory with the optimizer/);
    wrong(() => optimizer.step([gaussian([2, 3], 1)], { learningRate: -1 }), RangeError, /learningRate must be at least 0/);
    assertSame(parameter.data, start);
    // None of these counted as a step.
    optimizer.step([gaussian([2, 3], 1)]);
    assertClose(parameter.data, oracle.adam(start, [gaussian([2, 3], 1).data])[0], { rule: 'gradient' });
    const gone = attention.tensor([1]);
    const orphan = keep(adam(attention, [gone]));
    gone.dispose();
    throwsCode(() => orphan.step([gaussian([1], 1)]), 'disposed');
  });

  test.run();
}
