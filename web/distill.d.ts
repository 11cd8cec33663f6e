/** What `distill` of linear-attention-wasm/learn takes and gives. */
import type { FeatureMap, FeatureMapWeights } from './feature_map.js';
import type { Global } from './host.js';
import type { Attention, Input } from './index.js';

/** Queries, keys and values of heads side by side, on which a map learns. */
export interface Example {
  /** [heads, length, dim]; heads a multiple of those of k, which share its maps. */
  readonly q: Input;
  /** [heads, length, dim]; as long as q where attention is causal. */
  readonly k: Input;
  /** [heads, length, valueDim], of k's heads and length. */
  readonly v: Input;
}

/** One example, or several: an iterable or asynchronous iterable is read to its end before learning begins. */
export type Examples = Example | Iterable<Example> | AsyncIterable<Example>;

/** What was measured at one step. */
export interface Measurement {
  /** So many steps were made before. */
  step: number;
  /** The mean loss of a batch over heads, under the map after so many steps. */
  loss: number;
  /** ‖L − S‖/‖S‖ of each head, over `validation` or else over the batch. */
  error: number[];
}

interface DistillSettings {
  /** Length of φ(x), 1 to 65536, even for hedgehog. Default: 2·dim for hedgehog, dim for learned. */
  features?: number;
  /**
   * What is made small, a head each. Default `'outputs'`.
   *
   * `'outputs'`: Σ‖L − S‖²/Σ‖S‖². `'weights'`: the mean over queries of −Σ p·log a, p softmax's weights and a the map's (Zhang
   * et al. 2024). `'both'`: 4·outputs + weights.
   */
  loss?: 'outputs' | 'weights' | 'both';
  /** Whether query i sees keys 0 … i only. Default true. */
  causal?: boolean;
  /** How often weights change, an integer; 0 gives the map where learning begins. Default 400. */
  steps?: number;
  /** Examples a step, at least 1, drawn in shuffled passes; all of them where there are no more. Default 4. */
  batch?: number;
  /** Of Adam's first step, above 0; it falls to 0 along half a cosine. Default 1e-2. */
  learningRate?: number;
  /** Of where learning begins and of what is drawn, an integer 0 … 2⁵³−1: the same bits again on the simd build. Default 0. */
  seed?: number;
  /**
   * Examples that judge and do not teach.
   *
   * They are measured every ten steps, and each head of the result is from the step at which its error over them was least.
   * Default: each head of the result is from the last step.
   */
  validation?: Examples;
  /**
   * Told every measurement, every ten steps, with copies of the weights that were measured.
   *
   * With the map's name and activation they make that map. What it throws ends learning and rejects. Default: nobody is told.
   */
  onProgress?: (measurement: Measurement & { steps: number; weights: FeatureMapWeights }) => void;
  /** Ends learning, between two examples, and rejects with its reason. Default: all steps are made. */
  signal?: Global<'AbortSignal'>;
}

/** What `distill` takes beside examples: the kind of map, and how it learns. */
export type DistillOptions = DistillSettings &
  (
    | {
        /** `'hedgehog'`: softmaxes of ±(xW + b). Default `'hedgehog'`. */
        map?: 'hedgehog';
        /** Not given: it belongs to `'learned'`. */
        activation?: undefined;
      }
    | {
        /** `'learned'`: relu(xW + b), or exp(xW + b). */
        map: 'learned';
        /** `'exp'` is the stronger one. Default `'relu'`. */
        activation?: 'relu' | 'exp';
      }
  );

/** What was learned, and how. */
export interface Distilled {
  /** A map with weights for each head of k, of queries and of keys; the caller's to dispose of. */
  featureMap: FeatureMap;
  /** What was measured at the beginning, every ten steps, and at the end. */
  history: Measurement[];
}

/**
 * Fits a feature map so that linear attention answers as softmax attention does.
 *
 * Every head learns weights of its own for queries and for keys, all of them side by side. Examples are copied as they are
 * taken. The event loop turns between two examples, at the latest every few of them, so other calls on the instance may run
 * meanwhile.
 *
 * @example const { featureMap } = await distill(attention, { q, k, v }, { map: 'learned', activation: 'exp' });
 * @throws TypeError and RangeError for wrong arguments, AttentionError 'diverged' where a loss is no number, 'disposed' where
 * the instance was disposed of meanwhile, the signal's reason; nothing is left behind
 */
export function distill(attention: Attention, examples: Examples, options?: DistillOptions): Promise<Distilled>;
