/** Changes of the C core, a line each: see mutants.js. Without `module` the plain SIMD module is built anew. */
const threads = { module: 'simd-threads' };

export const coreMutants = [
  // Which form of linear attention runs, and on what.
  { file: 'src/linear/linear.c', find: '.stride = d_fp <= SHORT_FEATURES ? SHORT_STRIDE : d_fp + 16', replace: '.stride = SHORT_STRIDE', suites: ['simd'] },
  { file: 'src/linear/linear.c', find: 'state_heads_of(a) % a->k_heads == 0 && state_heads_of(a) % a->v_heads == 0', replace: 'state_heads_of(a) % a->k_heads == 0', suites: ['native'] },
  { file: 'src/linear/call.h', find: 'head_of(state_head, call->state_heads, call->args->k_heads)', replace: 'head_of(state_head, call->heads, call->args->k_heads)', suites: ['simd'] },
  { file: 'src/linear/call.h', find: 'head_of(state_head, call->state_heads, call->args->v_heads)', replace: 'head_of(state_head, call->heads, call->args->v_heads)', suites: ['simd'] },
  { file: 'src/linear/call.h', find: 'state_head * gate.heads / call->state_heads * gate.head', replace: 'state_head * gate.heads / call->heads * gate.head', suites: ['simd'] },
  { file: 'src/linear/linear.c', find: 'a->state && (!a->key_lengths || a->starts); }', replace: 'a->state; }', suites: ['simd'] },
  { file: 'src/linear/linear.c', find: 'gate_is_above(call, args->decay, args->allow_growth ? LA_MAX_GROWTH : 0.0f)', replace: 'gate_is_above(call, args->decay, LA_MAX_GROWTH)', suites: ['simd'] },
  { file: 'src/linear/linear.c', find: 'if (a->causal && a->n_q != a->n_k) return 0;', replace: '', suites: ['native'] },
  { file: 'src/linear/linear.c', find: 'if (a->positions[b] < 0) return 0;', replace: ';', suites: ['native'] },
  { file: 'src/linear/linear.c', find: 'if (t < start || t >= end) zero_floats', replace: 'if (t >= end) zero_floats', suites: ['simd'] },
  { file: 'src/linear/absorb.c', find: 'for (size_t s = 0; s < u; s++) r.row', replace: 'for (size_t s = 1; s < u; s++) r.row', suites: ['simd'] },
  { file: 'src/linear/absorb.c', find: '    r = tile_outer(r, t, w->scores', replace: '    r = tile_outer(r, 0, w->scores', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'if (counts) step_head', replace: 'step_head', suites: ['simd'] },
  { file: 'src/linear/linear.c', find: 'size_t rows = g.row ? keys_in(call->args->key_lengths, b, call->n_k) : 1;', replace: 'size_t rows = g.row ? call->n_k : 1;', suites: ['simd'] },

  // One step.
  { file: 'src/linear/step.c', find: 'output_factor(call, q_dot_z, w->state.exponent, w->token.exponents[0])', replace: 'output_factor(call, q_dot_z, w->state.exponent, 0.0f)', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'call->args->out.data && g < call->group; g++) answer', replace: '  for (size_t g = 0; g < 1; g++) answer', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'for (size_t t = 0; a->normalize && t < count; t++)', replace: 'for (size_t t = 0; a->normalize && t + 1 < count; t++)', suites: ['simd'] },
  { file: 'src/linear/step.c', find: '  *k->waiting = 0.0f;\n', replace: '', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'for (size_t t = 0; t < waiting; t++) added', replace: 'for (size_t t = 1; t < waiting; t++) added', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'panels_leftovers(call, &w->state)) due = 1;', replace: 'panels_leftovers(call, &w->state)) due |= 0;', suites: ['simd'] },
  { file: 'src/linear/step.c', find: 'call->gated || call->ratio ? 1.0f : 0.0f', replace: 'call->ratio ? 1.0f : 0.0f', suites: ['simd'] },
  { file: 'src/linear/step.c', find: '      move_kept(&w.kept, floats);\n', replace: '', suites: ['simd'] },

  // Causal, blocks of tokens.
  { file: 'src/linear/causal.c', find: 'if (!await_count(&places_of(work, b, state_head)[other].ready, 1, slot)) return;', replace: '(void)other;', suites: ['native', 'threads'], ...threads },
  { file: 'src/linear/recurrence.h', find: 'v4_nmadd(v4_mul(recalled_next, recall), recall,', replace: 'v4_nmadd(recalled_next, recall,', suites: ['simd'] },
  { file: 'src/linear/recurrence.h', find: 'v4_madd(k1_k0, u.of[0][h], k.of[1][h])', replace: 'k.of[1][h]', suites: ['simd'] },
  { file: 'src/linear/recurrence.h', find: 'v4_madd(v4_load_splat(r->scores + 1), u.of[0][h], o.of[1][h])', replace: 'o.of[1][h]', suites: ['simd'] },
  { file: 'src/linear/causal.c', find: 'copy_rows(k->w->v, d_vp, k->v, k->v_stride, seen, call->d_v);', replace: 'copy_rows(k->w->v, d_vp, k->v, k->v_stride, k->tokens, call->d_v);', suites: ['simd'] },
  { file: 'src/linear/causal.c', find: 'w->d_vp == call->d_v && (!call->args->key_lengths || call->args->starts) && !(', replace: 'w->d_vp == call->d_v && !(', suites: ['simd'] },
  { file: 'src/linear/causal.c', find: 'if (args->decay.channel) args->decay.data += call.first;', replace: '', suites: ['simd-threads'], ...threads },
  { file: 'src/linear/causal.c', find: 'if (part > 0) return;', replace: '', suites: ['native'], ...threads },
  { file: 'src/linear/shared.c', find: 'await_added(p, p->at - SHARED_DEPTH + 1)', replace: 'await_added(p, p->at - SHARED_DEPTH)', suites: ['native'], ...threads },
  { file: 'src/linear/shared.c', find: 'return await_added(p, p->at);', replace: 'return 1;', suites: ['native'], ...threads },
  { file: 'src/linear/shared.c', find: 'for (size_t part = 2; part < p->parts; part++) sum', replace: 'for (size_t part = 3; part < p->parts; part++) sum', suites: ['threads'], ...threads },

  // Not causal.
  { file: 'src/linear/full.c', find: 'w->copied = w->d_vp != call->d_v || rows_collide(call->args->v.row);', replace: 'w->copied = rows_collide(call->args->v.row);', suites: ['simd'] },
  { file: 'src/linear/full.c', find: 'for (; i < call->d_fp; i += 4) sum_rows(', replace: 'for (; i + 4 < call->d_fp; i += 4) sum_rows(', suites: ['simd'] },
  { file: 'src/linear/full.c', find: 'sum_keys(s, &w, slot, item * length, smaller(n, (item + 1) * length));', replace: 'sum_keys(s, &w, slot, item * length, smaller(n, item * length + BLOCK));', suites: ['simd-threads'], ...threads },

  // State, exponents and the normaliser.
  { file: 'src/linear/settle.h', find: 'y = v4_madd(how.move, v4_add(x, y), v4_mul(how.keep, y));', replace: 'y = v4_madd(how.move, x, v4_mul(how.keep, y));', suites: ['simd'] },
  { file: 'src/linear/settle.h', find: 'v4_sub(y, v4_sub(sum, base))', replace: 'v4_splat(0.0f)', suites: ['simd'] },
  { file: 'src/linear/settle.h', find: 'keep[l] = is_little ? 1.0f : 0.0f;', replace: 'keep[l] = 1.0f;', suites: ['simd'] },
  { file: 'src/linear/fold.h', find: '#define MOST_FOLD 16.0f', replace: '#define MOST_FOLD 160.0f', suites: ['simd'] },
  { file: 'src/linear/tokens.c', find: 'if (p->since >= every) *settle = 1;', replace: '', suites: ['simd'] },
  { file: 'src/linear/tokens.c', find: 'p->due[i] += after[p->wide ? i : 0];', replace: 'p->due[i] = after[p->wide ? i : 0];', suites: ['simd'] },
  { file: 'src/linear/tokens.c', find: 'if (call->rows == 3) v4_store(k + 2 * call->stride + i, v4_mul(x, f));', replace: 'if (call->rows == 3) v4_store(k + 2 * call->stride + i, x);', suites: ['simd'] },
  { file: 'src/linear/state.h', find: '*k->waiting <= (float)WAITING ? (size_t)*k->waiting : 0', replace: '*k->waiting <= 1e9f ? (size_t)*k->waiting : 0', suites: ['native'] },
  { file: 'src/linear/state.h', find: '*k->seen = exponent == -INFINITY ? 0.0f : 1.0f;', replace: '*k->seen = 0.0f;', suites: ['simd'] },
  { file: 'src/linear/state.c', find: 'return (float)sum * exp_of(k->fold[i]);', replace: 'return (float)sum;', suites: ['simd'] },
  { file: 'src/linear/state.c', find: 'times_power(sum_of(&k, i, k.z[i], k.z_rest[i], NULL), power)', replace: 'sum_of(&k, i, k.z[i], k.z_rest[i], NULL)', suites: ['simd'] },
  { file: 'src/linear/panels.c', find: 'memcpy(k.s_rest + place + i * at.width, s + p->lately, STATE_PANEL * sizeof *s);', replace: 'memset(k.s_rest + place + i * at.width, 0, STATE_PANEL * sizeof *s);', suites: ['simd'] },
  { file: 'src/linear/panels.c', find: 'if (waiting) rest = tile_add', replace: 'if (0) rest = tile_add', suites: ['simd'] },
  { file: 'src/linear/panels.c', find: 'if (*k.shifted != 0.0f) panels_leftovers(call, p);', replace: '', suites: ['simd'] },
  { file: 'src/linear/exponents.c', find: 'if (key > exponent + BAND) return key;', replace: '', suites: ['simd'] },
  { file: 'src/linear/exponents.c', find: 'return key < exponent - BAND && key != -INFINITY ?', replace: 'return 0 ?', suites: ['simd'] },
  { file: 'src/linear/exponents.c', find: 'for (size_t r = 0; call->d_f != call->d_fp && r < count; r++) zero_floats(', replace: 'for (size_t r = 1; call->d_f != call->d_fp && r < count; r++) zero_floats(', suites: ['simd'] },
  { file: 'src/linear/exponents.c', find: 'if (scaled && eps != 0.0f) eps *= exp_of(', replace: 'if (0) eps *= exp_of(', suites: ['simd'] },
  { file: 'src/linear/exponents.c', find: 'fabsf(normalizer) < FLT_MIN ? 0.0f', replace: 'normalizer < FLT_MIN ? 0.0f', suites: ['simd'] },
  { file: 'src/linear/tokens.c', find: 'w->beta[u] = u < seen ? *gate_row', replace: 'w->beta[u] = u < tokens ? *gate_row', suites: ['simd'] },

  // Softmax.
  { file: 'src/softmax/softmax.c', find: 'size_t end = t + (size_t)call->args->causal_offset + 1;', replace: 'size_t end = t + (size_t)call->args->causal_offset + 2;', suites: ['simd'] },
  { file: 'src/softmax/softmax.c', find: 'seen[u] = u < here ? keys_seen(call, keys, t + r + u) : seen[u - 1]', replace: 'seen[u] = keys_seen(call, keys, t + r)', suites: ['simd'] },
  { file: 'src/softmax/softmax.c', find: '    sums_settle(&w->sums);\n', replace: '', suites: ['simd'] },
  { file: 'src/softmax/sums.c', find: 'sum == 0.0f ? 0.0f', replace: 'sum == 1.0f ? 0.0f', suites: ['simd'] },
  { file: 'src/softmax/sums.c', find: 'out[c] = o + o * 0.0f;', replace: 'out[c] = o;', suites: ['simd'] },
  { file: 'src/softmax/sums.c', find: 'v4_store(recent + i, v4_sub(added, v4_sub(after, before)));', replace: 'v4_store(recent + i, v4_splat(0.0f));', suites: ['simd'] },
  { file: 'src/softmax/sums.c', find: 'if (!(most > s->maximum[row] + RAISE)) return;', replace: 'if (!(most > s->maximum[row])) return;', suites: ['simd'] },
  { file: 'src/softmax/sums.c', find: '  s->settled_sum[row] *= correction;\n', replace: '', suites: ['simd'] },
  { file: 'src/softmax/tiles.c', find: 'v4_add(total[h], v4_poison(least[h]))', replace: 'total[h]', suites: ['simd'] },
  { file: 'src/softmax/tiles.c', find: 'if (!(v4_max_lane(rise) <= RAISE))', replace: 'if (v4_max_lane(rise) > RAISE)', suites: ['simd'] },
  { file: 'src/softmax/tiles.c', find: 'for (size_t j = seen[0]; j < seen[r]; j++)', replace: 'for (size_t j = seen[0]; j < seen[3]; j++)', suites: ['simd'] },
  { file: 'src/softmax/decode.c', find: 'j == first, weight, at, c, 16', replace: 'j == 0, weight, at, c, 16', suites: ['simd'] },
  { file: 'src/softmax/decode.c', find: 'size_t row = j < count / 4 * 4 ? j % 4 * (count / 4) + j / 4 : j;', replace: 'size_t row = j;', suites: ['simd'] },

  // Feature maps.
  { file: 'src/maps/learned.c', find: 'span_max(out, columns, 1.0f) + 0.0f * span_sum(out, columns);', replace: 'span_max(out, columns, 1.0f);', suites: ['simd'] },
  { file: 'src/maps/learned.c', find: 'm.exponents[r + u] = top;', replace: 'm.exponents[r + u] = 0.0f * top;', suites: ['simd'] },
  { file: 'src/maps/polynomial.c', find: 'if (count == 2) out[1] = x[i] * x[i + 1];', replace: '', suites: ['simd'] },
  { file: 'src/maps/polynomial.c', find: 'y[d + i] = y[i] - x[i];', replace: 'y[d + i] = x[i] < 0.0f ? -x[i] : 0.0f;', suites: ['simd'] },
  { file: 'src/maps/cosformer.c', find: '(uint64_t)position + 1', replace: '(uint64_t)position', suites: ['simd'] },
  { file: 'src/maps/learned.c', find: 'larger_float(span_max(out, d, 2.0f), span_max(out, d, -2.0f))', replace: 'span_max(out, d, 2.0f)', suites: ['simd'] },
  { file: 'src/maps/random_features.c', find: 'if (hyperbolic) top = larger_float(top, span_max(out, columns, -1.0f));', replace: '', suites: ['simd'] },
  { file: 'src/maps/feature_map.c', find: 'if (one.key_bias) one.key_bias += k * columns;', replace: '', suites: ['simd'] },
  { file: 'src/maps/feature_map.c', find: 'map->size < 2 * map->dim ?', replace: 'map->size <= 2 * map->dim ?', suites: ['simd'] },

  // What everything stands on.
  { file: 'src/base/exp.c', find: '.least = -127.0f', replace: '.least = -125.0f', suites: ['simd'] },
  { file: 'src/base/exp.c', find: '1.44269504f', replace: '1.44269490f', suites: ['simd'] },
  { file: 'src/base/exp.h', find: 'x > 88.0f ? INFINITY', replace: 'x > 89.0f ? INFINITY', suites: ['simd'] },
  { file: 'src/base/memory.c', find: 'used -= ((size_t *)pointer)[-1];', replace: '', suites: ['simd'] },
  { file: 'src/base/random.c', find: 'while (!orthonormalize(row, block, r, dim));', replace: 'while (!orthonormalize(row, block, 0, dim));', suites: ['simd'] },
  { file: 'src/base/scratch.h', find: 'total += (sizes[i] + 3) / 4 * 4;', replace: 'total += sizes[i] / 4 * 4;', suites: ['native'] },
  { file: 'src/base/arguments.h', find: 'return left < count ? left : count;', replace: 'return left;', suites: ['simd-threads', 'threads'], ...threads },
  { file: 'src/threads/threads.c', find: '  store(&pool.open, 0);', replace: '', suites: ['native'], ...threads },
  { file: 'src/threads/threads.c', find: 'if (load(&pool.failed)) return 0;', replace: '', suites: ['threads'], ...threads },

  // The gap, and dense layers.
  { file: 'src/gap/gap.c', find: 'a->causal ? smaller(w->softmax.n_k, t + u + 1) : w->softmax.n_k;', replace: 'w->softmax.n_k;', suites: ['simd'] },
  { file: 'src/gap/weights.c', find: 'total + eps == 0.0f ? 0.0f : row[j] / (total + eps)', replace: 'row[j] / (total + eps)', suites: ['simd'] },
  { file: 'src/nn/dense.c', find: 'if (n_out - o > 8) write_row(', replace: 'if (n_out - o > 12) write_row(', suites: ['simd'] },
  { file: 'src/nn/layer_norm.c', find: 'sum_of(x, n, mean, 2) / (float)n', replace: 'sum_of(x, n, 0.0f, 2) / (float)n', suites: ['simd'] },
  { file: 'src/nn/sample.c', find: 'if (p[i] > 0.0f) last = i;', replace: 'last = i;', suites: ['simd'] },
];
