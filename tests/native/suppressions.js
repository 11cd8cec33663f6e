/**
 * What clang-tidy and cppcheck say of the core in error. `line` is a piece of the source line, so that an entry goes with
 * the code that it is about; one that nothing is found for any more is a finding itself.
 */
export const suppressions = [
  {
    file: 'src/linear/causal.c',
    check: 'uninitvar',
    line: '**places[] = {&of_state, &of_tokens',
    why: 'carve writes through the pointers before these are read',
  },
  {
    file: 'src/linear/absorb.c',
    check: 'uninitvar',
    line: '**places[] = {&of_state, &of_tokens',
    why: 'carve writes through the pointers before these are read',
  },
  {
    file: 'src/linear/step.c',
    check: 'uninitvar',
    line: '*of_token, *of_state, **arrays[] = {&of_token, &of_state',
    why: 'carve writes through the pointers before these are read',
  },
  {
    file: 'src/linear/full.c',
    check: 'uninitvar',
    line: '*of_state, **arrays[] = {&of_state',
    why: 'carve writes through the pointers before these are read',
  },
  {
    file: 'src/linear/shared.c',
    check: 'clang-analyzer-core.UndefinedBinaryOperatorResult',
    line: 'v4_add(v4_load(blocks[0] + at), v4_load(blocks[1] + at))',
    why: 'a stream is shared by two parts or more',
  },
  {
    file: 'src/linear/shared.c',
    check: 'clang-analyzer-core.DivideZero',
    line: 'end = (p->part + 1) * tokens / p->parts',
    why: 'a stream is shared by two parts or more',
  },
  {
    file: 'src/linear/shared.c',
    check: 'clang-analyzer-core.DivideZero',
    line: 'head = p->state_head * call->group + n / in_head',
    why: 'blocks are there to be added only where the row has tokens',
  },
  {
    file: 'src/learn/polynomial_gradient.c',
    check: 'clang-analyzer-core.UndefinedBinaryOperatorResult',
    line: 'dy[other] += gradient[i] * y[i];',
    why: 'width is twice d: where it is not 0, the loop over d has written all of y',
  },
  {
    file: 'src/base/memory.c',
    check: 'knownConditionTrueFalse',
    line: 'if (must_fail()) return NULL;',
    why: 'tests build it so that it may be true',
  },
  {
    file: 'src/gap/gap.c',
    check: 'invalidPointerCast',
    line: '(double *)w->value_sum',
    why: 'its place is carved for doubles, at a multiple of 16 bytes',
  },
  {
    file: 'src/threads/threads.c',
    check: 'unusedStructMember',
    line: 'char rest[64 - 3 * sizeof(int32_t)];',
    why: 'it fills up a cache line',
  },
  {
    file: 'src/maps/feature_map.c',
    check: 'clang-analyzer-core.NullDereference',
    line: 'scale_by_exp(out, features, floor > 0.0f ? exponents[r] - most : exponents[r])',
    why: 'only scaled maps come here, and theirs are allocated',
  },
];
