/** The options of the presets: linear attention under the names and defaults of published models. */
import type { CallOptions, RowSettings } from './calls.js';
import type { State } from './state.js';
import type { Gate, Numbers, Out } from './tensor.js';

/** What every preset takes. All are causal, with the identity as feature map, and not normalised. */
export interface PresetOptions<O extends Out | undefined = Out | undefined> extends CallOptions<O>, RowSettings {
  /** Multiplies the output; finite. Default: the state's, or 1/√dim, of mamba2 1. */
  scale?: number;
  /**
   * Made with `{ featureMap: 'identity', normalize: false, scale }`; read before, updated after.
   *
   * Default: nothing came before.
   */
  state?: State;
}

/** What `attention.retention` takes beside q, k and v. */
export interface RetentionOptions<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /**
   * What head h of the state keeps at every token, 0 to 1. Default 1 − 2^(−5−h).
   *
   * A number, one a head, or of the shapes of `decay` of LinearOptions.
   */
  gamma?: Gate;
}

/** One property of T, and none of the others. */
type ExactlyOne<T> = { [K in keyof T]: Pick<T, K> & { [Other in Exclude<keyof T, K>]?: undefined } }[keyof T];

/**
 * A gate under one of its names: exactly one must be given.
 *
 * Shapes as `decay` of LinearOptions: gla and kda have one a head, token and channel, gatedDeltaNet one a head and token.
 */
export type GateOptions = ExactlyOne<{
  /** A logarithm, at most 0 (flash-linear-attention's name). */
  g: Gate;
  /** A logarithm, at most 0 (this library's name; the same as g). */
  decay: Gate;
  /** Its exponential, 0 to 1 (the papers' name). */
  alpha: Gate;
}>;

/** The write strength of the delta rule. */
export interface DeltaOptions {
  /** How much of a key's old value is replaced, 0 to 1, as the papers have it. Shapes as `beta` of LinearOptions. */
  beta: Gate;
  /** Takes beta up to 2. Default false. */
  allowNegativeEigenvalues?: boolean;
}

/** What `attention.mamba2` takes beside its inputs. */
export interface Mamba2Options<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /** Adds D·x to the output: heads numbers, or heads × valueDim. Default: nothing is added. */
  D?: Numbers;
  /** Added to dt: heads numbers. Default 0. */
  dtBias?: Numbers;
  /** Δ = log(1 + exp(dt + dtBias)) instead of dt + dtBias. Default false. */
  dtSoftplus?: boolean;
}
